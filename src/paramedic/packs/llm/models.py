"""Which models a server has: OpenAI's list, or Ollama's own."""

from dataclasses import dataclass
from pathlib import PurePath

from paramedic.packs.http.answer import Answer
from paramedic.packs.llm.line import Line
from paramedic.packs.llm.strangers import Document, document
from paramedic.packs.llm.target import ModelServer

_MOST = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server has."""

    answer: Answer
    """As it said it."""
    names: tuple[str, ...] | None
    """``None`` where it keeps no list that anybody understands."""
    context_tokens: int | None = None
    """The longest prompt of the model, where the list tells it."""
    took_ms: float = 0.0

    def has(self, model: str) -> bool:
        """Whether a model is among them, as people call it: without ``:latest``, or by the name of its file."""
        wanted = _forms(model)
        return any(wanted & _forms(each) for each in self.names or ())


async def offer(line: Line, server: ModelServer, limit_s: float) -> Offer:
    """Ask for the list.

    Raises:
        NoAnswer: for the reason it says.
    """
    answer = await line.page(f"{server.api}/models", limit_s)
    if answer.status in (404, 405):
        native = await line.page(f"{server.root}/api/tags", limit_s)
        if native.status == 200:
            answer = native
    data = document(answer.body) if answer.status == 200 else None
    listed = _listed(data)
    return Offer(
        answer=answer,
        names=None if listed is None else tuple(name for each in listed for name in _names(each)),
        context_tokens=next((n for each in listed or () if (n := _longest(each, server.model))), None),
        took_ms=answer.latency_ms,
    )


def _listed(data: Document) -> list[dict[str, Document]] | None:
    for key in ("data", "models"):
        found = data.get(key) if isinstance(data, dict) else data
        if isinstance(found, list):
            return [each for each in found[:_MOST] if isinstance(each, dict)]
    return None


def _names(entry: dict[str, Document]) -> tuple[str, ...]:
    aliases = entry.get("aliases")
    said = [entry.get("id"), entry.get("name"), entry.get("model"), *(aliases if isinstance(aliases, list) else ())]
    return tuple(dict.fromkeys(each for each in said if isinstance(each, str) and each))


def _longest(entry: dict[str, Document], model: str | None) -> int | None:
    if model is not None and not any(_forms(model) & _forms(each) for each in _names(entry)):
        return None
    meta = entry.get("meta")
    found = entry.get("max_model_len") or (meta.get("n_ctx") if isinstance(meta, dict) else None)
    return found if isinstance(found, int) and found > 0 else None


def _forms(name: str) -> set[str]:
    plain = name.strip().lower().removesuffix(":latest")
    file = PurePath(plain)
    return {plain, file.stem} if file.suffix in (".gguf", ".safetensors") else {plain}
