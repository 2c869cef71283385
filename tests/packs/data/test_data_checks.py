"""What is found wrong with data files, and that their values are never told."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from paramedic.packs.data.checks import is_sound
from paramedic.packs.data.target import Data, Format
from paramedic.sdk import Status

GOOD = {
    "a.json": '{"name": "Ada", "tone": {"mood": "dry"}}',
    "list.json": '[{"name": "Ada"}, {"name": "Bo"}]',
    "empty-list.json": "[]",
    "marked.json": '\ufeff{"name": "Ada"}',
    "b.jsonl": '{"name": "Ada"}\n\n{"name": "Bo"}\n',
    "c.csv": 'name,age\nAda,36\n"Lovelace, Ada",37\n',
    "semicolons.csv": "name;age\nAda;36\n",
    "d.tsv": "name\tage\nAda\t36\n",
    "e.yaml": "name: Ada\n---\nname: Bo\n",
    "own-tags.yaml": "name: !secret key\n",
    "f.bin": "\0\1\2 anything",
}
BAD = {
    "a.json": ('{"name": "hunter2", "to', "data.invalid-json", 1),
    "late.json": ('{"name": 1,\n"x": hunter2}', "data.invalid-json", 2),
    "two.json": ('{"a": 1}{"hunter2": 2}', "data.invalid-json", 1),
    "latin.json": (b'{"name": "J\xfcrgen"}', "data.invalid-json", None),
    "deep.json": ("[" * 200_000, "data.invalid-json", None),
    "long.json": ("9" * 10_000, "data.invalid-json", None),
    "b.jsonl": ('{"a": 1}\n{"a": "hunt', "data.invalid-json", 2),
    "zeros.jsonl": ('{"a": 1}\n' + "\0" * 100, "data.invalid-json", 2),
    "c.csv": ("a,b\n1,2\nhunter2\n", "data.invalid-csv", 3),
    "quotes.csv": ('a,b\n1,"hunter2\n', "data.invalid-csv", 2),
    "d.yaml": ("a: {hunter2\n", "data.invalid-yaml", 2),
    "e.json": (b"", "data.empty", None),
    "blank.jsonl": ("\n\n", "data.empty", None),
    "none.yaml": ("# only hunter2\n", "data.empty", None),
}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def manifest_of(*paths: Path) -> Path:
    """As ``sha256sum`` would write it beside them."""
    manifest = paths[0].with_name("data.sha256")
    lines = [f"{hashlib.sha256(each.read_bytes()).hexdigest()}  {each.name}\n" for each in paths]
    manifest.write_text("# never changed\n" + "".join(lines))
    return manifest


async def test_sound_files_of_every_format(look, tmp_path: Path) -> None:
    """Lists, lines, byte order marks, quoted commas, several documents, tags of one's own."""
    paths = tuple(write(tmp_path, name, text) for name, text in GOOD.items())
    (found,) = await look(is_sound, Data(paths=paths))
    assert found.status is Status.OK
    assert found.measures["files"] == len(GOOD)


@pytest.mark.parametrize("name", BAD)
async def test_broken_files_are_told_with_their_line_and_without_their_values(look, tmp_path: Path, name: str) -> None:
    """Each by its own code; a person finds the place, a log never holds what stands there."""
    content, code, line = BAD[name]
    (found,) = await look(is_sound, Data(paths=(write(tmp_path, name, content),)))
    assert (found.code, found.status, found.line) == (code, Status.CRITICAL, line)
    assert "hunter2" not in str(found)
    assert name in found.observed


async def test_a_missing_file_an_unmatched_pattern_and_a_folder(look, tmp_path: Path) -> None:
    """A missing folder is mentioned; what stands in the place of a file is no file."""
    (tmp_path / "folder.json").mkdir()
    target = Data(paths=(tmp_path / "away" / "a.json", tmp_path / "personas" / "*.json", tmp_path / "folder.json"))
    found = await look(is_sound, target)
    assert {each.code for each in found} == {"data.missing"}
    assert len(found) == 3
    assert any("folder" in each.because for each in found)


async def test_patterns_stand_for_what_matches_now(look, tmp_path: Path) -> None:
    """A new file is looked at as soon as it is there."""
    target = Data(paths=(tmp_path / "*.json",), required=("name",))
    write(tmp_path, "a.json", '{"name": 1}')
    assert [each.status for each in await look(is_sound, target)] == [Status.OK]
    write(tmp_path, "b.json", "{")
    assert [each.code for each in await look(is_sound, target)] == ["data.invalid-json"]


