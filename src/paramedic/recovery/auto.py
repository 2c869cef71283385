"""Recovery from inside a program: an error that it caught becomes the question whether the service can be healed.

It goes the way of every command: ``paramedic recover`` in a process of its own, which asks a running watch or takes
the node's lock. So the program needs nothing of Paramedic in its memory, and may even be what has to be restarted.
"""

import json
import os
import subprocess  # argv lists only
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramedic.model.clock import Clock

_LONGEST_TEXT = 500
_GRACE_S = 15.0
_REFUSALS = (64, 74, 75, 78)
"""Exit codes by which the command says that it has not even begun."""
_REASON = "PARAMEDIC_REASON"
"""What an error says may be secret: everybody may read a command line, but not an environment."""
_TOKEN = "PARAMEDIC_LAUNCH"  # noqa: S105  # the name of a variable: who carries it ends with the component


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What came of one call."""

    recovered: bool
    """Something was wrong, it was healed, and the checks that failed have passed."""
    verified: bool
    """The checks were asked and nothing is wrong any more, or nothing was."""
    issue: str
    """What the error was taken for: ``performance``, ``connectivity``, ``database``, …"""
    component: str | None
    """The part of the service that it is about, where the program has said so."""
    incident: str | None
    """The incident that was worked on, for ``paramedic incidents show``."""
    done: tuple[str, ...]
    """What was done, a line for each plan."""
    why: str
    """How it ended, or why nothing was done."""


@dataclass(slots=True)
class _Memory:
    """What this process remembers of one kind of trouble."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    attempts: int = 0
    last: float = 0.0
    """Monotonic: when the last attempt without success ended."""


class AutoRecovery:
    """Asks for recovery when a program has caught an error that it cannot mend itself.

    Safe to call from every thread and in every ``except``: it raises nothing of its own, one call at a time works on
    one kind of trouble, and a trouble that could not be healed rests for the cool-down. After so many attempts as
    `max_recovery_attempts` says it rests for as many cool-downs; meanwhile people were called.
    """

    def __init__(
        self, service_file: str | Path | None = None, *, limit_s: float = 600.0, clock: "Clock | None" = None
    ) -> None:
        """``service_file`` is found as by every command if not named; no call takes longer than ``limit_s``."""
        from paramedic.model.clock import SystemClock

        self._file = service_file
        self._limit_s = limit_s
        self._clock = clock or SystemClock()
        self._most, self._cooldown_s = 3, 300.0
        self._memories: dict[tuple[str, str | None], _Memory] = {}
        self._lock = threading.Lock()

    def attempt_recovery(self, error: BaseException, context: Mapping[str, object] | None = None) -> Recovered:
        """Have healed what the error may come from, and wait for the end.

        Args:
            error: what the program has caught; its class says what is looked for.
            context: ``component``, the part of the service it is about; ``issue``, what it is, if you know better than
                the class of the error; ``severity``, how urgent it is. Everything else is kept for the record, and so
                is an issue or a severity that is none: a slip of the pen keeps nobody from being healed.
        """
        from paramedic.recovery.issues import issue_of, issue_types

        given = _given(context)
        component = str(given.pop("component")) if given.get("component") else None
        issue = str(given.get("issue"))
        if issue in issue_types():
            del given["issue"]
        else:
            issue = issue_of(error)
        with self._lock:
            memory = self._memories.setdefault((issue, component), _Memory())
        if not memory.lock.acquire(blocking=False):
            return _nothing(issue, component, "a recovery of the same is under way in this process")
        try:
            if why := self._why_not_now(memory):
                return _nothing(issue, component, why)
            severity = _severity(given)
            found, is_attempt = self._ask(issue, component, severity, _said(error, given))
            if found.verified:
                memory.attempts = 0
            elif is_attempt:
                memory.attempts, memory.last = memory.attempts + 1, self._clock.monotonic()
            return found
        finally:
            memory.lock.release()

    async def attempt_recovery_async(
        self, error: BaseException, context: Mapping[str, object] | None = None
    ) -> Recovered:
        """The same without holding up the event loop."""
        import asyncio

        return await asyncio.to_thread(self.attempt_recovery, error, context)

    def _why_not_now(self, memory: _Memory) -> str:
        """Empty where it may be asked for."""
        if memory.attempts == 0:
            return ""
        rest_s = self._cooldown_s * (self._most if memory.attempts >= self._most else 1)
        left_s = memory.last + rest_s - self._clock.monotonic()
        if left_s <= 0:
            if memory.attempts >= self._most:
                memory.attempts = 0
            return ""
        if memory.attempts >= self._most:
            return f"{memory.attempts} attempts did not help; the next one may follow in {left_s:.0f} s"
        return f"the last attempt did not help; it cools down for {left_s:.0f} s"

    def _ask(self, issue: str, component: str | None, severity: str | None, reason: str) -> tuple[Recovered, bool]:
        """What came of it, and whether anything may have been tried: what was refused needs no rest."""
        target = ["--component", component] if component else ["--type", issue]
        argv = [
            *(sys.executable, "-P", "-m", "paramedic"),
            *(("--file", str(self._file)) if self._file else ()),
            *("recover", *target, "--unattended", "--json"),
            *(("--severity", severity) if severity else ()),
        ]
        environ = {name: value for name, value in os.environ.items() if name != _TOKEN} | {_REASON: reason}
        try:
            code, out, told = _run(argv, environ, self._limit_s)
        except OSError as failed:
            return _nothing(issue, component, f"paramedic cannot be started: {failed}"), False
        try:
            found = json.loads(out)
        except ValueError:
            found = {}
        if code not in (0, 1) or "verified" not in found:
            why = f"it did not end within {self._limit_s:.0f} s; `paramedic status` says how it stands"
            return _nothing(issue, component, why if code is None else _refused(found, told)), code not in _REFUSALS
        limits = found.get("limits") or {}
        self._most = int(limits.get("attempts", self._most))
        self._cooldown_s = float(limits.get("cooldown_s", self._cooldown_s))
        return _ended(issue, component, found), True


