"""Hundreds of random damages of every sort of index: what a manifest finds, and what is found without one.

``STUDY_DAMAGES=500 pytest tests/packs/vector/test_vector_study.py -m slow -s`` prints the whole table.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from packs.vector.indexes import DAMAGES, DIMENSION, FACTORIES, damage, make, some
from paramedic.packs.vector.asking import Crashed, ask, memory_for

WHOLE = int(os.environ.get("STUDY_DAMAGES", "500"))


async def _verdict(path: Path, *, cold: bool) -> str:
    """What a look says, with a crash of the child as the finding that the check makes of it."""
    order = {"manifest_path": path.with_name("m.json"), "dimension": DIMENSION, "metric": "l2", "embedding": None}
    try:
        (answer,) = await ask("look", 60, memory=memory_for(path), path=path, cold=cold, source=None, **order)
    except Crashed:
        return "crashed"
    return str(answer["verdict"])


async def _study(folder: Path, sort: str, count: int) -> tuple[Counter[tuple[str, str]], Counter[str]]:
    """Verdicts by kind of damage with a manifest that must match, and how many are found where it need not."""
    path = folder / f"{sort}.faiss"
    make(path, FACTORIES[sort], some(800), **({"nprobe": 16} if sort == "ivf" else {}))
    await ask("describe", 60, path=path, out_path=folder / "m.json", embedding="", factory="", keep_search={})
    whole = path.read_bytes()
    cold, live = Counter[tuple[str, str]](), Counter[str]()
    for seed in range(count):
        kind = list(DAMAGES)[seed % len(DAMAGES)]
        path.write_bytes(whole)
        damage(path, kind, seed)
        assert path.read_bytes() != whole
        cold[kind, await _verdict(path, cold=True)] += 1
        live[kind] += await _verdict(path, cold=False) != "ok" if count > len(DAMAGES) else 0
    return cold, live


@pytest.mark.parametrize("sort", FACTORIES)
async def test_every_damage_is_found_given_a_manifest(tmp_path: Path, sort: str) -> None:
    """One of each kind; the whole study is marked slow."""
    cold, _ = await _study(tmp_path, sort, len(DAMAGES))
    assert "ok" not in {verdict for _, verdict in cold}, cold


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("sort", FACTORIES)
async def test_the_whole_study(tmp_path: Path, sort: str) -> None:
    """Every one of hundreds is found given a manifest; the share without one is printed."""
    cold, live = await _study(tmp_path, sort, WHOLE)
    for kind in DAMAGES:
        verdicts = {verdict: count for (of, verdict), count in sorted(cold.items()) if of == kind}
        done = sum(verdicts.values())
        print(
            f"\n{sort:6} {kind:15} {done} damages: with its manifest {done - verdicts.get('ok', 0)} found {verdicts}, "
            f"written by its service {live[kind]} found",
            end="",
        )
    assert "ok" not in {verdict for _, verdict in cold}
