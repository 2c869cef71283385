"""What people order of guards. The command line comes here, so that every order is a plan and leaves receipts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paramedic.guard.clock import SYSTEM
from paramedic.guard.outside import SILENT, Order, ask, mend
from paramedic.packs.guards.ordering import WITHIN_S, target_of
from paramedic.packs.guards.seeing import Guard, seen
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action
from paramedic.sdk.blocking import in_thread

_ON_A_CALL = ("revive", "discard")
"""Orders that are refused the second time: the call is not among those that were given up any more."""


@action("guards.order", risk=Risk.DISRUPTIVE)
class OperatorOrder:
    """Have guards do what a person ordered by `paramedic breakers`, `flags`, `budget` or `tasks`.

    Params: ``kind`` and ``name`` of the guards (`*` means all of the kind), ``verb`` and its ``settings``; ``pids``,
    where only these processes are meant; ``files``, state files that are made whole beside. Nothing takes it back by
    itself.
    """

    async def preview(self, context: ActContext) -> Preview:
        wanted, files = await _addressed(context), _files(context)
        what = _what(context)
        lines = [f"{each.where}: {what}" for each in wanted] + [f"`{path.name}`: made whole" for path in files]
        loss = (f"the call {_settings(context).get('id')}",) if _verb(context) == "discard" and wanted else ()
        return Preview(summary="; ".join(lines) or _nobody(context), loss=loss)

    async def apply(self, context: ActContext) -> Outcome:
        wanted = await _addressed(context)
        answers: dict[int, str] = {}
        if wanted:
            order = Order(
                kind=str(context.params["kind"]),
                name=str(context.params["name"]),
                verb=_verb(context),
                settings=_settings(context),
                pids=tuple(sorted({each.process.pid for each in wanted})),
            )
            answers = await in_thread(ask, order, min(WITHIN_S, context.limit_s), SYSTEM, target_of(context).folder)
        context.checkpoint("mid-act")
        told = [line for path in _files(context) for line in await in_thread(_mended, path)]
        done = [pid for pid, answer in answers.items() if answer == "done"]
        if bad := _refusals(answers):
            raise ActionFailed(f"{bad}{f'; done in pid {_listed(done)}' if done else ''}")
        parts = [*([f"{_what(context)} in pid {_listed(done)}"] if done else []), *told]
        pids: list[Json] = [*sorted(done)]
        lines: list[Json] = [*told]
        return Outcome(summary="; ".join(parts) or _nobody(context), output={"done": pids, "told": lines})

    async def reconcile(self, context: ActContext) -> DidIt:
        if _verb(context) not in _ON_A_CALL:
            return DidIt.NO  # done a second time, it changes nothing more
        wanted = await _addressed(context)
        letters = [str(each["id"]) for guard in wanted for each in guard.shows["dead_letters"]]
        return DidIt.NO if _settings(context).get("id") in letters else DidIt.YES


async def _addressed(context: ActContext) -> list[Guard]:
    kind, name = str(context.params["kind"]), str(context.params["name"])
    pids = context.params.get("pids")
    return [
        each
        for each in await seen(target_of(context), context, kind)
        if name in ("*", each.name) and (not isinstance(pids, list) or each.process.pid in pids)
    ]


def _files(context: ActContext) -> list[Path]:
    files = context.params.get("files")
    return [Path(str(each)) for each in files] if isinstance(files, list) else []


def _mended(path: Path) -> list[str]:
    try:
        return [*mend(path), f"`{path.name}` is whole"]
    except OSError as error:
        raise ActionFailed(str(error)) from None


def _verb(context: ActContext) -> str:
    return str(context.params["verb"])


def _settings(context: ActContext) -> Mapping[str, Any]:  # Any: plain JSON values
    given = context.params.get("settings")
    return given if isinstance(given, dict) else {}


def _what(context: ActContext) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in _settings(context).items())
    return f"`{_verb(context)}`{f' ({settings})' if settings else ''}"


def _nobody(context: ActContext) -> str:
    return f"nobody is told anything: no process of `{context.component.name}` shows such a guard"


def _refusals(answers: Mapping[int, str]) -> str:
    said = {pid: "does not answer" if text == SILENT else text for pid, text in answers.items() if text != "done"}
    return "; ".join(f"pid {pid}: {text}" for pid, text in said.items())


def _listed(pids: Sequence[int]) -> str:
    return ", ".join(map(str, sorted(pids)))
