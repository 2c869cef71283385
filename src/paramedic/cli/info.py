"""``paramedic info``: every setting with its source, paths, versions, packs and the state of the store."""

import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

_SCHEMA_VERSION = 1
_NEEDED = ("aiohttp", "click", "dbos", "psutil", "pydantic", "rich", "ruamel.yaml", "sqlalchemy", "psycopg")


@click.command()
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
@click.pass_context
def info(context: click.Context, style: str) -> None:
    """Show every setting with where its value comes from, paths, versions, packs and the state of the store.

    Works without a service file and with a broken one; what is wrong with it is told. Writes nothing.
    """
    from paramedic import __version__
    from paramedic.model.errors import ConfigurationError
    from paramedic.model.service import WITHOUT_EFFECT
    from paramedic.model.wire import dump
    from paramedic.report.redaction import Redactor
    from paramedic.sdk.pack import load_packs
    from paramedic.service import load, settings_with_sources

    registry = load_packs()
    secrets: tuple[str, ...] = ()
    path, problems = _place(context)
    if path is not None:
        try:
            secrets = load(path, registry, os.environ).secrets
        except ConfigurationError as error:
            problems = [str(each) for each in error.problems]
    try:
        settings = settings_with_sources(path, os.environ)
    except ConfigurationError as error:
        problems = problems or [str(each) for each in error.problems]
        settings = settings_with_sources(path, {}, text="{}")
    values = {each.name: each.value for each in settings}
    shown: dict[str, Any] = {  # Any: JSON of every shape
        "schema_version": _SCHEMA_VERSION,
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "user": f"uid {os.geteuid()}",
        "packages": {name: found for name in _NEEDED if (found := _version(name))},
        "paths": {
            "service_file": path and str(path),
            "program": sys.argv[0],
            "package": str(Path(__file__).parent.parent),
            "interpreter": sys.executable,
            "state_dir": str(values["state_dir"]),
            "user_settings": str(_user_settings(os.environ)),
        },
        "service_file_problems": problems,
        "packs": {
            each.name: {"kinds": len(each.kinds), "checks": len(each.checks), "actions": len(each.actions)}
            for each in registry.packs
        },
        "broken_packs": dict(registry.broken),
        "store": _store(str(values["store"]), str(values["node"])),
        "settings": {
            each.name: {
                "value": dump(each.value),
                "source": each.source,
                "has_effect": each.name not in WITHOUT_EFFECT,
            }
            for each in settings
        },
    }
    safe = Redactor(secrets).data(shown)
    assert isinstance(safe, dict)
    click.echo(json.dumps(safe, indent=2, ensure_ascii=False) if style == "json" else "\n".join(_lines(safe)))


def _place(context: click.Context) -> tuple[Path | None, list[str]]:
    from paramedic.model.errors import ConfigurationError
    from paramedic.service import find

    named = (context.find_root().params or {}).get("file")
    if named:
        return Path(named), []
    try:
        return find(Path.cwd(), os.environ), []
    except ConfigurationError as error:
        return None, [str(error.problems[0].message)]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _user_settings(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "paramedic" / "settings.yaml"


def _store(url: str, node: str) -> dict[str, Any]:  # Any: JSON of every shape
    """Whether there is one, and what it holds; never more than can be read in a moment."""
    from paramedic.model.clock import SystemClock
    from paramedic.model.errors import StoreError
    from paramedic.store import read_store

    clock = SystemClock()
    try:
        found = read_store(url, node=node, clock=clock)
        if found is None:
            return {"state": "not there yet; `paramedic watch` makes it"}
        try:
            with found.read() as tx:
                leases = [each for each in tx.nodes.all() if each.until > clock.now()]
                incidents = len(tx.incidents.unresolved())
        finally:
            found.close()
    except StoreError as error:
        return {"state": f"cannot be read: {error}"}
    return {"state": "readable", "open_incidents": incidents, "watched_by": [each.node for each in leases]}


def _lines(shown: Mapping[str, Any]) -> Iterator[str]:  # Any: JSON of every shape
    from paramedic.report.words import one_line

    packs = ", ".join(f"{name} ({each['checks']} checks)" for name, each in shown["packs"].items())
    packages = ", ".join(f"{name} {number}" for name, number in shown["packages"].items())
    store = "; ".join(f"{key.replace('_', ' ')} {_word(value)}" for key, value in shown["store"].items())
    yield f"paramedic {shown['version']}, python {shown['python']}, {shown['system']}, {shown['user']}"
    yield f"packages  {packages}"
    yield f"packs     {packs}"
    for name, why in shown["broken_packs"].items():
        yield f"  broken  {name}: {one_line(why)}"
    yield f"store     {store.removeprefix('state ')}"
    yield "paths"
    for key, value in shown["paths"].items():
        yield f"  {key:<14}  {value or 'none'}"
    for each in shown["service_file_problems"]:
        yield f"  wrong     {one_line(each)}"
    yield "settings"
    width = max(len(name) for name in shown["settings"])
    values = {name: _word(each["value"]) for name, each in shown["settings"].items()}
    room = min(max(len(each) for each in values.values()), 40)
    for name, each in shown["settings"].items():
        effect = "" if each["has_effect"] else "; without effect in this version"
        yield f"  {name:<{width}}  {values[name]:<{room}}  {each['source']}{effect}"


def _word(value: Any) -> str:  # Any: JSON of every shape
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else " " for each in text)
