"""Guards that stand in the way, budgets that are overspent, flags that cannot be, calls that nobody takes."""

import json
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

from paramedic.drills.fault import fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.guard import state_file
from paramedic.sdk.blocking import in_thread

_GUARDS: dict[str, Any] = {  # Any: as in a service file
    "kind": "guards",
    "interval": "500ms",
    "folder": "guards",
    "of": ["api"],
    "dependencies": {"model": "model", "queue": "queue"},
    "tripwire": "data/tripwire.json",
    "energy": "data/energy.json",
    "flags": "config/overlay_feature_flags.yaml",
    "overlays": "configs/fusion/micro_overlays",
    "queue": "data/calls.sqlite",
    "depends_on": ["model", "queue"],
}
_CUSTOMER = """
import json, sys, time, urllib.error, urllib.request
url, names, pause_s = sys.argv[1], sys.argv[2].split(","), float(sys.argv[3])
while True:
    for name in names:
        body = json.dumps({"customer": name, "text": "is the blue lamp in stock?"}).encode()
        try:
            urllib.request.urlopen(urllib.request.Request(
                url, data=body, headers={"Content-Type": "application/json"}), timeout=10).close()
        except (urllib.error.HTTPError, OSError):
            pass
        time.sleep(pause_s)
"""
_BLIPS = 3
_CUTS = 3
_ENOUGH = 200
_STEPS = 7


async def _with_guards(patient: Patient) -> None:
    """Have the guards of the front looked at."""
    patient.edit(lambda document: document["components"].update(guards=_GUARDS))


