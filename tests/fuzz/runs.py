"""One look of one check, exactly as the program takes it: deadline, redaction, and every format of the report."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from paramedic.checking import Runner
from paramedic.model.clock import SystemClock
from paramedic.model.component import Component
from paramedic.model.finding import Finding
from paramedic.model.report import Part, Report, worst_first
from paramedic.model.service import Service
from paramedic.report import FORMATS, render
from paramedic.sdk import CheckSpec, ProcessFacts, load_packs
from paramedic.service import load


class NoProcesses:
    """Nothing runs here."""

    def facts(self, component: Component) -> ProcessFacts:
        return ProcessFacts(desired=None)

    async def start(self, component: Component, token: str) -> int:
        raise AssertionError("a check starts nothing")

    async def stop(self, component: Component) -> None:
        raise AssertionError("a check stops nothing")


class Bench:
    """A service that is looked at again and again."""

    def __init__(self, folder: Path, text: str, environ: Mapping[str, str] | None = None) -> None:
        path = folder / "paramedic.yaml"
        path.write_text(text)
        self.service: Service = load(path, load_packs(), environ or {})

    async def look(self, component: str, spec: CheckSpec) -> tuple[Finding, ...]:
        """What the check finds at first sight; a crash of it is a finding, too."""
        for _ in range(3):
            runner = Runner(self.service, load_packs(), SystemClock(), NoProcesses())
            found = await runner.look_at(self.service.components[component], spec)
            if not runner.gave_up:
                break  # a hang is one every time; a machine that is busy elsewhere is none
        return found

    def said(self, findings: tuple[Finding, ...], style: str) -> str:
        """The findings as a report."""
        report = Report(
            service=self.service.name,
            version="0",
            started_at=datetime.now(UTC),
            duration_ms=1.0,
            findings=worst_first(findings),
            parts=tuple(Part(name=each.component, kind=each.kind) for each in findings[:1]),
        )
        return render(report, style, verbose=True, root=self.service.path.parent)


STYLES = tuple(FORMATS)


def crashed(findings: tuple[Finding, ...]) -> list[str]:
    """The faults of ours among the findings."""
    wrong = ("paramedic.check-crashed", "paramedic.check-timed-out")
    return [f"{each.code}: {each.observed} {each.evidence}" for each in findings if each.code in wrong]


def spec(id: str) -> CheckSpec:
    """A check by its id."""
    return next(each for each in load_packs().checks if each.id == id)
