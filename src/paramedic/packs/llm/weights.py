"""Is the model's file what it was: there, as large as it should be, with a sound header and the recorded digest?"""

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.llm import codes, gguf, safetensors
from paramedic.packs.llm.header import Damaged, Header
from paramedic.packs.llm.target import Llm
from paramedic.sdk import Context, Depth, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import NotAFile, open_regular
from paramedic.sdk.manifest import NoManifest, place, read_manifest
from paramedic.sdk.volume import amount

_CHUNK = 4 << 20
_AGAIN_S = 86_400.0
"""A file whose size and time have not changed is read whole once a day all the same: disks forget."""
_NAMED_BY_DIGEST = re.compile(r"(?:sha256[-:])?([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a file has to be."""

    size: int | None
    sha256: str | None
    told_by: str = ""
    """Who says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What changes when a file is written to."""

    device: int
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """That of a file now."""
        seen = path.stat()
        return cls(device=seen.st_dev, inode=seen.st_ino, size=seen.st_size, modified_ns=seen.st_mtime_ns)


def expected_of(server: Llm) -> Expected:
    """By the service file, the manifest, or the file's own name.

    Raises:
        NoManifest: it is declared and cannot be used.
    """
    assert server.file is not None
    if server.file_sha256:
        return Expected(size=server.file_bytes, sha256=server.file_sha256.lower(), told_by="`file_sha256`")
    if server.manifest and (found := read_manifest(server.manifest).get(place(server.file))):
        return Expected(size=server.file_bytes, sha256=found, told_by=f"`{server.manifest.name}`")
    named = _NAMED_BY_DIGEST.fullmatch(Path(os.path.realpath(server.file)).name)
    return Expected(size=server.file_bytes, sha256=named[1] if named else None, told_by="its own name" if named else "")


def read_header(path: Path) -> Header | None:
    """Its header; ``None`` where the format is none that is known here.

    Raises:
        Damaged: it breaks its format.
        OSError: it cannot be read.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(4)
        file.seek(0)
        suffix = path.suffix.lower()
        if start == gguf.MAGIC or suffix == ".gguf":
            found = gguf.read(file, size)
        elif suffix == ".safetensors":
            found = safetensors.read(file, size)
        else:
            return None
    if size < found.needs_bytes or (found.is_exact and size != found.needs_bytes):
        more = "" if found.is_exact else "at least "
        raise Damaged(f"it holds {size} bytes, and by its own header must hold {more}{found.needs_bytes}")
    return found


def digest_of(path: Path, goes_on: Callable[[], bool] = lambda: True) -> str | None:
    """SHA-256 of a file; ``None`` where it was told to stop."""
    total = hashlib.sha256()
    with open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
            if not goes_on():
                return None
    return total.hexdigest()


@check(
    codes.FILE_CORRUPT,
    codes.FILE_MISSING,
    of=Llm,
    when=lambda server: server.file is not None,
    depth=Depth.NORMAL,
    timeout_s=120,
    every_s=60,
    id="model.file",
)
async def is_whole(server: Llm, context: Context) -> Finding:
    """The model's file is there and is what it was.

    Looks at: its size and its header (GGUF, safetensors: read with bounds, and held against the size), then its
    SHA-256, where ``file_sha256``, a ``manifest``, or its own name (as in the caches of Ollama and Hugging Face) tells
    what that should be. A file that has not changed since is read whole only once a day.
    Why: a truncated or damaged model fails when it is loaded next, or answers nonsense.
    By hand: ``sha256sum MODEL.gguf``; ``head -c 4 MODEL.gguf`` prints ``GGUF``
    Healed by: refetch-model, where ``source`` or ``fetch`` tells where it can be had again.
    """
    assert server.file is not None
    path = server.file
    try:
        wanted = expected_of(server)
        stamp = Stamp.of(path)
        if wanted.size is not None and stamp.size != wanted.size:
            text = f"it holds {stamp.size} bytes, and should hold {wanted.size}"
            return _corrupt(path, text, "`file_bytes` tells its size", context)
        header = await _header(path, stamp, context)
        if wanted.sha256 is None:
            return context.ok(_sound(path, stamp, header), file_bytes=stamp.size)
        found = await _digest(path, stamp, context)
    except NoManifest as cannot:
        return context.unknown(str(cannot), hint="write it anew with `sha256sum`")
    except FileNotFoundError:
        return _missing(path, context)
    except Damaged as damaged:
        return _corrupt(path, str(damaged), "its own header tells how it has to be", context)
    except NotAFile as other:
        return _corrupt(path, str(other), "only a file can hold a model", context)
    except OSError as error:
        return context.unknown(f"`{path}` cannot be read: {error.strerror or error}")
    if found is None:
        return context.unknown(
            f"`{path.name}` ({amount(stamp.size)}) could not be read whole in time",
            hint="raise the component's `timeout`",
        )
    if found != wanted.sha256:
        text = f"its SHA-256 is {found[:16]}…, and should be {wanted.sha256[:16]}…"
        return _corrupt(path, text, f"{wanted.told_by} tells its digest", context)
    return context.ok(
        f"{_sound(path, stamp, header)}, with the digest that {wanted.told_by} tells", file_bytes=stamp.size
    )


async def _header(path: Path, stamp: Stamp, context: Context) -> Header | None:
    """Read again only where the file has changed."""
    known = context.memory.get("header")
    if isinstance(known, tuple) and known[0] == stamp:
        return known[1] if isinstance(known[1], Header) else None
    header = await in_thread(read_header, path)
    context.memory["header"] = (stamp, header)
    return header


async def _digest(path: Path, stamp: Stamp, context: Context) -> str | None:
    """Read again only where the file has changed, and once a day."""
    known, now = context.memory.get("digest"), context.clock.monotonic()
    if isinstance(known, tuple) and known[0] == stamp and now - known[2] < _AGAIN_S:
        return str(known[1])
    until = now + context.remaining_s * 0.9
    found = await in_thread(digest_of, path, lambda: context.clock.monotonic() < until)
    if found is not None:
        context.memory["digest"] = (stamp, found, now)
    return found


def _sound(path: Path, stamp: Stamp, header: Header | None) -> str:
    shape = f"a sound {header.format} file" if header else "a file"
    return f"`{path.name}` is {shape} of {amount(stamp.size)}"


def _corrupt(path: Path, observed: str, because: str, context: Context) -> Finding:
    return context.critical(
        codes.FILE_CORRUPT,
        observed=f"`{path.name}` is damaged: {observed}",
        expected="the file as it was published",
        because=because,
        hint="`paramedic recover` fetches it again where `source` or `fetch` is declared; a running server may still "
        "use what it has in memory, and fails at its next start",
        path=path,
        evidence=(Evidence(label="file", text=str(path)),),
    )


def _missing(path: Path, context: Context) -> Finding:
    return context.critical(
        codes.FILE_MISSING,
        observed=f"there is no `{path}`",
        expected="the model's file",
        because="the folder above it is missing, too: perhaps a volume that is not mounted"
        if not path.parent.is_dir()
        else "",
        hint="`paramedic recover` fetches it again where `source` or `fetch` is declared; or correct `file`",
        path=path,
    )
