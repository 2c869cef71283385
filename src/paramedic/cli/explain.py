"""``paramedic explain`` and ``checks``: the manual, from the code itself."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.checking import nearest
from paramedic.cli.listing import format_option, show_json
from paramedic.cli.manual import HEADING, folded, paragraphs
from paramedic.cli.output import complain, emit, width
from paramedic.model.code import Code, Ending
from paramedic.model.errors import ConfigurationError, UsageError
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.pack import Registry, load_packs

if TYPE_CHECKING:
    from paramedic.model.playbook import Playbook

_ENDINGS = {
    Ending.ESCALATE: "a person is called; nothing is touched",
    Ending.ADVISE: "the finding and its remedy are told; nothing is planned",
}


@click.command()
@click.argument("name", metavar="CODE|CHECK")
@format_option
@click.pass_context
def explain(context: click.Context, name: str, style: str) -> None:
    """Explain a code or a check: what it means, how to see it by hand, what heals it.

    Where there is a service file, playbooks beside it are told, too.
    """
    registry = load_packs()
    playbooks = _playbooks(context, registry)
    specs = {spec.id: spec for spec in registry.checks}
    if name in registry.codes:
        code = registry.codes[name]
        data, lines = _code_data(code, registry, playbooks), _code(code, registry, playbooks)
    elif name in specs:
        data, lines = _check_data(specs[name], registry), _check(specs[name])
    else:
        guess = nearest(name, [*registry.codes, *specs])
        raise UsageError(
            f"there is no code or check `{name}`",
            hint=f"did you mean `{guess}`?" if guess else "`paramedic checks` lists them all",
        )
    if style == "json":
        show_json(data)
    else:
        emit("\n".join(lines) + "\n")


@click.command()
@format_option
def checks(style: str) -> None:
    """List every check: what it can find, at which kinds it looks, how long and how often."""
    registry = load_packs()
    if style == "json":
        show_json([_check_data(spec, registry) for spec in registry.checks])
        return
    lines = []
    for spec in registry.checks:
        lines += folded(f"{spec.id}  {_summary(spec)}", width(), rest="    ")
        lines += _listed(f"codes {', '.join(code.id for code in spec.codes) or 'none'}")
        spends = f"; spends {spec.spends}" if spec.spends else ""
        lines += _listed(
            f"looks at {', '.join(_kinds(spec, registry)) or 'nothing'} every {spec.every_s:g} s,"
            f" for at most {spec.timeout_s:g} s; {spec.depth.value}{spends}"
        )
    for name, reason in registry.broken.items():
        lines += [f"the pack `{name}` could not be loaded: {reason}"]
    emit("\n".join(lines) + "\n")


def _playbooks(context: click.Context, registry: Registry) -> Mapping[str, "Playbook"]:
    """Those that hold here. The manual needs no service file, and a wrong one does not keep it closed."""
    from paramedic.recovery.playbooks import load_playbooks
    from paramedic.service import find, load

    named = (context.find_root().params or {}).get("file")
    try:
        path = Path(named) if named else find(Path.cwd(), os.environ)
    except ConfigurationError:
        return load_playbooks(registry)
    try:
        return load_playbooks(registry, load(path, registry, os.environ).playbook_dirs)
    except ConfigurationError:
        complain(f"playbooks beside `{path}` are left out: something there is wrong; `paramedic config validate`")
        return load_playbooks(registry)


def _code(code: Code, registry: Registry, playbooks: Mapping[str, "Playbook"]) -> Iterator[str]:
    yield from folded(f"{code.id}: {code.summary}", width(), rest="  ")
    yield ""
    yield f"type       {code.type.value}"
    yield f"certain    {'at first sight' if code.instant else 'when several looks agree'}"
    healers = _healers(code, playbooks)
    for healer in healers:
        yield f"healed by  {healer.name}: {healer.title}"
    yield f"{'otherwise' if healers else 'ends with':<10} {_ENDINGS[code.ending]}"
    for spec in registry.checks:
        if code in spec.codes:
            yield ""
            yield from _check(spec)


def _check(spec: CheckSpec) -> Iterator[str]:
    yield f"found by {spec.id} (every {spec.every_s:g} s, at most {spec.timeout_s:g} s, {spec.depth.value})"
    yield ""
    for paragraph in paragraphs(spec.manual or "it has no manual page"):
        yield from folded(paragraph, width(), first="  ", rest="    " if HEADING.match(paragraph) else "  ")
    yield ""
    yield "  can find"
    for code in spec.codes:
        yield from folded(f"{code.id}: {code.summary}", width(), first="    ", rest="      ")


def _code_data(code: Code, registry: Registry, playbooks: Mapping[str, "Playbook"]) -> dict[str, object]:
    return {
        "schema_version": 1,
        "code": code.id,
        "summary": code.summary,
        "type": code.type.value,
        "ending": code.ending.value,
        "instant": code.instant,
        "playbooks": [healer.name for healer in _healers(code, playbooks)],
        "checks": [_check_data(spec, registry) for spec in registry.checks if code in spec.codes],
    }


def _check_data(spec: CheckSpec, registry: Registry) -> dict[str, object]:
    return {
        "check": spec.id,
        "summary": _summary(spec),
        "codes": [code.id for code in spec.codes],
        "kinds": list(_kinds(spec, registry)),
        "timeout_s": spec.timeout_s,
        "every_s": spec.every_s,
        "depth": spec.depth.value,
        "spends": spec.spends,
        "manual": spec.manual,
    }


def _healers(code: Code, playbooks: Mapping[str, "Playbook"]) -> tuple["Playbook", ...]:
    return tuple(playbook for playbook in playbooks.values() if code.id in playbook.heals)


def _kinds(spec: CheckSpec, registry: Registry) -> Iterable[str]:
    """The kinds whose components it looks at; what looks at processes looks at all that have one."""
    own = [kind.name for kind in registry.kinds.values() if issubclass(kind.target, spec.of)]
    return own or ["every process"]


def _summary(spec: CheckSpec) -> str:
    return next(iter(spec.manual.splitlines()), "")


def _listed(text: str) -> list[str]:
    return folded(text, width(), first="    ")
