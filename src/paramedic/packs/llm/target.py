"""Which model server, which model, and what is known of its file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from annotated_types import Ge, Gt, MaxLen, MinLen

from paramedic.sdk import Permit, Secret
from paramedic.sdk.url import is_here, is_near, place, refuse_nowhere, shown

_VERSION = "/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """What servers of language models and of embeddings have in common."""

    base_url: str
    """Where its API begins, such as ``http://127.0.0.1:11434/v1``."""
    model: str | None = None
    """The model that the service uses, as the server calls it."""
    api_key: Secret | None = None
    """Sent as a bearer token."""
    tokens_per_hour: Annotated[int, Ge(0)] = 60
    """How many tokens the looks at a healthy model may cost in an hour, over all of Paramedic's runs; 0 never asks
    it for anything."""

    def __post_init__(self) -> None:
        refuse_nowhere(self.base_url, "http://127.0.0.1:11434/v1")

    @property
    def root(self) -> str:
        """Where the server's own pages begin, beside its OpenAI-compatible API."""
        return self.base_url.rstrip("/").removesuffix(_VERSION)

    @property
    def api(self) -> str:
        """Where its OpenAI-compatible API begins."""
        base = self.base_url.rstrip("/")
        return base + _VERSION if urlsplit(base).path in ("", "/") else base

    @property
    def shown(self) -> str:
        """The address without a user and password that may stand in it."""
        return shown(self.base_url)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return place(self.base_url)

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine or a private network, where tokens cost nobody money."""
        return is_near(self.address[0])

    @property
    def is_here(self) -> bool:
        """Whether it is this machine's own, so that its process can be looked up."""
        return is_here(self.address[0])

    @property
    def permits(self) -> tuple[Permit, ...]:
        """What the service file must permit before it is asked to compute anything."""
        return () if self.is_near else (Permit.SPENDS,)

    @property
    def headers(self) -> dict[str, str | Secret]:
        """Sent along with every request."""
        return {"Authorization": Secret(f"Bearer {self.api_key.reveal()}")} if self.api_key else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Llm(ModelServer):
    """A server of a language model."""

    context_tokens: Annotated[int, Gt(0)] | None = None
    """How long the prompts and answers of the service may become together; compared with what the server holds."""
    breaker: str | None = None
    """The circuit breaker in the service's processes that stands around the calls to it: while calls succeed there,
    nothing else is asked."""
    guards: Path | None = None
    """Where those processes show their guards: their ``PARAMEDIC_GUARD_DIR``."""
    log: Path | None = None
    """Where the server writes its log, if Paramedic does not start it."""
    file: Path | None = None
    """The model's file (GGUF or safetensors), where it is on this machine."""
    file_bytes: Annotated[int, Gt(0)] | None = None
    """How large the file is."""
    file_sha256: Annotated[str, MinLen(64), MaxLen(64)] | None = None
    """The SHA-256 of the file. Where it is not given, a line of ``manifest`` or the file's own name may tell it, as in
    the caches of Ollama and Hugging Face."""
    manifest: Path | None = None
    """Recorded digests, as ``sha256sum FILE… > MANIFEST`` writes them."""
    source: str | None = None
    """Where the file can be fetched again: a path or a URL."""
    fetch: tuple[str, ...] = ()
    """A command that fetches the model; ``{model}``, ``{file}`` and ``{source}`` are filled in. It writes to
    ``{file}``, which is then verified and put in place."""
    accelerator: tuple[str, ...] = ()
    """A command that tells the memory of the accelerators as ``nvidia-smi --query-gpu=index,name,memory.used,
    memory.total --format=csv,noheader,nounits`` does; by default that program, where it is installed."""
    protocol: Literal["openai", "ollama"] | None = None
    """Which API beside the OpenAI-compatible one it speaks; found out where not given."""

    def __post_init__(self) -> None:
        # no super(): a dataclass with slots is another class than the one whose cell it would look into
        ModelServer.__post_init__(self)
        if self.file_sha256 and not all(each in "0123456789abcdef" for each in self.file_sha256.lower()):
            raise ValueError("`file_sha256` is no SHA-256 in hexadecimal digits")
        if (self.file_sha256 or self.file_bytes or self.manifest or self.source) and self.file is None:
            raise ValueError("what is said of the model's file needs `file`")
