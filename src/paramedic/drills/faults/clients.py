"""Clients that no program can touch: somebody complains, a token is refused, versions do not fit."""

import json
import sys
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.sdk import proc

_COMPLAINT = "the app says `cannot connect` since noon"
_GUIDE = """\
title: Bring the phone back
helps: [guidance.mobile-client]
steps:
  - do: Have the user close the app wholly and open it again
  - do: Have the user do again what did not work
    see: it works; the user says so
"""
_STATE = {"token": "a-token-of-nobody", "version": "2.3.0", "min_client": "2.0"}


async def _with_a_phone(patient: Patient) -> None:
    """Somebody has the shop's client on a phone, and the shop has a short guide of its own for that."""
    (patient.folder / "guides").mkdir()
    (patient.folder / "guides" / "mobile-client.yaml").write_text(_GUIDE)
    patient.edit(
        lambda document: document["components"].update(phone={"kind": "client", "sort": "mobile", "interval": "500ms"})
    )


async def _with_a_backend(patient: Patient) -> None:
    """The client's configuration is here, and its backend tells who may come in."""
    (port,) = free_ports(1)
    place = patient.folder / "backend.json"
    place.write_text(json.dumps(_STATE))
    (patient.folder / "client").mkdir()
    (patient.folder / "client" / "session.json").write_text(
        json.dumps({"session": {"token": _STATE["token"]}, "version": "2.1.4"})
    )
    guest = patient.invite((sys.executable, "-m", "paramedic.drills.servers.backend", str(port), str(place)))
    await patient.until(lambda: any(each.pid == guest.pid for each in proc.holders(port)), "the backend to listen")
    part: dict[str, Any] = {  # Any: as in a service file
        "kind": "client",
        "sort": "computer",
        "config": "client/session.json",
        "token": "session.token",
        "auth": f"http://127.0.0.1:{port}/me",
        "compatible": f"http://127.0.0.1:{port}/version",
        "interval": "500ms",
    }
    patient.edit(lambda document: document["components"].update(phone=part))


async def _is_guided_to_the_end(patient: Patient) -> None:
    """A person goes through the guide: every step leaves a receipt, and the incident ends."""
    begun = await patient.paramedic("guide", "start", "phone", "--format", "json", within_s=60)
    if begun.code:
        raise DrillFailed(f"`paramedic guide start` ended with {begun.code}: {begun.err.strip()[-200:]}")
    plan = json.loads(begun.out)["plan"]
    for _ in plan["steps"]:
        ticked = await patient.paramedic("guide", "tick", plan["id"], "--format", "json", within_s=60)
        if ticked.code:
            raise DrillFailed(f"`paramedic guide tick` ended with {ticked.code}: {ticked.err.strip()[-200:]}")
    after = json.loads(ticked.out)
    if after["plan"]["state"] != "verified" or len(after["receipts"]) != len(plan["steps"]):
        raise DrillFailed(f"the guide ended as {after['plan']['state']}, with {len(after['receipts'])} receipts")
    shown = await patient.paramedic("incidents", "show", plan["incident"], "--format", "json", within_s=60)
    if json.loads(shown.out)["state"] != "resolved":
        raise DrillFailed("the incident is not resolved, though every step was done")


@fault("client-guidance", prepare=_with_a_phone, afterwards=_is_guided_to_the_end)
async def complain_about_a_phone(patient: Patient) -> None:
    """Let somebody tell that the shop does not work on a phone, and ask for the steps."""
    patient.mark()
    ran = await patient.paramedic("guide", "complain", "phone", _COMPLAINT, within_s=60)
    if ran.code:
        raise DrillFailed(f"`paramedic guide complain` ended with {ran.code}: {ran.err.strip()[-200:]}")


@fault("client-auth-failed", prepare=_with_a_backend)
async def revoke_the_clients_token(patient: Patient) -> None:
    """Let the backend know the client's stored token no more."""
    patient.mark()
    _change(patient, token="another-one")  # noqa: S106  # of nobody


@fault("client-version-mismatch", prepare=_with_a_backend)
async def require_a_newer_client(patient: Patient) -> None:
    """Let the backend serve only clients that are newer than this one."""
    patient.mark()
    _change(patient, version="3.0.0", min_client="3.0")


def _change(patient: Patient, **changes: str) -> None:
    place = patient.folder / "backend.json"
    draft = place.with_suffix(".draft")
    draft.write_text(json.dumps({**_STATE, **changes}))
    draft.replace(place)
