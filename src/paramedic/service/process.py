"""``process:`` and ``owner:`` of a component."""

import re
import shlex
import signal
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from socket import gethostname

from paramedic.model.component import Owner, ProcessSpec
from paramedic.sdk.pack import Address
from paramedic.service.annotations import known_keys
from paramedic.service.keys import Manager, OwnerCommands, ProcessKeys
from paramedic.service.problems import Problems, listed, quoted
from paramedic.service.shape import INVALID, Shaper, dotted
from paramedic.service.tree import Node, Scalar, Table, kind_of

_OPTIONS = "options"
_SHELL_IN_DOUBLE_QUOTES = ("$(", "`")
_SHELL = ("&&", "||", "|", ">", "<", ";", "&", *_SHELL_IN_DOUBLE_QUOTES)


def read_process(node: Node, label: str, shaper: Shaper) -> ProcessSpec | None:
    """A process; ``None`` with the reasons among the problems."""
    if not isinstance(node, Table):
        hint = "write `process: {command: …}`" if isinstance(node, Scalar) and node.value is not None else None
        shaper.problems.add(f"{quoted(label)} is {kind_of(node)}", line=node.line, expected="a mapping", hint=hint)
        return None
    before = len(shaper.problems)
    shaper.unknown_keys(node, label, known_keys(ProcessKeys))
    values, _ = shaper.fields(_as_text(node), ProcessKeys, label)
    if "command" in values:
        line = node.nodes["command"].line
        values["command"] = _argv(values["command"], line, f"{label}.command", shaper.problems) or ()
    if not node.nodes.keys() & {"command", "pidfile", "match"}:
        expected = "`command`, `pidfile` or `match`"
        shaper.problems.add(f"{quoted(label)} names no process", line=node.line, expected=expected)
    spec = ProcessSpec(**{"cwd": shaper.folder, **values})
    _judge(spec, node, label, shaper.problems)
    if len(shaper.problems) > before:
        return None
    return replace(spec, stop_signal=_signal(spec.stop_signal) or spec.stop_signal)


def read_owner(node: Node, label: str, shaper: Shaper) -> Owner | None:
    """Who starts a component; ``None`` with the reasons among the problems."""
    table = shaper.table(node, label)
    if table is None:
        return None
    shaper.unknown_keys(table, label, [*(each.value for each in Manager), _OPTIONS])
    managers = {key: each for key, each in table.nodes.items() if key != _OPTIONS}
    if len(managers) != 1:
        shaper.problems.add(
            f"{quoted(label)} has {len(managers)} keys", line=table.line, expected=f"one of {listed(Manager)}"
        )
        return None
    ((manager, named),) = managers.items()
    options = (
        shaper.read(table.nodes[_OPTIONS], tuple[str, ...], dotted(label, _OPTIONS)) if _OPTIONS in table.nodes else ()
    )
    if manager not in list(Manager) or options is INVALID:
        return None
    if manager == Manager.COMMAND:
        return _own_commands(named, dotted(label, manager), shaper)
    unit = shaper.read(named, str, dotted(label, manager))
    if unit is INVALID:
        return None
    if not unit or unit.startswith("-"):
        what = "names no unit" if not unit else f"names {quoted(unit)}, which reads like an option"
        hint = f"put what the program needs before its verb into {quoted(_OPTIONS)}" if unit else None
        shaper.problems.add(f"{quoted(label)} {what}", line=table.line, hint=hint)
        return None
    return Owner(manager=manager, unit=unit, options=options)


def _own_commands(node: Node, label: str, shaper: Shaper) -> Owner | None:
    table = shaper.table(node, label)
    if table is None:
        return None
    shaper.unknown_keys(table, label, known_keys(OwnerCommands))
    values, valid = shaper.fields(table, OwnerCommands, label)
    commands: dict[str, tuple[str, ...]] = {}
    for verb, command in values.items():
        argv = _argv(command, table.lines.get(verb), f"{label}.{verb}", shaper.problems)
        valid = valid and argv is not None
        commands[verb] = argv or ()
    return Owner(manager=Manager.COMMAND, commands=commands) if valid else None


def port_here(address: Address | None) -> int | None:
    """The port of an address on this machine."""
    if address is None:
        return None
    host, port = address
    if host.lower() in ("localhost", "", gethostname().lower()):
        return port
    try:
        where = ip_address(host.strip("[]"))
    except ValueError:
        return None
    return port if where.is_loopback or where.is_unspecified else None


