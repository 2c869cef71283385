"""What heals a model that is missing or damaged: it is fetched again, verified, and asked for one token."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.http.answer import NoAnswer
from paramedic.packs.llm import fetching
from paramedic.packs.llm.header import Damaged
from paramedic.packs.llm.ledger import CannotKeep, Ledger
from paramedic.packs.llm.target import Llm
from paramedic.packs.llm.weights import digest_of, expected_of, read_header
from paramedic.sdk import ActContext, ActionFailed, DidIt, Json, Outcome, Permit, Preview, Risk, action
from paramedic.sdk.blocking import in_thread
from paramedic.sdk.files import sync_folder
from paramedic.sdk.manifest import NoManifest
from paramedic.sdk.notes import Notes
from paramedic.sdk.volume import amount

_TO_FINISH_S = 6.0
"""Kept of the time of a try, for what follows the fetching."""
_PAGE_S = 5.0
_PULLED_LINE = 1 << 16


@action("llm.pull-model", risk=Risk.REVERSIBLE, tries=5)
class PullModel:
    """Have the server fetch the model that the service uses: an Ollama by itself, others by the ``fetch`` command.

    An Ollama verifies the digest of every layer that it fetches; a fetched file is verified where its digest is known.
    Undoing removes the model again.
    """

    async def preview(self, context: ActContext) -> Preview:
        server = _server(context)
        summary = f"fetch the model `{server.model}`"
        try:
            if server.model is None:
                raise ActionFailed("the service file names no `model`")
            if await _is_ollama(server, context):
                return Preview(summary=f"{summary} with the server's own `pull`")
            if server.fetch:
                return Preview(summary=f"{summary} with `{server.fetch[0]}`")
            raise ActionFailed("the server is no Ollama, and no `fetch` command is declared")
        except ActionFailed as error:
            return Preview(summary=summary, blocked=str(error))

    async def apply(self, context: ActContext) -> Outcome:
        server = _server(context)
        if await _has(server, context):
            return Outcome(summary=f"nothing to do: the server has `{server.model}` by now")
        context.checkpoint("mid-act")
        if await _is_ollama(server, context):
            await _pull(server, context)
        else:
            await _Fetching(context).by_command(server.file)
            await _restart(context)
        return Outcome(summary=f"fetched `{server.model}`", output={"pulled": server.model})

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # after a crash there is none
        server = _server(context)
        if not await _has(server, context):
            raise ActionFailed(f"the server still does not have `{server.model}`")

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.YES if await _has(_server(context), context) else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        server = _server(context)
        if not output.get("pulled") or not await _is_ollama(server, context):
            return "nothing to take back"
        await _post(server, context, "/api/delete", {"model": server.model, "name": server.model}, method="DELETE")
        return f"removed `{server.model}` again"


@action("llm.refetch-model", risk=Risk.REVERSIBLE, tries=5)
class RefetchModel:
    """Fetch the model's file again, verify it, put it in place, start the server with it, and ask for one token.

    Nothing else of the cache is touched. The damaged file goes only when the new one has been verified. Where no digest
    is known this waits for a person, because nothing then tells whether the new file is what the old one was.
    """

    async def preview(self, context: ActContext) -> Preview:
        server = _server(context)
        summary = f"fetch `{server.file.name if server.file else 'the model'}` again"
        try:
            fetch = _Fetching(context)
            if not (server.source or server.fetch):
                raise ActionFailed("neither `source` nor `fetch` tells where it can be had")
            if not fetch.path.parent.is_dir():
                raise ActionFailed(f"the folder `{fetch.path.parent}` is missing; is its volume mounted?")
            if await in_thread(fetch.is_sound):
                raise ActionFailed("it is sound by now")
            await in_thread(fetching.refuse_without_room, fetch.path.parent, fetch.size_hint)
        except (ActionFailed, OSError) as error:
            return Preview(summary=summary, blocked=str(error))
        loss = () if fetch.sha256 else (f"`{fetch.path.name}` as it is: no digest is known to hold a new one against",)
        where = server.source if server.source and not server.fetch else f"`{' '.join(server.fetch)[:120]}`"
        return Preview(
            summary=f"{summary} from {where}, verify it, and restart the server",
            downtime_s=10.0 if _is_managed(context) else 0.0,
            loss=loss,
        )

    async def apply(self, context: ActContext) -> Outcome:
        server, fetch = _server(context), _Fetching(context)
        if await in_thread(fetch.is_sound):
            await _restart(context)
            return Outcome(summary="the file is sound by now")
        if server.fetch:
            await fetch.by_command(fetch.draft)
        else:
            assert server.source is not None  # the preview would have been blocked
            await fetching.fetch(server.source, fetch.draft, context.limit_s - _TO_FINISH_S, context.clock)
        await in_thread(fetch.refuse_another)
        context.checkpoint("mid-act")
        await in_thread(fetch.put)
        restarted = await _restart(context)
        return Outcome(
            summary=f"fetched {amount(fetch.path.stat().st_size)} again"
            + (f", SHA-256 {fetch.sha256[:16]}… as recorded" if fetch.sha256 else "")
            + ("; the server was restarted" if restarted else "; restart the server, so that it loads it"),
        )

    async def verify(self, context: ActContext, output: Mapping[str, Json]) -> None:
        del output  # after a crash there is none
        if not await in_thread(_Fetching(context).is_sound):
            raise ActionFailed("the file in place is not what was fetched")
        await _one_token(_server(context), context)

    async def reconcile(self, context: ActContext) -> DidIt:
        try:
            is_sound = await in_thread(_Fetching(context).is_sound)
        except ActionFailed:
            return DidIt.CANNOT_TELL
        if is_sound:
            await _start(context)
        return DidIt.YES if is_sound else DidIt.NO

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        del output  # after a crash there is none
        await _start(context)
        return "the file in place stays: it was verified, and what it replaced was damaged"


@dataclass(frozen=True, slots=True)
class _Fetching:
    """One file that is being fetched again."""

    context: ActContext

    @property
    def path(self) -> Path:
        """Its real place: caches are full of links."""
        server = _server(self.context)
        if server.file is None:
            raise ActionFailed("the service file names no `file`")
        return Path(os.path.realpath(server.file))

    @property
    def sha256(self) -> str | None:
        """What it has to be."""
        try:
            return expected_of(_server(self.context)).sha256
        except NoManifest as error:
            raise ActionFailed(str(error)) from None

    @property
    def draft(self) -> Path:
        """Where it is put together; the same for each try and each attempt."""
        return self.path.with_name(f".{self.path.name}.{(self.sha256 or 'new')[:12]}.paramedic")

    @property
    def size_hint(self) -> int:
        """How much room it will need."""
        server = _server(self.context)
        had = self.draft.stat().st_size if self.draft.exists() else 0
        source = Path(server.source) if server.source and not fetching.is_url(server.source) else None
        whole = server.file_bytes or (source.stat().st_size if source and source.is_file() else 0)
        return max(0, whole - had)

    def is_sound(self) -> bool:
        """Whether what stands in place is right, as far as that can be told."""
        return self._why_not(self.path) is None

    def refuse_another(self) -> None:
        """Raises ``ActionFailed`` where the draft is not the model; then it is removed, to be fetched anew."""
        if why := self._why_not(self.draft):
            self.draft.unlink(missing_ok=True)
            raise ActionFailed(f"what was fetched is not the model: {why}")

    def put(self) -> None:
        """The draft in its place, in one instant."""
        like = self.path if self.path.exists() else self.path.parent
        seen = like.stat()
        with suppress(PermissionError):
            os.chown(self.draft, seen.st_uid, seen.st_gid)
        self.draft.chmod(seen.st_mode & 0o777 if like is self.path else 0o644)
        self.draft.replace(self.path)
        sync_folder(self.path.parent)

    async def by_command(self, file: Path | None) -> None:
        """Have the declared command fetch it; where it names the file, the file has to be there afterwards."""
        server, context = _server(self.context), self.context
        if not server.fetch:
            raise ActionFailed("no `fetch` command is declared")
        words = {"{model}": server.model or "", "{file}": str(file or ""), "{source}": server.source or ""}
        command = []
        for each in server.fetch:
            for name, value in words.items():
                each = each.replace(name, value)  # noqa: PLW2901  # word by word
            command.append(each)
        await fetching.run(command, context.service.path.parent, context.limit_s - _TO_FINISH_S)
        if file is not None and any("{file}" in each for each in server.fetch) and not file.exists():
            raise ActionFailed(f"`{server.fetch[0]}` ended well and left no `{file.name}`")

    def _why_not(self, path: Path) -> str | None:
        server = _server(self.context)
        try:
            size = path.stat().st_size
            if server.file_bytes is not None and size != server.file_bytes:
                return f"it holds {size} bytes, expected {server.file_bytes}"
            if (wanted := self.sha256) is not None:
                found = digest_of(path)
                return None if found == wanted else f"its SHA-256 is {(found or '')[:16]}…, expected {wanted[:16]}…"
            read_header(path)
        except FileNotFoundError:
            return "there is none"
        except (Damaged, OSError) as error:
            return str(error)
        return None


def _server(context: ActContext) -> Llm:
    target = context.component.target
    if not isinstance(target, Llm):
        raise ActionFailed(f"`{context.component.name}` is no model server")
    return target


def _is_managed(context: ActContext) -> bool:
    spec = context.component.process
    return spec is not None and spec.is_managed


async def _restart(context: ActContext) -> bool:
    """Start the server anew, so that it loads what is there now; whether it is ours to start."""
    if not _is_managed(context):
        return False
    notes = Notes(context, "llm")
    if context.processes.facts(context.component).pid is not None:
        notes.note(stopped=True)
        await context.processes.stop(context.component)
    await context.processes.start(context.component, f"{context.token}.{context.component.name}")
    notes.note(stopped=False)
    return True


async def _start(context: ActContext) -> None:
    """After a crash: what was stopped runs again."""
    if Notes(context, "llm").get("stopped") and context.processes.facts(context.component).pid is None:
        await context.processes.start(context.component, f"{context.token}.{context.component.name}")


async def _post(
    server: Llm, context: ActContext, path: str, body: Mapping[str, object], *, method: str = "POST"
) -> None:
    from paramedic.packs.http.exchange import Client
    from paramedic.packs.http.request import Request

    headers = {**server.headers, "Content-Type": "application/json"}
    request = Request(url=server.root + path, method=method, headers=headers, body=json.dumps(body).encode())
    async with Client(context.clock) as client:
        try:
            answer = await client.ask(request, _PAGE_S)
        except NoAnswer as none:
            raise ActionFailed(f"the server did not answer: {none}") from None
    if answer.status >= 400:
        raise ActionFailed(f"the server answered {answer.title}: {answer.text[:200]}")


async def _pull(server: Llm, context: ActContext) -> None:
    """An Ollama fetches by itself, goes on where it was cut off, and verifies what it has."""
    import asyncio

    import aiohttp

    from paramedic.packs.http.exchange import Client, revealed
    from paramedic.packs.http.failing import telling

    last: dict[str, object] = {}
    limit_s = context.limit_s - _TO_FINISH_S
    body = {"model": server.model, "name": server.model, "stream": True}
    try:
        async with Client(context.clock) as client:
            with telling(limit_s, lambda: f"the last it said was `{last.get('status', 'nothing')}`"):
                async with (
                    asyncio.timeout(limit_s),
                    client.session.post(
                        f"{server.root}/api/pull",
                        json=body,
                        headers=revealed(server.headers),
                        timeout=aiohttp.ClientTimeout(total=None),
                    ) as response,
                ):
                    if response.status != 200:
                        said = (await response.content.read(_PULLED_LINE)).decode(errors="replace")
                        raise ActionFailed(f"the server answered {response.status}: {said[:200]}")
                    async for line in response.content:
                        with suppress(ValueError):
                            found = json.loads(line)
                            last = found if isinstance(found, dict) else last
                        if last.get("error"):
                            raise ActionFailed(f"the server could not fetch it: {str(last['error'])[:200]}")
    except NoAnswer as none:
        raise ActionFailed(f"fetching did not end: {none}; the next try goes on") from None
    if last.get("status") != "success":
        raise ActionFailed(f"fetching ended with `{last.get('status', 'nothing')}`")


async def _is_ollama(server: Llm, context: ActContext) -> bool:
    if server.protocol is not None:
        return server.protocol == "ollama"
    from paramedic.packs.llm.line import Line
    from paramedic.packs.llm.strangers import document

    try:
        async with Line(server, context.clock) as line:
            answer = await line.page(f"{server.root}/api/tags", _PAGE_S)
    except NoAnswer as none:
        raise ActionFailed(f"the server does not answer: {none}") from None
    data = document(answer.body) if answer.status == 200 else None
    return isinstance(data, dict) and isinstance(data.get("models"), list)


async def _has(server: Llm, context: ActContext) -> bool:
    from paramedic.packs.llm.line import Line
    from paramedic.packs.llm.models import offer

    try:
        async with Line(server, context.clock) as line:
            found = await offer(line, server, _PAGE_S)
    except NoAnswer:
        return False
    return server.model is not None and found.has(server.model)


async def _one_token(server: Llm, context: ActContext) -> None:
    """One inference with what is in place now; the server may take its time to load.

    Raises:
        ActionFailed: no token came.
    """
    from paramedic.packs.llm.canary import Depth, ask
    from paramedic.packs.llm.ledger import TooDear
    from paramedic.packs.llm.line import Line

    if not server.is_near and Permit.SPENDS not in context.service.permits:
        return
    until = context.clock.monotonic() + context.limit_s / 2
    ledger = Ledger(context.service.settings, server)
    said = "it did not answer"
    while context.clock.monotonic() < until:
        try:
            async with Line(server, context.clock) as line:
                spoken = (await ask(line, server, ledger, Depth.TOKEN, limit_s=_PAGE_S, clock=context.clock)).spoken
        except NoAnswer as none:
            said = str(none)
        except (TooDear, CannotKeep):
            return  # nothing may be spent; the checks of the plan judge
        else:
            if spoken.is_alive and spoken.status == 200:
                return
            said = spoken.said or spoken.broke_off or "no token came"
        await context.clock.sleep(0.3)
    raise ActionFailed(f"the model does not generate: {said[:200]}")
