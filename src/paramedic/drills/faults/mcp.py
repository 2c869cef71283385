"""Servers of tools that are gone, silent, chatty, old, or changed; and calls that they did not take."""

import json
import os
import signal
import sys
import urllib.request
from importlib.util import find_spec
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.records import just_looked_at
from paramedic.drills.watching import LOG
from paramedic.sdk import proc
from paramedic.sdk.blocking import in_thread

_PYTHON = [sys.executable, "-m"]
_SERVER = "paramedic.drills.servers.mcp_tools"
_CALLS = 6


def _impossible() -> str | None:
    return None if find_spec("mcp") else "the library `mcp` is not installed"


async def _over_http(patient: Patient) -> None:
    """Give the patient a shelf of books: a server on the official library under a parent that does not notice."""
    (port,) = free_ports(1)
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "mcp",
        "url": f"http://127.0.0.1:{port}/mcp",
        "interval": "1s",
        "timeout": "4s",
        "process": {
            "command": [*_PYTHON, "paramedic.drills.servers.keeper", *_PYTHON, _SERVER, "http", str(port)],
            "port": port,
            "stop_timeout": "3s",
        },
    }
    patient.edit(lambda document: document["components"].update(shelf=part))


_SOMEBODYS = "paramedic.demo.patient.tools"


async def _somebody_elses(patient: Patient) -> None:
    """The patient uses a server of tools that somebody else starts, and starts again."""
    (port,) = free_ports(1)
    part = {"kind": "mcp", "url": f"http://127.0.0.1:{port}/mcp", "interval": "500ms", "timeout": "4s"}
    guest = patient.invite((*_PYTHON, _SOMEBODYS, str(port)))
    await patient.until(lambda: any(each.pid == guest.pid for each in proc.holders(port)), "the server to listen")
    patient.edit(lambda document: document["components"].update(shelf=part))


def _over_pipes(*, held: bool) -> Step:
    """Give the patient the same server as a command, held by an agent or started by nobody but us."""

    async def prepare(patient: Patient) -> None:
        command = [*_PYTHON, _SERVER, "stdio"]
        part: dict[str, Any] = {"kind": "mcp", "command": command, "interval": "4s", "timeout": "20s"}
        if held:
            agent = [*_PYTHON, "paramedic.drills.servers.mcp_agent", *command]
            part |= {"interval": "500ms", "launch": False, "process": {"command": agent, "stop_timeout": "3s"}}
        patient.edit(lambda document: document["components"].update(shelf=part))

    return prepare


def _deploy(patient: Patient, **release: object) -> None:
    """Another release of the shop's own server of tools is in force from its next answer on."""
    draft = patient.folder / "data/tools.draft"
    draft.write_text(json.dumps(release))
    patient.mark()
    draft.replace(patient.folder / "data/tools.json")


@fault("mcp-refused", prepare=_over_http, impossible=_impossible)
async def crash_the_server(patient: Patient) -> None:
    """Kill a server of tools that speaks HTTP, under a parent that does not notice."""
    await patient.send("shelf", signal.SIGUSR1)


@fault("mcp-back-by-itself", prepare=_somebody_elses)
async def restart_by_somebody_else(patient: Patient) -> None:
    """Kill a server of tools that somebody else looks after, who starts it again once Paramedic waits for it."""
    [guest], port = patient.guests, patient.port("shelf")
    patient.mark()
    guest.kill()
    guest.wait()
    log = patient.folder / LOG
    await patient.until(lambda: "planned: wait-for-tools on shelf" in log.read_text(), "a plan", within_s=60)
    patient.guests[:] = [patient.invite((*_PYTHON, _SOMEBODYS, str(port)))]


@fault("mcp-stdio-died", prepare=_over_pipes(held=True), impossible=_impossible)
async def crash_behind_the_pipes(patient: Patient) -> None:
    """Kill the server that an agent talks to over its pipes; the agent lives on and does not notice."""
    wanted = tuple(map(str, patient.component("shelf")["command"]))

    def running() -> list[int]:
        return [pid for pid in proc.pids() if proc.command(pid) == wanted and patient.lives_here(pid)]

    await patient.until(lambda: len(running()) == 1, "the agent's server")
    patient.mark()
    os.kill(running()[0], signal.SIGKILL)


@fault("mcp-timeout", prepare=_over_http, impossible=_impossible)
async def stop_answering(patient: Patient) -> None:
    """Stop the server with a signal: its port accepts, and no request is answered."""
    (pid,) = [each.pid for each in proc.holders(patient.port("shelf"))]
    patient.mark()
    os.kill(pid, signal.SIGSTOP)