def _as_text(node: Table) -> Table:
    """``DEBUG: true`` in an environment is the word as it is written."""
    env = node.nodes.get("env")
    if not isinstance(env, Table):
        return node
    texts = {
        key: Scalar(each.line, each.text, each.text, each.secret, each.is_void) if isinstance(each, Scalar) else each
        for key, each in env.nodes.items()
    }
    return Table(node.line, {**node.nodes, "env": Table(env.line, texts, env.lines)}, node.lines)


def _argv(command: str | tuple[str, ...], line: int | None, label: str, problems: Problems) -> tuple[str, ...] | None:
    """The command as a list of words, never given to a shell."""
    if isinstance(command, str):
        operator = _operator(command)
        if operator:
            problems.add(
                f"{quoted(label)} holds {_code(operator)}, which only a shell understands",
                line=line,
                expected="one program and its arguments",
                hint=f"put the line into a script and name that, or quote {_code(operator)} if it is meant literally",
            )
            return None
        try:
            command = tuple(shlex.split(command))
        except ValueError:
            problems.add(f"{quoted(label)} has a quote that is never closed", line=line)
            return None
    if not command or not command[0]:
        problems.add(f"{quoted(label)} is empty", line=line, expected="a program and its arguments")
        return None
    return command


def _code(operator: str) -> str:
    return "a backtick" if operator == "`" else quoted(operator)


def _operator(text: str) -> str | None:
    """The first shell operator outside quotes; ``$(`` and backticks work within double quotes too."""
    quote, position = "", 0
    while position < len(text):
        each = text[position]
        if each == "\\" and quote != "'":
            position += 2
            continue
        if quote == each:
            quote = ""
        elif not quote and each in "'\"":
            quote = each
        elif quote != "'":
            known = _SHELL_IN_DOUBLE_QUOTES if quote else _SHELL
            if operator := next((one for one in known if text.startswith(one, position)), None):
                return operator
        position += 1
    return None


def _judge(spec: ProcessSpec, node: Table, label: str, problems: Problems) -> None:
    def wrong(key: str, is_: str, expected: str, hint: str | None = None) -> None:
        line = next((node.lines[each] for each in (key, f"{key}_s") if each in node.lines), node.line)
        problems.add(f"{quoted(f'{label}.{key}')} is {is_}", line=line, expected=expected, hint=hint)

    if spec.match is not None:
        judge_match(spec.match, f"{label}.match", node.lines.get("match"), problems)
    if spec.port is not None and not 0 < spec.port < 65536:
        wrong("port", quoted(str(spec.port)), "a port from 1 to 65535")
    if _signal(spec.stop_signal) is None:
        names = [each.name for each in signal.Signals]
        hint = problems.did_you_mean(spec.stop_signal, names)
        wrong("stop_signal", quoted(spec.stop_signal), "the name of a signal such as `SIGTERM`", hint)
    for key, seconds in (("stop_timeout", spec.stop_timeout_s), ("ready_within", spec.ready_within_s)):
        if seconds <= 0:
            wrong(key, quoted(f"{seconds:g}"), "more than no time")
    for name in spec.env:
        if not name or "=" in name or "\0" in name:
            problems.add(
                f"{quoted(f'{label}.env')} sets {quoted(name)}", line=node.line, expected="the name of a variable"
            )


def judge_match(pattern: str, label: str, line: int | None, problems: Problems) -> None:
    """Note what is wrong with a regular expression."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        problems.add(f"{quoted(label)} is no regular expression: {error}", line=line)
    else:
        if not pattern:
            problems.add(f"{quoted(label)} is empty and would match every process", line=line)


def _signal(text: str) -> str | None:
    """``SIGTERM`` for ``term``, ``TERM``, ``SIGTERM`` and ``15``."""
    if text.isdecimal() and len(text) < 4:
        return next((each.name for each in signal.Signals if each.value == int(text)), None)
    name = text.upper()
    name = name if name.startswith("SIG") else f"SIG{name}"
    return name if name in signal.Signals.__members__ else None


def from_target(target: object, folder: Path) -> ProcessSpec | None:
    """What the kind ``process`` says at its top level: ``pidfile`` or ``match``."""
    pidfile, match = getattr(target, "pidfile", None), getattr(target, "match", None)
    return ProcessSpec(cwd=folder, pidfile=pidfile, match=match) if pidfile or match else None
