"""Takes the last change of a configuration file back, where its versions are kept by git."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.config.difference import difference
from paramedic.packs.config.judging import judge
from paramedic.packs.config.reading import LIMIT_BYTES
from paramedic.packs.config.target import Config
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, replacing
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import read_whole

_LIMIT_S = 10.0
# a repository is the patient's: nothing that it configures is run
_GIT = ("git", "--no-optional-locks", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version:
    """The content that a file had before it was changed last."""

    content: bytes
    commit: str


@action("config.revert", risk=Risk.REVERSIBLE)
class Revert:
    """Put the version of a file back that its repository had before the last change; the repository stays as it is.

    What differs from the newest commit goes back to that; what is as committed goes back to the commit before the
    one that changed it last. The version of now is set aside first.
    """

    async def preview(self, context: ActContext) -> Preview:
        target = _target(context)
        summary = f"take the last change of `{target.path.name}` back"
        try:
            version = await in_thread(_before, target)
            now = read_whole(target.path, max(LIMIT_BYTES.values()))
            replacing.foresee(context, target.path)
        except (ActionFailed, OSError) as error:
            return Preview(summary=summary, blocked=str(error))
        return Preview(
            summary=f"put `{target.path.name}` back as it is in commit {version.commit}",
            diff=difference(context, target.path, now, version.content),
        )

    async def apply(self, context: ActContext) -> Outcome:
        target = _target(context)
        replacing.refuse_if_stale(context, target.path)
        version = await in_thread(_before, target)
        done = replacing.replace(context, target.path, version.content, mode=0o600)
        return Outcome(
            summary=f"`{target.path.name}` is as in commit {version.commit}; what was there is in `{done.aside}`",
            output={"aside": done.aside, "digest": done.after, "commit": version.commit},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return replacing.reconcile(context, _target(context).path)

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        return replacing.put_back(context, _target(context).path)


def _target(context: ActContext) -> Config:
    target = context.component.target
    if not isinstance(target, Config):
        raise ActionFailed(f"`{context.component.name}` is no configuration file")
    return target


def _before(target: Config) -> _Version:
    """The version before the last change, which must be valid by the rules as they are now.

    Raises:
        ActionFailed: there is none.
    """
    path = target.path.resolve()
    commits = _git(path, "log", "-n", "2", "--format=%h", "--", path.name).decode().split()
    if not commits:
        raise ActionFailed(f"`{target.path.name}` is not under version control")
    try:
        now = read_whole(path, max(LIMIT_BYTES.values()))
    except OSError as error:
        raise ActionFailed(f"`{path}` cannot be read: {error.strerror or error}") from None
    for commit in commits:
        content = _git(path, "cat-file", "blob", f"{commit}:./{path.name}")
        if content != now:
            if wrong := judge(target, content):
                raise ActionFailed(f"the version of commit {commit} would not be valid: {wrong[0].observed}")
            return _Version(content=content, commit=commit)
    raise ActionFailed(f"there is no other version of `{target.path.name}` under version control")


def _git(path: Path, *command: str) -> bytes:
    try:
        done = subprocess.run(
            [*_GIT, "-C", str(path.parent), *command],
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired:
        raise ActionFailed(f"git did not answer within {_LIMIT_S:.0f} s") from None
    except OSError as error:
        raise ActionFailed(f"git cannot be run: {(error.strerror or str(error)).lower()}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        if any("not a git repository" in line for line in said):
            raise ActionFailed(f"`{path.name}` is not under version control")
        raise ActionFailed(f"git ended with {done.returncode}{f': {said[-1][:200]}' if said else ''}")
    return done.stdout
