"""``paramedic mcp``: servers of tools looked at, listed, called, written down, added."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.output import complain, emit
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.component import Component
from paramedic.model.errors import ConfigurationError, ParamedicError, UsageError
from paramedic.model.secret import Secret
from paramedic.model.service import Service
from paramedic.model.wire import Json
from paramedic.report import FORMATS

_KIND = "mcp"
_ASK_S = 30.0
_name = click.argument("name", required=False)
_yes = click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
Found = Mapping[str, Any]  # Any: JSON, which only gets printed


@click.group()
def mcp() -> None:
    """Servers of tools (Model Context Protocol): status, tools, calls, what they have to be.

    NAME is the component; it may be left out where the service file declares one such server.
    """


@mcp.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--format", "style", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("-v", "--verbose", is_flag=True, help="Show passes and all evidence.")
@click.pass_context
def status(context: click.Context, names: tuple[str, ...], style: str, verbose: bool) -> None:
    """Look at every server of tools, or those named, and judge. Changes nothing.

    Exit code: 0 healthy, 1 degraded, 2 critical, 3 unknown.
    """
    from paramedic.cli.check import check as look

    service, _ = load_service(context)
    wanted = tuple(_known(service, each).name for each in names) or _all(service)
    context.invoke(look, components=wanted, depth="full", style=style, verbose=verbose or style == "text")


@mcp.group()
def config() -> None:
    """How the servers of tools are declared."""


@config.command()
@_name
@format_option
@click.pass_context
def show(context: click.Context, name: str | None, style: str) -> None:
    """Show the declared servers, their revisions and what is written down of them; secrets stay hidden."""
    service, _ = load_service(context)
    wanted = (_known(service, name).name,) if name else _all(service)
    found = [_declared(service, service.components[each]) for each in wanted]
    if style == "json":
        show_json({"file": str(service.path), "servers": found})
        return
    rows = [(each["name"], each["address"], each["protocol"] or "any", each["recorded_at"] or "-") for each in found]
    show_rows(("name", "address", "protocol", "tools written down"), rows, empty="none")


@mcp.command()
@_name
@format_option
@click.pass_context
def tools(context: click.Context, name: str | None, style: str) -> None:
    """List the tools that a server offers now, with their arguments."""
    from paramedic.checking import run_loop

    service, registry = load_service(context)
    component = _known(service, name)
    offers = registry.kinds[_KIND].offers
    assert offers is not None

    async def asked() -> Found:
        return await offers(component.target, service.path.parent, component.timeout_s or _ASK_S)

    found = run_loop(asked())
    if style == "json":
        show_json(found)
        return
    rows = [(each["name"], _arguments(each), each.get("description") or "-") for each in found["tools"]]
    complain(f"{found['server']} speaks {found['protocol']}, {found['liveness']} takes {found['latency_ms']} ms")
    show_rows(("tool", "arguments", "what it does"), rows, empty="it offers no tool")


@mcp.command()
@click.argument("name")
@click.argument("tool")
@click.argument("arguments", default="{}")
@_yes
@format_option
@click.pass_context
def call(context: click.Context, /, *, name: str, tool: str, arguments: str, yes: bool, style: str) -> None:
    """Call TOOL of the server NAME once, with ARGUMENTS as JSON, and leave a receipt. Exit code 1: it failed."""
    try:
        given = json.loads(arguments)
    except ValueError as error:
        raise UsageError(f"`{arguments}` is no JSON: {error}", hint='such as \'{"item": "blue lamp"}\'') from None
    if not isinstance(given, dict):
        raise UsageError(f"`{arguments}` is no JSON object", hint='such as \'{"item": "blue lamp"}\'')
    done = _carry_out(context, name, "mcp.call", {"tool": tool, "arguments": given}, yes=yes)
    output = done.output
    if style == "json":
        show_json({"plan": done.plan, "verified": done.verified, "summary": done.summary, **output})
    else:
        emit(f"{done.summary}\n")
    context.exit(0 if done.verified and not output.get("is_error") else 1)


@mcp.command()
@_name
@_yes
@format_option
@click.pass_context
def record(context: click.Context, name: str | None, yes: bool, style: str) -> None:
    """Write the server's tools down: they are right as they are, and have to stay so."""
    done = _carry_out(context, name, "mcp.record", {}, yes=yes)
    if style == "json":
        show_json({"plan": done.plan, "verified": done.verified, "summary": done.summary, **done.output})
    else:
        emit(f"{done.summary}\n")
    context.exit(0 if done.verified else 1)


@mcp.command("add-server")
@click.argument("name")
@click.argument("command", nargs=-1)
@click.option("--url", help="Where it answers over streamable HTTP.")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE", help="Sent with each request; may be ${VAR}.")
@click.option("--env", "variables", multiple=True, metavar="NAME=VALUE", help="Set for the command; may be ${VAR}.")
@click.option("--protocol", help="The revision that its clients speak.")
@format_option
@click.pass_context
def add_server(
    context: click.Context,
    /,
    *,
    name: str,
    command: tuple[str, ...],
    url: str | None,
    headers: tuple[str, ...],
    variables: tuple[str, ...],
    protocol: str | None,
    style: str,
) -> None:
    """Declare a server in the service file: `add-server NAME --url URL`, or `add-server NAME -- COMMAND…`.

    Comments and order stay, the result is validated first, and the version before is kept.
    """
    if bool(url) == bool(command):
        raise UsageError("one of `--url` and a command is needed", hint="`add-server NAME -- npx -y SERVER`")
    keys: dict[str, Any] = {"kind": _KIND, **({"url": url} if url else {"command": list(command)})}
    if headers:
        keys["headers"] = _pairs(headers, "--header")
    if variables:
        keys["env"] = _pairs(variables, "--env")
    if protocol:
        keys["protocol"] = protocol
    place = _file(context)
    if name in place.names:
        raise UsageError(f"there is a component `{name}` already", hint="choose another name")
    _put(place, ("components", name), keys, f"added `{name}`", style)


