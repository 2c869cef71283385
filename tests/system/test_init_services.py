"""``init`` and ``check`` beside software that no one here wrote: silent while it is well, and right when it is not."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from machine import Machine
from packs.authority import Issued
from system.patients import PATIENTS, Patient, nginx

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a small file system of its own needs root")


@dataclass(frozen=True)
class Ward:
    """A machine with a folder that every user may enter."""

    machine: Machine
    folder: Path

    def init(self, **environment: str) -> dict[str, dict]:
        """What `init` found, by name."""
        done = self.machine.paramedic("init", "--format", "json", cwd=self.home, **environment)
        assert done.returncode == 0, done.stderr
        return {each["name"]: each for each in json.loads(done.stdout)["found"]}

    def check(self, **environment: str) -> tuple[int, dict[str, set[str]]]:
        """The verdict, and the codes by component. The machine's own load is its own affair."""
        names = self.machine.run(
            sys.executable, "-c", "import sys; from ruamel.yaml import YAML; "
            "print(*(k for k in YAML(typ='safe').load(open('paramedic.yaml'))['components'] if k != 'host'))",
            cwd=self.home,
        ).stdout.split()  # fmt: skip
        done = self.machine.paramedic("check", *names, "--format", "json", cwd=self.home, **environment)
        told: dict[str, set[str]] = {}
        for each in json.loads(done.stdout)["findings"]:
            if each["status"] not in ("ok", "info"):
                told.setdefault(each["component"], set()).add(each["code"])
        return done.returncode, told

    @property
    def home(self) -> Path:
        """Where the service file lies."""
        place = self.folder / "home"
        place.mkdir(exist_ok=True)
        return place


@pytest.fixture
def ward() -> Iterator[Ward]:
    with tempfile.TemporaryDirectory(prefix="paramedic-ward-") as folder:
        Path(folder).chmod(0o755)
        machine = Machine()
        yield Ward(machine, Path(folder))
        machine.close()


def installed(name: str) -> Patient:
    """The patient, or the test is skipped and says why."""
    if not PATIENTS[name].program():
        pytest.skip(f"{name} is not installed; `make test-system` installs it where apt, pip and npm can")
    return PATIENTS[name]


def test_all_of_them_are_well(ward: Ward) -> None:
    """One file for everything that runs here, at once, whose first check has nothing to complain about."""
    here = [each for each in PATIENTS.values() if each.program()]
    for number, each in enumerate(here):
        each.start(ward.machine, ward.folder / each.name, 18000 + number)
    found = ward.init()
    assert {each.name for each in here} <= found.keys()
    for each in here:
        print(f"{each.name}: {found[each.name]['kind']}, {found[each.name]['observed']}")
        assert found[each.name]["kind"] in each.kinds
    assert ward.check() == (0, {})


@pytest.mark.parametrize("name", PATIENTS)
def test_stopped_moved_and_back(ward: Ward, name: str) -> None:
    """Stopped, its process and its port are missed; on another port, its port; back again, nothing is."""
    patient = installed(name)
    folder = ward.folder / name
    patient.start(ward.machine, folder, 18000)
    kind = ward.init()[name]["kind"]
    refused = f"{kind}.refused"
    assert ward.check() == (0, {})
    patient.stop(ward.machine)
    code, told = ward.check()
    assert (code, set(told)) == (2, {name})
    assert told[name] >= {refused, "process.not-running"}
    patient.start(ward.machine, folder, 18001)
    code, told = ward.check()
    assert (code, set(told)) == (2, {name})
    assert refused in told[name]
    patient.stop(ward.machine)
    patient.start(ward.machine, folder, 18000)
    assert ward.check() == (0, {})


