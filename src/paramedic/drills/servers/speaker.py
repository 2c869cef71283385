"""A stand-in for a speech server where no real one runs: it lists two voices and speaks every word as one tone.

Usage: ``python -m paramedic.drills.servers.speaker PORT``. It answers as OpenAI's API does.
"""

import io
import json
import math
import sys
import wave
from array import array
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


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send("application/json", json.dumps({"voices": VOICES}).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._send("audio/wav", tone())

    def _send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing for each request."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Answer).serve_forever()
