"""Commands about one kind of component: NAME may be left out where the service file declares one of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.surroundings import load_service
from paramedic.model.errors import UsageError
from paramedic.report import FORMATS

if TYPE_CHECKING:
    from paramedic.model.service import Service
    from paramedic.model.wire import Json

Plan = Mapping[str, Any]  # Any: a plan as JSON, which only gets printed


@dataclass(frozen=True, slots=True, kw_only=True)
class OfKind:
    """How a kind is called in the service file, and by people."""

    kind: str
    title: str

    def all(self, service: "Service") -> tuple[str, ...]:
        """The names of its components; raises ``UsageError`` where there is none."""
        names = tuple(name for name, each in service.components.items() if each.kind == self.kind)
        if not names:
            raise UsageError(
                f"the service file declares no {self.title}", hint=f"a component of the kind `{self.kind}` is one"
            )
        return names

    def one(self, service: "Service", name: str | None) -> str:
        """The component that is meant; raises ``UsageError`` where that cannot be told."""
        names = self.all(service)
        if name is None and len(names) > 1:
            raise UsageError(f"which {self.title}", hint=f"one of {', '.join(names)}")
        wanted = name or names[0]
        if wanted not in names:
            raise UsageError(f"there is no {self.title} `{wanted}`", hint=f"known: {', '.join(names)}")
        return wanted

    def several(self, service: "Service", names: tuple[str, ...]) -> tuple[str, ...]:
        """Those that are meant, or all."""
        return tuple(self.one(service, each) for each in names) or self.all(service)

    def check(self) -> click.Command:
        """The command that looks at them and judges."""

        @click.pass_context
        def check(context: click.Context, names: tuple[str, ...], style: str, verbose: bool) -> None:
            from paramedic.cli.check import check as look

            service, _ = load_service(context)
            context.invoke(look, components=self.several(service, names), depth="full", style=style, verbose=verbose)

        check.__doc__ = (
            f"Look at every {self.title}, or those named, and judge. Changes nothing.\n\n"
            "Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown."
        )
        options: tuple[Callable[..., Any], ...] = (  # Any: what click wraps
            click.option("-v", "--verbose", is_flag=True, help="Show passes and all evidence."),
            click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True),
            click.argument("names", nargs=-1, metavar="[NAME]..."),
        )
        for option in options:
            check = option(check)
        return click.command()(check)


def the_plan(result: Mapping[str, "Json"]) -> Plan:
    """The plan that an order became."""
    plans = result["plans"]
    assert isinstance(plans, list)
    plan = plans[0]
    assert isinstance(plan, dict)
    return plan
