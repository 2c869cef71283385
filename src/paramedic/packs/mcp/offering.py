"""What a server of tools offers, for people who want to see it, and one call of a tool on their order."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paramedic.model.clock import SystemClock
from paramedic.model.errors import ParamedicError
from paramedic.packs.mcp.checks import EXTRA, NO_LIBRARY
from paramedic.packs.mcp.manifest import contract, digest
from paramedic.packs.mcp.target import Mcp
from paramedic.packs.mcp.trouble import NoTalk
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Preview, Risk, action

_LONGEST = 64 << 10


async def offers(server: Mcp, folder: Path, limit_s: float) -> Mapping[str, Json]:
    """Its name, the revision that it speaks, and its tools with their schemas."""
    try:
        from paramedic.packs.mcp.talk import visit
    except ImportError:
        raise ParamedicError(NO_LIBRARY, hint=EXTRA) from None
    try:
        seen = await visit(server, folder, limit_s=limit_s, clock=SystemClock())
    except NoTalk as no:
        hint = f"its last words: {no.last_words.splitlines()[-1]}" if no.last_words.strip() else None
        raise ParamedicError(f"`{server.shown}` cannot be asked: {no}", hint=hint) from None
    tools: list[Json] = [
        {"name": name, "sha256": digest(contract(tool)), **{key: value for key, value in tool.items() if value}}
        for name, tool in sorted(seen.tools.items())
    ]
    return {
        "server": seen.server,
        "protocol": seen.protocol,
        "liveness": seen.liveness,
        "latency_ms": round(seen.latency_ms, 1),
        "tools": tools,
    }


@action("mcp.call", risk=Risk.MANUAL)
class Call:
    """Call one tool of the server, once, because a person ordered it."""

    async def preview(self, context: ActContext) -> Preview:
        tool, arguments = _order(context)
        return Preview(summary=f"call `{tool}` of `{context.component.name}` with {json.dumps(arguments)}")

    async def apply(self, context: ActContext) -> Outcome:
        try:
            from paramedic.packs.mcp.talk import call
        except ImportError:
            raise ActionFailed(f"{NO_LIBRARY}; {EXTRA}") from None
        tool, arguments = _order(context)
        target = context.component.target
        assert isinstance(target, Mcp)
        context.checkpoint("mid-act")
        try:
            result = await call(target, context.service.path.parent, tool, arguments, limit_s=context.limit_s * 0.9)
        except NoTalk as no:
            raise ActionFailed(str(no)) from None
        text = "\n".join(str(each.get("text", "")) for each in result.get("content", ()) if each.get("type") == "text")
        failed = bool(result.get("isError"))
        said = " ".join(text.split())[:200]
        if len(json.dumps(result)) > _LONGEST:
            result = {"content": [{"type": "text", "text": text[:_LONGEST]}], "isError": failed}
        summary = f"`{tool}` {'says that it failed' if failed else 'answered'}{f': {said}' if said else ''}"
        return Outcome(summary=summary, output={"is_error": failed, "result": dict(result)})

    async def reconcile(self, context: ActContext) -> DidIt:
        del context
        return DidIt.CANNOT_TELL  # a call may have done anything, so it is never repeated


def _order(context: ActContext) -> tuple[str, Mapping[str, Any]]:
    arguments = context.params.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise ActionFailed("the arguments of a tool are a mapping")
    return str(context.params.get("tool")), arguments
