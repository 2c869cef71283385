"""Has texts embedded, within the budget of tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from paramedic.model.clock import Clock
from paramedic.packs.embedding.target import Embedding
from paramedic.packs.embedding.vectors import Vector
from paramedic.packs.http.answer import Answer
from paramedic.packs.llm.ledger import Ledger
from paramedic.packs.llm.line import Line
from paramedic.packs.llm.strangers import Document, document

_TOKENS_A_TEXT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What came back."""

    answer: Answer
    vectors: tuple[Vector, ...] | None
    """``None`` where the answer holds none."""
    tokens: int


async def embed(
    line: Line, server: Embedding, ledger: Ledger, texts: Sequence[str], *, limit_s: float, clock: Clock
) -> Embedded:
    """Ask for the vectors of texts.

    Raises:
        TooDear: the tokens of this hour are spent.
        CannotKeep: what would be spent could not be written down.
        NoAnswer: nothing came back.
    """
    now, page = clock.now().timestamp(), ledger.read()
    guess = page.cost or _TOKENS_A_TEXT * len(texts)
    with ledger.paying(guess, server.tokens_per_hour, now) as bill:
        body: dict[str, Document] = {"input": list(texts), **({"model": server.model} if server.model else {})}
        answer = await line.page(f"{server.api}/embeddings", limit_s, body)
        data = document(answer.body) if answer.status == 200 else None
        bill.tokens = _tokens(data, guess) if answer.status == 200 else 0
    vectors = _vectors(data, len(texts))
    if vectors is not None:
        with ledger.opened(now) as changed:
            changed.cost, changed.proved_at = bill.tokens, now
    return Embedded(answer=answer, vectors=vectors, tokens=bill.tokens)


def _tokens(data: Document, otherwise: int) -> int:
    usage = data.get("usage") if isinstance(data, dict) else None
    found = usage.get("total_tokens") if isinstance(usage, dict) else None
    return found if isinstance(found, int) and 0 < found < 1 << 30 else otherwise


def _vectors(data: Document, count: int) -> tuple[Vector, ...] | None:
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or len(rows) != count:
        return None
    found = []
    for each in rows:
        vector = each.get("embedding") if isinstance(each, dict) else None
        if not isinstance(vector, list) or not vector:
            return None
        # what is no number becomes NaN, and is told as such
        found.append(tuple(float(n) if isinstance(n, int | float) else float("nan") for n in vector))
    return tuple(found)
