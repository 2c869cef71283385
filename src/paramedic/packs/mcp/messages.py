"""Messages of JSON-RPC 2.0, as the Model Context Protocol uses them."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn, Protocol

Message = Mapping[str, Any]  # Any: JSON
_METHOD_NOT_FOUND = -32601


class Refused(Exception):
    """The server answered with an error; the message is what it said."""

    def __init__(self, error: Message) -> None:
        super().__init__(f"{error['message']} ({error['code']})")
        self.data = error.get("data")


class Way(Protocol):
    """How messages reach a server and its answers come back."""

    async def ask(self, message: Message, headers: Mapping[str, str]) -> Message:
        """Send a request, and give its answer."""

    async def tell(self, message: Message, headers: Mapping[str, str]) -> None:
        """Send what has no answer."""


def encoded(message: Message) -> bytes:
    """A message as it is sent, on one line."""
    return json.dumps(message).encode()


def message_in(content: bytes) -> Message | None:
    """The message that some bytes are; ``None`` where they are none."""
    try:
        data = json.loads(content, parse_constant=_refuse)
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair could be kept nowhere
    except (ValueError, RecursionError):
        return None
    return data if _is_message(data) else None


def answers(message: Message, number: object) -> bool:
    """Whether it is the answer to the request of this number; an error may have no number."""
    return "method" not in message and (
        message.get("id") == number or ("error" in message and message.get("id") is None)
    )


def result_of(answer: Message) -> Message:
    """The result; raises ``Refused`` where it is an error."""
    if "error" in answer:
        raise Refused(answer["error"])
    result: Message = answer["result"]
    return result


def reply_to(message: Message) -> Message | None:
    """What a server hears that asks us: that we live, and can nothing else. ``None`` where it did not ask."""
    if "method" not in message or "id" not in message:
        return None
    if message["method"] == "ping":
        return {"jsonrpc": "2.0", "id": message["id"], "result": {}}
    error = {"code": _METHOD_NOT_FOUND, "message": "this client only looks"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": error}


def _is_message(data: object) -> bool:
    if not isinstance(data, dict) or data.get("jsonrpc") != "2.0":
        return False
    if "method" in data:
        return isinstance(data["method"], str)
    if "result" in data:
        return isinstance(data["result"], dict)
    error = data.get("error")
    return isinstance(error, dict) and isinstance(error.get("code"), int) and isinstance(error.get("message"), str)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
