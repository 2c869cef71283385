"""Does the holder of a lock live?"""

from paramedic.sdk import Code, Context, Finding, IssueType, check
from paramedic_lockfile.target import Lockfile, lives

STALE = Code(
    id="lockfile.stale",
    type=IssueType.OUTAGE,
    summary="a lock was left behind by a process that is gone",
    depth=2,
    instant=True,
)


@check(STALE, of=Lockfile, id="lockfile.is-held", timeout_s=5, every_s=10)
async def is_held(lock: Lockfile, context: Context) -> Finding:
    """Whoever holds the lock is alive.

    Looks at: the process id in the file, and whether there is such a process.
    Why: a job that was killed leaves its lock, and no other job begins any more.
    By hand: ``ps -p "$(cat FILE)"``
    Healed by: remove-stale-lock.
    """
    try:
        holder = lock.holder()
    except (OSError, ValueError) as error:
        return context.unknown(f"`{lock.path.name}` cannot be read: {error}", hint="look at what it holds")
    if holder is None:
        return context.ok("nobody holds the lock")
    if lives(holder):
        return context.ok(f"pid {holder} holds the lock")
    return context.critical(
        STALE,
        observed=f"`{lock.path.name}` names pid {holder}, and there is no such process",
        expected="no lock, or one of a living process",
        because="the file says so itself",
        hint="remove the file",
        path=lock.path,
        line=1,
    )
