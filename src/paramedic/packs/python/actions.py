"""Installs what a component declares and lacks."""

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.python import installing
from paramedic.packs.python.comparing import Lack, lacks
from paramedic.packs.python.declared import gather
from paramedic.packs.python.facts import Facts, Missing, NoAnswer, Unusable, ask, run
from paramedic.packs.python.interpreter import asked_as, locate
from paramedic.packs.python.target import Python
from paramedic.packs.python.wanted import Declared
from paramedic.report.redaction import Redactor
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, proc
from paramedic.sdk.account import Account
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.ending import end
from paramedic.sdk.files import write_whole

_CONSTRAINT = "installed.txt"
_ENDS_WITHIN_S = 2.0
_TO_LOOK_S = 5.0
"""Kept of the time of a try, so that what pip did can still be looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """The environment as it is now."""

    interpreter: Path
    account: Account
    facts: Facts
    declared: Declared
    missing: tuple[Lack, ...]


@action("python.install-package", risk=Risk.REVERSIBLE)
class InstallPackage:
    """Install the declared packages that the component's environment lacks, with its own pip.

    What is installed already is held at its version by a constraint, so that packages are added and none is changed.
    What was installed before is written down first; undoing uninstalls what came since.
    """

    async def preview(self, context: ActContext) -> Preview:
        try:
            scene = await _scene(context)
        except ActionFailed as error:
            return Preview(summary="install what is missing", blocked=str(error))
        if not scene.missing:
            return Preview(summary="nothing: every declared package is installed")
        names = ", ".join(each.argument for each in scene.missing)
        summary = Redactor(context.service.secrets).text(f"install {names} in `{scene.facts.prefix}`")
        if why := installing.why_not(scene.facts, scene.missing):
            return Preview(summary=summary, blocked=why)
        _write(context, "foreseen", sorted(each.argument for each in scene.missing))
        return Preview(summary=summary, diff=_told(scene, context))

    async def apply(self, context: ActContext) -> Outcome:
        scene = await _scene(context)
        if not scene.missing:
            return Outcome(summary="nothing to do: every declared package is installed")
        if why := installing.why_not(scene.facts, scene.missing):
            raise ActionFailed(why)
        foreseen = _read(context, "foreseen")
        if isinstance(foreseen, list) and not {each.argument for each in scene.missing} <= set(map(str, foreseen)):
            raise ActionFailed("stale: more is missing than when the plan was made")
        before = _read(context, "before")
        if not isinstance(before, dict):  # what an earlier try has added is not what was there before
            before = installing.versions(scene.facts)
            _write(context, "before", before)
        context.checkpoint("mid-act")
        with _readable(installing.held(scene.facts), scene.account, context) as constraint:
            command = installing.install(scene.interpreter, scene.missing, scene.declared, constraint)
            await _run(command, scene, context)
        after = installing.versions((await _scene(context)).facts)
        added = {name: version for name, version in after.items() if name not in before}
        return Outcome(
            summary=f"installed {', '.join(f'{name} {version}' for name, version in added.items()) or 'nothing'}",
            output={"added": dict[str, Json](added), "before": dict[str, Json](before)},
        )

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:  # noqa: ARG002  # the shape of the protocol
        if missing := (await _scene(context)).missing:
            raise ActionFailed(f"still missing: {', '.join(each.name for each in missing)}")

    async def reconcile(self, context: ActContext) -> DidIt:
        # a pip that outlived the crash must not work beside the next one
        for who in await in_thread(proc.carriers, context.token):
            if who.pid != os.getpid():
                await end(who, ask=signal.SIGTERM, within_s=_ENDS_WITHIN_S)
        return DidIt.NO if (await _scene(context)).missing else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the note outlives a crash
        before = _read(context, "before")
        if not isinstance(before, dict):
            return "nothing was installed"
        scene = await _scene(context)
        now = installing.versions(scene.facts)
        added = tuple(sorted(now.keys() - before.keys()))
        if added:
            await _run(installing.uninstall(scene.interpreter, added), scene, context)
        left = installing.versions((await _scene(context)).facts)
        differing = sorted(name for name in left.keys() | before.keys() if left.get(name) != before.get(name))
        if differing:
            raise ActionFailed(f"not as before: {', '.join(differing)}")
        return f"uninstalled {', '.join(added)}" if added else "nothing had been installed"


async def _scene(context: ActContext) -> _Scene:
    target = context.component.target
    if not isinstance(target, Python):
        raise ActionFailed(f"`{context.component.name}` is no Python")
    interpreter = locate(target, context.component, context.service)
    account = asked_as(interpreter, context.component, context.processes)
    try:
        facts = await ask(interpreter, account)
    except (Missing, Unusable, NoAnswer) as error:
        raise ActionFailed(str(error)) from None
    if facts.installed is None:
        raise ActionFailed(f"Python {facts.version} cannot tell its packages")
    declared = await in_thread(gather, target, facts.markers)
    missing = await in_thread(lacks, declared, facts)
    return _Scene(interpreter=interpreter, account=account, facts=facts, declared=declared, missing=missing)


def _told(scene: _Scene, context: ActContext) -> str:
    """The exact command, as far as it may be shown; the same for the same trouble, whichever plan it is for."""
    command = installing.install(scene.interpreter, scene.missing, scene.declared, Path(_CONSTRAINT))
    rows = [str(command)]
    rows += [f"with {name} as the requirements file has it" for name in command.env]
    if not scene.account.is_own:
        rows.append(f"as {scene.account}")
    rows.append(
        f"`{_CONSTRAINT}`, in the plan's folder, holds what is installed already "
        f"({len(scene.facts.installed or ())} packages) at its version"
    )
    return Redactor(context.service.secrets).text("\n".join(rows))


async def _run(command: installing.Command, scene: _Scene, context: ActContext) -> None:
    env = installing.environment(command, scene.account, context.token)
    try:
        done = await run(command.words, scene.account, max(1.0, context.limit_s - _TO_LOOK_S), env=env)
    except (Unusable, NoAnswer) as error:
        raise ActionFailed(f"pip: {error}") from None
    if done.code:
        raise ActionFailed(f"pip ended with {done.code}: {installing.reason(done.out, done.err)}")


@contextmanager
def _readable(text: str, account: Account, context: ActContext) -> Iterator[Path]:
    """A file with this text that the user who runs pip can read."""
    if account.is_own:
        context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = context.workspace / _CONSTRAINT
        write_whole(path, text.encode(), mode=0o600)
        yield path
        return
    folder = Path(tempfile.mkdtemp(prefix="paramedic-"))
    try:
        os.chown(folder, account.uid, account.gid)
        path = folder / _CONSTRAINT
        write_whole(path, text.encode(), mode=0o600, uid=account.uid, gid=account.gid)
        yield path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(context: ActContext, what: str) -> Path:
    return context.workspace / f"python-{context.component.name}.{what}.json"


def _write(context: ActContext, what: str, data: list[str] | dict[str, str]) -> None:
    context.workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_place(context, what), json.dumps(data).encode(), mode=0o600)


def _read(context: ActContext, what: str) -> object:
    try:
        found: object = json.loads(_place(context, what).read_bytes())
    except (OSError, ValueError):
        return None
    return found
