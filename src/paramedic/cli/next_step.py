"""What a person does next about an incident: the one command that brings it on."""

from paramedic.model.incident import Incident, IncidentState


def next_step(incident: Incident) -> str | None:
    """A command for the shell; ``None`` when nobody waits for a person."""
    if incident.state is IncidentState.WAITING and incident.plan:
        return f"paramedic approve {incident.plan}"
    if incident.state is IncidentState.ESCALATED and not incident.acknowledged_by:
        return f"paramedic acknowledge {incident.id}"
    return None
