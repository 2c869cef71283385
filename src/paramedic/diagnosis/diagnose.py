"""From what fails, what was seen and what was changed to one answer, or to saying why there is none."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from paramedic.diagnosis.changes import SUSPECT, Dated, before, suspected
from paramedic.diagnosis.classify import classify
from paramedic.diagnosis.rank import rank_suspects
from paramedic.diagnosis.sight import Sight
from paramedic.diagnosis.trouble import Trouble
from paramedic.diagnosis.weighing import Weighing
from paramedic.model.change import Change
from paramedic.model.code import Code, IssueType
from paramedic.model.incident import Suspect
from paramedic.model.service import Service

_MOST_CHANGES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is thought of troubles that are one story."""

    suspects: tuple[Suspect, ...]
    type: IssueType
    path: tuple[str, ...]
    ruled_out: tuple[str, ...]
    """A component each, with the reason."""
    not_looked_at: tuple[str, ...]
    """A component each, with what could not be looked at."""
    changes: tuple[Change, ...]
    """Made before the onset to what may have a part in it, newest first."""
    abstained: str
    """Why the first suspect is only the best guess; empty where it is more."""

    @property
    def first(self) -> Suspect:
        """The cause, or the best guess."""
        return self.suspects[0]


def diagnose(
    service: Service,
    troubles: Sequence[Trouble],
    *,
    code_of: Callable[[str], Code],
    sight: Sight,
    weighing: Weighing,
    changes: Sequence[Dated] = (),
    excused: Collection[str] = (),
    is_stubborn: bool = False,
) -> Diagnosis | None:
    """The diagnosis of one story; ``None`` where nothing fails. See ``suspected`` for the last two."""
    if not troubles:
        return None
    guesses = suspected(service, troubles, changes, weighing, excused=excused, is_stubborn=is_stubborn)
    suspects = rank_suspects(service, (*troubles, *guesses), weighing, changes)
    first = suspects[0]
    type_, path = classify(code_of(first.code), first.component, suspects, troubles)
    around = related(service, (*troubles, *guesses))
    onset_s = min(each.onset_s for each in troubles)
    return Diagnosis(
        suspects=suspects,
        type=type_,
        path=path,
        ruled_out=tuple(_ruled_out(around, {each.component for each in suspects}, sight)),
        not_looked_at=tuple(_unseen(around, sight)),
        changes=tuple(
            each.change
            for each in before(changes, onset_s, weighing.change_window_s)
            if each.change.component is None or each.change.component in around
        )[:_MOST_CHANGES],
        abstained=_doubt(service, suspects, code_of, sight, weighing),
    )


def related(service: Service, troubles: Iterable[Trouble]) -> tuple[str, ...]:
    """What may have a part in it: what fails, what that needs, what needs it, and the machines."""
    names = list(dict.fromkeys(each.component for each in troubles))
    around = [other for name in names for other in (*service.needs(name), *service.needed_by(name))]
    return tuple(dict.fromkeys((*names, *around, *service.hosts())))


def _ruled_out(names: Sequence[str], suspects: Collection[str], sight: Sight) -> Iterator[str]:
    for name in names:
        if name in suspects or name in sight.blind:
            continue
        if name in sight.failing:
            yield f"{name}: {sight.failing[name]} does not explain it"
        elif (count := sight.passing.get(name)) and name not in sight.ordered:
            yield f"{name}: {'its check passes' if count == 1 else f'all {count} checks pass'}"


def _unseen(names: Sequence[str], sight: Sight) -> Iterator[str]:
    for name in names:
        if name in sight.blind:
            yield f"{name}: {'; '.join(sight.blind[name])}"
        elif name in sight.ordered:
            yield f"{name}: not judged: {sight.ordered[name]}"


def _doubt(
    service: Service, suspects: Sequence[Suspect], code_of: Callable[[str], Code], sight: Sight, weighing: Weighing
) -> str:
    """Why nobody should rely on the first suspect, if so."""
    first = suspects[0]
    if first.score < weighing.abstain_below:
        return f"the evidence against `{first.component}` is weak ({first.score:.2f} of 1)"
    rivals = [each for each in suspects[1:] if each.is_symptom_of is None and first.score - each.score < weighing.tie]
    if rivals:
        return f"`{first.component}` and `{rivals[0].component}` are equally likely"
    if first.code == SUSPECT or code_of(first.code).depth >= weighing.root_depth:
        return ""
    below = [*service.needs(first.component), *service.hosts()]
    unseen = [name for name in dict.fromkeys(below) if name in sight.blind and name != first.component]
    if unseen:
        names = ", ".join(f"`{each}`" for each in unseen)
        return f"it may come from {names}, which could not be looked at wholly"
    return ""
