"""Our side of the conversation with the child that reads data files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.data.target import Data
from paramedic.sdk.child import Answer, Child, NoAnswer
from paramedic.sdk.manifest import place, read_manifest

__all__ = ["Answer", "Asked", "NoAnswer", "everything", "judged", "judged_now", "lines_only_in"]

_MEMORY = 4 << 30
_CHILD = Child(module="paramedic.packs.data.inside.child", called="the reader", with_packages=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A file to be judged."""

    path: Path
    digest: str | None
    """What its manifest says."""
    content: Path | None = None
    """A copy to be read instead."""


def everything(target: Data) -> list[Asked]:
    """Every file: those of the service file, and those that the manifest lists besides.

    Raises:
        NoManifest: there is one, and it cannot be used.
    """
    digests = dict(read_manifest(target.manifest)) if target.manifest else {}
    known = {place(each): each for each in target.files}
    found = [Asked(path=path, digest=digests.get(where)) for where, path in known.items()]
    return found + [Asked(path=path, digest=digest) for path, digest in digests.items() if path not in known]


async def judged(target: Data, files: Sequence[Asked], limit_s: float) -> list[list[Answer]]:
    """What is wrong with each file, or with the copy of it that is to be read instead.

    Raises:
        NoAnswer: it could not be found out.
    """
    answers: list[list[Answer]] = await _CHILD.ask("judge", limit_s, memory=_MEMORY, **_order(target, files))
    return answers


def judged_now(target: Data, files: Sequence[Asked], limit_s: float) -> list[list[Answer]]:
    """The same for a thread that may block."""
    answers: list[list[Answer]] = _CHILD.ask_now("judge", limit_s, memory=_MEMORY, **_order(target, files))
    return answers


def _order(target: Data, files: Sequence[Asked]) -> dict[str, object]:
    return {
        "files": [(str(each.content or each.path), target.written_as(each.path), each.digest) for each in files],
        "required": target.required,
        "schema": target.schema,
    }


async def lines_only_in(path: Path, other: Path, limit_s: float) -> int:
    """How many lines the first file holds that the other does not.

    Raises:
        NoAnswer: it could not be found out.
    """
    return int(await _CHILD.ask("unlike", limit_s, memory=_MEMORY, path=path, other=other))
