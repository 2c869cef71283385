"""Those who start what Paramedic does not start: one table of what each is asked and told, and what it answers."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paramedic.model.component import Component, Owner
from paramedic.sdk import proc, told
from paramedic.sdk.ports import ActionFailed
from paramedic.sdk.unit import State, Unit

ASK_WITHIN_S = 10.0
"""How long an owner may take to say how a unit is."""
_ENDS_WITHIN_S = 1.0
"""How long a program that may not be killed is waited for."""
_NO_CONTAINER = ("no such container", "no such object")
"""What Docker says of a name it does not know; "no such file" may be its own socket."""


class CannotAsk(Exception):
    """The owner could not be asked, which says nothing about its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an owner's program answered."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The line that most likely says why."""
        lines = [each.strip() for each in (self.err or self.out).splitlines() if each.strip()]
        return lines[-1][:300] if lines else f"it ended with {self.code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One owner, about to be asked or told something."""

    owner: Owner
    folder: Path
    """Where its program is run: that of the service file, so that options may name files beside it."""
    limit_s: float = ASK_WITHIN_S

    async def run(self, *verb: str, program: tuple[str, ...] | None = None) -> Said:
        """Run the owner's program with its options and these words, to its end.

        Raises:
            CannotAsk: it cannot be run, or does not end in time.
        """
        argv = (*program, *verb) if program else (*TABLE[self.owner.manager].program, *self.owner.options, *verb)
        return await _run(argv, self.folder, self.limit_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """One row of the table. ``{unit}`` and the like stand for what they name."""

    program: tuple[str, ...]
    look: Callable[[Asked], Awaitable[Unit]]
    """How a unit is found to run, or not to."""
    start: tuple[str, ...]
    stop: tuple[str, ...]
    restart: tuple[str, ...]
    scale: tuple[str, ...] = ()
    """Sets how many instances run; empty where the owner knows only one."""
    limit: tuple[str, ...] = ()
    """Sets how much memory it may have; empty where the owner cannot."""


async def look(component: Component, folder: Path, limit_s: float = ASK_WITHIN_S) -> Unit:
    """How the component's unit is.

    Raises:
        CannotAsk: nobody can tell.
    """
    owner = owner_of(component)
    return await TABLE[owner.manager].look(Asked(owner=owner, folder=folder, limit_s=limit_s))


def owner_of(component: Component) -> Owner:
    """Its owner.

    Raises:
        ActionFailed: it has none.
    """
    if component.owner is None:
        raise ActionFailed(f"`{component.name}` has no `owner` in the service file")
    return component.owner


def is_owned(component: Component) -> bool:
    """Whether somebody else starts it; a component with a command of its own is Paramedic's, whatever else it names."""
    return component.owner is not None and not (component.process and component.process.is_managed)


def command(owner: Owner, verb: str, **words: object) -> tuple[str, ...]:
    """The command line that does something to a unit; empty where its owner cannot."""
    if owner.manager == "command":
        return owner.commands.get(verb, ())
    keeper = TABLE[owner.manager]
    unit = told.kubernetes_name(owner.unit) if owner.manager == "kubernetes" else owner.unit
    argv = tuple(each.format(unit=unit, **words) for each in getattr(keeper, verb))
    return (*keeper.program, *owner.options, *argv) if argv else ()


async def tell(argv: tuple[str, ...], folder: Path, limit_s: float, token: str) -> None:
    """Have an owner do something, and wait until its program has ended.

    It carries the token of the step, by which it is found where it outlives a crash of ours.

    Raises:
        ActionFailed: with what it said.
    """
    try:
        said = await _run(argv, folder, limit_s, {proc.TOKEN_VARIABLE: token})
    except CannotAsk as error:
        raise ActionFailed(str(error)) from None
    if said.code:
        raise ActionFailed(f"`{' '.join(argv)}` failed: {said.last}")


async def _run(argv: tuple[str, ...], folder: Path, limit_s: float, more: Mapping[str, str] | None = None) -> Said:
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "NO_COLOR": "1", "SYSTEMD_PAGER": "", **(more or {})},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise CannotAsk(f"`{argv[0]}` cannot be run: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(limit_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise CannotAsk(f"`{argv[0]}` did not answer within {limit_s:g} s") from None
    finally:
        if process.returncode is None:
            await _end(process)
    return Said(code=process.returncode or 0, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it with all of its session, and see it gone; what may not be killed (`sudo`) is left to its own end."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it was quicker
        pass
    except PermissionError:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _ENDS_WITHIN_S)
        return
    await process.wait()


async def _systemd(asked: Asked) -> Unit:
    said = await asked.run("show", asked.owner.unit, f"--property={','.join(told.SYSTEMD)}", "--no-pager")
    if said.code:
        raise CannotAsk(f"`systemctl` says: {said.last}")
    return told.by_systemd(said.out)


async def _docker(asked: Asked) -> Unit:
    return await _containers(asked, (asked.owner.unit,), (*TABLE["docker"].program, *asked.owner.options))


async def _compose(asked: Asked) -> Unit:
    said = await asked.run("ps", "--all", "--quiet", asked.owner.unit)
    if said.code:
        if "no such service" in said.err.lower():
            return Unit(state=State.MISSING, said=said.last)
        raise CannotAsk(f"`docker compose` says: {said.last}")
    names = tuple(said.out.split())
    if not names:
        return Unit(state=State.MISSING, said="it has no container yet", replicas=0)
    return await _containers(asked, names, TABLE["docker"].program)


async def _containers(asked: Asked, names: tuple[str, ...], program: tuple[str, ...]) -> Unit:
    said = await asked.run("inspect", "--type", "container", *names, program=program)
    if said.code:
        if any(each in said.err.lower() for each in _NO_CONTAINER):
            return Unit(state=State.MISSING, said=said.last)
        raise CannotAsk(f"`docker` says: {said.last}")
    found = _json(said.out, "docker")
    if not isinstance(found, list) or not found:
        raise CannotAsk("`docker` gave an answer that cannot be understood")
    try:
        unit = told.by_docker(found)
        image = str(found[0]["Image"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CannotAsk("`docker` gave an answer that cannot be understood") from None
    if unit.is_up or unit.lacks_image:
        return unit
    image_said = await asked.run("image", "inspect", image, "--format", "{{.Id}}", program=program)
    return told.without_image(unit, image_said.last) if "no such image" in image_said.err.lower() else unit


async def _kubernetes(asked: Asked) -> Unit:
    said = await asked.run("get", told.kubernetes_name(asked.owner.unit), "--output", "json")
    if said.code:
        if "(NotFound)" in said.err:  # the server's own word; "not found" may be a helper program of kubectl
            return Unit(state=State.MISSING, said=said.last)
        raise CannotAsk(f"`kubectl` says: {said.last}")
    workload = _json(said.out, "kubectl")
    try:
        labels = workload["spec"]["selector"]["matchLabels"]
        pods = await asked.run(
            "get", "pods", "--selector", ",".join(f"{key}={value}" for key, value in labels.items()), "--output", "json"
        )
        if pods.code:
            raise CannotAsk(f"`kubectl` says: {pods.last}")
        return told.by_kubernetes(workload, _json(pods.out, "kubectl")["items"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CannotAsk("`kubectl` gave an answer that cannot be understood") from None


async def _supervisord(asked: Asked) -> Unit:
    said = await asked.run("status", asked.owner.unit)
    unit = told.by_supervisord(said.out)
    if unit is None:
        raise CannotAsk(f"`supervisorctl` says: {said.last}")
    return unit


async def _runit(asked: Asked) -> Unit:
    said = await asked.run("status", asked.owner.unit)
    unit = told.by_runit(said.out or said.err)
    if unit is None:
        raise CannotAsk(f"`sv` says: {said.last}")
    return unit


async def _own_command(asked: Asked) -> Unit:
    argv = asked.owner.commands.get("status", ())
    if not argv:
        raise CannotAsk("its `owner` declares no `status` command")
    said = await _run(argv, asked.folder, asked.limit_s)
    state = State.STOPPED if said.code else State.RUNNING
    return Unit(state=state, said=f"`{argv[0]}` ended with {said.code}")


def _json(text: str, program: str) -> told.Answer:
    try:
        return json.loads(text)
    except ValueError:
        raise CannotAsk(f"`{program}` gave an answer that cannot be understood") from None


TABLE: Mapping[str, Keeper] = {
    "systemd": Keeper(
        program=("systemctl",),
        look=_systemd,
        start=("start", "{unit}"),
        stop=("stop", "{unit}"),
        restart=("restart", "{unit}"),
        limit=("set-property", "{unit}", "MemoryMax={bytes}"),
    ),
    "docker": Keeper(
        program=("docker",),
        look=_docker,
        start=("start", "{unit}"),
        stop=("stop", "{unit}"),
        restart=("restart", "{unit}"),
        limit=("update", "--memory", "{bytes}", "--memory-swap", "{bytes}", "{unit}"),
    ),
    "compose": Keeper(
        program=("docker", "compose"),
        look=_compose,
        start=("up", "--detach", "--no-deps", "--no-recreate", "{unit}"),
        stop=("stop", "{unit}"),
        restart=("restart", "--no-deps", "{unit}"),
        scale=("up", "--detach", "--no-deps", "--no-recreate", "--scale", "{unit}={replicas}", "{unit}"),
    ),
    "kubernetes": Keeper(
        program=("kubectl",),
        look=_kubernetes,
        start=("scale", "{unit}", "--replicas={replicas}"),
        stop=("scale", "{unit}", "--replicas=0"),
        restart=("rollout", "restart", "{unit}"),
        scale=("scale", "{unit}", "--replicas={replicas}"),
        limit=("set", "resources", "{unit}", "--containers={box}", "--limits=memory={bytes}"),
    ),
    "supervisord": Keeper(
        program=("supervisorctl",),
        look=_supervisord,
        start=("start", "{unit}"),
        stop=("stop", "{unit}"),
        restart=("restart", "{unit}"),
    ),
    "runit": Keeper(
        program=("sv",),
        look=_runit,
        start=("start", "{unit}"),
        stop=("stop", "{unit}"),
        restart=("restart", "{unit}"),
    ),
    "command": Keeper(program=(), look=_own_command, start=(), stop=(), restart=()),
}
