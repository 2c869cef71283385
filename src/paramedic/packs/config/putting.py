"""A version of a configuration file that an operator prepared, put in place as a step of a plan."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from paramedic.packs.config.difference import difference
from paramedic.packs.config.judging import judge
from paramedic.packs.config.reading import LIMIT_BYTES
from paramedic.packs.config.target import Config
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action, replacing
from paramedic.sdk.files import read_whole


@action("config.put", risk=Risk.REVERSIBLE)
class Put:
    """Put the version that an operator prepared in place; what was there is set aside first.

    Params: ``draft``, the prepared file; ``digest``, its SHA-256; ``seen``, that of the file when it was prepared.
    """

    async def preview(self, context: ActContext) -> Preview:
        target = _target(context)
        summary = f"change `{target.path.name}`"
        try:
            content = _draft(context, target)
            now = _now(target.path)
            replacing.foresee(context, target.path)
        except ActionFailed as error:
            return Preview(summary=summary, blocked=str(error))
        if context.params.get("seen") != replacing.digest_of(target.path):
            return Preview(summary=summary, blocked=f"stale: `{target.path}` was changed by somebody else meanwhile")
        return Preview(summary=summary, diff=difference(context, target.path, now, content))

    async def apply(self, context: ActContext) -> Outcome:
        target = _target(context)
        replacing.refuse_if_stale(context, target.path)
        done = replacing.replace(context, target.path, _draft(context, target), mode=0o600)
        aside = f"; what was there is in `{done.aside}`" if done.aside else ""
        return Outcome(
            summary=f"changed `{target.path.name}`{aside}", output={"aside": done.aside, "digest": done.after}
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


def _draft(context: ActContext, target: Config) -> bytes:
    """The prepared version, unchanged since and valid by the rules as they are now."""
    try:
        content = read_whole(Path(str(context.params.get("draft"))), max(LIMIT_BYTES.values()))
    except OSError as error:
        raise ActionFailed(f"the prepared version cannot be read: {error.strerror or error}") from None
    if hashlib.sha256(content).hexdigest() != context.params.get("digest"):
        raise ActionFailed("the prepared version was changed since")
    if wrong := judge(target, content):
        raise ActionFailed(f"it would not be valid: {'; '.join(each.observed for each in wrong)}")
    return content


def _now(path: Path) -> bytes:
    try:
        return read_whole(path, max(LIMIT_BYTES.values()))
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise ActionFailed(f"`{path}` cannot be read: {error.strerror or error}") from None
