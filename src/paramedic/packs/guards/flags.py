"""The file of feature flags says what can be."""

from pathlib import Path

from paramedic.guard.errors import MissingExtra
from paramedic.guard.flag_check import FlagCheck, check_flag_file
from paramedic.packs.guards import codes
from paramedic.packs.guards.target import Guards, known_overlays
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread


@check(
    codes.FLAGS_INVALID,
    of=Guards,
    timeout_s=5,
    every_s=10,
    when=lambda target: target.flags is not None,
    id="guards.flags",
)
async def flags(target: Guards, context: Context) -> Finding:
    """The file of feature flags can be read, and names overlays that exist.

    Looks at: the declared file of flags, every problem in it with its line, and whether each overlay that it names has
    a file in the declared folder of overlays.
    Why: a flag with a problem is off, and a file that cannot be read leaves the last one in force until the next
    start, which then has none.
    By hand: ``paramedic flags validate``
    Healed by: restore-config
    """
    assert target.flags is not None
    try:
        found = await in_thread(_judge, target.flags, target.overlays)
    except MissingExtra as error:
        return context.unknown(str(error))
    if not found.problems:
        return context.ok(f"`{target.flags.name}` is valid")
    first = found.problems[0]
    others = f", and {len(found.problems) - 1} problems more" if len(found.problems) > 1 else ""
    return (context.warning if found.usable else context.critical)(
        codes.FLAGS_INVALID,
        observed=f"`{first.where}` {first.observed}{others}",
        expected=first.expected,
        because="the flag is off because of it" if found.usable else "none of the file can be used",
        hint="correct the line, or put the last good version back; `paramedic flags validate` lists every problem",
        evidence=(Evidence(label="problems", text="\n".join(map(str, found.problems))),),
        path=target.flags,
        line=first.line,
    )


def _judge(path: Path, overlays: Path | None) -> FlagCheck:
    return check_flag_file(path, known_overlays(overlays))
