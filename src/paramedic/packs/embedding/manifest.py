"""The recorded vectors of canary texts: the fingerprint of an embedding model."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.embedding.vectors import Vector
from paramedic.sdk.files import read_whole

CANARIES = ("the cat sat", "refund my order", "17 degrees outside")
"""Short, because each costs tokens; of different meaning, so that their vectors differ."""
_LIMIT_BYTES = 8 << 20
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A text and the vector that the model gave."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the model said when all was well."""

    model: str | None
    dimension: int
    recorded_at: str
    canaries: tuple[Canary, ...]

    @property
    def content(self) -> bytes:
        """As it is written."""
        return json.dumps(
            {
                "schema_version": 1,
                "model": self.model,
                "dimension": self.dimension,
                "recorded_at": self.recorded_at,
                "canaries": [{"text": each.text, "vector": list(each.vector)} for each in self.canaries],
            },
            indent=1,
        ).encode()


class NoManifest(Exception):
    """It cannot be used; that says nothing about the model."""


def read_manifest(path: Path) -> Manifest:
    """What it says.

    Raises:
        FileNotFoundError: nothing was recorded yet.
        NoManifest: it cannot be read, or is none.
    """
    try:
        data = json.loads(read_whole(path, _LIMIT_BYTES))
        canaries = tuple(
            Canary(text=str(each["text"]), vector=tuple(map(float, each["vector"])))
            for each in data["canaries"][:_MOST]
        )
        found = Manifest(
            model=data["model"] if isinstance(data["model"], str) else None,
            dimension=int(data["dimension"]),
            recorded_at=str(data["recorded_at"]),
            canaries=canaries,
        )
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NoManifest(f"the manifest `{path.name}` cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        raise NoManifest(f"`{path.name}` is no manifest of an embedding model") from None
    if not canaries or any(
        len(each.vector) != found.dimension or not all(map(math.isfinite, each.vector)) for each in canaries
    ):
        raise NoManifest(f"the vectors in `{path.name}` do not fit its dimension")
    return found
