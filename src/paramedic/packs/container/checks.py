"""How a unit is, asked of whoever runs it."""

from collections import deque

from paramedic.packs.container.codes import CRASH_LOOP, EXITED, IMAGE_MISSING, MISSING, OOM_KILLED, UNHEALTHY
from paramedic.sdk import Context, Desired, Evidence, Finding, Owner, check, owning, told
from paramedic.sdk.owning import CannotAsk, is_owned
from paramedic.sdk.unit import State, Unit

_WINDOW_S = 600.0
_RESTARTS = 3
_MIB = 1024 * 1024


@check(EXITED, MISSING, CRASH_LOOP, UNHEALTHY, OOM_KILLED, IMAGE_MISSING, of=Owner, timeout_s=15, every_s=15)
async def state(owner: Owner, context: Context) -> Finding:
    """The unit runs, stays up and is healthy, says whoever runs it.

    Looks at: ``systemctl show``, ``docker inspect``, ``docker compose ps``, ``kubectl get``, ``supervisorctl status``,
    ``sv status`` or the declared ``status`` command. It does so for every component that names its ``owner``. Three
    restarts of the owner's own within ten minutes are a loop (thresholds ``restarts_critical``, ``restarts_window_s``);
    of an owner that does not count them, as many new runs as the settings call a crash loop.
    Why: the owner knows what no probe from outside sees: that it is brought back again and again, that the kernel
    killed it for want of memory, that its image is gone.
    By hand: ``systemctl status UNIT``; ``docker inspect NAME``; ``kubectl describe deployment/NAME``;
    ``supervisorctl status NAME``; ``sv status NAME``
    Healed by: restart-component, through the owner, where it does not run or is unhealthy; raise-limit, on approval,
    where it was killed for want of memory. A crash loop, a missing image and an unknown name go to a person.
    """
    if not is_owned(context.component):
        return context.info("Paramedic starts it itself")
    try:
        unit = await owning.look(context.component, context.service.path.parent, max(0.5, context.remaining_s - 0.5))
    except CannotAsk as error:
        if context.component.kind != "container":
            # what the component does is judged by the checks of its kind; this only bars the way to a restart
            return context.info(f"its owner cannot be asked, so it cannot be restarted from here: {error}")
        return context.unknown(str(error), hint=f"let the user who runs Paramedic use `{_program(owner)}`")
    if context.processes.facts(context.component).desired is Desired.STOPPED and not unit.is_up:
        return context.info(f"stopped on purpose ({unit.said}); `paramedic start` brings it back")
    return _judge(unit, owner, context, _again(unit, context))


def _judge(unit: Unit, owner: Owner, context: Context, restarts: int) -> Finding:
    who, logs = _program(owner), _logs(owner)
    most, window_s = _limits(unit, context)
    if unit.lacks_image:
        return context.critical(
            IMAGE_MISSING,
            observed=f"its image cannot be had: {unit.lacks_image}",
            expected="an image that is there, or can be pulled",
            hint="correct the name of the image, or push or pull it again",
        )
    if unit.state is State.MISSING:
        return context.critical(
            MISSING,
            observed=f"{owner.manager} has no `{owner.unit}`: {unit.said}",
            expected="a unit of that name",
            hint="create it, or correct its name (and `options`) in the service file",
        )
    is_counted = unit.restarts is not None
    is_looping = restarts >= most or unit.state is State.GIVEN_UP
    is_looping |= unit.state is State.RESTARTING and (not is_counted or (unit.restarts or 0) >= most)
    if unit.was_short_of_memory and (not unit.is_up or is_looping):
        return context.critical(
            OOM_KILLED,
            observed=f"it was killed for want of memory: {unit.said}",
            expected=f"to live within {_memory(unit)}",
            because="the kernel kills what passes its limit",
            hint=f"grant it more, or find what grows; {logs} shows its last words",
        )
    if is_looping:
        times = f"{restarts} times within {window_s:g} s" if restarts >= most else "again and again"
        return context.critical(
            CRASH_LOOP,
            observed=f"it ended {times}: {unit.said}",
            expected="to stay up",
            because=f"{who} has given up" if unit.state is State.GIVEN_UP else f"{who} brings it back each time",
            hint=f"{logs} shows why it ends",
        )
    if unit.state in (State.EXITED, State.STOPPED, State.RESTARTING):
        start = owning.command(owner, "start", replicas=unit.replicas or 1)
        return context.critical(
            EXITED,
            observed=f"it does not run: {unit.said}",
            expected="a running unit",
            hint=f"`{' '.join(start)}` starts it; {logs} shows why it ended",
            evidence=(Evidence(label=who, text=unit.said),),
        )
    if unit.is_healthy is False:
        return context.critical(
            UNHEALTHY,
            observed=f"its own probe fails: {unit.said}",
            expected="a healthy unit",
            hint=f"{logs} shows what it does",
        )
    if unit.was_short_of_memory:
        return context.warning(
            OOM_KILLED,
            observed=f"its run before this one was killed for want of memory; now: {unit.said}",
            expected=f"to live within {_memory(unit)}",
            hint="grant it more, or find what grows",
        )
    if unit.state is State.STARTING:
        return context.info(f"it starts: {unit.said}")
    return context.ok(unit.said, **({"restarts": float(unit.restarts)} if unit.restarts is not None else {}))


def _again(unit: Unit, context: Context) -> int:
    """How often it came back within the window, as far as these looks can tell."""
    now = context.clock.monotonic()
    looks = context.memory.setdefault("looks", deque[tuple[float, str, int]]())
    assert isinstance(looks, deque)
    if unit.run or unit.restarts is not None:
        looks.append((now, unit.run, unit.restarts or 0))
    while looks and now - looks[0][0] > _limits(unit, context)[1]:
        looks.popleft()
    pairs = list(zip(looks, list(looks)[1:], strict=False))
    if unit.restarts is not None:
        return sum(max(0, later[2] - earlier[2]) for earlier, later in pairs)
    return sum(earlier[1] != later[1] for earlier, later in pairs)


def _limits(unit: Unit, context: Context) -> tuple[float, float]:
    """So many restarts within so many seconds are a loop. New runs may be of our own making, so they must be more."""
    settings = context.service.settings
    counted = (_RESTARTS, _WINDOW_S)
    most, window_s = counted if unit.restarts is not None else (settings.crash_loop_exits, settings.crash_loop_window_s)
    return context.threshold("restarts_critical", most), context.threshold("restarts_window_s", window_s)


def _memory(unit: Unit) -> str:
    return f"its limit of {unit.memory_bytes / _MIB:.0f} MiB" if unit.memory_bytes else "the memory of its machine"


def _program(owner: Owner) -> str:
    return " ".join(owning.TABLE[owner.manager].program) or owner.commands.get("status", ("its owner",))[0]


def _logs(owner: Owner) -> str:
    match owner.manager:
        case "systemd":
            return f"`journalctl --unit {owner.unit}`"
        case "docker" | "compose":
            return f"`{_program(owner)} logs {owner.unit}`"
        case "kubernetes":
            return f"`kubectl logs {told.kubernetes_name(owner.unit)} --previous`"
        case "supervisord":
            return f"`supervisorctl tail {owner.unit} stderr`"
    return "its log"
