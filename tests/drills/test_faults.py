"""Every fault really breaks what it says. Those that need a running `watch` are tried by the drills themselves."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from paramedic.drills.faults import FAULTS
from paramedic.drills.patient import Patient
from paramedic.sdk import proc


def status_of(patient: Patient, name: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{patient.port(name)}/health", timeout=3) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def connects(port: int) -> str:
    with socket.socket() as caller:
        caller.settimeout(0.7)
        try:
            caller.connect(("127.0.0.1", port))
        except OSError as error:
            return type(error).__name__
    return "yes"


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


async def break_it(patient: Patient, scenario: str) -> None:
    await FAULTS[scenario].inject(patient)
    assert patient.broken_at is not None, "a fault marks the moment at which it takes effect"


async def test_killed(patient: Patient, start):
    """A killed process is gone."""
    await start("model")
    pid = patient.pid("model")

    await break_it(patient, "process-killed")

    await patient.until(lambda: proc.identity(pid) is None, "its end")


async def test_hung(patient: Patient, start):
    """A hung process holds its port and answers nobody."""
    await start("api")

    await break_it(patient, "process-hung")

    assert state(patient.pid("api")) == "T"
    assert connects(patient.port("api")) == "yes"
    with pytest.raises(OSError, match="timed out"):
        await asyncio.to_thread(status_of, patient, "api")


async def test_crash_loop(patient: Patient, start):
    """Every start of the worker ends with exit code 1 and a traceback."""
    await start("worker")
    await patient.until(lambda: bool(patient.pids("worker")), "the worker")

    await break_it(patient, "process-crash-loop")

    for _ in range(2):
        assert patient.invite(patient.command("worker")).wait(timeout=10) == 1
    assert "Traceback" in (patient.folder / "guests.log").read_text()


async def test_weights(patient: Patient, start):
    """With spoilt weights the model server answers 500 before and after a restart."""
    await start("model")
    assert status_of(patient, "model") == 200

    await break_it(patient, "recovery-fails-thrice")

    assert status_of(patient, "model") == 500
    os.kill(patient.pid("model"), signal.SIGKILL)
    await patient.until(lambda: not proc.holders(patient.port("model")), "its end")
    await start("model")
    assert status_of(patient, "model") == 500


@pytest.mark.parametrize(
    ("scenario", "reason"),
    [
        ("config-missing-field", "lacks database_url"),
        ("config-invalid-value", "vector_dimension must be positive"),
        ("config-unparseable", "cannot read"),
        ("config-file-missing", "No such file"),
    ],
)
async def test_settings(patient: Patient, scenario: str, reason: str):
    """Broken settings are refused by the shop itself, with the reason."""
    from paramedic.demo.patient.settings import BadSettings, read_settings

    path = patient.folder / "config/shop.yaml"
    read_settings(path)

    await break_it(patient, scenario)

    with pytest.raises(BadSettings, match=reason):
        read_settings(path)


async def test_environment(patient: Patient):
    """A variable that is unset is the only one that goes; a deleted file is gone."""
    from paramedic.demo.patient.settings import read_environment

    path = patient.folder / ".env"
    before = read_environment(path)

    await break_it(patient, "env-var-missing")
    assert before.keys() - read_environment(path).keys() == {"SHOP_DATA"}

    await break_it(patient, "env-file-missing")
    assert read_environment(path) == {}


async def test_client(patient: Patient):
    """The client's settings are no JSON any more, while the user's projects still stand in the file."""
    await break_it(patient, "client-config-reset")

    text = (patient.folder / str(patient.component("client")["path"])).read_text()
    with pytest.raises(ValueError):
        json.loads(text)
    assert "living room" in text


@pytest.mark.parametrize("scenario", ["disk-nearly-full", "inode-exhaustion"])
async def test_disks(patient: Patient, scenario: str):
    """The small file system is really full, and gone after the drill."""
    fault = FAULTS[scenario]
    if why := fault.impossible():
        pytest.skip(why)
    volume = patient.folder / "volume"
    try:
        await fault.prepare(patient)
        assert volume.is_mount()

        await break_it(patient, scenario)

        disk = os.statvfs(volume)
        assert disk.f_ffree <= 2 if scenario == "inode-exhaustion" else disk.f_bavail / disk.f_blocks <= 0.02
    finally:
        await fault.restore(patient)
    assert not volume.is_mount()


async def test_descriptors(patient: Patient, start):
    """The front holds nearly as many files as it may, and still answers."""
    await start("api")

    await break_it(patient, "fd-exhaustion")

    assert len(os.listdir(f"/proc/{patient.pid('api')}/fd")) >= 256 * 0.95
    assert status_of(patient, "api") == 200


async def test_memory(patient: Patient, start):
    """The front really uses the memory."""
    await start("api")

    await break_it(patient, "memory-high")

    pages = int(Path(f"/proc/{patient.pid('api')}/statm").read_text().split()[1])
    resident_mb = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    assert 380 <= resident_mb <= 400


async def test_refused(patient: Patient, start):
    """The queue lives and refuses; on request it listens again."""
    await start("queue")
    port = patient.port("queue")

    await break_it(patient, "connection-refused")

    await patient.until(lambda: connects(port) == "ConnectionRefusedError", "the refusal")
    os.kill(patient.pid("queue"), signal.SIGUSR2)
    await patient.until(lambda: connects(port) == "yes", "it to listen again")


async def test_blackholed(patient: Patient):
    """The supplier accepts at first; then attempts to connect vanish."""
    await FAULTS["connection-blackholed"].prepare(patient)
    port = patient.port("supplier")
    assert connects(port) == "yes"

    await break_it(patient, "connection-blackholed")

    await patient.until(lambda: connects(port) == "TimeoutError", "silence")


async def test_comes_and_goes(patient: Patient):
    """The supplier refuses and accepts in turn."""
    await FAULTS["flapping"].prepare(patient)
    port = patient.port("supplier")

    await break_it(patient, "flapping")

    for expected in ("ConnectionRefusedError", "yes", "ConnectionRefusedError"):
        await patient.until(lambda expected=expected: connects(port) == expected, expected)


async def test_errors(patient: Patient, start):
    """Exactly three of ten requests fail, until a restart."""
    await start("api")

    await break_it(patient, "http-error-burst")

    assert sorted(status_of(patient, "api") for _ in range(20)) == [200] * 14 + [500] * 6


async def test_database(patient: Patient):
    """Damage is found by the integrity check, a dropped table is gone, a deleted file too."""
    path = patient.folder / "data/shop.db"

    await break_it(patient, "sqlite-table-missing")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'reminders'").fetchall()

    await break_it(patient, "sqlite-corrupt")
    with closing(sqlite3.connect(path)) as database:
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            database.execute("SELECT sum(length(text)) FROM messages").fetchall()
        assert database.execute("SELECT text FROM messages WHERE id = 1").fetchone(), "most rows can still be read"

    await break_it(patient, "sqlite-missing")
    assert not path.exists()


async def test_locked(patient: Patient):
    """Nobody else can read while the lock is held."""
    await break_it(patient, "sqlite-locked")

    with (
        closing(sqlite3.connect(patient.folder / "data/shop.db", timeout=0.1)) as database,
        pytest.raises(sqlite3.OperationalError, match="locked"),
    ):
        database.execute("SELECT count(*) FROM messages").fetchone()


async def test_clock(patient: Patient):
    """Processes of this patient see another hour; the machine does not."""
    fault = FAULTS["clock-step"]
    if why := fault.impossible():
        pytest.skip(why)
    await fault.prepare(patient)

    await break_it(patient, "clock-step")
