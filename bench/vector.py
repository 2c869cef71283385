"""How long a look at an index of a million vectors takes, and how much memory.

Real files; each look is the one of the check, in a child process whose memory is followed.
Usage: ``python bench/vector.py [--vectors 1000000] [--dimension 64] [--json FILE]``
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil

from paramedic.packs.vector.asking import ask, memory_for

LIMIT_S = 10.0
CHUNK = 50_000


def make(path: Path, factory: str, count: int, dimension: int) -> None:
    """An index of random vectors, made in pieces."""
    chance = np.random.default_rng(1)
    index = faiss.index_factory(dimension, factory)
    if not index.is_trained:
        index.train(chance.standard_normal((40_000, dimension), dtype=np.float32))
        if isinstance(index, faiss.IndexIVF):
            index.nprobe = index.nlist // 4
    for begin in range(0, count, CHUNK):
        part = chance.standard_normal((min(CHUNK, count - begin), dimension), dtype=np.float32)
        if "IDMap" in factory or "IVF" in factory:
            index.add_with_ids(part, np.arange(begin, begin + len(part)))
        else:
            index.add(part)
    faiss.write_index(index, str(path))


async def watch(peak: dict[str, float]) -> None:
    """Follow the memory of our children: what they map of the file, and what is their own."""
    while True:
        for child in psutil.Process().children():
            with contextlib.suppress(OSError):
                lines = Path(f"/proc/{child.pid}/status").read_text().splitlines()
                fields = dict(line.split(":", 1) for line in lines)
                for name in ("RssAnon", "RssFile"):
                    peak[name] = max(peak.get(name, 0.0), int(fields.get(name, "0 kB").split()[0]) / 1000)
        await asyncio.sleep(0.01)


async def look(path: Path, manifest: Path) -> tuple[float, dict[str, Any], dict[str, float]]:
    """One whole look, its time, and the memory of its child in MB."""
    peak: dict[str, float] = {}
    watching = asyncio.create_task(watch(peak))
    began = time.monotonic()
    (answer,) = await ask(
        "look", 120, memory=memory_for(path), path=path, manifest_path=manifest, dimension=None, metric=None,
        embedding=None, cold=True, source=None,
    )  # fmt: skip
    took_s = time.monotonic() - began
    watching.cancel()
    return took_s, answer, peak


async def main() -> int:
    """Make, describe, look, tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for factory in ("Flat", "IDMap2,Flat", "IVF256,Flat", "IDMap2,SQ8"):
            path, manifest = Path(folder) / "a.faiss", Path(folder) / "m.json"
            await asyncio.to_thread(make, path, factory, chosen.vectors, chosen.dimension)
            began = time.monotonic()
            await ask("describe", 300, path=path, out_path=manifest, embedding="", factory=factory, keep_search={})
            described_s = time.monotonic() - began
            took_s, answer, peak = await look(path, manifest)
            row = {"factory": factory, "size_mb": path.stat().st_size / 1e6, "look_s": took_s,
                   "manifest_s": described_s, "own_mb": peak["RssAnon"], "mapped_mb": peak["RssFile"]}  # fmt: skip
            rows.append({**row, "verdict": answer["verdict"]})
            numbers = "  ".join(f"{name} {value:.1f}" for name, value in row.items() if isinstance(value, float))
            print(f"{factory:12} {answer['verdict']}  {numbers}")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(rows, indent=2))
    slow = [row for row in rows if row["look_s"] > LIMIT_S or row["verdict"] != "ok"]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
