"""What was changed before something failed, and which of it may be the cause."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from paramedic.diagnosis.correlate import explains
from paramedic.diagnosis.trouble import Trouble
from paramedic.diagnosis.weighing import Weighing
from paramedic.model.change import OURSELVES, Change, ChangeKind
from paramedic.model.code import IssueType
from paramedic.model.receipt import Phase, Receipt
from paramedic.model.service import Service

SUSPECT = "change.suspect"
"""The code of a change that is taken for a cause."""
_SAME = timedelta(seconds=5)
"""A file tells of its change a moment before or after the receipt of who changed it."""
_REVERTIBLE = frozenset({ChangeKind.CONFIG})
_BY_ACTION: Mapping[str, ChangeKind] = {
    "process.restart": ChangeKind.RESTART,
    "process.stop": ChangeKind.RESTART,
    "process.clear-stale": ChangeKind.RESTART,
    "config.reload-dependants": ChangeKind.RESTART,
    "pool.reset": ChangeKind.RESTART,
    "memory.relieve": ChangeKind.RESTART,
    "config.put": ChangeKind.CONFIG,
    "config.reset": ChangeKind.CONFIG,
    "config.restore": ChangeKind.CONFIG,
    "config.revert": ChangeKind.CONFIG,
    "python.install-package": ChangeKind.PACKAGE,
    "llm.pull-model": ChangeKind.DEPLOYMENT,
    "llm.refetch-model": ChangeKind.DEPLOYMENT,
    "release.switch": ChangeKind.DEPLOYMENT,
    "guards.order": ChangeKind.FLAG,
    "breaker.reset": ChangeKind.FLAG,
    "breaker.retune": ChangeKind.FLAG,
    "flags.baseline": ChangeKind.FLAG,
    "flags.enter-emergency": ChangeKind.FLAG,
    "flags.leave-emergency": ChangeKind.FLAG,
    "budget.reset-tripwire": ChangeKind.FLAG,
    "metrics.cap": ChangeKind.FLAG,
}
_ORDERED = frozenset({"config.put", "guards.order"})
"""Actions that only a person asks for: the change is theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """A change with its time on the clock of the troubles."""

    change: Change
    at_s: float


def proven(receipts: Iterable[Receipt]) -> tuple[Change, ...]:
    """The changes that receipts prove: restarts, restored files, guards that were given orders."""
    return tuple(
        Change(
            at=each.at,
            kind=kind,
            component=each.component,
            what=f"{each.action}: {each.detail}".removesuffix(": "),
            by="somebody's order" if each.action in _ORDERED else OURSELVES,
        )
        for each in receipts
        if each.phase in (Phase.DONE, Phase.UNDONE) and (kind := _BY_ACTION.get(each.action))
    )


def told_once(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Newest first, without what a file tells of a change that somebody told already."""
    found: dict[Change, None] = {}
    times: dict[tuple[str | None, ChangeKind], list[datetime]] = defaultdict(list)
    for each in sorted(changes, key=lambda change: (not change.by, change.at)):
        known = times[each.component, each.kind]
        if each.by or not any(abs(each.at - other) <= _SAME for other in known):
            found[each] = None
            known.append(each.at)
    return tuple(sorted(found, key=lambda change: change.at, reverse=True))


def before(changes: Sequence[Dated], onset_s: float, within_s: float) -> tuple[Dated, ...]:
    """Those that were made within so long before the onset, newest first."""
    near = [each for each in changes if 0 <= onset_s - each.at_s <= within_s]
    return tuple(sorted(near, key=lambda each: each.at_s, reverse=True))


def suspected(
    service: Service,
    troubles: Sequence[Trouble],
    changes: Sequence[Dated],
    weighing: Weighing,
    *,
    excused: Collection[str] = (),
    is_stubborn: bool = False,
) -> tuple[Trouble, ...]:
    """Troubles that no check finds: a file that looks valid and was changed just before what needs it began to fail.

    Only what can be taken back is suspected so, and only of symptoms that nothing else explains; a dead process is a
    reason of its own until a restart did not help (``is_stubborn``). ``excused``: what was suspected in vain.
    """
    failing = {each.component for each in troubles}

    def is_reason(other: Trouble, effect: Trouble) -> bool:
        is_own = other.component == effect.component and other.depth > 0 and other.status.rank >= effect.status.rank
        return explains(service, other, effect) or (is_own and not is_stubborn)

    unexplained = [each for each in troubles if not any(is_reason(other, each) for other in troubles)]
    found: dict[str, Trouble] = {}
    for effect in unexplained:
        for each in before(changes, effect.onset_s, weighing.change_suspect_s):
            name = each.change.component
            is_candidate = name in service.components and name not in failing and name not in excused
            if not is_candidate or each.change.is_ours or each.change.kind not in _REVERTIBLE:
                continue
            assert name is not None
            known = found.get(name)
            if name in service.needs(effect.component) and (known is None or known.status.rank < effect.status.rank):
                found[name] = Trouble(
                    component=name,
                    check="change",
                    code=SUSPECT,
                    type=IssueType.CONFIG,
                    status=effect.status,
                    depth=weighing.root_depth,
                    onset_s=each.at_s,
                    is_guess=True,
                )
    return tuple(found.values())
