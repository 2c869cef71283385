"""``paramedic config``: the service file's schema, its mistakes, its meaning, and changes to it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from paramedic.cli.config_changes import diff, repair, reset, set_

_format = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print."
)
_SCHEMA_VERSION = 1


@click.group()
def config() -> None:
    """The service file, and the configuration files of components: understood, changed, repaired."""


for _each in (set_, repair, reset, diff):
    config.add_command(_each)


@config.command()
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file instead.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of service files, for editors.

    It covers the kinds of all installed packs.
    """
    from paramedic.model.errors import UsageError
    from paramedic.sdk.pack import load_packs
    from paramedic.service import json_schema

    text = json.dumps(json_schema(load_packs()), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"`{output}` cannot be written: {(error.strerror or '').lower()}") from error
    click.echo(f"wrote {output}", err=True)


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@_format
@click.pass_context
def validate(context: click.Context, file: Path | None, style: str) -> None:
    """Tell everything that is wrong with a service file.

    Without FILE, the one that lies upward from here. Exit code 0: nothing is wrong; 78: something is.
    """
    from paramedic.model.errors import ConfigurationError
    from paramedic.model.wire import dump
    from paramedic.sdk.pack import load_packs
    from paramedic.service import load

    service, problems, path = None, [], file
    try:
        path = file or _found(context)
        service = load(path, load_packs(), os.environ)
    except ConfigurationError as error:
        problems = list(error.problems)
    if style == "json":
        report = {
            "schema_version": _SCHEMA_VERSION,
            "file": path,
            "valid": service is not None,
            "problems": problems,
        }
        click.echo(json.dumps(dump(report), indent=2, ensure_ascii=False))
    elif service is not None:
        click.echo(f"{path}: {_count(len(service.components), 'component')}, nothing wrong")
    else:
        for problem in problems:
            click.echo(str(problem))
        click.echo(_count(len(problems), "problem"), err=True)
    context.exit(0 if service is not None else ConfigurationError.exit_code)


@config.command()
@_format
@click.pass_context
def show(context: click.Context, style: str) -> None:
    """Show what the service file comes to: every component and every setting, with where its value comes from."""
    from paramedic.model.service import WITHOUT_EFFECT
    from paramedic.model.wire import dump
    from paramedic.report.redaction import Redactor
    from paramedic.sdk.pack import load_packs
    from paramedic.service import load, settings_with_sources

    path = _found(context)
    service = load(path, load_packs(), os.environ)
    hide = Redactor(service.secrets)
    shown: dict[str, Any] = dump(service)  # Any: JSON of every shape
    del shown["secrets"]
    shown["settings"] = {
        each.name: {"value": dump(each.value), "source": each.source, "has_effect": each.name not in WITHOUT_EFFECT}
        for each in settings_with_sources(path, os.environ)
    }
    safe = hide.data({"schema_version": _SCHEMA_VERSION, **shown})
    if style == "json":
        click.echo(json.dumps(safe, indent=2, ensure_ascii=False))
        return
    settings = safe.pop("settings") if isinstance(safe, dict) else {}
    for line in _lines(safe):
        click.echo(line)
    click.echo("settings:")
    width = max((len(name) for name in settings), default=0) if isinstance(settings, dict) else 0
    for name, each in settings.items() if isinstance(settings, dict) else ():
        if isinstance(each, dict):
            effect = "" if each["has_effect"] else "; without effect in this version"
            click.echo(f"  {name:<{width}}  {_word(each['value'])}  ({each['source']}{effect})")


def _found(context: click.Context) -> Path:
    from paramedic.service import find

    named = (context.find_root().params or {}).get("file")
    return Path(named) if named else find(Path.cwd(), os.environ)


def _lines(data: Any, indent: str = "") -> Iterator[str]:  # Any: JSON of every shape
    """A mapping as indented lines; what is empty is left out."""
    for key, value in data.items() if isinstance(data, dict) else ():
        if value in (None, [], {}, ""):
            continue
        if isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        else:
            yield f"{indent}{key}: {_word(value)}"


def _word(value: Any) -> str:  # Any: JSON of every shape
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else " " for each in text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
