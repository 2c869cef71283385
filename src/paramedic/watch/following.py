"""Which components' files have changed, told as it happens. A file that does not answer holds up nobody else."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from pathlib import Path

from paramedic.sdk.blocking import in_thread
from paramedic.watch.node import Node

_log = logging.getLogger("paramedic.watch")
_EVERY_S = 0.25
_LIMIT_S = 2.0
"""A look at files takes less than a millisecond; on a share whose server is gone, it takes for ever."""
_Files = Callable[[], tuple[Path, ...]]
_Stamps = dict[Path, tuple[int, int, int] | None]


async def changed_files(node: Node) -> AsyncGenerator[str, None]:
    """The names of components, each whenever one of its files is another than a moment ago.

    Looked at on a thread. A component whose files do not answer is left out until they do.
    """
    seen: dict[str, _Stamps] = {}
    stuck: dict[str, asyncio.Future[None]] = {}
    while True:
        stuck = {name: look for name, look in stuck.items() if not look.done()}
        asked = {name: files for name, files in _files(node).items() if name not in stuck}
        found: dict[str, _Stamps] = {}
        look = asyncio.ensure_future(in_thread(_look, asked, found))
        await asyncio.wait((look,), timeout=_LIMIT_S)
        if look.done():
            look.result()
        elif late := next((name for name in asked if name not in found), None):
            stuck[late] = look
            _log.warning("the files of %s do not answer; it is looked at by the clock alone until they do", late)
        for name, stamps in found.copy().items():
            known = seen.setdefault(name, {})
            if any(known.setdefault(path, stamp) != stamp for path, stamp in stamps.items()):
                yield name
            known.update(stamps)
        await node.clock.sleep(_EVERY_S)


def _files(node: Node) -> dict[str, _Files]:
    kinds = node.registry.kinds
    components = node.service.components.values()
    return {each.name: partial(kinds[each.kind].files, each.target) for each in components if each.kind in kinds}


def _look(asked: Mapping[str, _Files], found: dict[str, _Stamps]) -> None:
    """One after the other, so that whoever waits knows at which of them it stands."""
    for name, files in asked.items():
        found[name] = {path: _stamp(path) for path in files()}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
