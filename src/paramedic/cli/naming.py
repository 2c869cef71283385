"""Ids as people type them: whole, or by their end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paramedic.cli.surroundings import Records, read_store
from paramedic.model.errors import UsageError
from paramedic.model.ids import IncidentId, PlanId

if TYPE_CHECKING:
    from paramedic.model.service import Settings
    from paramedic.store import Transaction

_LEAST = 3
"""Characters below which an end names nothing."""
_NEWEST = 1000
"""How far back an end is looked for."""


def incident_named(place: "Records | Settings", given: str) -> IncidentId:
    """The incident with this id or this end of it; what names none is given back as it is.

    Raises:
        UsageError: it is the end of several.
    """

    def read(tx: "Transaction") -> Sequence[str]:
        return [given] if tx.incidents.get(given) else [each.id for each in tx.incidents.list(limit=_NEWEST)]

    return IncidentId(meant(given, read_store(place, read) or ()))


def plan_named(place: "Records | Settings", given: str) -> PlanId:
    """The plan with this id or this end of it; what names none is given back as it is.

    Raises:
        UsageError: it is the end of several.
    """

    def read(tx: "Transaction") -> Sequence[str]:
        return [given] if tx.plans.get(given) else [each.id for each in tx.plans.recent(_NEWEST)]

    return PlanId(meant(given, read_store(place, read) or ()))


def waiting_plan_named(place: "Records | Settings", given: str) -> PlanId:
    """A plan by its id, or by that of the incident for which it waits, each whole or by its end.

    Raises:
        UsageError: it is the end of several, or an incident for which no plan waits.
    """

    def read(tx: "Transaction") -> Sequence[str]:
        if tx.plans.get(given) or tx.incidents.get(given):
            return [given]
        plans = [each.id for each in tx.plans.recent(_NEWEST)]
        return [*plans, *(each.id for each in tx.incidents.list(limit=_NEWEST))]

    named = meant(given, read_store(place, read) or ())
    incident = read_store(place, lambda tx: tx.incidents.get(named))
    if incident is None:
        return PlanId(named)
    if incident.plan is None or incident.state != "waiting":
        raise UsageError(
            f"no plan waits for `{incident.id}`: it is {incident.state}",
            hint=f"`paramedic incidents show {incident.id}` says more",
        )
    return incident.plan


def meant(given: str, known: Sequence[str]) -> str:
    """Of known ids the one that is given whole or by its end; what names none is given back as it is.

    Raises:
        UsageError: it is the end of several.
    """
    if given in known or len(given) < _LEAST:
        return given
    found = [each for each in known if each.endswith(given)]
    if len(found) > 1:
        raise UsageError(
            f"`{given}` is the end of {', '.join(f'`{each}`' for each in found[:5])}", hint="write more of the one"
        )
    return found[0] if found else given
