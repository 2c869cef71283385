"""What a reader copies works: examples of the documents are carried out, and what they show is what comes.

In a document, ``<!-- file: NAME -->`` above a fenced block writes it to a file, ``<!-- run -->`` above a ``console``
block carries its commands out and compares what they print. ``<!-- run: with postgres -->`` does so with a real server.
``<!-- example -->`` is for other machines; each of its commands is carried out by a ``run`` block as well.
All blocks of a document share one folder and one shell. ``…`` stands for whatever comes; numbers and ids may differ.
"""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from ruamel.yaml import YAML

from living import free_port
from paramedic.sdk import load_packs
from paramedic.service import load
from postgres_server import postgres_server

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PORTS = ("8000", "8001", "8002")
SERVER_IN_THE_DOCUMENTS = "postgresql://ops:secret@127.0.0.1:5432/ops"
_FENCE = re.compile(r"(?:<!-- (?P<mark>[^>]*?) -->\n)?^```(?P<lang>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ID = re.compile(r"(?:inc|plan|cmd|msg)-[0-9a-z]{4,}-[0-9a-z]{4}")
_LOOKS_AGAIN = re.compile(r"paramedic (status|incidents|receipts|check|audit)|cat |grep |psql ")
_PATIENCE_S = 30.0


class Block(NamedTuple):
    """One fenced block."""

    document: Path
    mark: str
    lang: str
    text: str


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document with their marks."""
    found = _FENCE.finditer(document.read_text(encoding="utf-8"))
    return [Block(document, (each["mark"] or "").strip(), each["lang"], each["text"]) for each in found]


def short(value: object) -> str:
    return str(value.relative_to(ROOT)) if isinstance(value, Path) else ""


RUNNABLE = [each for each in DOCUMENTS if any(block.mark.startswith("run") for block in blocks(each))]
SERVICES = [
    pytest.param(block.text, id=f"{short(each)}-{number}")
    for each in DOCUMENTS
    for number, block in enumerate(blocks(each))
    if block.lang == "yaml" and block.text.startswith("service:") and not block.mark  # marked ones are used for real
]


@dataclass
class Command:
    """One line after ``$``, what is shown below it, and the exit code that is stated."""

    line: str
    shown: str
    code: int


def commands(text: str) -> list[Command]:
    """The commands of a console block; ``echo $?`` states the code of the one before it, else it is 0."""
    found: list[Command] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], "", 0))
        elif found and line.startswith("> "):
            found[-1].line += f"\n{line[2:]}"
        elif found:
            found[-1].shown += f"{line}\n"
    for one, two in itertools.pairwise(found):
        if two.line == "echo $?":
            one.code = int(two.shown)
    return found


class Shell:
    """A shell that stays, as a reader's does, and knows which ids and ports stand for those of the document."""

    def __init__(self, folder: Path, exchange: dict[str, str]) -> None:
        self.exchange = exchange
        self.ids: dict[str, str] = {}
        places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PARAMEDIC", "PYTEST"))}
        environment = {**kept, "PATH": places, "HOME": str(folder.parent), "XDG_CONFIG_HOME": "", "COLUMNS": "80"}
        self._shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._code = 0

    def run(self, line: str) -> tuple[str, int]:
        """Carry a line out: what it printed and its exit code."""
        assert self._shell.stdin
        assert self._shell.stdout
        line = self.exchanged(line)
        self._shell.stdin.write(f'(exit {self._code})\n{line}\necho "<<$?>>"\n')
        self._shell.stdin.flush()
        said = ""
        for printed in self._shell.stdout:
            if end := re.search(r"<<(\d+)>>$", printed.rstrip()):
                self._code = int(end[1])
                return said + printed[: end.start()], self._code
            said += printed
        raise AssertionError(f"the shell ended: {said}")

    def exchanged(self, text: str) -> str:
        """The text with what stands here for the places and ids of the document."""
        for old, new in {**self.exchange, **self.ids}.items():
            text = text.replace(old, new)
        return text

    def fits(self, shown: str, printed: str) -> bool:
        """Whether what was printed is what is shown; ids that are met for the first time are learned."""
        pattern, names = self._pattern(shown)
        found = re.fullmatch(pattern, _flat(printed))
        if found:
            self.ids |= {name: found[group] for name, group in names.items()}
        return bool(found)

    def _pattern(self, shown: str) -> tuple[str, dict[str, str]]:
        for old, new in self.exchange.items():
            shown = shown.replace(old, new)
        names: dict[str, str] = {}
        pattern = ""
        for part in re.split(f"({_ID.pattern}|…)", _flat(shown)):
            if part == "…":
                pattern += ".*?"
            elif _ID.fullmatch(part) and part in names:
                pattern += f"(?P={names[part]})"
            elif _ID.fullmatch(part) and part not in self.ids:
                names[part] = f"id{len(names)}"
                pattern += f"(?P<{names[part]}>{_ID.pattern})"
            else:
                pattern += re.sub(r"\d+(\\\.\d+)?", r"\\d+(\\.\\d+)?", re.escape(self.ids.get(part, part)))
        return pattern, names

    def close(self) -> None:
        """End the shell and whatever it left running."""
        if self._shell.stdin:
            self._shell.stdin.close()
        for end in (signal.SIGTERM, signal.SIGKILL):
            with_its_children = self._shell.pid
            try:
                os.killpg(with_its_children, end)
                self._shell.wait(15)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue
        if self._shell.stdout:
            self._shell.stdout.close()


def _flat(text: str) -> str:
    """Where lines break and how wide columns are depends on numbers."""
    return " ".join(re.sub(r"─+", "─", text).split())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder; nothing that runs in it is left."""
    place = tmp_path / "shop"
    place.mkdir()
    yield place
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if Path(os.readlink(f"/proc/{name}/cwd")).is_relative_to(place):
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue


@pytest.mark.parametrize("document", RUNNABLE, ids=short)
def test_commands_do_what_the_document_shows(document: Path, folder: Path):
    """Every command that is marked runnable prints what is printed below it and ends as stated."""
    marked = [block for block in blocks(document) if block.mark]
    if any("with postgres" in block.mark for block in marked):
        with postgres_server() as server:
            _carry_out(marked, folder, {SERVER_IN_THE_DOCUMENTS: server.create_database()})
    else:
        _carry_out(marked, folder, {})


def test_the_pack_in_the_guide_is_the_pack_under_test():
    """What is shown is what `tests/third_party` builds, installs and drills."""
    source = ROOT / "tests" / "third_party" / "lockfile"
    shown = {
        block.mark.removeprefix("file: pack/"): block.text
        for block in blocks(ROOT / "docs" / "guides" / "writing-a-pack.md")
        if block.mark.startswith("file: pack/")
    }
    wanted = {str(each.relative_to(source)): each.read_text() for each in source.rglob("*.*") if each.is_file()}
    assert shown == {name: text for name, text in wanted.items() if "__pycache__" not in name}


def test_examples_for_other_machines_say_what_was_carried_out():
    """Every command of a workflow that nobody here can run is run in the same document."""
    found = 0
    for document in DOCUMENTS:
        marked = blocks(document)
        ran = {each.line for block in marked if block.mark.startswith("run") for each in commands(block.text)}
        for block in marked:
            if block.mark == "example":
                wanted = re.findall(r"^ *- (?:run: )?(paramedic .*)$", block.text, re.MULTILINE)
                assert set(wanted) <= ran, short(document)
                YAML(typ="safe", pure=True).load(block.text)
                found += len(wanted)
    assert found


def test_the_documents_become_a_site(tmp_path: Path):
    """Without a warning, and no page fetches anything from elsewhere."""
    command = [sys.executable, "-m", "properdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(
        [*command, "--config-file", "properdocs.yml"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (built.returncode, built.stdout + built.stderr) == (0, "")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(DOCUMENTS)
    for page in pages:
        text = page.read_text("utf-8")
        assert not re.findall(r"""<(?:script|img|iframe)[^>]*src=["'](?:https?:)?//""", text), page.name
        assert not re.findall(r"""<link[^>]*href=["'](?:https?:)?//""", text), page.name


def _carry_out(marked: list[Block], folder: Path, exchange: dict[str, str]) -> None:
    ports = {port: str(free_port()) for port in PORTS}
    shell = Shell(folder, {**ports, "/srv/shop": str(folder), **exchange})
    try:
        for block in marked:  # a file may be shown below the commands that use it
            if block.mark.startswith("file:"):
                place = folder / block.mark.removeprefix("file:").strip()
                place.parent.mkdir(parents=True, exist_ok=True)
                assert not place.exists(), f"{place.name} is shown twice"
                place.write_text(shell.exchanged(block.text), encoding="utf-8")
        for block in marked:
            if block.mark.startswith("run"):
                for each in commands(block.text):
                    _compare(shell, each)
            else:
                assert block.mark.startswith(("file:", "example")), f"what is `{block.mark}`?"
    finally:
        shell.close()


def _compare(shell: Shell, command: Command) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        printed, code = shell.run(command.line)
        if code == command.code and shell.fits(command.shown, printed):
            return
        may_look_again = _LOOKS_AGAIN.match(command.line) and time.monotonic() < deadline
        assert may_look_again, (
            f"$ {command.line}\n{printed}=> {code}, but the document shows\n{command.shown}=> {command.code}"
        )
        time.sleep(0.2)


@pytest.mark.parametrize("text", SERVICES)
def test_service_files_load(text: str, tmp_path: Path):
    """Every whole service file in a document is one."""
    place = tmp_path / "paramedic.yaml"
    place.write_text(text, encoding="utf-8")
    secrets = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "https://example.org/a")
    assert load(place, load_packs(), secrets).components


