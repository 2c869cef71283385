"""Backups by the clock, and restores that are tried by the clock: what was never restored is only a hope."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from paramedic.model.backup import BackupSet, Proof
from paramedic.model.component import BackupPolicy
from paramedic.model.wire import Json, dump
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.saving import BackupFailed
from paramedic.sdk.shelf import OWN, Shelved
from paramedic.store import insist
from paramedic.store import saving as own_store
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")
_ROUND_S = 10.0
_AGAIN_S = 60.0
_LONGEST_S = 3600.0


class BackingUp:
    """Makes the backup that is due, one at a time, and tries the restore that is due."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._not_before: dict[str, tuple[float, float]] = {}
        """By component, after a failure: when it is tried again, and the pause after the next one."""

    async def run(self) -> None:
        """For ever."""
        while True:
            if self._node.service.settings.state_backup_enabled:
                for name, policy in self._policies().items():
                    await self._attend(name, policy)
            shortest_s = min((min(each.every_s, each.drill_s) for each in self._policies().values()), default=_ROUND_S)
            await self._node.clock.sleep(min(_ROUND_S, shortest_s / 4))

    def _policies(self) -> dict[str, BackupPolicy]:
        """What is backed up, our own store included where anything is."""
        service = self._node.service
        mine = {name: each.backup for name, each in service.components.items() if each.backup}
        able = self._node.backups.names()
        found = {name: policy for name, policy in mine.items() if name in able}
        if found and own_store.file_of(service.settings.store):
            found[OWN] = BackupPolicy()
        return found

    async def _attend(self, name: str, policy: BackupPolicy) -> None:
        node = self._node
        due_at, pause_s = self._not_before.get(name, (0.0, _AGAIN_S))
        if node.clock.monotonic() < due_at or self._is_being_healed(name):
            return
        try:
            newest = next(iter(await in_thread(node.backups.all, name)), None)
            if newest is None or not newest.proof.is_good or self._is_older(newest.set.at, policy.every_s):
                made = (await in_thread(node.backups.create, name, "schedule")).set
                _log.info("%s: made `%s` in %.1f s; %s", name, made.id, made.took_s, made.proof.how)
                await self._record(name, made, made.proof)
            elif self._is_older(newest.proof.at, policy.drill_s):
                await self._drill(name, newest)
        except BackupFailed as error:
            _log.warning("%s: there is no backup: %s", name, error)
            self._not_before[name] = (node.clock.monotonic() + pause_s, min(2 * pause_s, _LONGEST_S))
        else:
            self._not_before.pop(name, None)

    async def _drill(self, name: str, newest: Shelved) -> None:
        """Restore the newest one into a scratch place; the time that takes is the time a recovery would take."""
        proof = await in_thread(self._node.backups.verify, newest)
        tell: Callable[..., None] = _log.info if proof.is_good else _log.error
        tell("%s: tried to restore `%s`: %s, in %.1f s", name, newest.set.id, proof.how, proof.took_s)
        await self._record(name, newest.set, proof)

    async def _record(self, name: str, made: BackupSet, proof: Proof) -> None:
        fact: Json = {"backup": made.id, "made_at": dump(made.at), "took_s": made.took_s, "restore": dump(proof)}
        fact = self._node.redactor.data(fact)
        await insist(self._node.store, lambda tx: tx.notes.set(f"backup.{name}", fact), self._node.clock.sleep)

    def _is_older(self, at: datetime, than_s: float) -> bool:
        """Also where it is of tomorrow, because the clock was set back."""
        age = self._node.clock.now() - at
        return not timedelta(0) <= age < timedelta(seconds=than_s)

    def _is_being_healed(self, name: str) -> bool:
        plans = self._node.attendant.running.values()
        return any(name == step.component for plan in plans for step in plan.steps)
