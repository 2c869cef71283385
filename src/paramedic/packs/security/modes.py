"""Who may read and write the service's files."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.security.codes import FILE_MODE
from paramedic.packs.security.target import Security, found
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

_MOST_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A file that others may do too much with."""

    path: Path
    mode: int
    wanted: int

    @property
    def in_words(self) -> str:
        """Such as ``everybody may read it (mode 0644)``."""
        who = "everybody" if self.mode & 0o007 else "the group"
        what = "write" if self.mode & 0o022 & ~self.wanted else "read"
        return f"{who} may {what} it (mode {self.mode:04o})"


@check(FILE_MODE, of=Security, timeout_s=10, every_s=10)
async def modes(security: Security, context: Context) -> list[Finding]:
    """Files with secrets are their owner's alone, and nobody else writes the service's files.

    Looks at: the modes of what ``private``, ``files`` and ``logs`` name.
    Why: every account of the machine, and whoever breaks into one, reads a file that everybody may read.
    By hand: ``stat -c '%A %U %n' FILE``
    Healed by: fix-file-mode, on approval: whoever needs to read it would be kept out.
    """
    seen, blind = await in_thread(look, security)
    unreadable = [context.unknown(f"`{path}` cannot be looked at: {why}") for path, why in blind]
    if not seen:
        return unreadable or [context.ok("only their owners can read what is private")]
    first = seen[0]
    more = f", and {len(seen) - 1} more files are open" if len(seen) > 1 else ""
    return [
        context.critical(
            FILE_MODE,
            observed=f"`{first.path.name}`: {first.in_words}{more}",
            expected=f"mode {first.wanted:04o} at most",
            hint=f"`chmod {first.wanted:04o} {first.path}`; if others could log in meanwhile, rotate what it holds",
            evidence=tuple(Evidence(label=str(each.path), text=each.in_words) for each in seen[:_MOST_TOLD]),
            path=first.path,
        ),
        *unreadable,
    ]


def look(security: Security) -> tuple[list[Open], list[tuple[Path, str]]]:
    """Every file that is too open, and those that could not be looked at."""
    hidden = 0o037 if security.group_reads else 0o077
    seen: list[Open] = []
    blind: list[tuple[Path, str]] = []
    for paths, forbidden in ((security.private, hidden), ((*security.files, *security.logs), 0o002)):
        for path in found(paths):
            try:
                status = os.stat(path, follow_symlinks=True)  # noqa: PTH116  # as the reader of the file would
            except FileNotFoundError:
                continue
            except OSError as error:
                blind.append((path, error.strerror or str(error)))
                continue
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISREG(status.st_mode) and mode & forbidden:
                seen.append(Open(path=path, mode=mode, wanted=mode & ~forbidden))
    return list({each.path: each for each in reversed(seen)}.values())[::-1], blind