async def test_every_record_needs_the_required_keys(look, tmp_path: Path) -> None:
    """In lists, lines, columns and documents, with dots between levels."""
    paths = (
        write(tmp_path, "a.json", '{"name": "Ada", "tone": {}}'),
        write(tmp_path, "b.jsonl", '{"tone": {"mood": 1}}\n{"tone": {"mood": null}}\n'),
        write(tmp_path, "c.csv", "tone.mood\n1\n"),
        write(tmp_path, "d.yaml", "- tone.mood: 1\n- 3\n"),
    )
    found = await look(is_sound, Data(paths=paths, required=("tone.mood",)))
    assert {each.code for each in found} == {"data.missing-field"}
    assert [(Path(str(each.path)).name, each.line) for each in found] == [
        ("a.json", None),
        ("b.jsonl", 2),
        ("d.yaml", None),
    ]


async def test_a_schema_is_kept_to(look, tmp_path: Path) -> None:
    """What breaks it is told by its key and rule; a schema that cannot be used says nothing about the file."""
    path = write(tmp_path, "a.json", '{"name": "hunter2"}')
    schema = write(tmp_path, "schema.json", json.dumps({"properties": {"name": {"type": "integer"}}}))
    (found,) = await look(is_sound, Data(paths=(path,), schema=schema))
    assert (found.code, found.status) == ("data.invalid-value", Status.CRITICAL)
    assert "hunter2" not in str(found)
    write(tmp_path, "schema.json", "{")
    (found,) = await look(is_sound, Data(paths=(path,), schema=schema))
    assert found.status is Status.UNKNOWN


async def test_a_file_that_never_changes_is_compared_with_its_manifest(look, tmp_path: Path) -> None:
    """One flipped bit is found although the file parses; the listed file that is gone is missing."""
    path, other = write(tmp_path, "a.json", GOOD["a.json"]), write(tmp_path, "f.bin", GOOD["f.bin"])
    target = Data(paths=(path,), manifest=manifest_of(path, other))
    (found,) = await look(is_sound, target)
    assert found.measures["files"] == 2
    content = bytearray(path.read_bytes())
    content[content.index(b"Ada")] ^= 1
    path.write_bytes(content)
    other.unlink()
    found = await look(is_sound, target)
    assert [each.code for each in found] == ["data.checksum-mismatch", "data.missing"]


async def test_rot_that_leaves_the_time_alone_is_found_within_minutes(look, bench, tmp_path: Path, monkeypatch) -> None:
    """A listed file is read again every five minutes, although nothing seems to have changed."""
    path = write(tmp_path, "a.json", GOOD["a.json"])
    target = Data(paths=(path,), manifest=manifest_of(path))
    await look(is_sound, target)
    memory = bench.memories["it", is_sound.id]["judged"]
    seen, later = memory[path].seen, bench.clock.monotonic() + 301
    assert memory[path].holds(seen, later - 2, is_listed=True)
    assert not memory[path].holds(seen, later, is_listed=True)
    assert memory[path].holds(seen, later, is_listed=False)


@pytest.mark.parametrize("text", ["no manifest\n", b"\xff\xfe", None])
async def test_a_manifest_that_cannot_be_used_says_nothing_about_the_files(look, tmp_path: Path, text) -> None:
    """Unknown, never healthy and never damaged."""
    path = write(tmp_path, "a.json", GOOD["a.json"])
    manifest = tmp_path / "m" if text is None else write(tmp_path, "m", text)
    (found,) = await look(is_sound, Data(paths=(path,), manifest=manifest))
    assert found.status is Status.UNKNOWN


async def test_an_unchanged_file_is_not_read_again(look, tmp_path: Path, monkeypatch) -> None:
    """The verdict is remembered, good or bad."""
    target = Data(paths=(write(tmp_path, "a.json", "{"),))
    await look(is_sound, target)
    monkeypatch.setattr("paramedic.packs.data.checks.judged", None)
    assert [each.code for each in await look(is_sound, target)] == ["data.invalid-json"]


async def test_a_file_too_large_to_be_parsed_at_once_is_unknown(look, tmp_path: Path) -> None:
    """It is not blamed for our limits."""
    path = write(tmp_path, "a.yaml", "a: 1\n" + "# hours of work\n" * 300_000)
    (found,) = await look(is_sound, Data(paths=(path,)))
    assert found.status is Status.UNKNOWN
    assert (await look(is_sound, Data(paths=(path,), format=Format.BINARY)))[0].status is Status.OK


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
async def test_a_file_that_we_may_not_read_is_unknown(look, tmp_path: Path) -> None:
    """No permission is our trouble, not the patient's."""
    path = write(tmp_path, "a.json", GOOD["a.json"])
    path.chmod(0)
    tmp_path.chmod(0o755)
    os.seteuid(65534)
    try:
        (found,) = await look(is_sound, Data(paths=(path,)))
        assert found.status is Status.UNKNOWN
    finally:
        os.seteuid(0)
