"""What each check said last."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, insert, select

from paramedic.model.finding import Finding
from paramedic.store import body as bodies
from paramedic.store.schema import findings

_FORGET = delete(findings).where(
    findings.c.component == bindparam("of_component"), findings.c.check_name == bindparam("of_check")
)


class Findings:
    """The latest findings of every check about every component."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, new: Sequence[Finding]) -> None:
        """Keep these instead of everything their checks said about their components before."""
        if not new:
            return
        pairs = dict.fromkeys((finding.component, finding.check) for finding in new)
        self._connection.execute(
            _FORGET, [{"of_component": component, "of_check": check} for component, check in pairs]
        )
        self._connection.execute(
            insert(findings),
            [
                {
                    "component": finding.component,
                    "check_name": finding.check,
                    "place": place,
                    "body": bodies.text(finding),
                }
                for place, finding in enumerate(new)
            ],
        )

    def latest(self) -> tuple[Finding, ...]:
        """By component, then check, then as the check gave them."""
        wanted = select(findings.c.body).order_by(findings.c.component, findings.c.check_name, findings.c.place)
        return bodies.read_all(Finding, self._connection.scalars(wanted))

    def forget(self, component: str) -> None:
        """Drop what was said about a component, because it is gone from the service."""
        self._connection.execute(delete(findings).where(findings.c.component == component))
