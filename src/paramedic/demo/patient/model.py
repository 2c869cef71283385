"""A stand-in for a model server: speaks enough of OpenAI's protocol for the shop, and answers by pattern.

Usage: ``python -m paramedic.demo.patient.model PORT``, in the shop's folder. It is no language model: it repeats what
it was asked within a fixed sentence. It starts at once, so that a drill measures Paramedic and not a model's loading.
It reads its weights, a small file ``data/weights.json``, at every answer, and is unwell while they make no sense.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

NAME = "shop-stand-in"
WEIGHTS = Path("data/weights.json")
_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}


def _answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    match method, path:
        case "GET", "/health":
            try:
                _weights()
            except (OSError, ValueError, KeyError) as error:
                return 500, {"status": "failing", "reason": f"cannot read the weights: {type(error).__name__}"}
            return 200, {"status": "ok"}
        case "GET", "/v1/models":
            return 200, {"object": "list", "data": [{"id": NAME, "object": "model"}]}
        case "POST", "/v1/chat/completions":
            return _complete(body)
    return 404, {"error": {"message": f"no such page: {path}"}}


def _weights() -> str:
    return str(json.loads(WEIGHTS.read_text())["sentence"])


def _complete(body: bytes) -> tuple[int, dict[str, object]]:
    try:
        messages = json.loads(body)["messages"]
        asked = str(messages[-1]["content"])
        heard = sum(len(str(each["content"]).split()) for each in messages)
    except (ValueError, KeyError, IndexError, TypeError):
        return 400, {"error": {"message": "expected messages"}}
    try:
        text = _weights().format(asked=asked)
    except (OSError, ValueError, KeyError) as error:
        return 500, {"error": {"message": f"cannot read the weights: {type(error).__name__}"}}
    spent = {"prompt_tokens": heard, "completion_tokens": len(text.split())}
    return 200, {
        "object": "chat.completion",
        "model": NAME,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {**spent, "total_tokens": sum(spent.values())},
    }


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        length = next((int(line[15:]) for line in head if line.lower().startswith("content-length:")), 0)
        status, data = _answer(method, path, await reader.readexactly(length))
        payload = json.dumps(data).encode()
        writer.write(
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n".encode()
            + payload
        )
        await writer.drain()
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the caller went away or does not speak HTTP
    finally:
        writer.close()


async def _serve(port: int) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    listener = await asyncio.start_server(_serve_one, "127.0.0.1", port)
    await over.wait()
    listener.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
