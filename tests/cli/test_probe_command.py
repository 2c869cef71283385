"""`paramedic probe`: the journeys of a service file against a real server."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from aiohttp import web


@pytest.fixture
async def server():
    app = web.Application()

    async def items(_: web.Request) -> web.Response:
        return web.json_response({"items": [{"id": 3}]})

    async def item(request: web.Request) -> web.Response:
        return web.Response(text=f"item {request.match_info['id']}")

    app.add_routes([web.get("/items", items), web.get("/items/{id}", item), web.post("/orders", item)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


def service(url: str, more: str = "") -> str:
    return f"""
service: shop
components:
  host: {{kind: host}}
  browse:
    kind: journey
    url: {url}
    steps:
      - request: GET /items
        expect: {{json: {{items: {{length_at_least: 1}}}}}}
        keep: {{id: json.items.0.id}}
      - request: GET /items/{{{{id}}}}
        expect: {{body: "item {{{{id}}}}"}}
  buy:
    kind: journey
    url: {url}
    writes: true
    steps:
      - name: place an order
        request: POST /orders
        body: {{item: 3}}
{more}"""


async def paramedic(folder: Path, *args: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "paramedic",
        *args,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_what_writes_needs_a_permit_and_the_rest_runs(server: str, tmp_path: Path) -> None:
    """`probe run` goes through what may run and says why it leaves the other out; `probe list` says so too."""
    (tmp_path / "paramedic.yaml").write_text(service(server))
    code, out, err = await paramedic(tmp_path, "probe", "run")
    assert code == 0, out + err
    assert "all 2 steps went well" in out
    assert "`permits: [writes]`" in out
    _, out, _ = await paramedic(tmp_path, "probe", "list", "--format", "json")
    assert [(each["name"], each["may_run"]) for each in json.loads(out)] == [("browse", True), ("buy", False)]


async def test_a_step_that_fails_is_told_with_its_way(server: str, tmp_path: Path) -> None:
    """With the permit it runs, its failure decides the exit code, and every format tells it."""
    (tmp_path / "paramedic.yaml").write_text(service(server, "permits: writes"))
    code, out, err = await paramedic(tmp_path, "probe", "run", "buy", "--format", "json")
    assert code == 2, err
    (found,) = json.loads(out)["findings"]
    assert found["code"] == "journey.failed"
    assert "`place an order`: answered 500" in found["observed"]


async def test_probes_belong_to_a_full_check(server: str, tmp_path: Path) -> None:
    """`check --full` includes them, other runs do not."""
    (tmp_path / "paramedic.yaml").write_text(service(server))
    for option, expected in (("--full", {"journey.completes"}), ("--quick", set())):
        _, out, err = await paramedic(tmp_path, "check", "browse", option, "--format", "json")
        assert {each["check"] for each in json.loads(out)["findings"]} == expected, err


async def test_a_name_that_is_no_journey(tmp_path: Path) -> None:
    """It is refused with a guess."""
    (tmp_path / "paramedic.yaml").write_text(service("http://127.0.0.1:1"))
    code, _, err = await paramedic(tmp_path, "probe", "run", "brows")
    assert code == 64
    assert "did you mean `browse`" in err
