"""``paramedic reference DIR``: the reference pages, written from the program itself.

What is said here is what the code says: nothing can be added, renamed or dropped without the pages following.
"""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import click

from paramedic.cli.manual import HEADING, folded, paragraphs
from paramedic.cli.output import complain
from paramedic.model import errors
from paramedic.model.code import Code, Ending
from paramedic.model.component import Risk
from paramedic.model.playbook import Playbook
from paramedic.model.service import Settings
from paramedic.model.status import Overall
from paramedic.model.wire import dump
from paramedic.recovery.playbooks import load_playbooks
from paramedic.sdk.action import ActionSpec, Undoable, Verifiable
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.pack import Kind, Registry, assemble
from paramedic.service import json_schema
from paramedic.service.annotations import hints, keys_of, wanted
from paramedic.service.docstrings import of_fields
from paramedic.service.settings import variables_of

Page = Iterator[str]

_ENDINGS = {
    Ending.ESCALATE: "a person is called; nothing is touched",
    Ending.ADVISE: "the finding and its remedy are told; nothing is planned",
}
_RISKS = {
    Risk.SAFE: "costs nothing that matters",
    Risk.REVERSIBLE: "can be taken back",
    Risk.DISRUPTIVE: "interrupts the component, or cannot be taken back",
    Risk.MANUAL: "only after a person agreed",
}


ENVIRONMENT = {
    "PARAMEDIC_FILE": "the service file, where the command line names none",
    "NO_COLOR": "no colour, whatever the terminal can",
    "FORCE_COLOR": "colour, although nobody sees a terminal",
    "TERM": "`dumb`: no colour and no progress",
    "XDG_CONFIG_HOME": "where `paramedic/settings.yaml` of the user lies; `~/.config` without it",
    "XDG_CACHE_HOME": "where names for shell completion are kept; `~/.cache` without it",
    "PARAMEDIC_REASON": "why, for the record, where `recover`, `approve` or `reject` has no `--reason`",
    "PARAMEDIC_GUARD_DIR": "where the guards of a service leave word of themselves",
    "PARAMEDIC_SERVICE": "the name under which they do so",
    "GITHUB_WORKSPACE": "the repository, as seen from which reports for reviews name files",
    "CI_PROJECT_DIR": "the same, on GitLab",
}
"""What is read beside the settings."""


