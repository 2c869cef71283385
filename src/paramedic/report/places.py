"""Where in a repository a finding points to."""

from pathlib import Path, PurePosixPath


def within(path: str, root: Path | None) -> str | None:
    """The file as seen from the root, with ``/``; ``None`` where it lies elsewhere or is the root itself."""
    place = Path(path)
    if not place.is_absolute():
        return None if ".." in place.parts else PurePosixPath(place).as_posix()
    if root is None or place == root or not place.is_relative_to(root):
        return None
    return place.relative_to(root).as_posix()


def is_a_folder_around(path: str, root: Path | None) -> bool:
    """Whether it is no file for sure: a folder in which everything here lies, such as a disk's mount point."""
    return root is not None and root.is_relative_to(path)
