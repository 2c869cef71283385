"""``paramedic diagnose``: what is wrong, what it comes from and why we think so, on one screen. Changes nothing."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from paramedic.checking.standing import overall_of, standings
from paramedic.cli.explanation import explanation, labelled
from paramedic.cli.listing import format_option, show_json
from paramedic.cli.manual import folded
from paramedic.cli.next_step import next_step
from paramedic.cli.output import complain, emit, width
from paramedic.cli.surroundings import load_service, read_store
from paramedic.model.clock import SystemClock
from paramedic.model.code import Code, IssueType
from paramedic.model.errors import StoreError, UsageError
from paramedic.model.finding import Finding
from paramedic.model.ids import IncidentId
from paramedic.model.incident import Incident, IncidentState, Symptom
from paramedic.model.status import Overall, Status, overall
from paramedic.model.wire import Json, dump
from paramedic.report import Redactor
from paramedic.report.words import OVERALL_LOOKS, one_line

if TYPE_CHECKING:
    from paramedic.diagnosis import Trouble
    from paramedic.model.playbook import Playbook
    from paramedic.model.report import Report
    from paramedic.model.service import Service
    from paramedic.sdk.pack import Registry

_MOST = 3
"""So many of each thing fit on one screen."""


@click.command()
@click.argument("component", required=False)
@format_option
@click.pass_context
def diagnose(context: click.Context, component: str | None, style: str) -> None:
    """Say what is wrong, what it comes from, and why we think so; of COMPONENT only what concerns it.

    Where `paramedic watch` runs, by what it knows; else by looking now. Changes nothing.
    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    from paramedic.recovery.playbooks import load_playbooks

    service, registry = load_service(context)
    if component is not None and component not in service.components:
        raise UsageError(f"there is no component `{component}`", hint=f"known: {', '.join(service.components)}")
    now = SystemClock().now()
    try:
        found = _watched(service, registry, component, now)
    except StoreError as error:
        complain(f"the records cannot be read, so nothing is known of before: {error}")
        found = None
    source = "what `paramedic watch` knows"
    if found is None:
        found, source = _looked(context, service, registry, component, now), "a look just now"
    state, incidents = found
    playbooks = load_playbooks(registry, service.playbook_dirs)
    safe = Redactor(service.secrets)
    if style == "json":
        told: list[Json] = [{**dump(each.outward), "playbooks": dump(_healers(each, playbooks))} for each in incidents]
        data: dict[str, Json] = {
            "schema_version": 1,
            "service": service.name,
            "as_of": now.isoformat(),
            "source": source,
            "overall": state.value,
            "exit_code": state.exit_code,
            "incidents": told,
        }
        show_json(safe.data(data))
    else:
        emit(safe.text("\n".join(_screen(service.name, state, incidents, playbooks, source))) + "\n")
    context.exit(state.exit_code)


def _watched(
    service: "Service", registry: "Registry", component: str | None, now: datetime
) -> tuple[Overall, list[Incident]] | None:
    """What a running watch has found out; ``None`` where none runs."""
    known = read_store(
        service.settings,
        lambda tx: (
            tx.findings.latest(),
            tx.desired.all(),
            tx.incidents.unresolved(),
            {each.node: each.until for each in tx.nodes.all()},
        ),
    )
    if known is None or not any(until > now for until in known[3].values()):
        return None
    standing = standings(service, registry, known[0], known[1], now, watched_until=known[3])
    names = _concerned(service, component)
    incidents = [
        each
        for each in known[2]
        if component is None or {each.component, *(symptom.component for symptom in each.symptoms)} & names
    ]
    return overall_of(each for each in standing if component in (None, each.name)), sorted(
        incidents, key=lambda each: (each.severity, each.opened_at)
    )


def _looked(
    context: click.Context, service: "Service", registry: "Registry", component: str | None, now: datetime
) -> tuple[Overall, list[Incident]]:
    """Look at it, and at what may have a part in it."""
    import asyncio

    from paramedic import store as stores
    from paramedic.checking import Runner, run_loop
    from paramedic.watch.recorded import RecordedProcesses

    clock = SystemClock()
    store = None
    with suppress(StoreError):  # told already
        store = stores.read_store(service.settings.store, node=service.settings.node, clock=clock)
    runner = Runner(service, registry, clock, RecordedProcesses(service, store, clock))
    stop = asyncio.Event()
    names = sorted(_concerned(service, component)) if component else []

    async def look() -> "Report":
        return await runner.run(names, stop=stop, limit_s=service.settings.full_check_limit_s)

    try:
        report = run_loop(look(), on_interrupt=stop.set)
    finally:
        if store is not None:
            store.close()
    if runner.gave_up:
        context.ensure_object(dict)["leave at once"] = True
    due = [(each.name, spec.id) for each, spec in runner.due(names)]
    incidents = _stories(service, registry, report.findings, due, now)
    asked = [each.status for each in report.findings if component in (None, each.component)]
    return overall([*asked, Status.UNKNOWN] if report.interrupted else asked), [
        each for each in incidents if component is None or component in {symptom.component for symptom in each.symptoms}
    ]


