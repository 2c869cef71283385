"""Which speech server, which voice, and how it is asked."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, MaxLen, MinLen

from paramedic.sdk import Permit, Secret
from paramedic.sdk.url import is_near, place, refuse_nowhere, shown


class Api(StrEnum):
    """How a speech server is asked."""

    OPENAI = "openai"
    """``POST /v1/audio/speech``, as of OpenAI, Kokoro-FastAPI, LocalAI, Speaches and their kin."""
    PIPER = "piper"
    COQUI = "coqui"
    VOICEVOX = "voicevox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A server that turns text into speech."""

    url: str
    """Where it is, such as ``http://127.0.0.1:8880``."""
    api: Api = Api.OPENAI
    """How it is asked: ``openai``, ``piper``, ``coqui`` or ``voicevox``."""
    voice: str | int | None = None
    """The voice that the service uses, as the server calls it."""
    model: str = "tts-1"
    """The model that the service uses, where the API wants one."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    word: Annotated[str, MinLen(1), MaxLen(40)] = "one"
    """What it is asked to speak."""
    words_per_hour: Annotated[int, Ge(0)] = 12
    """How often a server that is well is asked to speak at most; 0 never asks it. Where it is neither on this machine
    nor on a private network, it is asked only if the service file permits ``spends``."""
    verify_tls: bool = True
    """Whether its certificate must be valid."""

    def __post_init__(self) -> None:
        refuse_nowhere(self.url, "http://127.0.0.1:8880")

    @property
    def root(self) -> str:
        """Where its paths begin."""
        return self.url.rstrip("/").removesuffix("/v1")

    @property
    def shown(self) -> str:
        """The address without a user and password that may stand in it."""
        return shown(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return place(self.url)

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine or a private network, where a word costs nobody money."""
        return is_near(self.address[0])

    @property
    def permits(self) -> tuple[Permit, ...]:
        """What the service file must permit before it is asked to speak."""
        return () if self.is_near else (Permit.SPENDS,)

    @property
    def headers(self) -> dict[str, str | Secret]:
        """Sent along with every request."""
        return {"Authorization": Secret(f"Bearer {self.api_key.reveal()}")} if self.api_key else {}
