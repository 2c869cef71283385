"""Why an incident is thought to be what it is, in few lines: the same words wherever it is told."""

from collections.abc import Iterable, Iterator
from operator import attrgetter

from paramedic.cli.manual import folded
from paramedic.cli.output import width
from paramedic.model.incident import Incident, Suspect
from paramedic.report.words import one_line

_LABEL = 15


def explanation(incident: Incident, *, most: int = 100) -> Iterator[str]:
    """Suspects with their votes, what was changed, ruled out and not looked at, and the way to the type.

    ``most``: so many of each are told; the rest is counted.
    """
    if incident.abstained:
        yield from labelled("a guess only", incident.abstained)
    yield "suspects"
    for at, suspect in enumerate(incident.suspects[:most]):
        yield from _suspect(suspect, is_first=at == 0)
    if more := len(incident.suspects) - most:
        yield from [f"  and {more} more"] if more > 0 else []
    changed = [
        f"{each.at:%H:%M:%S} {each.kind} of {each.component or 'the service'}: {each.what}"
        for each in incident.changes[:most]
    ]
    yield from labelled("changed before", "; ".join(changed) or "nothing that is known")
    yield from labelled("ruled out", _some(incident.ruled_out, most) or "nothing")
    yield from labelled("not looked at", _some(incident.not_looked_at, most) or "nothing")
    if incident.linked:
        yield from labelled("linked", ", ".join(incident.linked))
    yield "decided by"
    for branch in incident.path:
        yield from folded(one_line(branch), width(), first="  ", rest="    ")


def labelled(label: str, said: str) -> list[str]:
    """A label and what it says, folded behind it."""
    lines = folded(one_line(said), width(), first=f"{label:<{_LABEL}}", rest=" " * _LABEL)
    return lines or [label]


def _suspect(suspect: Suspect, *, is_first: bool) -> Iterator[str]:
    """The first with every reason, the others with the weights of their votes."""
    of = f"  (a symptom of {suspect.is_symptom_of})" if suspect.is_symptom_of else ""
    yield from folded(f"{suspect.score:.2f}  {suspect.component}: {suspect.code}{of}", width(), first="  ", rest="    ")
    if is_first:
        for vote in filter(attrgetter("weight"), suspect.votes):
            label = f"        {vote.weight:.2f} "
            yield from folded(f"{vote.kind}: {one_line(vote.reason)}", width(), first=label, rest=" " * len(label))
    else:
        votes = ", ".join(f"{vote.kind} {vote.weight:g}" for vote in suspect.votes if vote.weight)
        yield from folded(votes or "no vote", width(), first="        ")


def _some(texts: Iterable[str], most: int) -> str:
    said = list(texts)
    rest = [f"and {len(said) - most} more"] if len(said) > most else []
    return "; ".join([*said[:most], *rest])