def _stories(
    service: "Service",
    registry: "Registry",
    findings: tuple[Finding, ...],
    due: list[tuple[str, str]],
    now: datetime,
) -> list[Incident]:
    """What one look found, as incidents that nobody keeps."""
    from paramedic.cli.change import known_changes
    from paramedic.diagnosis import Dated, severity_of, shipped, sight, stories
    from paramedic.diagnosis import diagnose as judge

    def code_of(name: str) -> Code:
        return registry.codes.get(name) or Code(id=name, type=IssueType.UNKNOWN, summary="")

    onset_s = now.timestamp()
    worst: dict[tuple[str, str], Finding] = {}
    for each in findings:
        key = (each.component, each.check)
        if each.status.is_failing and (key not in worst or each.status.rank > worst[key].status.rank):
            worst[key] = each
    troubles = [_trouble(each, code_of(each.code or "unknown"), onset_s) for each in worst.values()]
    changes: list[Dated] = []
    with suppress(StoreError):  # told already
        changes = [Dated(change=each, at_s=each.at.timestamp()) for each in known_changes(service, registry, now)]
    seen = sight(findings, due)
    found = []
    for story in stories(service, troubles):
        said = judge(service, story, code_of=code_of, sight=seen, weighing=shipped(), changes=changes)
        if said is None:
            continue
        severities = [severity_of(code_of(t.code), t.status, service.components.get(t.component)) for t in story]
        found.append(
            Incident(
                id=IncidentId("-"),
                state=IncidentState.OPEN,
                severity=min(severities),
                type=said.type,
                code=said.first.code,
                component=said.first.component,
                opened_at=now,
                symptoms=tuple(_symptom(worst[each.component, each.check], now) for each in story),
                suspects=said.suspects,
                ruled_out=said.ruled_out,
                not_looked_at=said.not_looked_at,
                abstained=said.abstained,
                changes=said.changes,
                path=said.path,
            )
        )
    return sorted(found, key=lambda each: each.severity)


def _trouble(finding: Finding, code: Code, onset_s: float) -> "Trouble":
    from paramedic.diagnosis import Trouble

    return Trouble(
        component=finding.component,
        check=finding.check,
        code=code.id,
        type=code.type,
        status=finding.status,
        depth=code.depth,
        onset_s=onset_s,
    )


def _symptom(finding: Finding, now: datetime) -> Symptom:
    return Symptom(
        component=finding.component,
        check=finding.check,
        code=finding.code or "unknown",
        status=finding.status,
        since=now,
        observed=finding.observed,
        hint=finding.hint,
        evidence=finding.evidence,
    )


def _concerned(service: "Service", component: str | None) -> set[str]:
    """A component, what it needs, and the machines."""
    if component is None:
        return set(service.components)
    hosts = set(service.hosts())
    return {component, *service.needs(component), *hosts}


def _healers(incident: Incident, playbooks: "Mapping[str, Playbook]") -> list[str]:
    fitting = [each for each in playbooks.values() if incident.code in each.heals]
    return [each.name for each in sorted(fitting, key=lambda each: (each.attended, each.name))]


def _screen(
    name: str, state: Overall, incidents: list[Incident], playbooks: "Mapping[str, Playbook]", source: str
) -> Iterator[str]:
    look = OVERALL_LOOKS[state]
    what = f"{len(incidents)} open" if incidents else "nothing is wrong that is known"
    yield f"{look.glyph} {look.word}  {one_line(name)}: {what}; by {source}"
    for at, incident in enumerate(incidents):
        if at == 0:
            yield from _told(incident, playbooks)
        else:
            about = f"{incident.severity} {incident.type}  {incident.component}: {incident.code}"
            about += f"  {incident.id}" if incident.id != "-" else ""
            yield from folded(about, width(), rest="   ")
    if len(incidents) > 1:
        yield f"hint: `paramedic diagnose {incidents[1].component}` explains the next one"


def _way(path: tuple[str, ...]) -> tuple[str, ...]:
    """Every branch of the decision tree, what was left behind in one paragraph."""
    return (" > ".join(path[:-1]), *path[-1:]) if len(path) > 1 else path


def _told(incident: Incident, playbooks: "Mapping[str, Playbook]") -> Iterator[str]:
    confidence = f"{incident.suspects[0].score:.2f}" if incident.suspects else "none"
    about = f"{incident.severity} {incident.type}  {incident.component}: {incident.code}  (confidence {confidence})"
    yield from folded(about, width(), rest="   ")
    chief = next((each for each in incident.symptoms if each.component == incident.component), None)
    for each in (chief, *[each for each in incident.symptoms if each is not chief][: _MOST - 1]):
        if each is not None:
            yield from labelled("seen", f"{each.component}: {each.observed}")[:2]
    yield from explanation(replace(incident, path=_way(incident.path)), most=_MOST)
    books = _healers(incident, playbooks)
    plan = "`paramedic plan` shows how, or why not"
    yield from labelled("healed by", f"{', then '.join(books)}; {plan}" if books else "people, who are called")
    if incident.state is not IncidentState.OPEN:
        yield from labelled("state", f"{incident.state}: {incident.why}")
    if step := next_step(incident):
        yield from labelled("next", step)
    elif chief and chief.hint:
        yield from labelled("hint", chief.hint)
