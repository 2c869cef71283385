"""A speech server: it answers as OpenAI's API does.

Usage: ``python -m paramedic.drills.servers.speaker PORT [ENGINE]``. ``ENGINE`` is the program of espeak-ng, which then
speaks. Without it this is a stand-in where no real engine runs: it lists two voices and speaks every word as one tone.
"""

import io
import json
import math
import subprocess
import sys
import wave
from array import array
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VOICES = ("anna", "bert")
_RATE = 16_000


def tone(seconds: float = 0.3, loudness: float = 0.3) -> bytes:
    """A WAV file with a tone."""
    full = 32_767 * loudness
    samples = array("h", (int(full * math.sin(at * 440 * math.tau / _RATE)) for at in range(int(seconds * _RATE))))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(_RATE)
        out.writeframes(samples.tobytes())
    return file.getvalue()


class Engine:
    """What speaks."""

    def __init__(self, program: str | None) -> None:
        self._program = program

    def voices(self) -> tuple[str, ...]:
        """Their names."""
        if self._program is None:
            return VOICES
        rows = self._run("--voices").decode().splitlines()[1:]
        return tuple(row.split()[1] for row in rows)

    def speak(self, voice: str, text: str) -> bytes:
        """A WAV file."""
        return tone() if self._program is None else self._run("--stdout", "-v", voice, "--", text)

    def _run(self, *words: str) -> bytes:
        assert self._program is not None
        ran = subprocess.run([self._program, *words], capture_output=True, check=False)
        if ran.returncode:
            raise OSError(ran.stderr.decode(errors="replace").strip() or f"exit code {ran.returncode}")
        return ran.stdout


class _Answer(BaseHTTPRequestHandler):
    engine = Engine(None)

    def do_GET(self) -> None:
        self._answer("application/json", lambda: json.dumps({"voices": self.engine.voices()}).encode())

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        self._answer("audio/wav", lambda: self.engine.speak(asked["voice"], asked["input"]))

    def _answer(self, kind: str, make: Callable[[], bytes]) -> None:
        try:
            self._send(200, kind, make())
        except OSError as error:
            self._send(500, "text/plain", str(error).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""


if __name__ == "__main__":
    _Answer.engine = Engine(next(iter(sys.argv[2:]), None))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Answer).serve_forever()
