"""The shop's front: customers chat here.

Usage: ``python -m paramedic.demo.patient.api PORT``, in the shop's folder. ``/health`` answers 200 while the settings
make sense and the database can be read, ``/health/ai`` while the model server answers too; ``POST /api/v1/ai/chat``
with ``{"customer", "text"}`` answers and stores both sides; ``/ws`` is a WebSocket; ``/metrics`` is for Prometheus.
"""

import resource
import sqlite3
import sys
from collections import Counter
from datetime import UTC, datetime
from http.client import HTTPException as BadHttp

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from paramedic.demo.patient.database import opened
from paramedic.demo.patient.guarding import Guarding, ask
from paramedic.demo.patient.settings import BadSettings, Settings, read_environment, read_settings
from paramedic.demo.patient.sickness import FailingShare, Sickness, is_loopback
from paramedic.demo.patient.sockets import add_socket, protocol
from paramedic.guard import BudgetExhausted, CircuitOpen, InvalidSettings

DESCRIPTORS = 256
"""How many files it may hold open; small, as on many a hosted machine."""


class Question(BaseModel):
    """What a customer says."""

    customer: str
    text: str


class Wish(BaseModel):
    """Which trouble a drill wants."""

    failing_share: float = 0.0
    descriptors: int = 0
    ballast_mb: int = 0
    cache_mb: int = 0
    busy_share: float = 0.0
    drops_sockets_after_s: float = 0.0
    ignores_pings: bool = False
    holds_breaker: bool = False
    cuts: int = 0
    strangers: int = 0


def build(settings: Settings, model_url: str, sickness: Sickness) -> FastAPI:
    """The application."""
    app = FastAPI(title="shop")
    guards = Guarding(model_url, settings.queue, settings.mcp_servers[0], sickness)
    guards.start()
    counted: Counter[str] = Counter()
    app.add_middleware(FailingShare, sickness=sickness)
    add_socket(app, sickness)

    @app.get("/health")
    def health() -> JSONResponse:
        reasons = [*_settings_reasons(), *_database_reasons(settings)]
        body = {"status": "failing" if reasons else "ok", "reasons": reasons}
        return JSONResponse(body, status_code=503 if reasons else 200)

    @app.get("/health/ai")
    def health_ai() -> JSONResponse:
        try:
            models = ask(f"{model_url}/v1/models")["data"]
        except (OSError, BadHttp, ValueError, KeyError) as error:
            return JSONResponse({"status": "failing", "reasons": [f"model: {error}"]}, status_code=503)
        return JSONResponse({"status": "ok", "models": [each["id"] for each in models]})

    @app.post("/api/v1/ai/chat")
    def chat(question: Question) -> dict[str, object]:
        try:
            text = guards.answer(question.customer, f"{settings.greeting}! {question.text}")
            conversation = _store(settings, question, text)
        except BudgetExhausted as error:
            counted["refused"] += 1
            raise HTTPException(429, str(error)) from error
        except (CircuitOpen, OSError, BadHttp, ValueError, KeyError, sqlite3.Error) as error:
            counted["failed"] += 1
            raise HTTPException(503, f"no answer now: {type(error).__name__}") from error
        counted["answered"] += 1
        guards.note(conversation, question.text)
        return {"conversation": conversation, "text": text}

    @app.get("/metrics")
    def metrics() -> PlainTextResponse:
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lines = ["# TYPE shop_chats_total counter"]
        lines += [f'shop_chats_total{{outcome="{each}"}} {counted[each]}' for each in ("answered", "failed", "refused")]
        lines += ["# TYPE shop_customer_chats_total counter"]
        lines += [f'shop_customer_chats_total{{customer="{_escaped(each)}"}} {n}' for each, n in guards.chats().items()]
        lines += ["# TYPE shop_peak_memory_bytes gauge", f"shop_peak_memory_bytes {peak_kb * 1024}"]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    @app.post("/sickness")
    def fall_sick(wish: Wish, request: Request) -> dict[str, str]:
        _only_from_here(request)
        sickness.failing_share = wish.failing_share
        sickness.leak_descriptors(wish.descriptors)
        sickness.grow(wish.ballast_mb, giving_back=False)
        sickness.grow(wish.cache_mb, giving_back=True)
        sickness.work(wish.busy_share)
        sickness.drops_sockets_after_s = wish.drops_sockets_after_s
        sickness.ignores_pings = wish.ignores_pings
        sickness.cuts = wish.cuts
        if wish.holds_breaker:
            guards.model.force_open("a script that deploys held it open, and never came back")
        guards.meet_strangers(wish.strangers)
        return {"status": "as you wish"}

    @app.post("/caches/clear")
    def clear_caches(request: Request) -> dict[str, str]:
        _only_from_here(request)
        sickness.give_back()
        return {"status": "cleared"}

    return app


def _only_from_here(request: Request) -> None:
    if not is_loopback(request.client.host if request.client else None):
        raise HTTPException(403, "only from this machine")


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _settings_reasons() -> list[str]:
    try:
        read_settings()
    except BadSettings as bad:
        return [str(bad)]
    return []


def _database_reasons(settings: Settings) -> list[str]:
    try:
        with opened(settings.database, wait_s=0.5) as connection:
            connection.execute("SELECT count(*) FROM messages").fetchone()
    except sqlite3.Error as error:
        return [f"database: {error}"]
    return []


def _store(settings: Settings, question: Question, answer: str) -> int:
    with opened(settings.database) as connection:
        conversation = connection.execute(
            "INSERT INTO conversations (customer, started_at) VALUES (?, ?)",
            (question.customer, datetime.now(UTC).isoformat(timespec="seconds")),
        ).lastrowid
        connection.executemany(
            "INSERT INTO messages (conversation, role, text) VALUES (?, ?, ?)",
            [(conversation, "user", question.text), (conversation, "assistant", answer)],
        )
    return conversation or 0


def main() -> None:
    """Serve until told to stop."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    try:
        settings, model_url = read_settings(), read_environment()["MODEL_URL"]
    except BadSettings as bad:
        sys.exit(f"cannot start: {bad}")
    except KeyError as missing:
        sys.exit(f"cannot start: {missing.args[0]} is not in .env")
    sickness = Sickness()
    try:
        app = build(settings, model_url, sickness)
    except (OSError, InvalidSettings) as bad:
        sys.exit(f"cannot start: {bad}")
    port = int(sys.argv[1])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", ws=protocol(sickness))


if __name__ == "__main__":
    main()
