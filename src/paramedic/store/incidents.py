"""Incidents, each as it stands now."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from paramedic.model.incident import Incident, IncidentState
from paramedic.store import body as bodies
from paramedic.store.insertion import upsert
from paramedic.store.instant import micros
from paramedic.store.schema import incidents

_NEWEST_FIRST = select(incidents.c.body).order_by(incidents.c.opened_us.desc(), incidents.c.id.desc())


class Incidents:
    """Every incident that retention still keeps."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, incident: Incident) -> None:
        """Keep it as it stands now."""
        self._connection.execute(
            upsert(self._connection, incidents),
            {
                "id": incident.id,
                "state": incident.state.value,
                "opened_us": micros(incident.opened_at),
                "resolved_us": micros(incident.resolved_at) if incident.resolved_at else None,
                "body": bodies.text(incident),
            },
        )

    def get(self, incident_id: str) -> Incident | None:
        """The incident, if there is one of this id."""
        found = self._connection.scalar(select(incidents.c.body).where(incidents.c.id == incident_id))
        return bodies.read(Incident, found) if found is not None else None

    def list(self, states: Collection[IncidentState] | None = None, limit: int = 100) -> tuple[Incident, ...]:
        """Newest first, of the states named or of all."""
        wanted = _NEWEST_FIRST.limit(limit)
        if states is not None:
            wanted = wanted.where(incidents.c.state.in_([state.value for state in states]))
        return bodies.read_all(Incident, self._connection.scalars(wanted))

    def unresolved(self) -> tuple[Incident, ...]:
        """Every one that is not over, newest first."""
        wanted = _NEWEST_FIRST.where(incidents.c.state != IncidentState.RESOLVED.value)
        return bodies.read_all(Incident, self._connection.scalars(wanted))
