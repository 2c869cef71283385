"""``paramedic flags``: see, check and switch feature flags in running processes."""

from pathlib import Path

import click

from paramedic.cli.default import Default
from paramedic.cli.guard_orders import tell, told
from paramedic.cli.guard_place import Place, dir_option, guards, place, rows_of
from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.output import complain

_FILE = Path("config/overlay_feature_flags.yaml")
_OVERLAYS = Path("configs/fusion/micro_overlays")


@click.group(cls=Default)
def flags() -> None:
    """Feature flags in running processes. Alone it lists them."""


@flags.command("list")
@dir_option
@format_option
@click.pass_context
def list_(context: click.Context, folder: Path | None, style: str) -> None:
    """List what is on in every process, and who decided it: the file, RESON_FEATURES, the baseline, an operator."""
    found = guards(place(context, folder), "flags")
    if style == "json":
        show_json({"processes": rows_of(found, "active", "decided_by", "overrides", "file", "trouble", "evaluations")})
        return
    rows = []
    for process, each in found:
        by_hand = ", ".join(f"{name} {'on' if on else 'off'} by hand" for name, on in each["overrides"].items())
        said = "; ".join(part for part in (by_hand, each["trouble"]) if part)
        rows.append((process.pid, ", ".join(each["active"]) or "nothing", each["decided_by"], said or "-"))
    show_rows(("pid", "on", "decided by", "beside"), rows, empty="no running process has flags")


@flags.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--overlays", type=click.Path(path_type=Path), help="The folder with the overlays that exist.")
@format_option
@click.pass_context
def validate(context: click.Context, file: Path | None, overlays: Path | None, style: str) -> None:
    """Check a file of flags. Exit 0 when it is valid, 1 when some flags are off for it, 2 when it cannot be used.

    Without FILE: the one that the service file names, else config/overlay_feature_flags.yaml.
    """
    from paramedic.guard.flag_check import check_flag_file, overlays_in

    declared = {} if file and overlays else place(context, None).files
    file = file or declared.get("flags", _FILE)
    found = check_flag_file(file, overlays_in(overlays or declared.get("overlays", _OVERLAYS)))
    if style == "json":
        show_json({"file": str(file), "usable": found.usable, "problems": found.problems})
    else:
        for each in found.problems:
            click.echo(f"{file}: {each}")
        if not found.problems:
            click.echo(f"{file} is valid")
    context.exit(0 if not found.problems else 1 if found.usable else 2)


@flags.command()
@click.argument("name")
@dir_option
@format_option
@click.pass_context
def enable(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Turn a flag on in every running process, over file and environment, until `clear` or its end."""
    _switch(place(context, folder), name, "enable", style, f"{name} is on")


@flags.command()
@click.argument("name")
@dir_option
@format_option
@click.pass_context
def disable(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Turn a flag off in every running process, over file and environment, until `clear` or its end."""
    _switch(place(context, folder), name, "disable", style, f"{name} is off")


@flags.command()
@click.argument("name")
@dir_option
@format_option
@click.pass_context
def clear(context: click.Context, name: str, folder: Path | None, style: str) -> None:
    """Let file and environment decide about a flag again."""
    _switch(place(context, folder), name, "clear", style, f"file and environment decide about {name} again")


def _switch(where: Place, name: str, verb: str, style: str, line: str) -> None:
    """Carry it out, and say so where nobody knew such a flag: in an emergency a slip of the pen looks like success."""
    known = {each for _, shows in guards(where, "flags") for each in shows.get("known", [name])}
    told(style, tell(where, "flags", "*", verb, flag=name), line)
    if name not in known:
        from difflib import get_close_matches

        near = get_close_matches(name, sorted(known), 1)
        complain(f"no process knew a flag `{name}`{f', did you mean `{near[0]}`?' if near else ''}")


@flags.command()
@click.option("--off", is_flag=True, help="Leave the baseline again.")
@dir_option
@format_option
@click.pass_context
def baseline(context: click.Context, off: bool, folder: Path | None, style: str) -> None:
    """Turn every flag off in every running process: the emergency baseline."""
    line = "file and environment decide again" if off else "every flag is off; `paramedic flags baseline --off` ends it"
    told(style, tell(place(context, folder), "flags", "*", "baseline", active=not off), line)