@click.command(hidden=True)
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def reference(folder: Path) -> None:
    """Write the reference pages, in Markdown, from what this program knows of itself."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")
        complain(f"wrote {folder / name}")


def pages() -> Mapping[str, str]:
    """File name to content, the same on every machine: only shipped packs, no places, no times."""
    points = entry_points(group="paramedic.packs")
    registry = assemble(each for each in points if each.value.startswith("paramedic.packs."))
    books = load_playbooks(registry)
    made: dict[str, Page] = {
        "codes.md": _codes(registry, books),
        "checks.md": _checks(registry),
        "actions.md": _actions(registry, books),
        "playbooks.md": _playbooks(registry, books),
        "commands.md": _commands(),
        "settings.md": _settings(),
        "environment-variables.md": _environment(),
        "kinds.md": _kinds(registry),
        "exit-codes.md": _exit_codes(),
    }
    written = {name: _tidy(lines) for name, lines in made.items()}
    written["service-file.schema.json"] = json.dumps(json_schema(registry), indent=2, ensure_ascii=False) + "\n"
    return written


def _codes(registry: Registry, books: Mapping[str, Playbook]) -> Page:
    yield from _head("Codes", "Every trouble that Paramedic can name. A code is never renamed and never reused.")
    yield "`paramedic explain CODE` shows the same at the terminal."
    yield ""
    yield from _table(
        ("code", "type", "what it means"),
        ((_link(each.id), each.type.value, each.summary) for each in _sorted_codes(registry)),
    )
    for code in _sorted_codes(registry):
        yield f"## {code.id}"
        yield ""
        yield f"{_capital(code.summary)}."
        yield ""
        healers = [book.name for book in books.values() if code.id in book.heals]
        finders = [spec.id for spec in registry.checks if code in spec.codes]
        yield f"- type: {code.type.value}"
        yield f"- certain: {'at first sight' if code.instant else 'when several looks agree'}"
        if healers:
            yield f"- healed by: {', '.join(_link(name, 'playbooks.md') for name in healers)}"
        yield f"- {'otherwise' if healers else 'ends with'}: {_ENDINGS[code.ending]}"
        if finders:
            yield f"- found by: {', '.join(_link(name, 'checks.md') for name in finders)}"
        else:
            yield "- found by: Paramedic itself, about its own work or several looks together"
        yield ""


def _checks(registry: Registry) -> Page:
    yield from _head("Checks", "What looks at a service and judges. A check changes nothing.")
    for spec in registry.checks:
        yield f"## {spec.id}"
        yield ""
        yield from _manual(spec.manual)
        looks = (
            ", ".join(_link(name, "kinds.md") for name in _own_kinds(spec, registry))
            or "every component with a process"
        )
        yield f"- of: {looks}"
        yield f"- every {spec.every_s:g} s while watching, for at most {spec.timeout_s:g} s; included from {spec.depth}"
        if spec.spends:
            yield f"- costs: {spec.spends}"
        yield f"- can find: {', '.join(_link(code.id, 'codes.md') for code in spec.codes)}"
        yield ""


def _actions(registry: Registry, books: Mapping[str, Playbook]) -> Page:
    yield from _head(
        "Actions", "What may be done to a component, only ever as a step of a plan, with a receipt before and after."
    )
    yield from _table(("risk", "means"), ((f"`{risk.value}`", text) for risk, text in _RISKS.items()))
    for spec in registry.actions.values():
        yield f"## {spec.id}"
        yield ""
        yield from _manual(spec.manual)
        yield f"- risk: {spec.risk.value}"
        yield f"- {_abilities(spec)}"
        if spec.tries > 1:
            yield f"- tried up to {spec.tries} times in one attempt"
        users = [book.name for book in books.values() if any(step.action == spec.id for step in book.steps)]
        if users:
            yield f"- used by: {', '.join(_link(name, 'playbooks.md') for name in users)}"
        yield ""


def _abilities(spec: ActionSpec) -> str:
    undo = "can be undone" if isinstance(spec.action, Undoable) else "cannot be undone"
    proof = "proves its own effect" if isinstance(spec.action, Verifiable) else "is proven by the plan's checks alone"
    return f"{undo}; {proof}"


def _playbooks(registry: Registry, books: Mapping[str, Playbook]) -> Page:
    yield from _head("Playbooks", "Which actions, in which order, heal which codes.")
    yield "A file of the same name in `playbooks/` beside the service file replaces one of these."
    yield "How to write one: [a playbook of your own](../guides/writing-a-playbook.md)."
    yield ""
    for book in books.values():
        risk = max((registry.actions[step.action].risk for step in book.steps), key=lambda each: each.rank)
        yield f"## {book.name}"
        yield ""
        yield f"{book.title}."
        yield ""
        yield f"- heals: {', '.join(_link(code, 'codes.md') for code in book.heals)}"
        yield f"- steps: {', then '.join(_link(step.action, 'actions.md') for step in book.steps)}"
        yield f"- risk: {risk.value}"
        yield f"- runs by itself: {_freedom(book, risk)}"
        times = f"{book.verify.times} times" if book.verify.times else "as often as the setting `verify_times` says"
        within = f" within {book.verify.within_s:g} s" if book.verify.within_s else ""
        yield f"- verified by: the checks that failed, {times} running{within}"
        yield ""


def _freedom(book: Playbook, risk: Risk) -> str:
    if book.attended:
        return "never; it always waits for a person"
    if risk.rank <= Risk.REVERSIBLE.rank:
        return "yes, unless something would be lost for good"
    if book.is_restart and risk is Risk.DISRUPTIVE:
        return "on components that Paramedic starts, or whose `owner` the service file names"
    return "only after a person agreed"


def _commands() -> Page:
    from paramedic.cli.main import COMMANDS, cli

    yield from _head("Commands", "Every command with its options. `-f FILE` may stand before or behind any of them.")
    root = click.Context(cli, info_name="paramedic", terminal_width=80, max_content_width=80)
    yield from _options(cli, root)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None, "the table and its commands agree"
        if not command.hidden:
            yield from _command(command, root, name)


def _command(command: click.Command, parent: click.Context, name: str) -> Page:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=80, max_content_width=80)
    yield f"## {context.command_path}"
    yield ""
    yield "```text"
    yield " ".join(command.get_usage(context).removeprefix("Usage: ").split())
    yield "```"
    yield ""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        yield " ".join(paragraph.replace("\b", "").split())
        yield ""
    yield from _options(command, context)
    for inner in command.list_commands(context) if isinstance(command, click.Group) else ():
        assert isinstance(command, click.Group)
        yield from _command(command.commands[inner], context, inner)


def _options(command: click.Command, context: click.Context) -> Page:
    found = [each for each in command.get_params(context) if isinstance(each, click.Option)]
    records = [record for each in found if (record := each.get_help_record(context))]
    rows = [(f"`{names}`", text.replace("  [", " [")) for names, text in records if "--help" not in names]
    if rows:
        yield from _table(("option", "what it does"), rows)


def _settings() -> Page:
    yield from _head("Settings", "Numbers and places, and where they can be given.")
    yield "The environment wins over the `settings` of the service file, these over"
    yield "`~/.config/paramedic/settings.yaml`, and that over the defaults. Where several variables are named, the"
    yield "first wins. `paramedic config show` prints every value with its source."
    yield ""
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "settings.yaml").read_text(encoding="utf-8")
    defaults = YAML(typ="safe", pure=True).load(text)
    said = of_fields(Settings)
    rows = []
    for name in hints(Settings):
        key = keys_of(name)[0]
        default = defaults.get(key)
        shown = "-" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        variables = "<br>".join(f"`{each}`" for each in (variables_of(name)[0], *_aliases(name)))
        rows.append((f"`{key}`", shown, said[name], variables))
    yield from _table(("setting", "default", "what it is", "environment variables"), rows)


def _environment() -> Page:
    yield from _head("Environment variables", "What Paramedic reads of its environment beside the service file's own.")
    yield from _table(("variable", "what it does"), ((f"`{name}`", text) for name, text in ENVIRONMENT.items()))
    yield "## Settings"
    yield ""
    yield "Every [setting](settings.md) has a variable; known names of earlier deployments work as well."
    yield ""
    rows = [(f"`{each}`", f"`{keys_of(name)[0]}`") for name in hints(Settings) for each in variables_of(name)]
    yield from _table(("variable", "setting"), sorted(rows))


def _aliases(name: str) -> tuple[str, ...]:
    return tuple(each for each in variables_of(name) if not each.startswith("PARAMEDIC_"))


def _kinds(registry: Registry) -> Page:
    yield from _head("Kinds", "What a component can be, and the keys it takes beside the common ones.")
    yield "The keys that every component may have are in [the guide to the service file](../guides/service-file.md)."
    yield "Names of `thresholds` stand in the manual pages of the checks."
    everywhere = [spec for spec in registry.checks if not _own_kinds(spec, registry)]
    yield f"A component that has a process is looked at by {_checks_named(everywhere)} as well."
    yield ""
    for kind in (registry.kinds[name] for name in sorted(registry.kinds)):
        yield f"## {kind.name}"
        yield ""
        yield f"{_capital(kind.summary)}."
        yield ""
        yield from _keys(kind)
        own = [spec for spec in registry.checks if kind.name in _own_kinds(spec, registry)]
        yield f"Checks: {_checks_named(own) or 'those of its process'}."
        yield ""


def _checks_named(specs: Iterable[CheckSpec]) -> str:
    return ", ".join(_link(spec.id, "checks.md") for spec in specs)


def _own_kinds(spec: CheckSpec, registry: Registry) -> list[str]:
    return [kind.name for kind in registry.kinds.values() if issubclass(kind.target, spec.of)]


def _keys(kind: Kind) -> Page:
    said, types = of_fields(kind.target), hints(kind.target)
    usual = {keys_of(field.name)[0]: field for field in fields(kind.target)}
    yield from _table(
        ("key", "takes", "without it", "what it says"),
        (
            (f"`{key}`", wanted(types[field.name], field.name), _default(field), said.get(field.name, ""))
            for key, field in usual.items()
        ),
    )


def _default(field: Field[Any]) -> str:  # Any: as dataclasses declares it
    if field.default is MISSING and field.default_factory is MISSING:
        return "needed"
    value = dump(field.default) if field.default is not MISSING else None
    if value in (None, [], {}, ""):
        return "-"
    unit = " s" if field.name.endswith("_s") else ""
    return f"`{f'{value:g}' if isinstance(value, float) else json.dumps(value).strip(chr(34))}{unit}`"


def _exit_codes() -> Page:
    yield from _head("Exit codes", "What the shell sees in `$?`.")
    yield "`check` and `status` follow the convention of Nagios plugins; faults follow `sysexits.h`."
    yield ""
    words = {
        Overall.HEALTHY: "healthy; of other commands: done, and verified where something was to be verified",
        Overall.DEGRADED: "degraded (warnings); of other commands: a person is needed, or something did not help",
        Overall.CRITICAL: "critical; of `audit verify`: the record was changed",
        Overall.UNKNOWN: "unknown: some check could not look, and nothing worse is known",
    }
    rows = [(f"{each.exit_code}", words[each]) for each in Overall]
    rows += [
        (f"{errors.UsageError.exit_code}", "the command line makes no sense, or names what is not there"),
        (
            f"{errors.ParamedicError.exit_code}",
            "Paramedic could not do it: a fault of its own or of a pack, or a program that refused",
        ),
        (f"{errors.Unusable.exit_code}", "the store, a backup or a file that it needs is damaged or closed to it"),
        (f"{errors.NotNow.exit_code}", "not now: a full disk, a store that is away, another `watch`; try again later"),
        (f"{errors.ConfigurationError.exit_code}", "the service file or a playbook is wrong; every mistake is told"),
        ("130", "interrupted by Ctrl-C, after telling what is known"),
    ]
    yield from _table(("code", "means"), sorted(rows, key=lambda row: int(row[0])))


def _sorted_codes(registry: Registry) -> list[Code]:
    return sorted(registry.codes.values(), key=lambda each: each.id)


def _manual(text: str) -> Page:
    for each in paragraphs(text):
        yield HEADING.sub(lambda found: f"**{found[0]}**", each, count=1) if HEADING.match(each) else each
        yield ""


def _head(title: str, what: str) -> Page:
    yield f"# {title}"
    yield ""
    yield "<!-- written by `make reference`; do not edit -->"
    yield ""
    yield what
    yield ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Page:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _link(name: str, page: str = "") -> str:
    """To the heading of that name, as GitHub and most others make anchors."""
    return f"[`{name}`]({page}#{re.sub(r'[^a-z0-9_ -]', '', name.lower()).replace(' ', '-')})"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _tidy(lines: Iterable[str]) -> str:
    """No line of prose is wider than a page, no two empty lines follow each other."""
    wrapped = (part for line in lines for part in _folded(line))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(wrapped)).strip() + "\n"


def _folded(line: str) -> list[str]:
    if line.startswith(("|", "#", "<!--")) or len(line) <= 120:
        return [line]
    return folded(line, 120, rest="  " if line.startswith("- ") else "")
