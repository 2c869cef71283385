"""``paramedic demo``: a small service, broken for real again and again, and healed each time."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from paramedic.cli.drill import until_interrupted
from paramedic.cli.listing import format_option, show_json
from paramedic.model.errors import UsageError

if TYPE_CHECKING:
    from paramedic.demo.show import Show
    from paramedic.drills.patient import Patient


@click.command()
@format_option
@click.option("--stay", is_flag=True, help="Go on watching after the last fault, until Ctrl-C.")
@click.option(
    "--model",
    type=click.Choice(["stand-in", "real"]),
    default="stand-in",
    show_default=True,
    help="Real is llama.cpp with a model of 270 million parameters, from packages.",
)
@click.pass_context
def demo(context: click.Context, style: str, stay: bool, model: str) -> None:
    """Start a small service, break it for real, and show how each fault is found, named, healed and verified.

    Everything happens in a folder of its own, on this machine alone, and nothing is left running. Exit 0 only when
    every fault was healed.
    """
    from paramedic.demo.show import Show

    show = Show()
    change = _real_model() if model == "real" else None
    try:
        if style == "json":
            _play_for_machines(show, change, stay=stay)
        elif sys.stdout.isatty():
            _play_live(show, change, stay=stay)
        else:
            _play_in_lines(show, change, stay=stay)
    except KeyboardInterrupt:
        if not (stay and show.took_s):
            raise
    if show.remains:
        click.echo(f"kept in {show.remains.folder}; the end of its watch.log:", err=True)
        for each in show.remains.log_tail.splitlines()[-15:]:
            click.echo(f"| {each}", err=True)
    context.exit(0 if show.is_success else 1)


def _real_model() -> "Callable[[Patient], None]":
    """What gives the patient a real model.

    Raises:
        UsageError: its packages are not installed.
    """
    from importlib.util import find_spec

    from paramedic.demo.real_model import NEEDS, with_a_real_model

    if absent := [package for module, package in NEEDS.items() if find_spec(module) is None]:
        raise UsageError(
            f"a real model needs {' and '.join(f'`{each}`' for each in absent)}",
            hint="`make demo MODEL=real` installs them (400 MB)",
        )
    return with_a_real_model


def _play_for_machines(show: "Show", change: "Callable[[Patient], None] | None", *, stay: bool) -> None:
    from paramedic.demo.show import play

    printed = False

    def changed() -> None:
        nonlocal printed
        if show.took_s and not printed:
            printed = True
            outcomes = show.outcomes
            show_json(
                {
                    "schema_version": 1,
                    "passed": show.is_success,
                    "healed": sum(bool(each.passed) for each in outcomes),
                    "of": len(outcomes),
                    "took_s": round(show.took_s, 3),
                    "status": show.status,
                    "receipts": show.receipts,
                    "faults": outcomes,
                }
            )

    until_interrupted(play(show, changed, stay=stay, change=change))


def _play_in_lines(show: "Show", change: "Callable[[Patient], None] | None", *, stay: bool) -> None:
    from paramedic.demo.board import line, score
    from paramedic.demo.show import Stage, play

    told: set[str] = set()

    def changed() -> None:
        for act in show.acts:
            if act.outcome and act.id not in told:
                told.add(act.id)
                click.echo(line(act))
            elif act.stage is Stage.BREAKING and f"{act.id}?" not in told:
                told.add(f"{act.id}?")
                click.echo(f"breaking it: {act.words}")
        if show.took_s:
            click.echo("\n".join(("", *score(show))))
            _tell_where(show, stay=stay)

    until_interrupted(play(show, changed, stay=stay, change=change))


def _play_live(show: "Show", change: "Callable[[Patient], None] | None", *, stay: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from paramedic.demo.board import board
    from paramedic.demo.show import play

    console = Console()
    ascii_only = not console.encoding.lower().startswith("utf")
    with Live(console=console, get_renderable=lambda: board(show, ascii_only=ascii_only), refresh_per_second=8) as live:

        def changed() -> None:
            live.refresh()
            if show.took_s and stay:
                live.stop()
                _tell_where(show, stay=stay)

        until_interrupted(play(show, changed, stay=stay, change=change))


def _tell_where(show: "Show", *, stay: bool) -> None:
    if stay and show.folder:
        click.echo(f"\nstill watching; look with: cd {show.folder}/patient && paramedic status\nCtrl-C ends it")
