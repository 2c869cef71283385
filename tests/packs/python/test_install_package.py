"""Missing packages are installed by the environment's own pip from wheels on disk, and taken away again."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from subprocess import PIPE, Popen, run

import pytest

from packs.python.conftest import make_venv, wheel
from paramedic.packs.python.actions import InstallPackage
from paramedic.packs.python.checks import packages
from paramedic.packs.python.target import Python
from paramedic.sdk import ActionFailed, DidIt, Status
from paramedic.sdk.proc import TOKEN_VARIABLE

ACTION = InstallPackage.action


@pytest.fixture
def shop(venv_with_pip, tmp_path, write, install):
    """An environment that has `till` 1.0 and lacks `basket`, which needs `handle` and any `till`."""
    wheel(tmp_path / "wheels", "basket", "1.4", requires=["handle", "till"])
    wheel(tmp_path / "wheels", "handle", "2.0")
    wheel(tmp_path / "wheels", "till", "9.0")
    install(venv_with_pip, "till", "1.0")
    path = write("requirements.txt", "--no-index\n--find-links wheels\nbasket>=1,<2\ntill\n")
    return Python(interpreter=venv_with_pip.python, requirements=(path,))


async def test_installs_verifies_and_takes_back(shop, act, look, venv_with_pip):
    """Exactly what is missing comes, nothing that was there changes, and undoing leaves what was before."""
    context = act(shop)
    before = venv_with_pip.freeze()
    preview = await ACTION.preview(context)
    assert preview.blocked is None
    assert f"{shop.interpreter} -I -m pip install" in preview.diff
    assert "'basket<2,>=1'" in preview.diff
    assert "--no-index --find-links" in preview.diff
    assert venv_with_pip.freeze() == before, "a preview installs nothing"

    done = await ACTION.apply(context)

    assert done.output["added"] == {"basket": "1.4", "handle": "2.0"}
    assert venv_with_pip.freeze() == {**before, "basket": "1.4", "handle": "2.0"}, "`till` stays at its version"
    await ACTION.verify(context, done.output)
    [found] = await look(packages, shop)
    assert found.status is Status.OK
    assert await ACTION.reconcile(context) is DidIt.YES

    told = await ACTION.undo(context, {})

    assert "basket, handle" in told
    assert venv_with_pip.freeze() == before
    assert await ACTION.undo(context, {}) == "nothing had been installed", "it may be asked for again"
    assert await ACTION.reconcile(context) is DidIt.NO


async def test_nothing_missing(shop, act, install, venv_with_pip):
    """Where all is there, nothing is done."""
    install(venv_with_pip, "basket", "1.0", requires=["handle"])
    install(venv_with_pip, "handle", "1.0")
    context = act(shop)
    assert (await ACTION.preview(context)).summary.startswith("nothing")
    assert (await ACTION.apply(context)).output == {}
    assert await ACTION.undo(context, {}) == "nothing was installed"


async def test_what_pip_says_is_told(shop, act, write, venv_with_pip):
    """What cannot be found, or could only be had by changing what is there, fails with pip's own reason."""
    before = venv_with_pip.freeze()
    write("requirements.txt", "--no-index\n--find-links wheels\nnever-heard-of\n")
    with pytest.raises(ActionFailed, match="never-heard-of"):
        await ACTION.apply(act(shop))
    wheel(shop.requirements[0].parent / "wheels", "purse", "1.0", requires=["till>=5"])
    write("requirements.txt", "--no-index\n--find-links wheels\npurse\n")
    with pytest.raises(ActionFailed, match="till"):
        await ACTION.apply(act(shop))
    assert venv_with_pip.freeze() == before


async def test_stale(shop, act, write):
    """What was declared after the plan was made was not approved."""
    context = act(shop)
    await ACTION.preview(context)
    write("requirements.txt", "--no-index\n--find-links wheels\nbasket\nhandle\n")
    with pytest.raises(ActionFailed, match="stale"):
        await ACTION.apply(context)


