"""A pack that is no part of Paramedic, built as a wheel and installed: everything sees it through its entry point."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "lockfile"
Run = Callable[..., subprocess.CompletedProcess[str]]
SERVICE = "service: shop\ncomponents:\n  nightly: {kind: lockfile, path: nightly.lock}\n"


def pip(*arguments: str, cwd: Path) -> None:
    """Run pip without a network."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    subprocess.run(command, cwd=cwd, env={**environment, "PIP_NO_INDEX": "1"}, check=True, timeout=100)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages, with the pack in it."""
    folder = tmp_path_factory.mktemp("third-party")
    shutil.copytree(SOURCE, folder / "source")  # building leaves nothing behind in the repository
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", "wheels", "./source", cwd=folder)
    (wheel,) = (folder / "wheels").glob("*.whl")
    pip("install", "--no-deps", "--target", "plugins", str(wheel), cwd=folder)
    assert list((folder / "plugins").glob("paramedic_lockfile-*.dist-info/entry_points.txt"))
    return folder / "plugins"


@pytest.fixture
def paramedic(plugins: Path, tmp_path: Path) -> Run:
    """Runs ``paramedic`` in a folder with a service, where the pack and others can be found."""
    (tmp_path / "paramedic.yaml").write_text(SERVICE)

    def run(*arguments: str, beside: Path | None = None) -> subprocess.CompletedProcess[str]:
        places = [str(each) for each in (plugins, beside) if each]
        places += filter(None, [os.environ.get("PYTHONPATH")])
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC")}
        return subprocess.run(
            [sys.executable, "-m", "paramedic", *arguments],
            cwd=tmp_path,
            env={**kept, "PYTHONPATH": os.pathsep.join(places), "COLUMNS": "80"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def gone() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_its_check_judges(paramedic: Run, tmp_path: Path):
    """Healthy without a lock and with a living holder, sick with one that is gone, unknown where it cannot look."""
    lock = tmp_path / "nightly.lock"
    assert paramedic("check").returncode == 0
    lock.write_text(f"{os.getpid()}\n")
    assert f"pid {os.getpid()} holds the lock" in paramedic("check", "-v").stdout
    lock.write_text(f"{gone()}\n")
    sick = paramedic("check", "--format", "sarif")
    assert sick.returncode == 2
    (result,) = json.loads(sick.stdout)["runs"][0]["results"]
    assert result["ruleId"] == "lockfile.stale"
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "nightly.lock"
    lock.write_text("no number")
    assert paramedic("check").returncode == 3


def test_everything_that_lists_shows_it(paramedic: Run):
    """Its manual, its check, its kind in the schema and its drill are found where ours are."""
    assert "remove-stale-lock" in paramedic("explain", "lockfile.stale").stdout
    assert "Whoever holds the lock is alive" in paramedic("explain", "lockfile.is-held").stdout
    assert "lockfile.is-held" in paramedic("checks").stdout
    schema = paramedic("config", "schema").stdout
    assert "The file, relative to the service file; it holds the process id of the job." in schema
    assert "lock-left-behind" in paramedic("drill", "list").stdout


def test_its_mistakes_are_told_like_ours(paramedic: Run, tmp_path: Path):
    """A wrong key of its kind is named with its line."""
    (tmp_path / "paramedic.yaml").write_text(SERVICE.replace("path:", "pat:"))
    done = paramedic("config", "validate")
    assert done.returncode == 78
    assert "paramedic.yaml:3: unknown key `pat`" in done.stdout


def test_its_action_heals(paramedic: Run, tmp_path: Path):
    """By its playbook, with a preview, and nothing that a living process holds is touched."""
    lock = tmp_path / "nightly.lock"
    lock.write_text(f"{gone()}\n")
    plan = paramedic("plan")
    assert "lockfile.remove nightly: remove `nightly.lock`" in plan.stdout
    assert "risk          reversible" in plan.stdout
    healed = paramedic("recover")
    assert (healed.returncode, lock.exists()) == (0, False), healed.stdout + healed.stderr
    assert "healed by `remove-stale-lock`" in " ".join(healed.stdout.split())


def test_its_drill_passes(paramedic: Run):
    """The fault is injected for real, found, named, healed and verified."""
    done = paramedic("drill", "run", "lock-left-behind", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (outcome,) = json.loads(done.stdout)
    assert (outcome["passed"], outcome["code"]) == (True, "lockfile.stale")


BROKEN = {
    "import-error": ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
    "syntax-error": ("pack = (", "SyntaxError"),
    "says-goodbye": ("raise SystemExit(0)", "SystemExit: 0"),
    "no-pack": ("pack = 'mine'", "the entry point is a str, not a `Pack`"),
    "nonsense-within": (
        "from paramedic.sdk import Pack\npack = Pack(name='x', checks=(lambda: None,))",
        "its `checks` hold a function, not a `CheckSpec`",
    ),
    "no-dataclass": (
        "from paramedic.sdk import Kind, Pack\npack = Pack(name='x', kinds=(Kind(name='x', summary='', target=int),))",
        "the target of its kind `x` is no dataclass",
    ),
    "dangling-name": (
        (
            "from dataclasses import dataclass\nfrom paramedic.sdk import Kind, Pack\n@dataclass\nclass T:\n    a: 'Gone'\n"
            "pack = Pack(name='x', kinds=(Kind(name='x', summary='', target=T),))"
        ),
        "NameError: name 'Gone' is not defined",
    ),
    "takes-a-name": (
        (
            "from paramedic_lockfile import pack as other\nfrom paramedic.sdk import Pack\n"
            "pack = Pack(name='x', kinds=other.kinds)"
        ),
        "`lockfile` in kinds is declared by `lockfile` already",
    ),
    "takes-a-code": (
        (
            "from paramedic.sdk import Code, IssueType, Pack, check\n"
            "@check(Code(id='http.refused', type=IssueType.AI, summary='mine'), of=int)\nasync def f(target, context):\n"
            "    '''Nothing.'''\npack = Pack(name='x', checks=(f,))"
        ),
        "the code `http.refused` means something else already",
    ),
    "talks": ("print('hello from a stranger')\nraise ValueError('no')", "ValueError: no"),
}


def installed(folder: Path, name: str, text: str) -> Path:
    """A folder with an installed package of one module."""
    module = "zz_" + name.replace("-", "_")
    (folder / f"{module}.py").write_text(text)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[paramedic.packs]\n{name} = {module}:pack\n")
    return folder


def test_broken_packs_take_nothing_with_them(paramedic: Run, tmp_path: Path):
    """Each is named with its reason in the report, which stays a report, and the verdict is that of the service."""
    (tmp_path / "others").mkdir()
    for name, (text, _) in BROKEN.items():
        installed(tmp_path / "others", name, text)
    done = paramedic("check", "--format", "json", beside=tmp_path / "others")
    assert done.returncode == 0, done.stderr
    broken = json.loads(done.stdout)["broken_packs"]
    assert set(broken) == set(BROKEN)
    assert [name for name, (_, reason) in BROKEN.items() if reason not in broken[name]] == []


def test_the_rest_works_beside_a_broken_pack(paramedic: Run, tmp_path: Path):
    """Sickness is still exit 2 and still healed; a kind that only the broken pack may know is a mistake, exit 78."""
    (tmp_path / "others").mkdir()
    beside = installed(tmp_path / "others", "spool", "import no_such_library")
    (tmp_path / "nightly.lock").write_text(f"{gone()}\n")
    sick = paramedic("check", beside=beside)
    assert sick.returncode == 2
    assert "`spool` could not be loaded" in sick.stdout
    assert paramedic("recover", beside=beside).returncode == 0
    drills = paramedic("drill", "list", beside=beside)
    assert drills.returncode == 0
    assert "lock-left-behind" in drills.stdout
    assert "pack `spool`: could not be loaded" in drills.stderr
    (tmp_path / "paramedic.yaml").write_text(f"{SERVICE}  mail: {{kind: spool, folder: x}}\n")
    unknown = paramedic("check", beside=beside)
    assert unknown.returncode == 78
    assert "no_such_library" in unknown.stderr + unknown.stdout


WRONG_FILES = """
from pathlib import Path
from paramedic.sdk import Pack
HERE = Path(__file__).parent
pack = Pack(name="careless", playbooks=HERE / "playbooks", drills=HERE / "drills.yaml")
"""


WRONG_DRILLS = {
    "unreadable": ("drills: [", "while parsing"),
    "no-list": ("- a", "a file of drills holds a list `drills`"),
    "no-ending": ("drills: [{id: x, ends: nowhere}]", "Input should be"),
    "no-code": ("drills: [{id: x, ends: heal, code: no.such-code}]", "names the unknown code `no.such-code`"),
    "taken": ("drills: [{id: process-killed, ends: control}]", "there is a drill `process-killed` already"),
    "no-fault": ("drills: [{id: x, ends: control}]", "the drill `x` has no fault"),
}


def test_wrong_drills_of_packs_are_told(paramedic: Run, tmp_path: Path):
    """They are left out, each with its reason; every other drill is there."""
    (tmp_path / "others").mkdir()
    for name, (drills, _) in WRONG_DRILLS.items():
        text = WRONG_FILES.replace("careless", name).replace("drills.yaml", f"{name}.yaml")
        installed(tmp_path / "others", name, text)
        (tmp_path / "others" / f"{name}.yaml").write_text(drills)
    done = paramedic("drill", "list", beside=tmp_path / "others")
    assert done.returncode == 0
    assert "lock-left-behind" in done.stdout
    told = dict(line.split(": its drills are left out: ", 1) for line in done.stderr.splitlines())
    assert [name for name, (_, reason) in WRONG_DRILLS.items() if reason not in told[f"pack `{name}`"]] == []


def test_wrong_playbooks_of_a_pack_are_told(paramedic: Run, tmp_path: Path):
    """They are left out with a warning, and none replaces one of ours; healing goes on."""
    (tmp_path / "others").mkdir()
    beside = installed(tmp_path / "others", "careless", WRONG_FILES)
    (beside / "drills.yaml").write_text("drills: []")
    (beside / "playbooks").mkdir()
    (beside / "playbooks" / "broken.yaml").write_text("heals: [lockfile.stale]\n")
    (beside / "playbooks" / "restart-component.yaml").write_text(
        'heals: [lockfile.stale]\nsteps: [{process.restart: {component: "{suspect}"}}]\nverify: {checks: failed}\n'
    )
    (tmp_path / "nightly.lock").write_text(f"{gone()}\n")
    done = paramedic("recover", beside=beside)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "healed by `remove-stale-lock`" in " ".join(done.stdout.split())
    assert "broken.yaml" in done.stderr
    assert "there is a playbook of that name already" in done.stderr
