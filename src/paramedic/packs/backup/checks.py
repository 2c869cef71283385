"""Whether there is a backup, fresh and whole."""

from dataclasses import dataclass

from paramedic.model.component import BackupPolicy
from paramedic.packs.backup import codes
from paramedic.sdk import Context, Depth, Evidence, Finding, check, shelf
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.shelf import Shelved
from paramedic.sdk.volume import amount, duration

_GRACE_S = 600.0
_READ_AGAIN_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What reading a backup from end to end said, and when."""

    id: str
    damage: str
    at: float


@check(codes.MISSING, codes.STALE, codes.DAMAGED, of=BackupPolicy, every_s=300.0, timeout_s=120.0, depth=Depth.NORMAL)
async def fresh_and_whole(policy: BackupPolicy, context: Context) -> Finding:
    """There is a backup that is young enough and can be restored.

    Looks at: the newest backup of a component that declares `backup:`: its manifest, its age, its files by their
    digests (once a day while watching), and what came of the last try to restore it into a scratch place. It may be
    late by ``backup_late_s`` (a tenth of its interval), and the first one by ``backup_grace_s`` (a few minutes).
    Why: a backup that nobody looks at is missed on the day it is needed.
    By hand: `paramedic backup list COMPONENT`, `paramedic backup verify COMPONENT`.
    Healed by: make-backup, which makes a new one; the watch makes them on schedule anyway.
    """
    name, state_dir = context.component.name, context.service.settings.state_dir
    found = await in_thread(shelf.shelved, state_dir, name)
    broken = await in_thread(shelf.unreadable, state_dir, name)
    failure = await in_thread(shelf.last_failure, state_dir, name)
    first = float(str(context.memory.setdefault("first", context.clock.monotonic())))
    is_early = context.looks_again and context.clock.monotonic() - first < context.threshold("backup_grace_s", _GRACE_S)
    because = f"the last try failed: {failure}" if failure else ""
    hint = f"`paramedic backup create {name}` makes one now and says what is in its way"
    if not found and not broken:
        if is_early and not failure:
            return context.info("there is no backup yet; the first one is due")
        return context.warning(
            codes.MISSING,
            observed="there is no backup",
            expected=f"one that is not older than {duration(policy.every_s)}",
            because=because,
            hint=hint,
        )
    if broken and (not found or broken[0].name > found[0].folder.name):
        return _damaged(context, f"`{broken[0].name}`: its manifest is missing or was changed", hint)
    newest = found[0]
    if damage := await _damage(newest, context):
        return _damaged(context, f"`{newest.set.id}`: {damage}", hint)
    age_s = (context.clock.now() - newest.set.at).total_seconds()
    late_s = policy.every_s + context.threshold("backup_late_s", max(_GRACE_S, policy.every_s / 10))
    size, restore_s = float(newest.set.size), newest.proof.took_s
    if age_s > late_s and not (is_early and not failure):
        return context.warning(
            codes.STALE,
            observed=f"the newest backup is {duration(age_s)} old",
            expected=f"at most {duration(policy.every_s)}",
            because=because,
            hint=hint,
            evidence=(Evidence(label="newest backup", text=f"{newest.set.id} of {newest.set.at:%Y-%m-%d %H:%M} UTC"),),
            age_s=age_s,
            size_bytes=size,
            restore_s=restore_s,
        )
    return context.ok(
        f"the newest backup is {duration(max(0.0, age_s))} old, has {amount(newest.set.size)} and was restored in "
        f"{newest.proof.took_s:.1f} s",
        age_s=age_s,
        size_bytes=size,
        restore_s=restore_s,
    )


def _damaged(context: Context, why: str, hint: str) -> Finding:
    return context.warning(
        codes.DAMAGED,
        observed=f"the newest backup is worth nothing: {why}",
        expected="files as they were saved, which can be restored",
        because="it was read from end to end",
        hint=hint,
    )


async def _damage(newest: Shelved, context: Context) -> str:
    """What is wrong with it; while watching it is read from end to end once a day."""
    proof = newest.proof
    if not proof.is_good:
        return proof.how
    now = context.clock.monotonic()
    known = context.memory.get("read")
    # a damaged one is read again at each look: it may be put right
    if isinstance(known, _Read) and known.id == newest.set.id and not known.damage and now - known.at < _READ_AGAIN_S:
        return await in_thread(newest.misses)
    damage = await in_thread(newest.damage)
    context.memory["read"] = _Read(id=newest.set.id, damage=damage, at=now)
    return damage
