"""Hundreds of random damages: what is found at rest, what is found in use, and that a repair loses nothing in silence.

``STUDY_DAMAGES=500 pytest tests/packs/sqlite/test_corruption_study.py -s`` prints the table of the guide.
"""

import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from packs.sqlite.damage import TABLES, live_on, make, readable, rows
from packs.sqlite.test_salvage import is_told
from paramedic.packs.sqlite.asking import NoAnswer, ask_now
from paramedic.sdk.child import Crashed

PAGE = 4096
SAMPLE = 40
WHOLE = 500


def overwrite_page(chance: random.Random, content: bytearray) -> None:
    at = chance.randrange(len(content) // PAGE) * PAGE
    content[at : at + PAGE] = chance.randbytes(PAGE)


def flip_bit(chance: random.Random, content: bytearray) -> None:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut_off(chance: random.Random, content: bytearray) -> None:
    del content[chance.randrange(len(content)) :]


def zero_header(chance: random.Random, content: bytearray) -> None:
    first = chance.randrange(100)
    last = chance.randrange(first + 1, 101) if chance.random() < 0.5 else 100
    content[first:last] = bytes(last - first)


KINDS: dict[str, Callable[[random.Random, bytearray], None]] = {
    "page overwritten": overwrite_page,
    "bit flipped": flip_bit,
    "cut off": cut_off,
    "header zeroed": zero_header,
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory):
    """A database that lived on after its copy was made, and the truth about both."""
    folder = tmp_path_factory.mktemp("study")
    path, good = folder / "a.db", folder / "good.db"
    make(path, 1)
    shutil.copyfile(path, good)
    live_on(path, 2)
    truth = {table: rows(path, table) for table in TABLES}
    kept = {table: rows(good, table) for table in TABLES}
    recorded = ask_now("generation", 60, path=path)["digest"]
    return folder, path, good, path.read_bytes(), recorded, truth, kept


def found_in_use(path: Path) -> bool:
    """Whether the two looks at a database that somebody has open find anything wrong."""
    try:
        if ask_now("whole", 60, path=path, limit_s=30)["verdict"] != "ok":
            return True
        tables: dict[str, list[str]] = {table: [] for table in TABLES}
        return any(each["verdict"] != "ok" for each in ask_now("look", 60, path=path, tables=tables, limit_s=1))
    except Crashed:
        return True  # the child died of it, which is a finding about the file


def readable_rows(path: Path, truth: dict) -> dict[str, dict[int, tuple[object, ...]]]:
    """What single SELECTs still reach in each table; nothing where the file cannot be opened at all."""
    found: dict[str, dict[int, tuple[object, ...]]] = {}
    for table in TABLES:
        try:
            found[table] = readable(path, table, set(truth[table]))
        except sqlite3.Error:
            found[table] = {}
    return found


def one(scene, number: int, counts: dict[str, Counter[str]]) -> None:
    folder, path, good, intact, recorded, truth, kept = scene
    chance = random.Random(number)
    kind = list(KINDS)[number % len(KINDS)]
    content = bytearray(intact)
    while bytes(content) == intact:  # zeros may have been zeros before
        KINDS[kind](chance, content)
    seen = counts.setdefault(kind, Counter())
    seen["damages"] += 1
    path.write_bytes(content)
    assert ask_now("generation", 60, path=path)["digest"] != recorded, "at rest every damage is found"
    seen["found at rest"] += 1
    is_found = found_in_use(path)
    legible = readable_rows(path, truth)
    is_felt = legible != truth
    seen["found in use"] += is_found
    seen["felt"] += is_felt
    seen["felt and found in use"] += is_felt and is_found
    has_copy = number % 8 < 4
    out = folder / "out.db"
    out.unlink(missing_ok=True)
    try:
        answer = ask_now(
            "salvage",
            120,
            path=path,
            good_path=good if has_copy else None,
            out_path=out,
            scratch_path=folder / "scratch",
            copied_at="noon",
            tables=TABLES,
            limit_s=60,
        )
    except Crashed as crash:
        pytest.fail(f"damage {number} ({kind}): the repair crashed: {crash}")
    except NoAnswer as refusal:
        if has_copy or any(legible.values()):
            pytest.fail(f"damage {number} ({kind}): refused although there is something to save: {refusal}")
        seen["hopeless"] += 1
        return
    assert path.read_bytes() == bytes(content), "the damaged file is evidence and stays as it is"
    for table in TABLES:
        saved = rows(out, table)
        for rowid, row in truth[table].items():
            where = f"damage {number} ({kind}), table {table}, rowid {rowid}, {answer}"
            if legible[table].get(rowid) == row:
                assert saved.get(rowid) == row, where
            if rowid in saved:
                seen["rows changed"] += saved[rowid] not in (row, kept[table].get(rowid) if has_copy else row)
                continue
            assert is_told(answer["loss"], table, rowid), where
            assert not (has_copy and rowid in kept[table] and rowid not in legible[table]) or answer["loss"], where
            seen["rows lost and told"] += 1
    seen["repaired"] += 1
    seen["without any loss"] += not answer["loss"]


@pytest.mark.parametrize("damages", [SAMPLE, pytest.param(WHOLE, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_every_damage_at_rest_is_found_and_every_repair_accounts_for_every_row(scene, damages: int) -> None:
    """At rest 100 %; in use the share is printed; no crash, no readable row left behind, no row lost untold."""
    counts: dict[str, Counter[str]] = {}
    for number in range(int(os.environ.get("STUDY_DAMAGES", damages))):
        one(scene, number, counts)
    columns = ("damages", "found at rest", "found in use", "felt", "felt and found in use", "repaired", "hopeless")
    columns += ("without any loss", "rows lost and told", "rows changed")
    print("\n| kind | " + " | ".join(columns) + " |\n|---" * 1 + "|---" * len(columns) + "|")
    for kind, seen in counts.items():
        print(f"| {kind} | " + " | ".join(str(seen[each]) for each in columns) + " |")
        assert seen["found at rest"] == seen["damages"]
        assert seen["repaired"] + seen["hopeless"] == seen["damages"]
