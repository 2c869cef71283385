"""Plans, each as it stands now."""

from sqlalchemy import Connection, select

from paramedic.model.playbook import Plan, PlanState
from paramedic.store import body as bodies
from paramedic.store.insertion import upsert
from paramedic.store.instant import micros
from paramedic.store.schema import plans

_NEWEST_FIRST = select(plans.c.body).order_by(plans.c.created_us.desc(), plans.c.id.desc())


class Plans:
    """Every plan that retention still keeps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, plan: Plan) -> None:
        """Keep it as it stands now."""
        self._connection.execute(
            upsert(self._connection, plans),
            {
                "id": plan.id,
                "incident": plan.incident,
                "state": plan.state.value,
                "created_us": micros(plan.created_at),
                "body": bodies.text(plan),
            },
        )

    def get(self, plan_id: str) -> Plan | None:
        """The plan, if there is one of this id."""
        found = self._connection.scalar(select(plans.c.body).where(plans.c.id == plan_id))
        return bodies.read(Plan, found) if found is not None else None

    def known(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset(self._connection.scalars(select(plans.c.id)))

    def of(self, incident: str) -> tuple[Plan, ...]:
        """The incident's plans, newest first."""
        return bodies.read_all(Plan, self._connection.scalars(_NEWEST_FIRST.where(plans.c.incident == incident)))

    def committed(self) -> tuple[Plan, ...]:
        """Plans that the engine must run to their end, oldest first."""
        wanted = (
            select(plans.c.body)
            .where(plans.c.state == PlanState.COMMITTED.value)
            .order_by(plans.c.created_us, plans.c.id)
        )
        return bodies.read_all(Plan, self._connection.scalars(wanted))

    def recent(self, limit: int = 100) -> tuple[Plan, ...]:
        """Newest first."""
        return bodies.read_all(Plan, self._connection.scalars(_NEWEST_FIRST.limit(limit)))