@fault("mcp-protocol-error", prepare=_over_pipes(held=False), impossible=_impossible)
async def write_to_standard_output(patient: Patient) -> None:
    """Deploy a release that writes a log line to standard output before its messages."""
    patient.mark()
    (patient.folder / "release.json").write_text(json.dumps({"chatty": True}))


async def _with_an_agreed_revision(patient: Patient) -> None:
    patient.edit(lambda document: document["components"]["tools"].update(protocol="2025-11-25"))


async def _declares_what_it_speaks(patient: Patient) -> None:
    text = patient.service_file.read_text()
    if patient.component("tools").get("protocol") != "2025-06-18" or "# The parts of the shop" not in text:
        raise DrillFailed("the service file does not declare the revision, or lost its comments")


@fault(
    "mcp-version-mismatch",
    prepare=_with_an_agreed_revision,
    afterwards=_declares_what_it_speaks,
    impossible=_impossible,
)
async def deploy_an_old_server(patient: Patient) -> None:
    """Put a release of the shop's server of tools in place that speaks nothing newer than an older revision."""
    _deploy(patient, revisions=["2024-11-05", "2025-06-18"])


@fault("mcp-tool-drift", impossible=_impossible)
async def deploy_other_tools(patient: Patient) -> None:
    """Put a release of the shop's server of tools in place that lost a tool and renamed an argument of another one."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    stock = {"description": "How many of an item are in stock.", "inputSchema": schema}
    _deploy(patient, tools={"file_question": None, "stock": stock})


async def _with_guards(patient: Patient) -> None:
    guards: dict[str, Any] = {  # Any: as in a service file
        "kind": "guards",
        "interval": "500ms",
        "folder": "guards",
        "of": ["api"],
        "dependencies": {"model": "model", "queue": "queue", "tools": "tools"},
        "thresholds": {"pending_s": 2},
        "depends_on": ["tools"],
    }
    patient.edit(lambda document: document["components"].update(guards=guards))


async def _each_is_filed_once(patient: Patient) -> None:
    filed = [json.loads(line)["text"] for line in (patient.folder / "data/filed.jsonl").read_text().splitlines()]
    asked = [f"question {number}" for number in range(_CALLS)]
    found = sorted(text.rpartition("! ")[2].split(" ", 1)[1] for text in filed)
    if found != asked:
        raise DrillFailed(f"filed were {found}, asked were {asked}")


def _ask(patient: Patient, text: str) -> None:
    request = urllib.request.Request(  # the address stands in our own service file
        f"http://127.0.0.1:{patient.port('api')}/api/v1/ai/chat",
        data=json.dumps({"customer": "anna", "text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=15).close()  # noqa: S310  # see above


@fault("mcp-tasks-lost", prepare=_with_guards, afterwards=_each_is_filed_once)
async def ask_while_it_is_away(patient: Patient) -> None:
    """Stop the server of tools for maintenance, let customers ask meanwhile, and start it again."""
    stopped = await patient.paramedic("stop", "tools", within_s=60)
    if stopped.code != 0:
        raise DrillFailed(f"`tools` could not be stopped: {stopped.err[-200:]}")
    patient.mark()
    for number in range(_CALLS):
        await in_thread(_ask, patient, f"question {number}")
    started = await patient.paramedic("start", "tools", within_s=60)
    if started.code != 0:
        raise DrillFailed(f"`tools` could not be started: {started.err[-200:]}")


async def _with_a_counter(patient: Patient) -> None:
    """A server of tools, and an API that calls it for every request."""
    await _over_http(patient)
    patient.edit(lambda document: document["components"]["shelf"].update(interval="20s"))
    (port,) = free_ports(1)
    counter = {
        "kind": "http",
        "url": f"http://127.0.0.1:{port}/health",
        "interval": "500ms",
        "timeout": "10s",
        "thresholds": {"latency_ms": 800, "latency_p95_ms": 100_000},
        "depends_on": ["shelf"],
        "process": {
            "command": [*_PYTHON, "paramedic.drills.servers.counter", str(port), patient.component("shelf")["url"]],
            "stop_timeout": "2s",
        },
    }
    patient.edit(lambda document: document["components"].update(counter=counter))


@fault("mcp-down-slow-api", prepare=_with_a_counter, impossible=_impossible)
async def crash_what_an_api_calls(patient: Patient) -> None:
    """Kill a server of tools; the API that calls it tries again and again, gets slow, and uses up the processor.

    It happens just after a look at the server, so that what suffers is seen before what is the matter.
    """
    await just_looked_at(patient, "shelf", "mcp.answers")
    await patient.send("shelf", signal.SIGUSR1)