def test_another_program_has_taken_the_port(ward: Ward) -> None:
    """It answers, but it is not who it should be."""
    patient = installed("nginx")
    patient.start(ward.machine, ward.folder / "nginx", 18000)
    ward.init()
    patient.stop(ward.machine)
    (ward.folder / "stranger").mkdir()
    ward.machine.start(sys.executable, "-m", "http.server", "18000", cwd=ward.folder / "stranger", port=18000)
    code, told = ward.check()
    assert code == 2
    assert "process.not-running" in told["nginx"]


def test_a_certificate_runs_out(ward: Ward) -> None:
    """It is looked at by the name that it carries; expired, both the certificate and what it serves are missed."""
    patient = installed("nginx")
    folder = ward.folder / "nginx"
    folder.mkdir(mode=0o755)
    root = Issued.make("ward root", is_authority=True)
    (ward.folder / "ca.pem").write_bytes(root.pem)
    chain, key = Issued.make("shop", "shop.example", "localhost", by=root, days=60).write(folder)
    argv = nginx(folder, 18000, f"listen 18443 ssl; ssl_certificate {chain}; ssl_certificate_key {key};")
    ward.machine.start(*argv, cwd=folder, port=18443)
    trust = {"SSL_CERT_FILE": str(ward.folder / "ca.pem")}
    found = ward.init(**trust)
    assert found["nginx-certificate"]["kind"] == "tls"
    assert ward.check(**trust) == (0, {})
    Issued.make("shop", "shop.example", "localhost", by=root, days=-1, since_days=30).write(folder)
    patient.stop(ward.machine)
    ward.machine.start(*argv, cwd=folder, port=18443)
    code, told = ward.check(**trust)
    assert code == 2
    assert "tls.expired" in told["nginx-certificate"]
    assert told.keys() <= {"nginx-certificate", "nginx-18443"}


@needs_root
def test_a_folder_has_the_wrong_owner(ward: Ward) -> None:
    """The folder that a service writes to belonged to its user, and does not any more."""
    patient = installed("postgres")
    patient.start(ward.machine, ward.folder / "postgres", 18000)
    assert ward.init()["postgres-data"]["kind"] == "files"
    assert ward.check() == (0, {})
    os.chown(ward.folder / "postgres" / "data", 0, 0)
    code, told = ward.check()
    assert code in (1, 2)
    assert told.keys() >= {"postgres-data"}
    print(told)


@needs_root
@pytest.mark.parametrize("name", ["postgres", "prometheus"])
def test_a_disk_is_full(ward: Ward, name: str) -> None:
    """The disk that a service writes to is known from its command line, and looked at."""
    patient = installed(name)
    folder = ward.folder / name
    folder.mkdir(mode=0o755)
    size = "96m"
    mounted = ward.machine.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "none", folder, cwd=ward.folder)
    assert mounted.returncode == 0, mounted.stderr
    inside = Path(f"/proc/{ward.machine.pid}/root") / folder.relative_to("/")
    (inside / "output.log").touch()
    start_inside(patient, ward.machine, folder, inside)
    found = ward.init()
    assert found["host"]["kind"] == "host"
    codes = told_of_host(ward)
    assert "disk.full" not in codes
    ward.machine.run("dd", "if=/dev/zero", f"of={folder}/ballast", "bs=1M", cwd=ward.folder)
    assert "disk.full" in told_of_host(ward)


def start_inside(patient: Patient, machine: Machine, folder: Path, inside: Path) -> None:
    """Start it on a file system that only the machine sees."""
    argv = [each.replace(str(inside), str(folder)) for each in patient.argv(inside, 18000)]
    if patient.as_nobody:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", *argv]
    shutil.rmtree(folder / "unused", ignore_errors=True)
    machine.start("/bin/sh", "-c", 'cd "$0" && exec "$@"', str(folder), *argv, cwd=folder, port=18000)


def told_of_host(ward: Ward) -> set[str]:
    """What is wrong with the disks."""
    done = ward.machine.paramedic("check", "host", "--only", "disk.full", "--format", "json", cwd=ward.home)
    return {each["code"] for each in json.loads(done.stdout)["findings"] if each["code"]}