def _given(context: object) -> dict[str, object]:
    """The context of an error, whatever was passed for one: nothing is raised into somebody's `except`."""
    if not isinstance(context, Mapping):
        return {} if context is None else {"context": context}
    return {str(name): value for name, value in context.items() if value is not None}


def _severity(given: dict[str, object]) -> str | None:
    """How urgent it is, taken out of the context if it says so in one of the words for it."""
    from paramedic.model.status import Severity

    try:
        severity = Severity.parse(str(given["severity"]))
    except (KeyError, ValueError):
        return None
    del given["severity"]
    return severity.value


def _run(argv: list[str], environ: Mapping[str, str], limit_s: float) -> tuple[int | None, str, str]:
    """Exit code (``None`` where it took too long) and what it has printed; it outlives us if we are restarted."""
    child = subprocess.Popen(
        argv,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, told = child.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        child.terminate()
        try:
            child.communicate(timeout=_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()  # what it has begun goes on at the next start
            child.communicate()
        return None, "", ""
    return child.returncode, out, told


def _ended(issue: str, component: str | None, found: Mapping[str, Any]) -> Recovered:  # Any: JSON of the command
    incidents, plans = found.get("incidents") or [], found.get("plans") or []
    whys = [f"{each['component']}: {each['code']}: {each['why']}" for each in incidents]
    return Recovered(
        recovered=bool(found["verified"]) and any(each["state"] == "verified" for each in plans),
        verified=bool(found["verified"]),
        issue=issue,
        component=component,
        incident=incidents[0]["id"] if incidents else None,
        done=tuple(f"{each['playbook']} on {each['suspect']}: {each['state']}: {each['why_ended']}" for each in plans),
        why="; ".join(whys) or "every check passes: nothing is wrong that could be healed",
    )


def _nothing(issue: str, component: str | None, why: str) -> Recovered:
    return Recovered(recovered=False, verified=False, issue=issue, component=component, incident=None, done=(), why=why)


def _refused(found: Mapping[str, Any], told: str) -> str:  # Any: as above
    lines = told.strip().splitlines()
    return str(found.get("error") or (lines[-1] if lines else "paramedic said nothing"))


def _said(error: BaseException, more: Mapping[str, object]) -> str:
    """The error for the record, without secrets."""
    from paramedic.model.errors import RedactionFailed
    from paramedic.report.redaction import Redactor

    program = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "a program"
    who = f"{program} (pid {os.getpid()})"
    beside = "".join(f", {name}={value}" for name, value in more.items())
    try:
        what = Redactor(()).text(f"{type(error).__name__}: {error}{beside}")
    except RedactionFailed:
        what = type(error).__name__
    return f"{who} has caught {what}"[:_LONGEST_TEXT]