async def test_a_second_try_remembers_the_first(shop, act, venv_with_pip, tmp_path):
    """What a try added before it was interrupted is undone, too."""
    before = venv_with_pip.freeze()
    context = act(shop)

    class Crashed(Exception):
        """Stands for the end of the program."""

    def crash(_point: str) -> None:
        venv_with_pip.unpack(tmp_path / "wheels/handle-2.0-py3-none-any.whl")
        raise Crashed

    context.checkpoint = crash
    with pytest.raises(Crashed):
        await ACTION.apply(context)
    assert await ACTION.reconcile(context) is DidIt.NO
    context.checkpoint = lambda _point: None
    await ACTION.apply(context)
    await ACTION.undo(context, {})
    assert venv_with_pip.freeze() == before


async def test_a_pip_that_outlived_a_crash_is_ended(shop, act):
    """After a crash no second pip works beside the first."""
    left = Popen(  # noqa: ASYNC220  # it only has to be there
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(1000)"],
        env={**os.environ, TOKEN_VARIABLE: "bench-token"},
        stdout=PIPE,
    )
    try:
        assert left.stdout is not None
        left.stdout.readline()
        assert await ACTION.reconcile(act(shop)) is DidIt.NO
        assert left.wait(timeout=5) != 0
    finally:
        left.kill()
        left.wait()
        left.stdout.close()


async def test_without_pip(venv, act, write):
    """An environment without pip cannot be helped, and says what would."""
    path = write("requirements.txt", "basket\n")
    target = Python(interpreter=venv.python, requirements=(path,))
    preview = await ACTION.preview(act(target))
    assert "has no pip" in preview.blocked
    with pytest.raises(ActionFailed, match="has no pip"):
        await ACTION.apply(act(target))


async def test_without_interpreter(act, tmp_path):
    """Without an interpreter there is nothing to install into."""
    preview = await ACTION.preview(act(Python(interpreter=tmp_path / "absent")))
    assert "does not exist" in preview.blocked


async def test_passwords_stay_hidden(venv_with_pip, act, write):
    """An index with a password goes to pip through its environment; a package with one is left to people."""
    path = write("requirements.txt", "-i https://shop:hush-hush@127.0.0.1:9/simple\nbasket\n")
    target = Python(interpreter=venv_with_pip.python, requirements=(path,))
    preview = await ACTION.preview(act(target))
    assert preview.blocked is None
    assert "hush-hush" not in f"{preview}"
    assert "PIP_INDEX_URL" in preview.diff
    write("requirements.txt", "basket @ https://shop:hush-hush@127.0.0.1:9/basket.zip\n")
    preview = await ACTION.preview(act(target))
    assert "holds a password" in preview.blocked
    assert "hush-hush" not in f"{preview}"


async def test_editable_project(venv_with_pip, act, write, tmp_path):
    """A declared project in a folder is previewed as what it is."""
    write("lib/pyproject.toml", '[project]\nname = "lib"\nversion = "1"\n')
    path = write("requirements.txt", "-e ./lib\n")
    preview = await ACTION.preview(act(Python(interpreter=venv_with_pip.python, requirements=(path,))))
    assert f"--editable {tmp_path}/lib" in preview.diff


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to whom every environment is open")
async def test_files_belong_to_the_owner_of_the_environment(act, tmp_path, pip, write):
    """As root, pip runs as the user to whom the environment belongs, so that nothing in it becomes root's."""
    theirs = {"user": 65534, "group": 65534, "cwd": "/"}
    usable = [each for each in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(each).exists()]
    tried = usable and await asyncio.to_thread(run, [usable[0], "-I", "-c", "import venv"], check=False, **theirs)
    if not tried or tried.returncode:
        pytest.skip("no Python of this machine can be used by everybody")
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path("/tmp"):
            break
        folder.chmod(0o755)
    venv = make_venv(tmp_path / "theirs", python=usable[0])
    shutil.copytree(pip, venv.packages, dirs_exist_ok=True)
    for path in (venv.folder, *venv.folder.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    wheel(tmp_path / "wheels", "basket", "1.4")
    requirements = write("requirements.txt", "--no-index\n--find-links wheels\nbasket\n")

    await ACTION.apply(act(Python(interpreter=venv.python, requirements=(requirements,))))

    assert (venv.packages / "basket.py").stat().st_uid == 65534


def test_the_shipped_playbook_waits_for_a_person():
    """Installing is approved by somebody, whatever its risk."""
    from paramedic.recovery.playbooks import load_playbooks
    from paramedic.sdk import load_packs

    book = load_playbooks(load_packs())["install-package"]
    assert book.attended
    assert json.dumps(book.heals) == '["python.package-missing"]'
