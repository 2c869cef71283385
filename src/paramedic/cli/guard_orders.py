"""Orders to guards: plans with receipts where a service file names the guards, else told to their processes."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from paramedic.cli.guard_place import Declared, Place, guards
from paramedic.cli.listing import show_json
from paramedic.cli.output import complain
from paramedic.cli.surroundings import ask, who
from paramedic.model.errors import ConfigurationError, NotNow, ParamedicError, StoreError, Unusable, UsageError
from paramedic.model.wire import Json

_ACTION = "guards.order"
_NO_ANSWER = "does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What became of an order."""

    pids: tuple[int, ...] = ()
    """The processes that carried it out."""
    plans: tuple[str, ...] = ()
    """Where its receipts are."""
    lines: tuple[str, ...] = field(default=())
    """What there is to say beside."""

    def __add__(self, other: "Told") -> "Told":
        pids = tuple(sorted({*self.pids, *other.pids}))
        return Told(pids=pids, plans=self.plans + other.plans, lines=self.lines + other.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """An order before it is given."""

    kind: str
    name: str
    verb: str
    settings: Mapping[str, Any]  # Any: plain JSON values
    pids: tuple[int, ...] | None
    files: tuple[Path, ...]

    def params(self) -> dict[str, Json]:
        """As those of the action."""
        beside: dict[str, Json] = {"files": [str(each.absolute()) for each in self.files]} if self.files else {}
        if self.pids is not None:
            beside["pids"] = list(self.pids)
        return {"kind": self.kind, "name": self.name, "verb": self.verb, "settings": dict(self.settings), **beside}


def tell(
    where: Place,
    kind: str,
    name: str,
    verb: str,
    *,
    pids: tuple[int, ...] | None = None,
    files: Sequence[Path] = (),
    **settings: Any,
) -> Told:
    """Have guards do something in every process that has them, or in some; mend `files`, state files, beside.

    Raises:
        UsageError: there is no such guard, or one of them refused.
        NotNow: one of them does not answer.
        Unusable: a file cannot be made whole.
    """
    wanted = _Wanted(kind=kind, name=name, verb=verb, settings=settings, pids=pids, files=tuple(files))
    found = guards(where, kind)
    if not files and not any(name in ("*", each["name"]) for _, each in found):
        known = sorted({f"`{each['name']}`" for _, each in found})
        told = f"`{name}`" if name != "*" else "at all"
        raise UsageError(
            f"no running process has a guard of kind `{kind}` {told}",
            hint=f"there are {', '.join(known)}" if known else "`--dir` names the folder where a service shows them",
        )
    if where.declared is None:
        return _directly(where, wanted)
    try:
        return _as_plans(where, where.declared, wanted)
    except (StoreError, ConfigurationError) as error:  # who must close a breaker now cannot wait for a store
        complain(f"the order leaves no receipt: {error}")
        return _directly(where, wanted)


def _as_plans(where: Place, declared: Declared, wanted: _Wanted) -> Told:
    """By whoever owns the node: one plan for each component that has such guards."""
    told = Told()
    params = wanted.params()
    for folder in where.folders:
        for component in declared.components(folder):
            order: dict[str, Json] = {
                "component": component.name,
                "action": _ACTION,
                "with": dict(params),
                "checks": [],
            }
            told += _outcome(ask(declared.service, declared.registry, "act", order))
            params.pop("files", None)  # the first has mended them
    if not told.pids and not wanted.files:
        raise UsageError(
            "no process of the service has such a guard", hint="`--dir` reaches every process that is shown in a folder"
        )
    return told


def _outcome(result: Mapping[str, Json]) -> Told:
    plans, receipts = result["plans"], result.get("receipts")
    assert isinstance(plans, list)
    (plan,) = plans
    assert isinstance(plan, dict)
    proofs = [each for each in receipts if isinstance(each, dict)] if isinstance(receipts, list) else []
    if not result["verified"]:
        why = [str(each["detail"]) for each in proofs if each["phase"] == "failed"] or [str(plan["why_ended"])]
        raise _failure(why[-1], f"`paramedic receipts {plan['id']}`")
    told = [each["output"] for each in proofs if each["phase"] == "done" and isinstance(each["output"], dict)]
    pids = [int(str(pid)) for each in told for pid in _list(each, "done")]
    lines = [str(line) for each in told for line in _list(each, "told")]
    return Told(pids=tuple(pids), plans=(str(plan["id"]),), lines=tuple(lines))


def _failure(why: str, hint: str | None = None) -> ParamedicError:
    """Who is to do what about an order that was not carried out, as the kind of error."""
    from paramedic.guard.outside import REFUSED, UNMENDED

    kinds = {REFUSED: UsageError, _NO_ANSWER: NotNow, UNMENDED: Unusable}
    return next((kind for words, kind in kinds.items() if words in why), ParamedicError)(why, hint=hint)


def _list(output: Mapping[str, Json], name: str) -> list[Json]:
    found = output.get(name)
    return found if isinstance(found, list) else []


def _directly(where: Place, wanted: _Wanted) -> Told:
    from paramedic.cli.rehearsal import is_rehearsal, would
    from paramedic.guard.outside import Order, ask, mend

    if is_rehearsal():
        pids = ", ".join(map(str, wanted.pids)) if wanted.pids is not None else "every process that has it"
        told = f"`{wanted.verb}` would be said to `{wanted.name}` ({wanted.kind}) in {pids}"
        would(told, *(f"`{path}` would be mended where it is damaged" for path in wanted.files))
    lines: list[str] = []
    for path in wanted.files:
        try:
            lines += [*mend(path.absolute()), f"`{path.name}` is whole"]
        except OSError as error:
            raise Unusable(str(error)) from None
    order = Order(kind=wanted.kind, name=wanted.name, verb=wanted.verb, settings=wanted.settings, pids=wanted.pids)
    answers: dict[int, str] = {}
    for folder in where.folders:
        answers |= ask(order, at=folder)
    bad = [f"pid {pid}: {_said(answer)}" for pid, answer in answers.items() if answer != "done"]
    if bad:
        raise _failure("; ".join(bad))
    if not (answers or lines):
        raise NotNow("the process ended meanwhile")
    return Told(pids=tuple(sorted(answers)), lines=tuple(lines))


def _said(answer: str) -> str:
    from paramedic.guard.outside import SILENT

    return _NO_ANSWER if answer == SILENT else answer


def told(style: str, done: Told, line: str) -> None:
    """What was done, in a line or as JSON."""
    if style == "json":
        show_json({"done": list(done.pids), "plans": list(done.plans), "told": list(done.lines)})
        return
    if done.pids:
        click.echo(f"{line} (pid {', '.join(map(str, done.pids))})")
    for each in done.lines:
        click.echo(each)


def asked_by() -> str:
    """Who gives the order, for the reason that the process shows."""
    return who() if os.name == "posix" else "somebody"


def values(pairs: Iterable[str], example: str = "failure_threshold=8") -> dict[str, Any]:
    """``key=value`` as settings: numbers are numbers, everything else is text.

    Raises:
        UsageError: one has no ``=``.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise UsageError(f"`{pair}` is no setting", hint=f"write `{example}`")
        found[key.strip()] = _value(value.strip())
    return found


def _value(text: str) -> Any:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?(\d+\.?\d*|\.\d+)(e-?\d{1,2})?", text, re.IGNORECASE):
        return float(text)
    return {"none": None, "true": True, "false": False}.get(text.lower(), text)