def _ask(patient: Patient, text: str, customer: str = "anna") -> int:
    """Chat as a customer; the status of the answer."""
    request = urllib.request.Request(  # noqa: S310  # the address stands in our own service file
        _chat(patient),
        data=json.dumps({"customer": customer, "text": text}).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310  # see above
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _chat(patient: Patient) -> str:
    return f"http://127.0.0.1:{patient.port('api')}/api/v1/ai/chat"


async def _must_answer(patient: Patient, customer: str = "bella") -> None:
    """A customer gets an answer again."""
    status = await in_thread(_ask, patient, "is the blue lamp in stock?", customer)
    if status != 200:
        raise DrillFailed(f"afterwards a customer is answered with {status}")


async def _chats_until(patient: Patient, wanted: int, what: str) -> None:
    for _ in range(_ENOUGH):
        if await in_thread(_ask, patient, "and the red one?") == wanted:
            return
        await patient.clock.sleep(0.05)
    raise DrillFailed(f"waited in vain for {what}")


@fault("breaker-stuck-open", prepare=_with_guards, afterwards=_must_answer)
async def hold_the_breaker(patient: Patient) -> None:
    """Hold the breaker of the model open from within, and never let go: no customer is answered."""
    await _must_answer(patient)
    patient.mark()
    await patient.post("api", "/sickness", {"holds_breaker": True})
    if await in_thread(_ask, patient, "hello?") != 503:
        raise DrillFailed("customers are answered although the breaker is open")


@fault("breaker-false-trips", prepare=_with_guards, afterwards=_must_answer)
async def cut_the_line_again_and_again(patient: Patient) -> None:
    """Cut three calls to the model off, let the breaker recover, and do it again, three times."""
    patient.mark()
    for _ in range(_BLIPS):
        await patient.post("api", "/sickness", {"cuts": _CUTS})
        for _ in range(_CUTS):
            await in_thread(_ask, patient, "hello?")
        await _chats_until(patient, 200, "the breaker to close")


async def _is_not_downgraded(patient: Patient) -> None:
    if json.loads((patient.folder / "data/tripwire.json").read_text())["downgrade_active"]:
        raise DrillFailed("the downgrade is still active in its file")
    await _must_answer(patient)


@fault("tripwire-stuck", prepare=_with_guards, afterwards=_is_not_downgraded)
async def put_an_old_downgrade_back(patient: Patient) -> None:
    """Put back the state of the token budget from a day with a downgrade, as a careless restore does."""
    patient.mark()
    _put_an_old_downgrade_back(patient)


def _put_an_old_downgrade_back(patient: Patient) -> None:
    then = (datetime.now(UTC) - timedelta(hours=9)).isoformat(timespec="milliseconds")
    state_file.write(
        patient.folder / "data/tripwire.json",
        {
            "consecutive_breaches": 3,
            "last_breach_timestamp": then,
            "downgrade_active": True,
            "downgrade_activated_at": then,
            "breach_history": [{"timestamp": then, "token_delta": 140.0}] * 3,
        },
    )


async def _state_is_whole(patient: Patient) -> None:
    if not isinstance(json.loads((patient.folder / "data/tripwire.json").read_text()), dict):
        raise DrillFailed("the state file holds no state")
    if left := list((patient.folder / "data").glob("tripwire.json.corrupt*")):
        raise DrillFailed(f"`{left[0].name}` was left behind")
    kept = (path for path in (patient.folder / ".paramedic").rglob("tripwire*") if path.is_file())
    if not any(b"\x00garbage" in path.read_bytes() for path in kept):
        raise DrillFailed("what was damaged was not kept")


@fault("tripwire-state-corrupt", prepare=_with_guards, afterwards=_state_is_whole)
async def spoil_the_state(patient: Patient) -> None:
    """Write garbage over the state of the token budget."""
    patient.mark()
    (patient.folder / "data/tripwire.json").write_bytes(b"\x00garbage" * 20)


async def _only_the_loop_is_stopped(patient: Patient) -> None:
    await _must_answer(patient)
    if await in_thread(_ask, patient, "again!", "looper") != 429:
        raise DrillFailed("the caller that loops is still answered")


@fault("runaway-token-loop", prepare=_with_guards, afterwards=_only_the_loop_is_stopped)
async def loop(patient: Patient) -> None:
    """Let a customer's program ask the same question in a loop until its budget stops it, and go on."""
    patient.mark()
    patient.invite((sys.executable, "-c", _CUSTOMER, _chat(patient), "looper", "0.005"))


async def _overlays_are_off(patient: Patient) -> None:
    ran = await patient.paramedic("flags", "list", "--format", "json")
    shown = json.loads(ran.out)["processes"]
    if not shown or any(each["active"] for each in shown):
        raise DrillFailed(f"overlays are still on: {shown}")
    await _must_answer(patient)


@fault("energy-budget-breached", prepare=_with_guards, afterwards=_overlays_are_off)
async def think_deeply(patient: Patient) -> None:
    """Turn an overlay on that makes every answer expensive, and let customers ask."""
    names = ",".join(f"customer {n}" for n in range(40))
    patient.invite((sys.executable, "-c", _CUSTOMER, _chat(patient), names, "0.1"))
    await patient.clock.sleep(0.5)
    flags = patient.folder / "config/overlay_feature_flags.yaml"
    patient.mark()
    flags.write_text(flags.read_text().replace("enabled: false", "enabled: true"))


@fault("flags-invalid", prepare=_with_guards)
async def name_an_overlay_that_does_not_exist(patient: Patient) -> None:
    """Add a flag for an overlay that nobody wrote."""
    path = patient.folder / "config/overlay_feature_flags.yaml"
    patient.mark()
    path.write_text(path.read_text() + "  deep_thinkin:\n    enabled: true\n")


async def _the_call_is_kept(patient: Patient) -> None:
    ran = await patient.paramedic("tasks", "list", "--format", "json")
    if len(json.loads(ran.out)["given_up"]) != 1:
        raise DrillFailed(f"the call that was given up is not listed: {ran.out[:200]}")


@fault("tasks-dead-letter", prepare=_with_guards, afterwards=_the_call_is_kept)
async def say_what_the_queue_cannot_take(patient: Patient) -> None:
    """Ask with a line that is longer than the queue can take: it hangs up, in every retry."""
    patient.mark()
    status = await in_thread(_ask, patient, "x" * 100_000)
    if status != 200:
        raise DrillFailed(f"the long question was answered with {status}")


async def _with_guards_of_their_own(patient: Patient) -> None:
    """Guards at which nobody may do anything unasked."""
    await _with_guards(patient)
    patient.edit(lambda document: document["components"]["guards"].update(autonomy="approve"))


async def _seven_steps_were_taken(patient: Patient) -> None:
    await _must_answer(patient)
    ran = await patient.paramedic("receipts", "--format", "json")
    ended = [each for each in json.loads(ran.out) if each["phase"] in ("done", "failed")]
    taken = [each["action"] for each in ended if each["component"] == "guards"]
    if len(set(taken)) != _STEPS:
        raise DrillFailed(f"{_STEPS} steps were to be taken, these were: {sorted(set(taken))}")


@fault("full-system-recovery", prepare=_with_guards_of_their_own, afterwards=_seven_steps_were_taken)
async def damage_several_at_once(patient: Patient) -> None:
    """Hold the breaker of the model open, put an old downgrade back, and spoil the state of the energy budget."""
    await _must_answer(patient)
    patient.mark()
    await patient.post("api", "/sickness", {"holds_breaker": True})
    _put_an_old_downgrade_back(patient)
    (patient.folder / "data/energy.json").write_bytes(b"\x00garbage" * 20)


async def _few_customers_have_a_name(patient: Patient) -> None:
    def count() -> int:
        address = f"http://127.0.0.1:{patient.port('api')}/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:  # the patient's own address
            return sum(line.startswith(b"shop_customer_chats_total{") for line in answer)

    if (series := await in_thread(count)) > 200:
        raise DrillFailed(f"the page of metrics still has {series} customers")


@fault("metric-cardinality", prepare=_with_guards, afterwards=_few_customers_have_a_name)
async def invent_customers(patient: Patient) -> None:
    """Let a scanner make up three thousand customers, each with a time series of its own."""
    patient.mark()
    await patient.post("api", "/sickness", {"strangers": 3000})
