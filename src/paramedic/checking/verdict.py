"""What a look that went wrong is called, and how a verdict is weighed by the need for its component."""

import inspect
import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from paramedic.model.component import Component, Need
from paramedic.model.finding import Evidence, Finding
from paramedic.model.status import Status
from paramedic.sdk.check import CheckSpec
from paramedic.sdk.context import CANNOT_LOOK

CRASHED = "paramedic.check-crashed"
TIMED_OUT = "paramedic.check-timed-out"
_SOFTENED = {
    (Need.RECOMMENDED, Status.CRITICAL): Status.WARNING,
    (Need.OPTIONAL, Status.CRITICAL): Status.INFO,
    (Need.OPTIONAL, Status.WARNING): Status.INFO,
}


class NoFinding(Exception):
    """A check returned something that is no finding."""


def findings_in(returned: object, component: Component, spec: CheckSpec) -> tuple[Finding, ...]:
    """What a check returned, if it is findings; signed with the true names of component and check.

    Raises:
        NoFinding: it is something else, or nothing at all.
    """
    many = returned if isinstance(returned, Sequence) else (returned,)
    if not many:
        raise NoFinding("it returned no finding")
    for each in many:
        if not isinstance(each, Finding):
            raise NoFinding(f"it returned a `{type(each).__name__}`, not a `Finding`")
        if not isinstance(each.status, Status):
            raise NoFinding(f"its finding has the status `{each.status!r}`, which is none")
    return tuple(
        replace(each, component=component.name, kind=component.kind, check=spec.id)
        for each in many
        if isinstance(each, Finding)
    )


def crashed(component: Component, spec: CheckSpec, error: BaseException) -> Finding:
    """A check failed by a fault of its own, which says nothing about the patient."""
    return _unknown(
        component,
        spec,
        CRASHED,
        observed=f"the check failed by a fault of its own: `{type(error).__name__}` at {_place(spec, error)}",
        expected="a verdict",
        because="the program of the check raised an error; nothing is known about the component",
        hint="report it to whoever wrote the pack; the other checks go on",
        evidence=(Evidence(label="error", text=_said(error)),),
    )


def timed_out(component: Component, spec: CheckSpec, limit_s: float, *, still: bool = False) -> Finding:
    """A check did not end within its time."""
    earlier = "an earlier look has not ended yet" if still else f"it did not end within {limit_s:g} s"
    return _unknown(
        component,
        spec,
        TIMED_OUT,
        observed=f"the check `{spec.id}` was given up: {earlier}",
        expected=f"a verdict within {limit_s:g} s",
        because="a check that does not answer has not looked; nothing is known about the component",
        hint=f"look at the component by hand (`paramedic explain {spec.id}` says how), or raise its `timeout`",
    )


def out_of_time(component: Component, spec: CheckSpec, limit_s: float) -> Finding:
    """The time of the whole run was over before a check had its say."""
    return _unknown(
        component,
        spec,
        TIMED_OUT,
        observed=f"the check `{spec.id}` had not ended when the run was over, after {limit_s:g} s",
        expected="a verdict within the time of the run",
        because="a run ends in time whatever hangs; nothing is known about the component",
        hint=f"look at it alone with `paramedic check {component.name}`",
    )


def without_means(component: Component, spec: CheckSpec, short: str) -> Finding:
    """Paramedic itself has run out of something, so that it cannot tell what is there from what is gone."""
    return _unknown(
        component,
        spec,
        CANNOT_LOOK,
        observed=f"paramedic itself has run out of something: {short}",
        expected="a verdict",
        because="without it everything looks as if it were gone; nothing is known about the component",
        hint="raise the limit that Paramedic runs under (`ulimit -n`, or `LimitNOFILE=` of its unit)",
    )


def nobody_looks(component: str, kind: str, check: str) -> Finding:
    """A check that was asked for by name is not one of the component's, as the service file is now."""
    return Finding(
        component=component,
        kind=kind,
        check=check,
        status=Status.UNKNOWN,
        code=CANNOT_LOOK,
        observed=f"the check `{check}` does not look at `{component}`, or no longer",
        expected="a verdict",
        because="the service file or the installed packs have changed; nothing is known about the component",
        hint="look at it by hand",
    )


def stopped_on_purpose(component: Component, spec: CheckSpec) -> Finding:
    """Nobody wants it to run, so nothing is looked at."""
    return Finding(
        component=component.name,
        kind=component.kind,
        check=spec.id,
        status=Status.INFO,
        code=None,
        observed="stopped on purpose",
        because="an operator stopped it, and a stop stays a stop",
        hint=f"`paramedic start {component.name}` starts it",
    )


def _unknown(component: Component, spec: CheckSpec, code: str, **words: Any) -> Finding:  # Any: fields of a finding
    return Finding(
        component=component.name, kind=component.kind, check=spec.id, status=Status.UNKNOWN, code=code, **words
    )


def soften(finding: Finding, need: Need) -> Finding:
    """Weigh the verdict by how much the service needs the component. An unknown stays unknown."""
    status = _SOFTENED.get((need, finding.status))
    if status is None:
        return finding
    softened = f"{finding.status.value} softened to {status.value}, because the component is {need.value}"
    return replace(finding, status=status, because=f"{finding.because}; {softened}" if finding.because else softened)


def _said(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a boundary: a stranger's __str__ may fail in any way
        return type(error).__name__


def _place(spec: CheckSpec, error: BaseException) -> str:
    """``file.py:12`` of the innermost frame within the pack, the only place its author can do something about."""
    run = inspect.unwrap(spec.run)
    code = getattr(run, "__code__", None)
    if code is None:
        return f"`{spec.id}`"
    home = Path(code.co_filename).parent
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if Path(frame.filename).is_relative_to(home):
            return f"{home.name}/{Path(frame.filename).relative_to(home)}:{frame.lineno}"
    return f"{home.name}/{Path(code.co_filename).name}:{code.co_firstlineno}"
