"""Disks that are well, full, out of inodes, and out of sight."""

from pathlib import Path

import pytest

from paramedic.packs.host.checks import disk_inodes, disk_space
from paramedic.packs.host.target import Host
from paramedic.packs.host.volume import amount, duration
from paramedic.sdk import Status

ANY = {"disk_percent": 101, "inodes_percent": 101}


class SteppedClock:
    """A monotonic clock that a test moves on."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.mark.parametrize("check", [disk_space, disk_inodes])
async def test_healthy(look, check):
    """The file systems of the service's folder and state are found without being named."""
    [found] = await look(check, Host(), thresholds=ANY)
    assert found.status is Status.OK


@pytest.mark.parametrize(("check", "code"), [(disk_space, "disk.full"), (disk_inodes, "disk.inodes")])
async def test_a_real_disk_beyond_its_limit(look, check, code):
    """With a limit of next to nothing this machine's own disk is beyond it."""
    tiny = {"disk_percent": 1e-9, "inodes_percent": 0, "disk_percent_critical": 101, "inodes_percent_critical": 101}
    [found] = await look(check, Host(), thresholds=tiny)
    assert (found.status, found.code) == (Status.WARNING, code)


async def test_nearly_full_then_full(look, mount, fill):
    """A real small disk: well, a warning from 90 %, critical from 97 %, named by its path."""
    volume = mount("size=1m")
    host = Host(paths=(volume,))
    fill(volume, 50)
    found = await look(disk_space, host)
    assert found[0].code is None or found[0].path != str(volume)
    fill(volume, 91)
    [found] = await look(disk_space, host)
    assert (found.status, found.code, found.path) == (Status.WARNING, "disk.full", str(volume))
    assert "du -xh" in found.hint
    assert found.measures["disk_percent"] >= 90
    fill(volume, 98)
    [found] = await look(disk_space, host)
    assert (found.status, found.code) == (Status.CRITICAL, "disk.full")
    fill(volume, 100)
    [found] = await look(disk_space, host)
    assert found.status is Status.CRITICAL


async def test_the_limits_are_the_components_own(look, mount, fill):
    """`disk_percent` and `disk_percent_critical` move the limits."""
    volume = mount("size=1m")
    fill(volume, 30)
    host = Host(paths=(volume,))
    [found] = await look(disk_space, host, thresholds={"disk_percent": 25})
    assert found.code == "disk.full"
    [found] = await look(disk_space, host, thresholds={"disk_percent": 25, "disk_percent_critical": 26})
    assert found.status is Status.CRITICAL


async def test_time_to_full(look, bench, mount, fill):
    """From earlier looks it is told when the disk will be full; one that does not fill has no such time."""
    bench.clock = SteppedClock()
    host = Host(paths=(mount("size=1m"),))
    volume = host.paths[0]
    fill(volume, 92)
    await look(disk_space, host)
    bench.clock.seconds += 60
    [found] = await look(disk_space, host)
    assert "full_in_s" not in found.measures
    fill(volume, 96)
    bench.clock.seconds += 60
    [found] = await look(disk_space, host)
    assert 60 <= found.measures["full_in_s"] <= 240
    assert "full in about" in found.because


async def test_out_of_inodes(look, mount, fill):
    """A disk with space but no inodes left is `disk.inodes`, and not `disk.full`."""
    volume = mount("size=4m,nr_inodes=50")
    host = Host(paths=(volume,))
    for n in range(45):
        (volume / f"{n}").touch()
    [found] = await look(disk_inodes, host)
    assert (found.status, found.code) == (Status.WARNING, "disk.inodes")
    for n in range(45, 49):
        (volume / f"{n}").touch()
    [found] = await look(disk_inodes, host)
    assert (found.status, found.code) == (Status.CRITICAL, "disk.inodes")
    assert "--inodes" in found.hint
    found = await look(disk_space, host, thresholds={"disk_percent": 101})
    assert found[0].status is Status.OK
    [code] = disk_inodes.codes
    assert code.ending == "advise"


async def test_without_a_limit_of_inodes(look, bench, mount):
    """Where the file system has no such limit nothing is wrong."""
    bench.folder = mount("size=1m,nr_inodes=0")
    bench.settings = bench.settings.__class__(
        **{
            **{name: getattr(bench.settings, name) for name in bench.settings.__dataclass_fields__},
            "state_dir": bench.folder,
        }
    )
    [found] = await look(disk_inodes, Host())
    assert found.status is Status.OK
    assert "no disk has a limit" in found.observed


@pytest.mark.parametrize("check", [disk_space, disk_inodes])
async def test_cannot_look(look, check, tmp_path):
    """A declared place that does not exist is unknown; the others are still judged."""
    missing = tmp_path / "missing"
    judged, unseen = await look(check, Host(paths=(missing,)), thresholds=ANY)
    assert judged.status is Status.OK
    assert unseen.status is Status.UNKNOWN
    assert str(missing) in unseen.observed


@pytest.mark.parametrize("check", [disk_space, disk_inodes])
async def test_every_place_out_of_sight_is_told(look, bench, check):
    """The service file's own folder may be gone too; each place is told, none is called well."""
    bench.folder = Path("/nonexistent")
    findings = await look(check, Host(paths=(Path("/proc/self/fd/nothing"),)), thresholds=ANY)
    unseen = [each.observed.split("`")[1] for each in findings if each.status is Status.UNKNOWN]
    assert unseen == ["/proc/self/fd/nothing", "/nonexistent"]


async def test_kernel_file_systems_do_not_run_full(look, bench):
    """`/proc` has no blocks, and is not judged."""
    findings = await look(disk_space, Host(paths=(Path("/proc"),)), thresholds=ANY)
    assert [each.status for each in findings] == [Status.OK]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (25e6, "25 MB"), (3.2e12, "3.2 TB")]
)
def test_amounts_read_well(count, text):
    """Bytes are told with a unit that fits."""
    assert amount(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (600, "10 min"), (7200, "2 h"), (864_000, "10 days")])
def test_durations_read_well(seconds, text):
    """Seconds are told with a unit that fits."""
    assert duration(seconds) == text
