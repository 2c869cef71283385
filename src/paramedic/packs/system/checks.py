"""Does too much fail at once?"""

from paramedic.packs.guards.target import Guards
from paramedic.sdk import Code, Context, Evidence, Finding, IssueType, Status, check

CRITICAL = Code(
    id="system.critical",
    type=IssueType.OUTAGE,
    summary="several of the guards of a service are in trouble at once",
    instant=True,
    depth=4,  # it is the reason to see to all of them together
)
_FAILURES = 3


@check(CRITICAL, of=Guards, timeout_s=5, every_s=10, judges_others=True, id="system.critical")
async def critical(target: Guards, context: Context) -> Finding:
    """Not several of a service's guards are in trouble at once.

    Looks at: what the other checks of the guards found when they looked last: breakers, budgets, state files, flags,
    kept calls and labels; ``failures`` (3) different troubles at the same time are too many.
    Why: each has its own cure; several at once have been damaged together, and are brought back together, in order.
    By hand: ``paramedic breakers``; ``paramedic budget status``; ``paramedic flags validate``; ``paramedic status``
    Healed by: full-recovery, after an approval.
    """
    del target
    others = [each for each in context.found(context.component.name) if each.check != context.check]
    failing = {each.code: each for each in others if each.status.is_failing and each.code}
    limit = context.threshold("failures", _FAILURES)
    # Where so many might be in trouble, but some of these checks could not look, nobody knows.
    blind = {each.check for each in others if each.status is Status.UNKNOWN}
    if not others:
        return context.unknown("no other check of the guards has looked yet")
    if len(failing) < limit <= len(failing) + len(blind):
        names = ", ".join(f"`{each}`" for each in sorted(blind))
        return context.unknown(f"{len(failing)} of its guards in trouble, and {names} could not look")
    if len(failing) < limit:
        return context.ok(f"{len(failing)} of its guards in trouble")
    return context.critical(
        CRITICAL,
        observed=f"{len(failing)} troubles at once: {', '.join(f'`{each}`' for each in sorted(map(str, failing)))}",
        expected=f"fewer than {limit:g}",
        because="they were found by different checks at the same time",
        hint="`paramedic plan` shows the seven steps of full-recovery, which waits for an approval",
        evidence=tuple(Evidence(label=str(code), text=each.observed) for code, each in sorted(failing.items())),
        failing=float(len(failing)),
    )
