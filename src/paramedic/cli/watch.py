"""``paramedic watch``: look after the service until told to stop."""

import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paramedic.checking import run_loop
from paramedic.cli.log import Lines
from paramedic.cli.surroundings import load_service

if TYPE_CHECKING:
    from paramedic.model.service import Service
    from paramedic.watch.node import Node


@click.command()
@click.option("--leave", is_flag=True, help="Let the processes live on when watch ends.")
@click.option("-v", "--verbose", is_flag=True, help="Log every step.")
@click.pass_context
def watch(context: click.Context, leave: bool, verbose: bool) -> None:
    """Start the service's processes, notice faults, heal them, call people.

    Runs in the foreground until SIGTERM or Ctrl-C, then stops the processes, dependants first.
    SIGHUP reads the service file again (a changed file is noticed by itself, too).
    """
    from paramedic.service import load
    from paramedic.watch.program import watch as run

    service, registry = load_service(context)
    # until there is a loop that hears it: there is nothing to be read again yet
    signal.signal(signal.SIGHUP, lambda *_: None)
    lines = Lines(service.secrets, details=bool((context.find_root().params or {}).get("debug")))
    lines.install(logging.INFO if verbose or service.settings.verbose else logging.WARNING)

    def ready(node: "Node") -> None:
        click.echo(
            f"watching {service.name}: {len(service.components)} components, "
            f"{len(node.triage.incidents)} open incidents (pid {os.getpid()})",
            err=True,
        )

    def reload() -> "Service":
        changed = load(Path(service.path), registry, os.environ)
        lines.hide(changed.secrets)
        return changed

    context.ensure_object(dict)["leave at once"] = True  # whatever thread hangs in a call that never returns
    run_loop(run(service, registry, reload=reload, leave=leave, ready=ready))
