"""``--dry-run``: show what a command would do, and do nothing. One way for every command that acts."""

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import click

_MARK = "paramedic.dry-run"
ACTS = frozenset(
    {
        *("init", "start", "stop", "restart", "recover", "approve", "reject", "pause", "resume"),
        *("escalate", "acknowledge", "escalation test", "change record"),
        *("emergency resume", "maintenance start", "maintenance stop"),
        *("guide complain", "guide withdraw", "guide start", "guide tick", "guide stop"),
        *("backup create", "backup restore", "backup prune", "embedding record"),
        *(
            "vector manifest",
            "vector initialize",
            "vector backup",
            "vector restore",
            "vector rebuild",
            "vector compact",
        ),
        *("mcp add-server", "mcp set-protocol", "mcp record"),
        *("breakers half-open", "breakers open", "breakers reset", "breakers tune"),
        *("flags baseline", "flags clear", "flags disable", "flags enable"),
        *("budget allow", "budget limit", "budget repair", "budget reset", "budget stop"),
        *("tasks discard", "tasks retry", "tasks revive"),
        *("config set", "config repair", "config reset"),
    }
)
"""Every command that changes something, by its path; these take ``--dry-run``."""


def dry_run_option() -> click.Option:
    """The option; whoever acts asks `is_rehearsal`."""
    option = click.Option(["--dry-run"], is_flag=True, is_eager=True, expose_value=False, callback=_note)
    option.help = "Show what would be done, and do nothing."
    return option


def is_rehearsal() -> bool:
    """Whether nothing may be done."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_MARK))


def would(*lines: str) -> NoReturn:
    """Show what would be done, and end the command."""
    show({"told": list(lines), "possible": True})


def show(foreseen: Mapping[str, Any]) -> NoReturn:  # Any: plans as JSON, which only get printed
    """Show what was foreseen, and end the command: 0 where it can be done, else 1."""
    from paramedic.cli.listing import show_json
    from paramedic.cli.planned import described, labelled

    context = click.get_current_context()
    plans, without = foreseen.get("plans") or (), foreseen.get("without") or ()
    is_possible = bool(foreseen.get("possible", not without))
    if context.params.get("style") == "json":
        show_json({"dry_run": True, **foreseen, "possible": is_possible})
        context.exit(0 if is_possible else 1)
    lines = [line for text in foreseen.get("told") or () for line in labelled("", str(text))]
    for plan in plans:
        lines += described(plan)
    lines += [line for each in without for line in labelled("", _without(each))]
    if not lines:
        lines = ["nothing would be done"]
    _print([*lines, "nothing was done: this was a dry run"])
    context.exit(0 if is_possible else 1)


def _without(each: Mapping[str, Any]) -> str:
    return f"no plan for {each['component']}: {each['code']}: {each['why']}"


def _print(lines: Iterable[str]) -> None:
    from paramedic.cli.output import emit

    emit("\n".join(lines) + "\n")


def _note(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.meta[_MARK] = value
