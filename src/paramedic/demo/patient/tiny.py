"""The smallest HTTP service that is still one: answers 200 to everything. For timing how fast a start can be.

Usage: ``python -m paramedic.demo.patient.tiny PORT``
"""

import socket
import sys

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"


def serve(port: int) -> None:
    """Answer one caller after the other, for ever."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        while True:
            caller, _ = listener.accept()
            with caller:
                caller.settimeout(1)
                try:
                    caller.recv(65536)
                    caller.sendall(_ANSWER)
                except OSError:
                    continue  # a caller that went away or says nothing is no reason to stop


if __name__ == "__main__":
    serve(int(sys.argv[1]))
