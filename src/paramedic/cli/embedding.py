"""``paramedic embedding``: what embedding models say, recorded and held against that."""

import sys

import click

from paramedic.cli.listing import format_option, show_json
from paramedic.cli.of_kind import OfKind, the_plan
from paramedic.cli.output import complain, emit
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import ParamedicError, UsageError
from paramedic.model.wire import Json

_KIND = OfKind(kind="embedding", title="embedding model")


@click.group()
def embedding() -> None:
    """Embedding models: check them, and record what they say while all is well.

    NAME is the component; it may be left out where the service file declares one embedding model.
    """


embedding.add_command(_KIND.check())


@embedding.command()
@click.argument("name", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@format_option
@click.pass_context
def record(context: click.Context, name: str | None, yes: bool, style: str) -> None:
    """Record the vectors of three short texts: this model is the right one, and has to stay so."""
    service, registry = load_service(context)
    order: dict[str, Json] = {"component": _KIND.one(service, name), "action": "embedding.record", "with": {}}
    order["checks"] = ["embedding.means"]
    preview = the_plan(ask(service, registry, "act", {**order, "foresee": True}))["steps"][0]["preview"]
    if preview["blocked"]:
        raise ParamedicError(f"this cannot be done: {preview['blocked']}")
    if not yes:
        complain(str(preview["summary"]))
        if not sys.stdin.isatty():
            raise UsageError("this asks first, and nobody can answer here", hint="`--yes` does it without asking")
        if not click.confirm("go on", err=True):
            raise click.Abort
    result = ask(service, registry, "act", order)
    plan = the_plan(result)
    if style == "json":
        show_json(result)
    else:
        emit(f"{plan['state']}: {plan['why_ended']}\n")
    context.exit(0 if result["verified"] else 1)
