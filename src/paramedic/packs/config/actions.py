"""What heals a configuration file: its last good version, or its defaults with a person's sections kept."""

from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.config.difference import difference
from paramedic.packs.config.judging import judge
from paramedic.packs.config.reading import LIMIT_BYTES
from paramedic.packs.config.sections import cut_out, put_in
from paramedic.packs.config.target import Config, Format
from paramedic.sdk import (
    ActContext,
    ActionFailed,
    Component,
    Desired,
    DidIt,
    Json,
    Outcome,
    Preview,
    Risk,
    Status,
    action,
    replacing,
)
from paramedic.sdk import proc as processes
from paramedic.sdk.files import kept, read_whole


@action("config.restore", risk=Risk.REVERSIBLE)
class Restore:
    """Put the last good version of the file back, byte for byte; the broken one is set aside first."""

    async def preview(self, context: ActContext) -> Preview:
        target = _target(context)
        summary = f"restore the last good version of `{target.path.name}`"
        try:
            copy, content = _last_good(context, target)
            now = _content(target.path)
            replacing.foresee(context, target.path)
        except ActionFailed as error:
            return Preview(summary=summary, blocked=str(error))
        return Preview(
            summary=f"restore `{target.path.name}` as it was at {kept(copy).at:%Y-%m-%d %H:%M:%S} UTC",
            diff=difference(context, target.path, now, content),
        )

    async def apply(self, context: ActContext) -> Outcome:
        target = _target(context)
        replacing.refuse_if_stale(context, target.path)
        copy, content = _last_good(context, target)
        was = kept(copy)
        done = replacing.replace(context, target.path, content, mode=was.mode, uid=was.uid, gid=was.gid)
        aside = f"; the broken one is in `{done.aside}`" if done.aside else ""
        return Outcome(
            summary=f"restored `{target.path.name}` as it was at {was.at:%Y-%m-%d %H:%M:%S} UTC{aside}",
            output={"aside": done.aside, "digest": done.after},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return replacing.reconcile(context, _target(context).path)

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        return replacing.put_back(context, _target(context).path)


@action("config.reset", risk=Risk.REVERSIBLE)
class Reset:
    """Start again from the shipped defaults and keep the sections that the service file names."""

    async def preview(self, context: ActContext) -> Preview:
        target = _target(context)
        summary = f"reset `{target.path.name}` to its defaults"
        try:
            content, lost = _fresh(context, target)
            now = _content(target.path)
            replacing.foresee(context, target.path)
        except ActionFailed as error:
            return Preview(summary=summary, blocked=str(error))
        keeping = f" and keep {', '.join(f'`{each}`' for each in target.sections_kept)}" if target.sections_kept else ""
        return Preview(
            summary=summary + keeping,
            diff=difference(context, target.path, now, content),
            loss=lost,
        )

    async def apply(self, context: ActContext) -> Outcome:
        target = _target(context)
        replacing.refuse_if_stale(context, target.path)
        content, _ = _fresh(context, target)
        done = replacing.replace(context, target.path, content, mode=0o600)
        return Outcome(
            summary=f"reset `{target.path.name}`; a backup is in `{done.aside}`",
            output={"aside": done.aside, "digest": done.after},
        )

    async def reconcile(self, context: ActContext) -> DidIt:
        return replacing.reconcile(context, _target(context).path)

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        return replacing.put_back(context, _target(context).path)


# reversible, although it restarts: it touches only processes that Paramedic starts and whose checks fail already,
# so there is nothing working that it could take away
@action("config.reload-dependants", risk=Risk.REVERSIBLE)
class ReloadDependants:
    """Restart what read the file when it started and does not work; leave everything that works alone."""

    async def preview(self, context: ActContext) -> Preview:
        names = [f"`{each.name}`" for each in _readers(context)]
        if not names:
            return Preview(summary="nothing to restart: no process that Paramedic starts uses the file")
        return Preview(summary=f"restart {', '.join(names)} where their checks still fail")

    async def apply(self, context: ActContext) -> Outcome:
        restarted: list[str] = []
        for each in _readers(context):
            token = f"{context.token}.{each.name}"
            if processes.launched({token}) or not await _fails(context, each):
                continue
            await context.processes.stop(each)
            context.checkpoint("mid-act")
            await context.processes.start(each, token)
            restarted.append(each.name)
        told = f"restarted {', '.join(f'`{each}`' for each in restarted)}" if restarted else "nothing had to restart"
        return Outcome(summary=told, output={"restarted": list[Json](restarted)})

    async def reconcile(self, context: ActContext) -> DidIt:  # noqa: ARG002  # the shape of the protocol
        # doing it again looks again, and finds what was started already by its token
        return DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:  # noqa: ARG002  # the shape of the protocol
        return "nothing to take back: only what did not work was restarted"


def _target(context: ActContext) -> Config:
    target = context.component.target
    # a target of another kind may name one: `as_config`
    config = target if isinstance(target, Config) else getattr(target, "as_config", None)
    if not isinstance(config, Config):
        raise ActionFailed(f"`{context.component.name}` is no configuration file")
    return config


def _content(path: Path) -> bytes:
    """What is there, as far as it can be shown; empty where there is nothing."""
    try:
        return read_whole(path, max(LIMIT_BYTES.values()))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ActionFailed(f"`{path}` cannot be read: {error.strerror or error}") from None


def _last_good(context: ActContext, target: Config) -> tuple[Path, bytes]:
    """The newest copy that satisfies the rules as they are now."""
    if not target.path.parent.is_dir():
        raise ActionFailed(f"the folder `{target.path.parent}` is missing; is its volume mounted?")
    for copy in context.last_good.newest(target.path):
        content = _content(copy)
        if not judge(target, content) and target.accepts(copy):
            if content == _content(target.path) and target.path.exists():
                raise ActionFailed(f"`{target.path.name}` holds its last good version already")
            return copy, content
    raise ActionFailed(f"no last good version of `{target.path.name}`")


def _fresh(context: ActContext, target: Config) -> tuple[bytes, tuple[str, ...]]:
    """The defaults with the kept sections, and what of those could not be found anywhere."""
    if not target.sections_kept and target.defaults is None:
        raise ActionFailed(f"neither `defaults` nor `sections_kept` is declared for `{target.path.name}`")
    format, lost = target.written_as, list[str]()
    text = _content(target.defaults).decode() if target.defaults else ""
    if target.defaults and not text:
        raise ActionFailed(f"the declared defaults `{target.defaults}` are missing or empty")
    sources = [_content(target.path), *(_content(copy) for copy in context.last_good.newest(target.path)[:1])]
    for section in target.sections_kept:
        pieces = (cut_out(each.decode("utf-8", "replace"), section, format) for each in sources)
        piece = next((each for each in pieces if each is not None), None)
        if piece is not None:
            text = put_in(text, section, piece, format)
        elif any(section.encode() in each for each in sources) or not any(sources):
            lost.append(f"section `{section}` of `{target.path.name}`: found neither whole nor in a last good version")
    if format is Format.JSON and not text.strip():
        text = "{}\n"
    content = text.encode()
    if wrong := judge(target, content):
        raise ActionFailed(f"the defaults would not be valid: {'; '.join(each.observed for each in wrong)}")
    return content, tuple(lost)


def _readers(context: ActContext) -> list[Component]:
    """What reads the file when it starts and is started by Paramedic, each after what it depends on itself."""
    mine = context.component.name
    found = []
    for name in context.service.start_order():
        each = context.service.components[name]
        if (name == mine or mine in each.depends_on) and each.process is not None and each.process.is_managed:
            found.append(each)
    return found


async def _fails(context: ActContext, component: Component) -> bool:
    if context.processes.facts(component).desired is Desired.STOPPED:
        return False
    return any(each.status is Status.CRITICAL for each in await context.look(component.name))
