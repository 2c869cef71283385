"""Room for the record of a recovery, even on a disk that is full."""

from pathlib import Path

from paramedic.watch.ballast import Ballast

PLENTY, LITTLE, NONE = 1 << 30, 4 << 20, 0


def test_room_is_held_back_and_given_up_when_it_is_needed(tmp_path: Path) -> None:
    """Taken where there is plenty, kept while there is some, given up when there is none, and taken again."""
    free = PLENTY
    ballast, file = Ballast(tmp_path, lambda _: free), tmp_path / "held-back"
    ballast.settle()
    assert file.stat().st_blocks * 512 >= 2 << 20, "really held, not only promised"
    free = LITTLE
    ballast.settle()
    assert file.exists()
    free = NONE
    ballast.settle()
    assert not file.exists()
    free = LITTLE
    ballast.settle()
    assert not file.exists(), "not while others need it"
    free = PLENTY
    ballast.settle()
    assert file.exists()
