"""How what went wrong is told: in one line, with an exit code, and as JSON to programs."""

import errno
import json
import os
import tempfile
import textwrap
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from paramedic.cli.output import complain, emit
from paramedic.model.errors import ConfigurationError, NotNow, ParamedicError, UsageError
from paramedic.report import Redactor
from paramedic.report.words import printable

INTERRUPTED = 130
INTERNAL = 70


def tell(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what went wrong and return the exit code for it."""
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0 if error.code is None else INTERNAL
        case KeyboardInterrupt() | click.Abort():
            complain("interrupted")
            return INTERRUPTED
        case BrokenPipeError():
            return 0  # the reader has seen enough
        case click.exceptions.NoArgsIsHelpError():
            complain(error.format_message())
            return UsageError.exit_code
        case click.ClickException():
            return _told(_sentence(error.format_message()), UsageError.exit_code, arguments, hint=_usage(error))
        case ConfigurationError():
            return _configuration(error, arguments)
        case ParamedicError():
            return _told(str(error), error.exit_code, arguments, hint=error.hint)
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = f" for `{error.filename}`" if error.filename else " for what should be written"
            return _told(f"no space is left{place}", NotNow.exit_code, arguments, hint="free some space")
    return _fault(error, arguments)


def _told(message: str, code: int, arguments: Sequence[str], *, hint: str | None, details: Any = None) -> int:
    """Any: JSON of whatever else there is."""
    safe = Redactor()
    message, hint = safe.text(message), None if hint is None else safe.text(hint)
    if _wants_json(arguments):
        body = {"schema_version": 1, "error": message, "hint": hint, "exit_code": code, "problems": details or []}
        _print(body)
    complain(printable(message))
    if hint:
        complain(_folded(f"hint: {printable(hint)}"))
    return code


def _print(body: dict[str, Any]) -> None:  # Any: JSON
    """For programs. Where nothing can be printed, that may be the very fault that is told."""
    with suppress(OSError):
        emit(json.dumps(body, indent=2) + "\n")


def _configuration(error: ConfigurationError, arguments: Sequence[str]) -> int:
    from paramedic.model.wire import dump

    if _wants_json(arguments):
        message = f"{len(error.problems)} problem{'' if len(error.problems) == 1 else 's'} in the configuration"
        body = {
            "schema_version": 1,
            "error": message,
            "hint": None,
            "exit_code": error.exit_code,
            "problems": dump(error.problems),
        }
        _print(body)
    for problem in error.problems:
        complain("\n".join(map(_folded, printable(str(problem)).splitlines())))
    return error.exit_code


def _fault(error: BaseException, arguments: Sequence[str]) -> int:
    """A fault of ours: one line, the details in a file that only the user can read."""
    details = Redactor().text("".join(traceback.format_exception(error)))
    if "--debug" in arguments or os.environ.get("DEBUG_MODE", "").lower() in ("1", "true", "yes", "on"):
        complain(details.rstrip())
        where = "the details stand above"
    else:
        where = _kept(details)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    message = f"this is a fault of paramedic, not of your service: `{type(error).__name__}` at {place}; {where}"
    return _told(message, INTERNAL, arguments, hint=None)


def _kept(details: str) -> str:
    try:
        handle, path = tempfile.mkstemp(prefix="paramedic-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            file.write(details)
    except OSError:
        return "the details could not be written; `--debug` shows them"
    return f"the details are in {path}"


def _usage(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path} --help` shows how" if context else None


def _sentence(text: str) -> str:
    """As the rest of our messages: in lower case, without a full stop."""
    text = text.strip().removesuffix(".")
    return text[:1].lower() + text[1:]


def _folded(line: str) -> str:
    """A hint that is longer than a line of a terminal, on several; what is not a hint stays as it is."""
    if "\n" in line or not line.lstrip().startswith("hint: "):
        return line
    room = " " * (line.index("hint: ") + 6)
    return textwrap.fill(line, 80, subsequent_indent=room, break_long_words=False, break_on_hyphens=False)


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(one in ("--json", "--format=json") or (one == "--format" and two == "json") for one, two in pairs)