@mcp.command("set-protocol")
@click.argument("name")
@click.argument("revision")
@format_option
@click.pass_context
def set_protocol(context: click.Context, name: str, revision: str, style: str) -> None:
    """Declare which revision of the protocol the clients of NAME speak, such as 2025-06-18.

    The result is validated first, and the version before is kept.
    """
    service, _ = load_service(context)
    _put(_file(context), ("components", _known(service, name).name, "protocol"), revision, f"set `{name}`", style)


class _Done:
    """What came of an order."""

    def __init__(self, result: Mapping[str, Json]) -> None:
        found: Any = result  # Any: a plan and its receipts as JSON
        receipts = [each for each in found.get("receipts") or () if each["phase"] == "done"]
        self.plan = str(found["plans"][0]["id"])
        self.verified = bool(found["verified"])
        self.output: dict[str, Any] = receipts[-1]["output"] if receipts else {}
        self.summary = receipts[-1]["detail"] if receipts else f"failed: {found['plans'][0]['why_ended']}"


def _carry_out(
    context: click.Context, name: str | None, action: str, params: Mapping[str, Json], *, yes: bool
) -> _Done:
    """Show what would be done, ask, and have it done."""
    service, registry = load_service(context)
    component = _known(service, name)
    checks: list[Json] = []
    order: dict[str, Json] = {"component": component.name, "action": action, "with": dict(params), "checks": checks}
    foreseen: Any = ask(service, registry, "act", {**order, "foresee": True})  # Any: a plan as JSON
    preview = foreseen["plans"][0]["steps"][0]["preview"]
    if preview["blocked"]:
        raise ParamedicError(f"this cannot be done: {preview['blocked']}")
    if not yes:
        complain(preview["summary"])
        if not sys.stdin.isatty():
            raise UsageError("this asks first, and nobody can answer here", hint="`--yes` does it without asking")
        if not click.confirm("go on", err=True):
            raise click.Abort
    return _Done(ask(service, registry, "act", order))


def _declared(service: Service, component: Component) -> Found:
    target: Any = component.target  # Any: the pack's own class
    path = target.manifest_path(service.path, component.name)
    try:
        recorded = json.loads(path.read_bytes()).get("recorded_at")
    except (OSError, ValueError, AttributeError):
        recorded = None
    return {
        "name": component.name,
        "address": target.shown,
        "url": target.shown if target.url else None,
        "command": list(target.command) or None,
        "protocol": str(target.protocol) if target.protocol else None,
        "headers": {key: _hidden(each) for key, each in target.headers.items()},
        "env": {key: _hidden(each) for key, each in target.env.items()},
        "started_by": target.started_by,
        "manifest": str(path),
        "recorded_at": recorded,
        "line": component.line,
    }


def _hidden(value: str | Secret) -> str:
    return str(value)


def _arguments(tool: Found) -> str:
    schema = tool.get("inputSchema") or {}
    needed = schema.get("required") or ()
    return ", ".join(each if each in needed else f"[{each}]" for each in schema.get("properties") or {}) or "-"


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    found = {}
    for each in texts:
        name, is_pair, value = each.partition("=")
        if not is_pair or not name:
            raise UsageError(f"`{option} {each}` is not NAME=VALUE")
        found[name] = value
    return found


class _File:
    """The service file as it stands."""

    def __init__(self, context: click.Context) -> None:
        from paramedic.cli.config_places import ServiceFile
        from paramedic.sdk.editing import parsed

        self.place = ServiceFile.found(context)
        data = parsed(self.place.text, "yaml")
        components = data.get("components") if isinstance(data, Mapping) else None
        self.names: tuple[str, ...] = tuple(map(str, components)) if isinstance(components, Mapping) else ()
        self.path: Path = self.place.path


def _file(context: click.Context) -> _File:
    return _File(context)


def _put(file: _File, keys: tuple[str, ...], value: Any, what: str, style: str) -> None:  # Any: what is to stand there
    from paramedic.sdk.editing import with_value

    new = with_value(file.place.text, "yaml", keys, value)
    if wrong := file.place.problems(new):
        raise ConfigurationError(wrong)
    told = file.place.put(new)
    if style == "json":
        show_json({"file": str(file.path), "key": ".".join(keys), "value": value, "backup": told or None})
    else:
        emit(f"{what} in {file.path}{f'; {told}' if told else ''}\n")


def _all(service: Service) -> tuple[str, ...]:
    names = tuple(name for name, each in service.components.items() if each.kind == _KIND)
    if not names:
        hint = "`paramedic mcp add-server NAME --url URL` declares one"
        raise UsageError("the service file declares no server of tools", hint=hint)
    return names


def _known(service: Service, name: str | None) -> Component:
    names = _all(service)
    if name is None and len(names) > 1:
        raise UsageError("which server of tools", hint=f"one of {', '.join(names)}")
    wanted = name or names[0]
    if wanted not in names:
        raise UsageError(f"there is no server of tools `{wanted}`", hint=f"known: {', '.join(names)}")
    return service.components[wanted]
