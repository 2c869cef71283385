"""Does the machine know what time it is?"""

from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path

from paramedic.packs.host import timekeeping
from paramedic.packs.host.lasting import lasting
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import duration
from paramedic.sdk import Code, Context, Ending, Finding, IssueType, check

CLOCK = Code(
    id="host.clock",
    type=IssueType.RESOURCE,
    summary="the machine's clock is wrong, is stepped again and again, or is no longer kept right",
    ending=Ending.ADVISE,
    depth=2,
)
_STEP_S = 1.0
_STEPS_OVER_S = 3600.0
_OWN_FILE = Path(__file__)
_HINT = "start a time service (`systemctl enable --now chrony` or `systemd-timesyncd`) and look at `timedatectl`"


@check(CLOCK, of=Host, timeout_s=5, every_s=30)
async def clock(_host: Host, context: Context) -> Finding:
    """The clock shows the right time, and goes as time does.

    Looks at: whether it lies before the day on which Paramedic itself was installed; what the kernel says of the time
    service (``adjtimex``): warning when it is off by ``clock_offset_s`` (1 s) and more, or when the service that kept
    it right has been gone for ``unsynchronised_for_s`` (an hour); and between looks whether it moves as the monotonic
    clock does. One step is only mentioned, ``clock_steps`` (5) within an hour are a warning.
    Why: certificates, tokens and signatures are judged by the clock, and logs of two machines cannot be compared.
    By hand: ``timedatectl``; ``chronyc tracking``; ``date -u``
    Healed by: nothing automatic; setting a clock is for the time service.
    """
    now = context.clock.now()
    steps = _steps(context, now)
    installed = _installed()
    if installed and now < installed - timedelta(days=1):
        return context.critical(
            CLOCK,
            observed=f"the clock says {now:%Y-%m-%d %H:%M} UTC, which is before Paramedic was installed here",
            expected=f"a time after {installed:%Y-%m-%d}",
            because="no certificate that is valid now was valid then: every TLS connection fails",
            hint=_HINT,
        )
    limit = context.threshold("clock_steps", 5)
    if len(steps) >= limit:
        last = _signed(steps[-1][1])
        return context.warning(
            CLOCK,
            observed=f"the clock was stepped {len(steps)} times within an hour, the last time by {last}",
            expected=f"fewer than {limit:g} steps",
            because="two services set it against each other, or the machine is paused again and again",
            hint="leave one time service (`systemctl list-units '*ntp*' '*chrony*' '*timesync*'`); in a virtual "
            "machine, turn off the other side's",
            clock_steps=len(steps),
        )
    step = f"; it was stepped by {_signed(steps[-1][1])}" if steps else ""
    try:
        kept = timekeeping.read()
    except (OSError, AttributeError) as error:  # the latter where the C library has no such call
        return context.info(f"whether a time service keeps the clock right cannot be told here: {error}{step}")
    if kept.is_synchronised:
        return _synchronised(kept, step, context)
    was_kept = context.memory.get("was kept") is True
    lost_s = lasting(context, "lost", holds=was_kept)
    if lost_s is not None and lost_s >= context.threshold("unsynchronised_for_s", 3600):
        return context.warning(
            CLOCK,
            observed=f"the time service that kept the clock right has been gone for {duration(lost_s)}",
            expected="a clock that is kept right",
            because=f"it may be off by {kept.error_s:.1f} s by now",
            hint=_HINT,
        )
    return context.info(f"no time service keeps the clock right, as far as the kernel knows{step}")


def _synchronised(kept: timekeeping.Timekeeping, step: str, context: Context) -> Finding:
    context.memory["was kept"] = True
    lasting(context, "lost", holds=False)
    limit = context.threshold("clock_offset_s", 1)
    if abs(kept.offset_s) >= limit:
        return context.warning(
            CLOCK,
            observed=f"the clock is off by {_signed(kept.offset_s)}",
            expected=f"less than {limit:g} s",
            because="the time service says so and corrects it only slowly",
            hint="let it step the clock once: `chronyc makestep`",
            clock_offset_s=kept.offset_s,
        )
    observed = f"a time service keeps the clock right, off by {abs(kept.offset_s):.3f} s"
    return context.info(f"{observed}{step}") if step else context.ok(observed, clock_offset_s=kept.offset_s)


def _steps(context: Context, now: datetime) -> deque[tuple[float, float]]:
    """When the clock was stepped within the last hour, and by how much, as far as looks have seen it."""
    steps = context.memory.setdefault("steps", deque(maxlen=100))
    assert isinstance(steps, deque)
    monotonic = context.clock.monotonic()
    apart = now.timestamp() - monotonic
    before = context.memory.get("apart")
    context.memory["apart"] = apart
    if isinstance(before, float) and abs(apart - before) >= _STEP_S:
        steps.append((monotonic, apart - before))
    while steps and monotonic - steps[0][0] > _STEPS_OVER_S:
        steps.popleft()
    return steps


def _installed() -> datetime | None:
    try:
        return datetime.fromtimestamp(_OWN_FILE.stat().st_mtime, UTC)
    except OSError:
        return None


def _signed(seconds: float) -> str:
    sign = "+" if seconds >= 0 else "-"
    return f"{sign}{duration(abs(seconds))}" if abs(seconds) >= 10 else f"{seconds:+.3f} s"
