"""A bot on a chat platform, with a stand-in for the platform: tokens, rights, limits, gateways, silence."""

import asyncio
import json
import sys
import urllib.request
from typing import Any

from paramedic.drills.fault import Step, fault
from paramedic.drills.patient import DrillFailed, Patient
from paramedic.drills.ports import free_ports
from paramedic.drills.servers.discord_stand_in import CHANNEL, EVERYTHING, GUILD, TOKEN
from paramedic.packs.discord.rights import Right

_PYTHON = (sys.executable, "-m")
_SERVERS = "paramedic.drills.servers"
_LOOKS = {"interval": "300ms", "timeout": "3s"}
_WAITS_S = 4.0


def _on_a_platform(**more: Any) -> Step:  # Any: as in a service file
    """Give the patient a bot of which only the stand-in for the platform is looked at."""

    async def prepare(patient: Patient) -> None:
        (port,) = free_ports(1)
        await _open_a_platform(patient, port)
        part = {"kind": "discord", "token": "${DISCORD_TOKEN}", "api": f"http://127.0.0.1:{port}/api", **_LOOKS, **more}
        patient.edit(lambda document: document["components"].update(chat=part))

    return prepare


async def _with_a_gateway(patient: Patient) -> None:
    """Give the patient a bot that holds a gateway of the stand-in open, and logs so."""
    port, own = free_ports(2)
    await _open_a_platform(patient, port)
    stand_in = f"http://127.0.0.1:{port}"
    log = patient.folder / "chat-bot.log"
    log.touch()
    part = {
        "kind": "discord",
        "token": "${DISCORD_TOKEN}",
        "api": f"{stand_in}/api",
        "log": log.name,
        "reconnect": [*_PYTHON, f"{_SERVERS}.bot", "reconnect", str(own)],
        "process": {
            "command": [*_PYTHON, f"{_SERVERS}.bot", str(own), f"{stand_in}/gateway", log.name],
            "stop_timeout": "5s",
        },
        "thresholds": {"gateway_down_s": 1},
        **_LOOKS,
    }
    patient.edit(lambda document: document["components"].update(chat=part))


async def _open_a_platform(patient: Patient, port: int) -> None:
    patient.invite((*_PYTHON, f"{_SERVERS}.discord_stand_in", str(port)))
    patient.extra_environment |= {"DISCORD_TOKEN": TOKEN}
    await _answers(patient, f"http://127.0.0.1:{port}")


async def _answers(patient: Patient, url: str) -> None:
    def is_there() -> bool:
        try:
            _call(f"{url}/stand-in")
        except OSError:
            return False
        return True

    await patient.until(is_there, "the stand-in for the platform")


def _call(url: str, data: dict[str, object] | None = None) -> Any:  # Any: JSON
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310  # ours
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # as above
        return json.load(answer)


async def _let(patient: Patient, **mood: object) -> None:
    """Change how the stand-in is; the fault counts from here."""
    patient.mark()
    await asyncio.to_thread(_call, _stand_in(patient), mood)


def _stand_in(patient: Patient) -> str:
    return str(patient.component("chat")["api"]).removesuffix("/api") + "/stand-in"


@fault("discord-token-invalid", prepare=_on_a_platform())
async def revoke_the_token(patient: Patient) -> None:
    """Let the platform know the bot's token no more."""
    await _let(patient, status=401)


@fault("discord-forbidden", prepare=_on_a_platform())
async def refuse_the_bot(patient: Patient) -> None:
    """Let the platform refuse to the bot whatever it asks for."""
    await _let(patient, status=403)


@fault("discord-permissions", prepare=_on_a_platform(guild=GUILD))
async def take_rights_away(patient: Patient) -> None:
    """Take from the bot's role the rights to send messages and to add reactions."""
    await _let(patient, permissions=EVERYTHING & ~Right.SEND.bit & ~Right.REACTIONS.bit)


async def _nobody_hammered(patient: Patient) -> None:
    counted = await asyncio.to_thread(_call, _stand_in(patient))
    if counted["too_early"]:
        raise DrillFailed(f"the platform was asked {counted['too_early']} times before the time that it had named")


@fault("discord-rate-limited", prepare=_on_a_platform(guild=GUILD), afterwards=_nobody_hammered)
async def ask_to_be_left_alone(patient: Patient) -> None:
    """Let the platform answer 429 with the time after which it may be asked again."""
    await _let(patient, retry_after_s=_WAITS_S)


@fault("discord-gateway-dropped", prepare=_with_a_gateway)
async def drop_the_gateway(patient: Patient) -> None:
    """Close the bot's gateway once, with 4000; the bot does not come back by itself."""
    await _let(patient, closes=4000)
    await asyncio.to_thread(_call, _stand_in(patient), {"closes": None})


@fault("discord-intent-missing", prepare=_with_a_gateway)
async def disallow_an_intent(patient: Patient) -> None:
    """Close the bot's gateway with 4014, as for an intent that was switched off in the developer portal."""
    await _let(patient, closes=4014)


@fault("bot-online-silent", prepare=_on_a_platform(channel=CHANNEL, answers_within="5s"))
async def mention_the_bot(patient: Patient) -> None:
    """Let somebody have mentioned the bot a minute ago, and get no answer while it is online."""
    await _let(patient, mentioned_s_ago=60)
