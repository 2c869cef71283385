"""What every command that acts needs: the service, the packs, the store, and who is asking."""

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from paramedic.model.wire import Json

if TYPE_CHECKING:
    from paramedic.model.service import Service, Settings
    from paramedic.sdk.pack import Registry
    from paramedic.store import Transaction

Read = TypeVar("Read")


def load_service(context: click.Context) -> "tuple[Service, Registry]":
    """The service file that the command line names or that lies upward from here, and all packs."""
    from paramedic.sdk.pack import load_packs
    from paramedic.service import load

    registry = load_packs()
    return load(_path(context), registry, os.environ), registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Where records are kept; to know it no pack must be loaded."""

    store: str
    node: str


def records(context: click.Context) -> Records:
    """Where this service keeps its records, by its file and the environment."""
    from paramedic.service import settings_with_sources

    found = {each.name: each.value for each in settings_with_sources(_path(context), os.environ)}
    return Records(store=str(found["store"]), node=str(found["node"]))


def _path(context: click.Context) -> Path:
    from paramedic.service import find

    named = (context.find_root().params or {}).get("file")
    return Path(named) if named else find(Path.cwd(), os.environ)


def read_store(place: "Records | Settings", read: "Callable[[Transaction], Read]") -> Read | None:
    """What ``read`` finds in the store; ``None`` where there is none yet. Writes nothing."""
    from paramedic import store as stores
    from paramedic.model.clock import SystemClock

    found = stores.read_store(place.store, node=place.node, clock=SystemClock())
    if found is None:
        return None
    try:
        with found.begin() as tx:
            return read(tx)
    finally:
        found.close()


def ask(service: "Service", registry: "Registry", verb: str, args: Mapping[str, Json]) -> Mapping[str, Json]:
    """Have a command carried out; see ``paramedic.watch.ask``. With ``--dry-run``, show what it would do and end."""
    from paramedic.checking import run_loop
    from paramedic.cli.log import Lines
    from paramedic.cli.rehearsal import is_rehearsal, show
    from paramedic.watch.ask import ask as ask_node

    Lines(service.secrets, details=False).install(logging.WARNING)
    click.get_current_context().ensure_object(dict)["leave at once"] = True  # whatever thread hangs
    if is_rehearsal():
        show(run_loop(ask_node(service, registry, verb, {**args, "foresee": True}, who())))
    return run_loop(ask_node(service, registry, verb, args, who()))


def who() -> str:
    """Who asks, for the record: as the system knows them, whatever the environment says."""
    import pwd

    uid = os.getuid()
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"
