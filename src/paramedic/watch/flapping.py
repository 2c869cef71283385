"""What fails and recovers again and again is one trouble, not a new one every few seconds."""

from dataclasses import replace

from paramedic.model.code import Code
from paramedic.model.finding import Finding
from paramedic.model.service import Settings
from paramedic.model.status import Status
from paramedic.watch.verdict import Verdict


def flapping(finding: Finding, verdict: Verdict, code: Code, settings: Settings, now: float) -> Finding:
    """The finding, or that it comes and goes."""
    recent = [each for each in verdict.flips if now - each <= settings.flapping_window_s]
    if len(recent) < settings.flapping_changes:
        return finding
    return replace(
        finding,
        # Coming and going is never worse than what comes and goes.
        status=Status.CRITICAL if verdict.worst is Status.CRITICAL else Status.WARNING,
        code=code.id,
        type=code.type,
        because=f"{len(recent)} changes between well and failing in {settings.flapping_window_s:.0f} s",
        hint="look for what happens every few seconds: a watchdog, a limit, an unstable network",
    )