@pytest.mark.parametrize("document", DOCUMENTS, ids=short)
def test_links_lead_somewhere(document: Path):
    """No link between documents is dead, nor any heading that it names."""
    for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)):
        if re.match(r"[a-z]+:", target):
            continue
        page, _, anchor = target.partition("#")
        place = (document.parent / page).resolve() if page else document
        assert place.exists(), f"{short(document)}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", place.read_text(), re.MULTILINE)
            known = {re.sub(r"[^a-z0-9_ -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in known, f"{short(document)}: {target}"


def test_every_page_can_be_found():
    """The index links to each of them."""
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [each.relative_to(ROOT / "docs") for each in ROOT.glob("docs/**/*.md") if each.name != "index.md"]
    assert [str(each) for each in pages if f"({each})" not in index] == []


def test_the_readme_is_short():
    """It can be read in five minutes."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_the_picture_is_small_and_whole():
    """It shows every act of the demo as it is now, and fetches nothing from anywhere."""
    from paramedic.demo.show import Show

    picture = (ROOT / "docs" / "demo.svg").read_text()
    assert len(picture) < 60_000
    assert "@font-face" not in picture
    for act in Show().acts:
        assert act.words.replace(" ", "&#160;").replace("'", "&#x27;") in picture, "`python docs/make_picture.py`"


def test_bash_is_here():
    """The documents speak to it."""
    assert shutil.which("bash")
