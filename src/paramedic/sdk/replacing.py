"""One file replaced by another content, so that a crash at any moment leaves the old or the new and tells which."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from paramedic.sdk.action import DidIt
from paramedic.sdk.context import ActContext
from paramedic.sdk.files import digest, write_whole
from paramedic.sdk.ports import ActionFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """What was done to a file; kept in the plan's workspace, because a receipt may not survive the crash."""

    before: str | None
    """Digest; ``None`` when there was no file."""
    after: str
    aside: str | None
    """Where the old content is."""
    mode: int


def digest_of(path: Path) -> str | None:
    """Digest of the file, ``None`` when there is none."""
    try:
        return digest(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ActionFailed(f"`{path}` cannot be read: {error.strerror or error}") from None


def foresee(context: ActContext, path: Path) -> None:
    """Remember what the preview saw."""
    _write(context, path, "foreseen", {"digest": digest_of(path)})


def refuse_if_stale(context: ActContext, path: Path) -> None:
    """Raises ``ActionFailed`` when the file is not what the preview saw."""
    foreseen = _read(context, path, "foreseen")
    if foreseen is not None and foreseen.get("digest") != digest_of(path):
        raise ActionFailed(f"stale: `{path}` has changed since the plan was made")


def replace(context: ActContext, path: Path, content: bytes, *, mode: int, uid: int = -1, gid: int = -1) -> Replaced:
    """Set the old content aside, note what is about to happen, and put the new content in place in one instant."""
    if not path.parent.is_dir():
        raise ActionFailed(f"the folder `{path.parent}` is missing; is its volume mounted?")
    before = digest_of(path)
    aside = context.last_good.set_aside(path, "before it was replaced")
    try:
        seen = path.stat()
        mode, uid, gid = seen.st_mode & 0o7777, seen.st_uid, seen.st_gid
    except FileNotFoundError:
        pass
    done = Replaced(
        before=before,
        after=hashlib.sha256(content).hexdigest(),
        aside=str(aside) if aside else None,
        mode=mode,
    )
    _write(context, path, "replaced", asdict(done))
    context.checkpoint("mid-act")
    try:
        write_whole(path, content, mode=mode, uid=uid, gid=gid)
    except OSError as error:
        raise ActionFailed(f"`{path}` could not be written: {error.strerror or error}") from None
    return done


def reconcile(context: ActContext, path: Path) -> DidIt:
    """Did it happen? The content tells."""
    noted = _read(context, path, "replaced")
    return DidIt.YES if noted is not None and noted.get("after") == digest_of(path) else DidIt.NO


def put_back(context: ActContext, path: Path) -> str:
    """Undo: the old content in place again, or no file where there was none."""
    noted = _read(context, path, "replaced")
    now = digest_of(path)
    if noted is None or now == noted["before"]:
        return f"`{path.name}` is as it was"
    if now != noted["after"]:
        raise ActionFailed(f"`{path}` was changed by somebody since; what it held before is in `{noted['aside']}`")
    if noted["before"] is None or noted["aside"] is None:
        path.unlink()
        return f"removed `{path.name}`, which was not there before"
    write_whole(path, Path(str(noted["aside"])), mode=int(str(noted["mode"])), uid=path.stat().st_uid)
    return f"put back what `{path.name}` held before"


def _place(context: ActContext, path: Path, what: str) -> Path:
    name = hashlib.sha256(str(path).encode()).hexdigest()[:12]  # a step may replace several files
    return context.workspace / f"replaced-{context.component.name}-{name}.{what}.json"


def _write(context: ActContext, path: Path, what: str, data: dict[str, str | int | None]) -> None:
    context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_place(context, path, what), json.dumps(data).encode(), mode=0o600)


def _read(context: ActContext, path: Path, what: str) -> dict[str, str | int | None] | None:
    try:
        data = json.loads(_place(context, path, what).read_bytes())
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None
