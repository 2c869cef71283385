"""Paths that are well, missing, of another kind, too open, of another owner, not writable, without room."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from packs.files.conftest import NOBODY
from paramedic.packs.files.checks import exists, permitted, writable
from paramedic.packs.files.space import space
from paramedic.packs.files.target import Entry, Files, PathType
from paramedic.sdk import Component, ProcessSpec, Status


def files(*paths: Path | Entry, **more) -> Files:
    return Files(paths=paths, **more)


async def test_healthy(look, tmp_path):
    """What is there as declared is well for every check."""
    folder, file = tmp_path / "data", tmp_path / "data/key"
    folder.mkdir(0o750)
    file.touch(0o600)
    target = files(
        tmp_path,
        Entry(
            path=folder,
            type=PathType.DIRECTORY,
            mode="0750",
            owner=str(os.geteuid()),
            group=str(os.getegid()),
            writable=True,
            max_used_percent=100,
            min_free_bytes=1,
        ),
        Entry(path=file, type=PathType.FILE, mode="600"),
        Entry(path=folder / "*"),
    )
    folder.chmod(0o750)
    for check in (exists, permitted, writable, space):
        [found] = await look(check, target)
        assert found.status is Status.OK, found


async def test_missing(look, tmp_path):
    """`path.missing`: a path, a link that leads nowhere, a pattern without a match, a way that ends early."""
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "file").touch()
    found = await look(
        exists,
        files(
            tmp_path / "absent",
            tmp_path / "link",
            tmp_path / "logs/*.log",
            tmp_path / "file/inside",
            Entry(path=tmp_path / "a/b/c", type=PathType.DIRECTORY),
        ),
    )
    assert {(each.status, each.code) for each in found} == {(Status.CRITICAL, "path.missing")}
    absent, link, pattern, inside, deep = found
    assert absent.path == str(tmp_path / "absent")
    assert "link to" in link.observed
    assert "nothing matches" in pattern.observed
    assert "file/inside" in inside.observed
    assert f"ends with `{tmp_path}`" in deep.because
    assert "paramedic recover" in deep.hint
    assert "paramedic recover" not in absent.hint


async def test_pattern(look, tmp_path):
    """Each match of a pattern is looked at; a name that holds a bracket is no pattern where it exists."""
    for name in ("a.key", "b.key", "x[1]"):
        (tmp_path / name).touch(0o600)
    (tmp_path / "b.key").chmod(0o644)
    [found] = await look(permitted, files(Entry(path=tmp_path / "*.key", mode="0600")))
    assert (found.code, found.path) == ("path.mode", str(tmp_path / "b.key"))
    [found] = await look(exists, files(Entry(path=tmp_path / "x[1]", type=PathType.FILE)))
    assert found.status is Status.OK


async def test_type(look, tmp_path):
    """`path.type`: a file where a folder should be, and the other way round; a socket is neither."""
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        found = await look(
            exists,
            files(
                Entry(path=tmp_path / "file", type=PathType.DIRECTORY),
                Entry(path=tmp_path, type=PathType.FILE),
                Entry(path=tmp_path / "s", type=PathType.FILE),
            ),
        )
    assert [(each.status, each.code) for each in found] == [(Status.CRITICAL, "path.type")] * 3
    assert [each.observed.rpartition(" ")[2] for each in found] == ["file", "directory", "socket"]


@pytest.mark.parametrize(
    ("declared", "real", "words"),
    [
        ("0600", 0o644, "open to the group for reading, everybody for reading"),
        ("0750", 0o700, "closed to the group for reading, entering or executing"),
        ("600", 0o4602, "open to everybody for writing, set-user-id"),
        ("1777", 0o777, "closed to the sticky bit"),
    ],
)
async def test_mode(look, tmp_path, declared, real, words):
    """`path.mode` says what is too open and what too closed, and names the command."""
    path = tmp_path / "it's a key"
    path.touch()
    path.chmod(real)
    [found] = await look(permitted, files(Entry(path=path, mode=declared)))
    assert (found.status, found.code) == (Status.WARNING, "path.mode")
    assert words in found.observed
    assert found.hint.startswith(f"`chmod {int(declared, 8):o} '")


async def test_owner(look, tmp_path):
    """`path.owner`: another user or group than declared, by name or number; a name that nobody has is another, too."""
    [found] = await look(permitted, files(Entry(path=tmp_path, owner=str(os.geteuid() + 1), group="no-such-group")))
    assert (found.status, found.code) == (Status.WARNING, "path.owner")
    assert "no-such-group" in found.expected
    assert found.hint.startswith(f"`chown {os.geteuid() + 1}:no-such-group ")


@pytest.mark.usefixtures("needs_root")
async def test_writable_as_another_user(look, reachable):
    """`path.not-writable` is found as root, who could write himself, by trying it as the declared user."""
    mine, theirs = reachable / "mine", reachable / "theirs"
    for folder in (mine, theirs):
        folder.mkdir(0o755)
    os.chown(theirs, NOBODY, NOBODY)
    target = files(Entry(path=mine, writable=True), Entry(path=theirs, writable=True), user=str(NOBODY))
    [found] = await look(writable, target)
    assert (found.status, found.code, found.path) == (Status.CRITICAL, "path.not-writable", str(mine))
    assert "mode 0755" in found.because
    theirs.chmod(0o500)
    assert {each.path for each in await look(writable, target)} == {str(mine), str(theirs)}


@pytest.mark.usefixtures("needs_root")
async def test_writable_by_the_group(look, reachable):
    """Groups count, those of a process as it really has them."""
    folder = reachable / "shared"
    folder.mkdir()
    os.chown(folder, 0, 4242)
    folder.chmod(0o770)
    target = files(Entry(path=folder, writable=True), user=str(NOBODY))
    [found] = await look(writable, target)
    assert found.code == "path.not-writable"


@pytest.mark.usefixtures("needs_root")
async def test_a_folder_on_the_way_keeps_out(look, reachable):
    """Where a folder above cannot be entered, it is that folder that is named."""
    inner = reachable / "closed/inner"
    inner.mkdir(parents=True)
    inner.chmod(0o777)
    inner.parent.chmod(0o700)
    [found] = await look(writable, files(Entry(path=inner, writable=True), user=str(NOBODY)))
    assert found.code == "path.not-writable"
    assert f"cannot even enter `{inner.parent}`" in found.because


@pytest.mark.usefixtures("needs_root")
async def test_the_user_is_that_of_the_process(look, bench, processes, reachable):
    """Without `user` it is tried as whoever the processes run as that use the path."""
    folder = reachable / "data"
    folder.mkdir(0o755)
    writer = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, cwd="/")  # noqa: ASYNC220  # it only has to be there
    theirs = subprocess.Popen(  # noqa: ASYNC220  # see above
        ["/bin/cat"], stdin=subprocess.PIPE, cwd="/", user=NOBODY, group=4242, extra_groups=[4343]
    )
    try:
        target = files(Entry(path=folder, writable=True))
        bench.others["writer"] = Component(
            name="writer", kind="process", target=None, process=ProcessSpec(match="x"), depends_on=("it",)
        )
        processes.set("writer", pid=writer.pid)
        [found] = await look(writable, target)
        assert found.status is Status.OK
        processes.set("writer", pid=theirs.pid)
        [found] = await look(writable, target)
        assert found.code == "path.not-writable"
        os.chown(folder, 0, 4343)
        folder.chmod(0o775)
        [found] = await look(writable, target)
        assert found.status is Status.OK, "its further groups count"
    finally:
        for process in (writer, theirs):
            process.kill()
            process.communicate()


async def test_not_writable_for_ourselves(look, tmp_path, monkeypatch):
    """Without root what we may not write ourselves is found; as root nothing keeps us out."""
    folder = tmp_path / "data"
    folder.mkdir(0o500)
    [found] = await look(writable, files(Entry(path=folder, writable=True)))
    assert found.code == (None if os.geteuid() == 0 else "path.not-writable")
    folder.chmod(0o700)


async def test_read_only_file_system(look, mount):
    """A file system that is mounted read-only is named as such, even for root."""
    volume = mount("size=1m,ro")
    [found] = await look(writable, files(Entry(path=volume, writable=True)))
    assert (found.status, found.code) == (Status.CRITICAL, "path.not-writable")
    assert "read-only" in found.because
    assert f"remount,rw {volume}" in found.hint


async def test_a_user_that_is_not_there(look, tmp_path):
    """What cannot be tried is unknown."""
    [found] = await look(writable, files(Entry(path=tmp_path, writable=True), user="nobody-of-that-name"))
    assert found.status is Status.UNKNOWN


async def test_trying_writes_nothing(look, reachable):
    """The folder that was tried is as it was, to the nanosecond."""
    before = (reachable.stat().st_mtime_ns, list(reachable.iterdir()))
    for user in (None, str(NOBODY)) if os.geteuid() == 0 else (None,):
        await look(writable, files(Entry(path=reachable, writable=True), user=user))
    assert (reachable.stat().st_mtime_ns, list(reachable.iterdir())) == before


async def test_cannot_look(look, monkeypatch, tmp_path):
    """A path that may not be looked at is unknown for every check that needs to."""

    def refuse(self, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    entry = Entry(path=tmp_path / "x", mode="0600", writable=True, max_used_percent=50)
    for check in (exists, permitted, writable, space):
        [found] = await look(check, files(entry))
        assert found.status is Status.UNKNOWN, check.id


async def test_missing_paths_are_told_once(look, tmp_path):
    """Of a path that is missing only one check complains."""
    entry = Entry(path=tmp_path / "absent", mode="0700", owner="root", writable=True, max_used_percent=100)
    assert [(await look(check, files(entry)))[0].status for check in (exists, permitted, writable, space)] == [
        Status.CRITICAL,
        Status.OK,
        Status.OK,
        Status.OK,
    ]


async def test_space_and_inodes(look, mount):
    """`path.space-low` and `path.inodes-low` on a real small disk, by its own limits, also for a path still to come."""
    volume = mount("size=1m,nr_inodes=100")
    (volume / "half").write_bytes(b"x" * 600_000)
    coming = volume / "later/backup"
    [found] = await look(space, files(Entry(path=coming, min_free_bytes=500_000)))
    assert (found.status, found.code, found.path) == (Status.CRITICAL, "path.space-low", str(coming))
    [found] = await look(space, files(Entry(path=volume, max_used_percent=50)))
    assert found.code == "path.space-low"
    assert found.measures["used_percent"] > 50
    [found] = await look(space, files(Entry(path=volume / "*.tmp", min_free_bytes=1, max_used_percent=99)))
    assert found.status is Status.OK
    for n in range(90):
        (volume / f"{n}").touch()
    [found] = await look(space, files(Entry(path=volume, max_used_inodes_percent=80)))
    assert (found.status, found.code) == (Status.CRITICAL, "path.inodes-low")


async def test_forecast(look, bench, mount):
    """With `full_within` a disk that fills is told before it is full."""

    class SteppedClock:
        seconds = 1000.0

        def monotonic(self) -> float:
            return self.seconds

    bench.clock = SteppedClock()
    volume = mount("size=4m")
    target = files(Entry(path=volume, full_within_s=3600))
    [found] = await look(space, target)
    assert found.status is Status.OK
    for n in range(3):
        (volume / f"{n}").write_bytes(b"x" * 300_000)
        bench.clock.seconds += 60
        [found] = await look(space, target)
    assert (found.status, found.code) == (Status.WARNING, "path.space-low")
    assert 0 < found.measures["full_in_s"] < 3600
    assert "full in about" in found.because
    [found] = await look(space, files(Entry(path=volume, full_within_s=1)))
    assert found.status is Status.OK
    assert found.measures["full_in_s"] > 1


@pytest.mark.parametrize("mode", ["rwx", "9", "0o9", "07777777", "", "-1"])
def test_target_refuses_nonsense(mode):
    """What is no mode is refused when the service file is read."""
    with pytest.raises(ValueError, match="is no mode"):
        Entry(path=Path("x"), mode=mode)


@pytest.mark.parametrize(("text", "mode"), [("0750", 0o750), ("750", 0o750), ("0o750", 0o750), ("1777", 0o1777)])
def test_modes_as_people_write_them(text, mode):
    """With or without the signs of octal."""
    assert Entry(path=Path("x"), mode=text).permissions == mode
    assert stat.S_IMODE(mode) == mode


def test_in_a_service_file(tmp_path):
    """Plain paths and mappings stand side by side; sizes and durations are written as people do."""
    from paramedic.sdk import load_packs
    from paramedic.service import load

    path = tmp_path / "paramedic.yaml"
    path.write_text(
        "service: shop\ncomponents:\n  folders:\n    kind: files\n    user: 65534\n    paths:\n      - data\n"
        "      - {path: logs, type: directory, mode: 0750, owner: 1000, writable: true, min_free: 500MB,"
        " max_used_percent: 90%, full_within: 12h}\n"
    )
    target = load(path, load_packs(), {}).components["folders"].target
    assert isinstance(target, Files)
    plain, logs = target.entries
    assert plain.path == tmp_path / "data"
    assert (logs.permissions, logs.owner, target.user) == (0o750, "1000", "65534")
    assert (logs.min_free_bytes, logs.max_used_percent, logs.full_within_s) == (500_000_000, 90, 43_200)
