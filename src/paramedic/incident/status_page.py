"""What customers are told: public components, incidents and planned work in plain words, nothing of the inside."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files

from paramedic.model.incident import Incident, IncidentState, TimelineEntry
from paramedic.model.service import Service, StatusPage
from paramedic.model.status import Severity, Status
from paramedic.model.wire import Json, dump, load
from paramedic.report.document import Block, Document, Facts, Points, Rows, Section, Verdict

_SHOWN = timedelta(hours=24)
"""So long after its end an incident is still told."""
_AHEAD = timedelta(days=7)


class Level(StrEnum):
    """How a public component is, best first."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    DEGRADED = "degraded"
    PARTIAL_OUTAGE = "partial outage"
    MAJOR_OUTAGE = "major outage"

    @property
    def tone(self) -> Status:
        """How it is shown."""
        return _TONES[self]

    @property
    def exit_code(self) -> int:
        """As of the status: 0 well or planned, 1 degraded, 2 an outage, 3 unknown."""
        return {Status.OK: 0, Status.INFO: 0, Status.WARNING: 1, Status.CRITICAL: 2, Status.UNKNOWN: 3}[self.tone]


_TONES = {
    Level.OPERATIONAL: Status.OK,
    Level.MAINTENANCE: Status.INFO,
    Level.UNKNOWN: Status.UNKNOWN,
    Level.DEGRADED: Status.WARNING,
    Level.PARTIAL_OUTAGE: Status.CRITICAL,
    Level.MAJOR_OUTAGE: Status.CRITICAL,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """The sentences of the defaults."""

    title: str
    levels: Mapping[str, str]
    overall: Mapping[str, str]
    titles: Mapping[str, str]
    updates: Mapping[str, str]
    maintenance: str


@lru_cache(maxsize=1)
def shipped_wording() -> Wording:
    """That of ``defaults/status-page.yaml``."""
    from ruamel.yaml import YAML

    text = files("paramedic").joinpath("defaults", "status-page.yaml").read_text(encoding="utf-8")
    return load(Wording, YAML(typ="safe", pure=True).load(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One sentence of an incident."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """An incident as customers see it."""

    title: str
    components: tuple[str, ...]
    is_over: bool
    updates: tuple[Update, ...]
    """Newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Planned work as customers see it."""

    text: str
    components: tuple[str, ...]
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicStatus:
    """Everything that goes out."""

    title: str
    as_of: datetime
    overall: Level
    summary: str
    components: Mapping[str, Level]
    disruptions: tuple[Disruption, ...]
    maintenance: tuple[Planned, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What is known inside."""

    statuses: Mapping[str, Status]
    """Of each component of the service."""
    stopped: Collection[str] = ()
    """Components that somebody stopped on purpose."""
    incidents: Sequence[tuple[Incident, Sequence[TimelineEntry]]] = ()
    """Newest first."""


def public_status(
    service: Service, page: StatusPage, inside: Inside, now: datetime, wording: Wording | None = None
) -> PublicStatus:
    """How the service is, as customers may know it."""
    said = wording or shipped_wording()
    levels = {name: _level(service, parts, inside, now) for name, parts in page.components.items()}
    overall = _overall(levels.values())
    return PublicStatus(
        title=page.title or said.title,
        as_of=now,
        overall=overall,
        summary=said.overall[overall],
        components=levels,
        disruptions=tuple(_disruptions(service, page, inside, levels, now=now, said=said)),
        maintenance=tuple(_planned(service, page, now, said)),
    )


def _level(service: Service, parts: Sequence[str], inside: Inside, now: datetime) -> Level:
    planned = [_is_planned(service, each, inside, now) for each in parts]
    needed = dict.fromkeys(name for part in parts for name in service.needs(part))
    statuses = [_status(each, inside) for each, is_planned in zip(parts, planned, strict=True) if not is_planned]
    around = [_status(each, inside) for each in needed if not _is_planned(service, each, inside, now)]
    down = statuses.count(Status.CRITICAL)
    if down:
        return Level.MAJOR_OUTAGE if down == len(parts) else Level.PARTIAL_OUTAGE
    if Status.WARNING in statuses or Status.CRITICAL in around:
        return Level.DEGRADED
    if Status.UNKNOWN in (*statuses, *around):
        return Level.UNKNOWN
    return Level.MAINTENANCE if service.maintenance.over((*parts, *needed), now) else Level.OPERATIONAL


def _is_planned(service: Service, name: str, inside: Inside, now: datetime) -> bool:
    """Whether it is worked on, or all that fails of what it needs is worked on or fails because of that."""
    worked_on = {each for each in (name, *service.needs(name)) if service.maintenance.over((each,), now)}
    failing = {each for each in service.needs(name) if _status(each, inside) not in (Status.OK, Status.INFO)}
    reasons = worked_on & failing
    return name in worked_on or (
        bool(reasons) and all(each in reasons or reasons & {*service.needs(each)} for each in failing)
    )


def _status(name: str, inside: Inside) -> Status:
    return Status.CRITICAL if name in inside.stopped else inside.statuses.get(name, Status.UNKNOWN)


def _overall(levels: Collection[Level]) -> Level:
    found = set(levels)
    if found == {Level.MAJOR_OUTAGE}:
        return Level.MAJOR_OUTAGE
    if Level.MAJOR_OUTAGE in found:
        return Level.PARTIAL_OUTAGE
    order = list(Level)
    return max(found, key=order.index, default=Level.UNKNOWN)


def _affected(service: Service, page: StatusPage, names: Collection[str]) -> tuple[str, ...]:
    """Public components that are made of these, or need them."""
    return tuple(
        name
        for name, parts in page.components.items()
        if not set(names).isdisjoint({*parts, *(each for part in parts for each in service.needs(part))})
    )


def _disruptions(
    service: Service,
    page: StatusPage,
    inside: Inside,
    levels: Mapping[str, Level],
    *,
    now: datetime,
    said: Wording,
) -> Iterator[Disruption]:
    for incident, timeline in inside.incidents:
        names = _affected(service, page, {incident.component, *(each.component for each in incident.symptoms)})
        is_over = incident.state is IncidentState.RESOLVED
        if is_over:
            ended = incident.resolved_at or incident.opened_at
            is_shown = incident.severity <= Severity.P1 and now - ended <= _SHOWN
        else:
            names = tuple(each for each in names if levels[each] not in (Level.OPERATIONAL, Level.MAINTENANCE))
            is_shown = True
        if not names or not is_shown:
            continue
        title = said.titles.get(incident.type, said.titles["other"]).format(names=", ".join(names))
        yield Disruption(title=title, components=names, is_over=is_over, updates=tuple(_updates(timeline, said))[::-1])


def _updates(timeline: Sequence[TimelineEntry], said: Wording) -> Iterator[Update]:
    """One for each thing that matters, never the same twice running."""
    last = ""
    for each in timeline:
        text = said.updates.get(each.what, "")
        if text and text != last:
            last = text
            yield Update(at=each.at, text=text)


def _planned(service: Service, page: StatusPage, now: datetime, said: Wording) -> Iterator[Planned]:
    """What lasts now, and of what comes again and again the next time."""
    coming: set[tuple[str, ...]] = set()
    for window in (*service.maintenance.at(now), *service.maintenance.coming(now, _AHEAD)):
        names = _affected(service, page, window.components or tuple(service.components))
        if not names or (window.begins > now and names in coming):
            continue
        if window.begins > now:
            coming.add(names)
        text = said.maintenance.format(names=", ".join(names))
        yield Planned(text=text, components=names, begins=window.begins, ends=window.ends)


def data(status: PublicStatus) -> dict[str, Json]:
    """For programs."""
    return {"schema_version": 1, **dump(status)}


def document(status: PublicStatus, wording: Wording | None = None) -> Document:
    """For people."""
    said = wording or shipped_wording()
    blocks: list[Block] = [
        Section(
            heading="Components",
            blocks=(
                Rows(
                    heads=("component", "status"),
                    rows=tuple((name, said.levels[level]) for name, level in status.components.items()),
                    tones=tuple(level.tone for level in status.components.values()),
                ),
            ),
        )
    ]
    for each in status.disruptions:
        verdict = Verdict(tone=Status.OK, word="solved") if each.is_over else Verdict(tone=Status.WARNING, word="now")
        points = tuple(f"{_moment(update.at)}: {update.text}" for update in each.updates)
        blocks.append(Section(heading=each.title, verdict=verdict, blocks=(Points(points=points),) if points else ()))
    for planned in status.maintenance:
        is_now = planned.begins <= status.as_of
        verdict = Verdict(tone=Status.INFO, word="now" if is_now else "coming")
        times = (("from", _moment(planned.begins)), ("until", _moment(planned.ends)))
        blocks.append(Section(heading=planned.text, verdict=verdict, blocks=(Facts(pairs=times),)))
    return Document(
        title=status.title,
        verdict=Verdict(tone=status.overall.tone, word=said.levels[status.overall]),
        lead=f"{status.summary}; as of {_moment(status.as_of)}",
        blocks=tuple(blocks),
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
