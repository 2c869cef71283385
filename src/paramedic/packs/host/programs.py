"""Are the programs installed that the service calls?"""

import asyncio
import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.host.target import Host, Wanted, wanted
from paramedic.sdk import Code, Context, Ending, Finding, IssueType, Need, check

MISSING = Code(
    id="binary.missing",
    type=IssueType.CONFIG,
    summary="a program that the service calls is not installed",
    ending=Ending.ADVISE,
    depth=3,
)
TOO_OLD = Code(
    id="binary.too-old",
    type=IssueType.CONFIG,
    summary="a program that the service calls is older than it needs",
    ending=Ending.ADVISE,
    depth=3,
)
_NUMBERS = re.compile(r"\d+(?:\.\d+)+|\b\d+\b")
_ASKED = ("--version", "-version", "-v")
_OWN_WAY = {"go": "version", "helm": "version"}
"""Programs that know none of these. A bare word is given to nobody else: it may be the name of a file to make."""
_ANSWER_S = 2.0
_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a program said of its version, and which file that was."""

    stamp: tuple[str, int]
    version: str | None


@check(MISSING, TOO_OLD, of=Host, timeout_s=10, every_s=10)
async def binaries(host: Host, context: Context) -> list[Finding]:
    """The programs that the service calls are installed, and new enough.

    Looks at: every name under ``binaries`` along ``PATH``: a missing one is critical where it is ``required``, a
    warning where it is ``recommended``, and only mentioned where it is ``optional``. Where a version is asked for
    (``ffmpeg: required >=4.2``), the program is called with ``--version``, and the first number it prints counts.
    Why: a service that calls a missing program starts well and fails with the first request that needs it.
    By hand: ``command -v NAME``; ``NAME --version``
    Healed by: nothing automatic; the finding names what to install.
    """
    if not host.binaries:
        return [context.ok("no programs are declared")]
    asked = [_look(name, wanted(said), context) for name, said in host.binaries.items()]
    return list(await asyncio.gather(*asked))


async def _look(name: str, want: Wanted, context: Context) -> Finding:
    path = _find(name, context.service.path.parent)
    if path is None:
        return _judge(
            MISSING,
            want,
            context,
            observed=f"the {want.need} program `{name}` is not installed",
            expected=f"`{name}` on the `PATH`",
            because=f"looked for in {os.environ.get('PATH', 'no folder: `PATH` is not set')}",
            hint=f"install it (`apt-get install {name}` or the like); if it is installed elsewhere, give its path "
            "instead of its name, or add its folder to the `PATH` of Paramedic",
        )
    if want.at_least is None:
        return context.ok(f"`{name}` is {path}")
    version = await _version(path, context)
    if version is None:
        return context.unknown(f"`{name}` does not tell its version", hint=f"call `{name} --version` by hand")
    if _numbers(version) >= _numbers(want.at_least):
        return context.ok(f"`{name}` {version} is {path}")
    return _judge(
        TOO_OLD,
        want,
        context,
        observed=f"`{name}` is of version {version}",
        expected=f"{want.at_least} or newer",
        because=f"it is {path}",
        hint=f"install a newer `{name}`, or put the folder of a newer one first in the `PATH`",
    )


def _judge(
    code: Code, want: Wanted, context: Context, *, observed: str, expected: str, because: str, hint: str
) -> Finding:
    if want.need is Need.OPTIONAL:
        return context.info(observed, code)
    tell = context.critical if want.need is Need.REQUIRED else context.warning
    return tell(code, observed=observed, expected=expected, because=because, hint=hint)


def _find(name: str, folder: Path) -> str | None:
    """Along ``PATH``, or relative to the service file where it is a path."""
    return shutil.which(str(folder / Path(name).expanduser()) if "/" in name else name)


async def _version(path: str, context: Context) -> str | None:
    """What it says of itself; asked once for each state of the file."""
    stamp = (path, Path(path).stat().st_mtime_ns)
    known = context.memory.get(path)
    if isinstance(known, _Told) and known.stamp == stamp:
        return known.version
    version = None
    own_way = _OWN_WAY.get(Path(path).name)
    for argument in (own_way,) if own_way else _ASKED:
        if (said := await _said(path, argument)) and (numbers := _NUMBERS.search(said)):
            version = numbers.group()
            break
    context.memory[path] = _Told(stamp=stamp, version=version)
    return version


async def _said(path: str, argument: str) -> str:
    """What it prints when called so; nothing where it fails or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            argument,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError:
        return ""
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_ANSWER_S):
            said = await process.stdout.read(_ANSWER_BYTES)
            while len(said) < _ANSWER_BYTES and (more := await process.stdout.read(_ANSWER_BYTES)):
                said += more
            code = await process.wait()
    except TimeoutError:
        return ""
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        if process.returncode is None:
            await process.wait()
    return said.decode(errors="replace") if code == 0 else ""


def _numbers(version: str) -> tuple[int, ...]:
    """Of 4.2.0 the numbers 4 and 2, so that 4.2 and 4.2.0 are the same."""
    numbers = [int(each) for each in re.findall(r"\d+", version)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
