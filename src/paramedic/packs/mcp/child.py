"""A server of tools as a child of ours, for one dialogue: talked to over its pipes, and gone afterwards, come what may.

What the client library's own transport keeps to itself is kept here: how it ended, its last words, and every line on
standard output that is no message.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from paramedic.packs.mcp.trouble import NoTalk, Why

_PASSED_ON = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV")
_LONGEST_LINE = 8 << 20
_STRAY, _STRAY_CHARS = 5, 400
_WORDS, _WORDS_BYTES = 12, 16_384
_LEAVE_S, _TERM_S, _KILL_S = 0.7, 0.3, 2.0
_SETTLE_S = 0.3
"""Ends and last words arrive a moment after the pipes close."""
# what stands between us and the server: it ends as the server does, and where we die it takes the whole group with it
_GUARDIAN = """
import ctypes, os, resource, signal, sys
parent, program, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
signal.signal(signal.SIGUSR1, lambda *_: os.killpg(0, signal.SIGKILL))
if prctl := getattr(ctypes.CDLL(None), "prctl", None):
    prctl(1, signal.SIGUSR1)
if os.getppid() != parent:
    os._exit(1)
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    try:
        os.execv(program, command)
    finally:
        os._exit(127)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
null = os.open(os.devnull, os.O_RDWR)
for each in range(3):
    os.dup2(null, each)
status = os.waitpid(pid, 0)[1]
if os.WIFSIGNALED(status):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(os.WTERMSIG(status), signal.SIG_DFL) if os.WTERMSIG(status) != signal.SIGKILL else None
    os.kill(os.getpid(), os.WTERMSIG(status))
os._exit(os.waitstatus_to_exitcode(status))
"""
Item = SessionMessage | Exception
Streams = tuple[MemoryObjectReceiveStream[Item], MemoryObjectSendStream[SessionMessage]]


class Child:
    """A running server. Enter it for its streams; leaving it ends its whole process group."""

    def __init__(self, command: tuple[str, ...], folder: Path, env: Mapping[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | dict(env)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._words: deque[bytes] = deque()
        self.stray: list[str] = []
        """Lines on standard output that are no messages."""
        self.stray_count = 0
        self.too_long = False
        self.ended_by_us = False

    @property
    def pid(self) -> int | None:
        """Of the living process."""
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, where it did; negative for a signal."""
        return self._process.returncode if self._process else None

    @property
    def last_words(self) -> str:
        """The last lines that it wrote to standard error."""
        lines = b"".join(self._words).decode(errors="replace").splitlines()
        return "\n".join(lines[-_WORDS:])

    async def __aenter__(self) -> Streams:
        program = self._program()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _GUARDIAN, str(os.getpid()), program, *self._command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._folder,
                env=self._env,
                start_new_session=True,
            )
        except OSError as error:
            why = Why.NO_PROGRAM if isinstance(error, FileNotFoundError | NotADirectoryError) else Why.OURS
            raise NoTalk(why, f"no process could be started in `{self._folder}`: {error.strerror}") from None
        incoming, received = anyio.create_memory_object_stream[Item](64)
        outgoing, sent = anyio.create_memory_object_stream[SessionMessage](64)
        self._streams = (incoming, received, outgoing, sent)
        self._tasks = [
            asyncio.create_task(self._read(incoming), name="an mcp server's output"),
            asyncio.create_task(self._write(sent), name="an mcp server's input"),
            asyncio.create_task(self._listen(), name="an mcp server's words"),
        ]
        return received, outgoing

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        try:
            if process.returncode is None:
                with contextlib.suppress(TimeoutError):  # a crash is seen by its pipes before by its end
                    await asyncio.wait_for(process.wait(), _SETTLE_S if error else 0.001)
            self.ended_by_us = process.returncode is None
            if self.ended_by_us:
                await self._end(process, is_kind=error is None)
        finally:
            _signal(process.pid, signal.SIGKILL)  # the group: what it started itself, too, even where we are cancelled
            await self._tidy(process)

    async def _tidy(self, process: asyncio.subprocess.Process) -> None:
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _KILL_S)
            with contextlib.suppress(TimeoutError):  # its last words
                await asyncio.wait_for(asyncio.shield(self._tasks[2]), _SETTLE_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for stream in self._streams:
                stream.close()
            process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001  # asyncio shows no other way

    def _program(self) -> str:
        name = self._command[0]
        path = self._env.get("PATH", os.defpath)
        found = shutil.which(name if os.sep not in name else str(self._folder / name), path=path)
        if found is None:
            raise NoTalk(Why.NO_PROGRAM, f"there is no program `{name}` that can be run")
        return found

    async def _end(self, process: asyncio.subprocess.Process, *, is_kind: bool) -> None:
        """As the protocol asks: close its input, wait, then ask less kindly. One that is silent gets no time for it."""
        assert process.stdin
        process.stdin.close()
        ways = ((_LEAVE_S, signal.SIGTERM), (_TERM_S, signal.SIGKILL)) if is_kind else ((0.05, signal.SIGKILL),)
        for wait_s, then in ways:
            try:
                await asyncio.wait_for(process.wait(), wait_s)
            except TimeoutError:
                _signal(process.pid, then)
            else:
                return

    async def _read(self, incoming: MemoryObjectSendStream[Item]) -> None:
        assert self._process
        assert self._process.stdout
        rest = b""
        with incoming, contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            while chunk := await self._process.stdout.read(65_536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.strip():
                        await self._take(line, incoming)
                if len(rest) > _LONGEST_LINE:
                    self.too_long = True
                    self._note(rest)
                    return
            if rest.strip():
                await self._take(rest, incoming)

    async def _take(self, line: bytes, incoming: MemoryObjectSendStream[Item]) -> None:
        try:
            message = jsonrpc_message_adapter.validate_json(line, by_name=False)
        except ValueError:
            self._note(line)
            return
        await incoming.send(SessionMessage(message))

    def _note(self, line: bytes) -> None:
        self.stray_count += 1
        if len(self.stray) < _STRAY:
            self.stray.append(line[:_STRAY_CHARS].decode(errors="replace").strip())

    async def _write(self, sent: MemoryObjectReceiveStream[SessionMessage]) -> None:
        assert self._process
        assert self._process.stdin
        with sent, contextlib.suppress(OSError):
            async for each in sent:
                text = each.message.model_dump_json(by_alias=True, exclude_unset=True)
                self._process.stdin.write(text.encode() + b"\n")
                await self._process.stdin.drain()

    async def _listen(self) -> None:
        assert self._process
        assert self._process.stderr
        kept = 0
        while chunk := await self._process.stderr.read(4096):
            self._words.append(chunk)
            kept += len(chunk)
            while kept > _WORDS_BYTES and len(self._words) > 1:
                kept -= len(self._words.popleft())


def _signal(group: int, what: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)
