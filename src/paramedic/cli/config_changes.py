"""``paramedic config set``, ``repair``, ``reset`` and ``diff``: of the service file, or of a component's own file."""

import sys
from typing import TYPE_CHECKING

import click

from paramedic.cli.output import complain, emit
from paramedic.model.errors import ConfigurationError, Problem, UsageError

if TYPE_CHECKING:
    from paramedic.cli.config_places import Place

_component = click.option("--component", metavar="NAME", help="Of this component's configuration file instead.")
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")


@click.command("set")
@click.argument("key")
@click.argument("value")
@_component
@click.pass_context
def set_(context: click.Context, key: str, value: str, component: str | None) -> None:
    """Set one value; comments, order and everything else stay as they are.

    KEY has dots between levels: `components.web.url`. VALUE is read as YAML: `5`, `true`, `[a, b]`, or a text.
    The result is validated first, and the version before is kept. Exit code: 0 set, 78 it would not be valid.
    """
    from paramedic.sdk.editing import keys_in, parsed, value_of, with_value

    place = _place(context, component)
    data = parsed(place.text, place.format)
    new = with_value(place.text, place.format, keys_in(data, key), value_of(value))
    if new == place.text:
        emit(f"`{key}` has this value already\n")
        return
    _carry_out(place, new, f"set `{key}`")


@click.command()
@_component
@_yes
@click.pass_context
def repair(context: click.Context, component: str | None, yes: bool) -> None:
    """Go back to the last good version where the file is broken; shows the difference and asks.

    Exit code: 0 nothing is wrong, or repaired; 78 broken, and no good version is kept.
    """
    place = _place(context, component)
    wrong = place.problems(place.text)
    if not wrong:
        emit(f"nothing is wrong with {place.path}\n")
        return
    for each in place.good():
        if not place.problems(each):
            _ask(place, each, yes=yes, what="go back to this version")
            _carry_out(place, each, "went back to the last good version")
            return
    hint = "correct it by hand; `paramedic config validate` tells every mistake"
    raise ConfigurationError((*wrong, Problem(message="no good version of it is kept", path=place.path, hint=hint)))


@click.command()
@_component
@_yes
@click.option("--keep", "kept", multiple=True, metavar="SECTION", help="A top-level section that stays as it is.")
@click.pass_context
def reset(context: click.Context, component: str | None, yes: bool, kept: tuple[str, ...]) -> None:
    """Start again and keep the sections that are named; shows the difference and asks.

    The service file starts again from what `paramedic init` finds, a component's file from its declared `defaults`,
    with its `sections_kept`.
    """
    place = _place(context, component)
    new = place.fresh(kept)
    if new == place.text:
        emit(f"{place.path} is as it would be after a reset\n")
        return
    _ask(place, new, yes=yes, what="start again from this")
    _carry_out(place, new, "started again" + (f", keeping {', '.join(kept)}" if kept else ""))


@click.command()
@_component
@click.pass_context
def diff(context: click.Context, component: str | None) -> None:
    """Show how the file differs from its last good version. Exit code: 0 not at all, 1 it does, 3 none is kept."""
    place = _place(context, component)
    good = next(iter(place.good()), None)
    if good is None:
        complain(f"no good version of {place.path} is kept yet; `paramedic watch` keeps one while all is well")
        context.exit(3)
    shown = place.difference(good, place.text, ("last good", "now"))
    emit(f"{shown}\n" if shown else "")
    context.exit(1 if shown else 0)


def _place(context: click.Context, component: str | None) -> "Place":
    from paramedic.cli.config_places import ComponentFile, ServiceFile
    from paramedic.cli.surroundings import load_service

    if component is None:
        return ServiceFile.found(context)
    service, registry = load_service(context)
    return ComponentFile(service, registry, component)


def _ask(place: "Place", new: str, *, yes: bool, what: str) -> None:
    emit(place.difference(place.text, new) + "\n")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("this asks first, and nobody can answer here", hint="`--yes` does it without asking")
    if not click.confirm(what, err=True):
        raise click.Abort


def _carry_out(place: "Place", new: str, what: str) -> None:
    if wrong := place.problems(new):
        raise ConfigurationError(wrong)
    told = place.put(new)
    emit(f"{what} in {place.path}{f'; {told}' if told else ''}\n")
