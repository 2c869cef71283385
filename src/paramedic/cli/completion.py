"""``paramedic completion``: a script for the shell; and what it asks while somebody types.

A shell waits for every answer. Where names are wanted, no command is imported and no service file is loaded; options
and words are left to click, which imports the one command that they belong to.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from paramedic.model.errors import UsageError

VARIABLE = "_PARAMEDIC_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")
_KEY = re.compile(r"^( *)(\"[^\"]+\"|'[^']+'|[\w.-]+):(?:\s|$)")
_LONGEST = 1 << 20
_MOST = 200


@click.command()
@click.argument(
    "shell", metavar="bash|zsh|fish", shell_complete=lambda _context, _argument, start: _fitting(_SHELLS, start)
)
def completion(shell: str) -> None:
    """Print a script that makes the shell complete commands, components, codes and incidents.

    bash: `eval "$(paramedic completion bash)"` in ~/.bashrc; zsh: `eval "$(paramedic completion zsh)"` in ~/.zshrc;
    fish: `paramedic completion fish > ~/.config/fish/completions/paramedic.fish`.
    """
    if shell not in _SHELLS:
        raise UsageError(f"there is no completion for `{shell}`", hint=f"shells: {', '.join(_SHELLS)}")
    click.echo(_shell(shell).source())


def answer(instruction: str) -> int:
    """Answer a shell that asks for completions, as ``bash_complete`` does."""
    shell, _, what = instruction.partition("_")
    if shell not in _SHELLS or what not in ("complete", "source"):
        return 1
    asked = _shell(shell)
    if what == "source":
        click.echo(asked.source())
        return 0
    args, incomplete = asked.get_completion_args()
    try:
        items = _names(args, incomplete)
    except Exception:  # a boundary: nobody wants to read of a broken file while typing
        items = []
    if items is None:
        items = asked.get_completions(args, incomplete)
    with suppress(OSError):  # a shell that went away
        for item in items:
            click.echo(asked.format_completion(item))
    return 0


def _shell(name: str) -> ShellComplete:
    from paramedic.cli.main import cli

    known = get_completion_class(name)
    assert known is not None
    return known(cli, {}, "paramedic", VARIABLE)


def _names(args: list[str], incomplete: str) -> list[CompletionItem] | None:
    """What completes here without help of click; ``None`` where that knows better."""
    from paramedic.cli.main import COMMANDS

    file, words = _without_file(args)
    if incomplete.startswith("-"):
        return None
    if not words:
        shown = ((name, summary) for name, (_, summary) in COMMANDS.items() if summary and name.startswith(incomplete))
        return [CompletionItem(name, help=summary) for name, summary in shown]
    before = words[-1] if len(words) > 1 else ""
    if before.startswith("-"):
        sort = _AFTER_OPTION.get(before)
        return None if sort is None else _fitting(sort(file), incomplete)
    sort = _AFTER_COMMAND.get(" ".join(words[:2])) or _AFTER_COMMAND.get(words[0])
    return None if sort is None else _fitting([each for each in sort(file) if each not in words[1:]], incomplete)


def _without_file(args: list[str]) -> tuple[str | None, list[str]]:
    """The service file that the line names, and the other words."""
    file, words, rest = None, list[str](), iter(args)
    for word in rest:
        if word in ("-f", "--file"):
            file = next(rest, None)
        elif word.startswith("--file="):
            file = word.removeprefix("--file=")
        elif word != "--debug":
            words.append(word)
    return file, words


def _fitting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)][:_MOST]


def _components(file: str | None) -> list[str]:
    """The keys beneath ``components:``, read by their indentation: a file that is being edited may not even parse."""
    path = _service_file(file)
    if path is None:
        return []
    with path.open("rb") as opened:
        text = opened.read(_LONGEST).decode("utf-8", "replace")
    found: list[str] = []
    inside, depth = False, None
    for line in text.splitlines():
        key = _KEY.match(line)
        if key is None:
            continue
        indent = len(key[1])
        if indent == 0:
            inside, depth = key[2] == "components", None
        elif inside and depth in (None, indent):
            depth = indent
            found.append(key[2].strip("\"'"))
    return found


def _service_file(file: str | None) -> Path | None:
    # as `paramedic.service.find` does, without the time that importing it takes
    named = file or os.environ.get("PARAMEDIC_FILE")
    if named:
        return Path(named).expanduser()
    here = Path.cwd()
    places = (folder / name for folder in (here, *here.parents) for name in ("paramedic.yaml", "paramedic.yml"))
    return next((each for each in places if each.is_file()), None)


def _codes(file: str | None) -> list[str]:
    """Codes and checks of all packs; remembered, because importing every pack takes longer than a key press."""
    del file
    from importlib.metadata import entry_points

    from paramedic import __version__

    points = sorted(f"{each.name}={each.value}" for each in entry_points(group="paramedic.packs"))
    key = [__version__, *points, str(Path(__file__).stat().st_mtime_ns)]
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paramedic" / "codes.json"
    with suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(place.read_bytes())
        if known["key"] == key:
            return [str(each) for each in known["names"]]
    from paramedic.sdk.pack import load_packs

    registry = load_packs()
    names = sorted({*registry.codes, *(each.id for each in registry.checks)})
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps({"key": key, "names": names}), encoding="utf-8")
    return names


def _incidents(file: str | None) -> list[str]:
    """Incidents in the store, newest first."""
    path = _service_file(file)
    if path is None:
        return []
    from paramedic.model.clock import SystemClock
    from paramedic.service import settings_with_sources
    from paramedic.store import read_store

    settings: Mapping[str, object] = {each.name: each.value for each in settings_with_sources(path, os.environ)}
    store = read_store(str(settings["store"]), node=str(settings["node"]), clock=SystemClock())
    if store is None:
        return []
    try:
        with store.read() as tx:
            return [each.id for each in tx.incidents.list(limit=50)]
    finally:
        store.close()


_Sort = Callable[[str | None], list[str]]
_AFTER_COMMAND: Mapping[str, _Sort] = {
    **dict.fromkeys(("check", "start", "stop", "restart", "plan", "recover"), _components),
    "explain": _codes,
    **dict.fromkeys(("incidents show", "acknowledge", "escalate", "approve", "reject"), _incidents),
}
_AFTER_OPTION: Mapping[str, _Sort] = {"--only": _codes, "--component": _components}
