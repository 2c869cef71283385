"""A file of flags, judged from outside."""

from paramedic.guard.flag_check import check_flag_file, overlays_in


def told(found):
    return found.usable, [str(each) for each in found.problems]


def test_what_can_be_used_and_what_is_wrong_with_it(tmp_path) -> None:
    """A file may be usable although some of its flags are off."""
    path = tmp_path / "flags.json"
    path.write_text('{"overlays": {"a": true}}')
    assert told(check_flag_file(path)) == (True, [])
    assert told(check_flag_file(path, ["a"])) == (True, [])
    usable, problems = told(check_flag_file(path, ["ab"]))
    assert usable
    assert problems == [
        "line 1: `overlays.a` names an overlay that does not exist, expected one that does; did you mean `ab`?"
    ]


def test_what_cannot_be_used_at_all(tmp_path) -> None:
    """It is missing, cannot be read, or cannot be parsed."""
    path = tmp_path / "flags.json"
    assert told(check_flag_file(path)) == (False, ["`flags.json` is missing, expected a file of flags"])
    path.mkdir()
    wanted = ["`flags.json` cannot be read: Is a directory, expected a readable file"]
    assert told(check_flag_file(path)) == (False, wanted)
    path.rmdir()
    path.write_text("{")
    usable, problems = told(check_flag_file(path))
    assert (usable, len(problems)) == (False, 1)
    assert "cannot be parsed" in problems[0]


def test_the_overlays_of_a_folder(tmp_path) -> None:
    """Their names in order; nobody knows where there are none."""
    assert overlays_in(tmp_path) is None
    assert overlays_in(tmp_path / "none") is None
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).touch()
    assert overlays_in(tmp_path) == ["a", "b"]
