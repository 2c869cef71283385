"""A journey through a real shop: what a step tells when it goes well, and when it does not."""

import asyncio
import sys

import pytest

from paramedic.packs.http.conditions import Comparison, Expected
from paramedic.packs.journey import pack
from paramedic.packs.journey.checks import completes
from paramedic.packs.journey.target import Journey, Step
from paramedic.sdk import Component, Permit, Secret, Status

LOGIN = Step(
    name="sign in",
    request="POST /login",
    body={"name": "{{user}}", "password": "{{password}}"},
    expect=Expected(status=200, json={"user.id": Comparison(above=0)}),
    keep={"token": "json.token", "id": "json.user.id", "next": "json.next"},
)
CART = Step(
    request="GET {{next}}?name={{user}}",
    headers={"Authorization": "Bearer {{token}}"},
    expect=Expected(headers={"Content-Type": "json"}, json={"user": "{{id}}", "name": "{{user}}"}),
)
TALK = (
    Step(connect="/talk"),
    Step(send={"text": "hello {{run}}"}),
    Step(receive=True, expect=Expected(json={"type": "answer"}, body="{{run}}"), within_s=0.4),
)


def journey(shop, *steps: Step, **fields) -> Journey:
    known = {"user": "probe", "password": Secret("s3cr3t")}
    return Journey(url=shop.url, steps=steps or (LOGIN, CART, *TALK), **{"writes": False, "variables": known, **fields})


async def test_a_journey_that_comes_to_its_end(look, shop):
    """Variables, cookies, what answers held and a WebSocket serve one user through five steps; each is timed."""
    [found] = await look(completes, journey(shop))
    assert found.status is Status.OK, found.observed
    assert "all 5 steps" in found.observed
    assert shop.asked == ["POST /login", "GET /cart?name=probe", "GET /talk"]
    assert found.measures["latency_ms"] >= found.measures["step_1_sign_in_ms"] > 0
    assert len(found.measures) == 6


async def test_the_step_that_fails_is_named(look, shop):
    """`journey.failed` names the step, what was expected and seen, the times, and what was not reached."""
    shop.cart_status = 503
    [found] = await look(completes, journey(shop), depends_on=("api",))
    assert (found.status, found.code) == (Status.CRITICAL, "journey.failed")
    assert "step 2 of 5, `GET {{next}}?name={{user}}`: answered 503 Service Unavailable" in found.observed
    assert found.expected == "a status of 2xx or 3xx"
    assert "1 before it went well" in found.because
    steps = found.evidence[0].text.splitlines()
    assert steps[0].startswith("1. sign in: ")
    assert steps[1].endswith("answered 503 Service Unavailable")
    assert steps[2] == "3. connect /talk: not reached"
    assert "`api`" in found.hint
    assert "step_1_sign_in_ms" in found.measures


async def test_nothing_that_was_kept_or_secret_is_told(look, shop):
    """A token from an answer and a password from the service file stay out of every finding."""
    shop.cart_status = 500
    [found] = await look(completes, journey(shop))
    assert "no cart for {{token}}" in found.evidence[1].text
    [refused] = await look(completes, journey(shop, variables={"user": "probe", "password": Secret("s3cr3T")}))
    assert "401" in refused.observed
    for each in (found, refused):
        assert "t0ken" not in repr(each)
        assert "s3cr3" not in repr(each)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Step(request="GET /cart", expect=Expected(status=(204, 403), json={"a": 1})), "its body is not JSON"),
        (Step(request="GET /cart", expect=Expected(status=403, lacks="Forbidden")), "`Forbidden` is in"),
        (Step(request="GET /cart", expect=Expected(status=403, headers={"X-A": "b"})), "no header `X-A`"),
        (Step(request="GET /cart", expect=Expected(status=403), keep={"a": "json.a"}), "holds nothing at `json.a`"),
        (Step(request="GET /cart", expect=Expected(status=403), keep={"a": "header.x"}), "nothing at `header.x`"),
        (Step(request="GET /cart", expect=Expected(status=403), keep={"a": "/id=(.)/"}), "nothing at `/id=(.)/`"),
        (Step(request="GET http://127.0.0.1:1/"), "connection refused"),
        (Step(connect="/cart"), "answered 403 instead of opening a WebSocket"),
    ],
)
async def test_every_way_to_fail_is_told(look, shop, step, says):
    """What the answer lacks, or why there is none."""
    [found] = await look(completes, journey(shop, step))
    assert found.code == "journey.failed"
    assert says in found.observed


@pytest.mark.parametrize(
    ("chat", "says"),
    [
        ("is-silent", "no message came within 0.4 s"),
        ("hangs-up", "closed the WebSocket with code 1011"),
        ("babbles", "of 1 messages none was as expected"),
    ],
)
async def test_a_websocket_that_does_not_answer(look, shop, chat, says):
    """Silence, a hang-up and the wrong messages are told apart."""
    shop.chat = chat
    [found] = await look(completes, journey(shop, *TALK))
    assert found.code == "journey.failed"
    assert says in found.observed


async def test_places_in_an_answer(look, shop):
    """A pattern, a header, the status and the whole body can be kept."""
    first = Step(
        request="GET /cart",
        expect=Expected(status=403),
        keep={"a": r"/(\d+): Forbidden/", "b": "header.content-type", "c": "status", "d": "body"},
    )
    again = Step(
        request="GET /cart",
        expect=Expected(status=403, body=("{{a}}: For", "{{d}}"), headers={"Content-Type": "{{b}}"}),
    )
    [found] = await look(completes, journey(shop, first, again))
    assert found.status is Status.OK, found.observed


async def test_what_an_answer_says_never_leads_elsewhere(look, shop):
    """A kept address of another server is refused before anything is sent there; values are quoted."""
    away = Step(request="GET {{place}}")
    [found] = await look(completes, journey(shop, away, variables={"place": "http://evil.example/x"}))
    assert "led to another server" in found.observed
    [found] = await look(completes, journey(shop, Step(request="GET /{{a}}"), variables={"a": "../x?y#z"}))
    assert shop.asked == []
    assert "answered 404" in found.observed


async def test_headers_go_to_the_own_server_only(look, shop, bench):
    """Headers of the journey stay at its server, whatever else a step asks."""
    other = shop.url.replace("127.0.0.1", "localhost")
    steps = (
        Step(request=f"GET {other}/cart", expect=Expected(status=403)),
        Step(request="GET /cart", expect=Expected(status=403)),
    )
    [found] = await look(completes, journey(shop, *steps, headers={"X-Key": Secret("k3y")}))
    assert found.status is Status.OK
    assert [head.get("X-Key") for head in shop.heads] == [None, "k3y"]


async def test_slower_than_it_may_be(look, shop):
    """A threshold for the whole way is `journey.slow`, with the slowest step."""
    [found] = await look(completes, journey(shop), thresholds={"latency_ms": 0.001})
    assert (found.status, found.code) == (Status.WARNING, "journey.slow")
    assert "slowest step was" in found.because


async def test_the_time_is_over_before_the_end(look, shop):
    """Steps share the time of the look; what is left over for the last ones is too little."""
    shop.chat = "is-silent"
    waits = Step(receive=True, within_s=5)
    [found] = await look(completes, journey(shop, Step(connect="/talk"), Step(send="x"), waits), timeout_s=0.5)
    assert "no message came within 0." in found.observed


async def test_a_machine_that_cannot_ask_is_unknown(look, shop):
    """What this machine lacks says nothing about the service."""
    [found] = await look(completes, journey(shop, Step(request="GET /cart", headers={"X": "a\nb"})))
    assert found.status is Status.UNKNOWN


# ------------------------------------------------------------------ the service file


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"steps": (Step(request="POST /x"),)}, "writes: true"),
        ({"steps": (Step(connect="/x"), Step(send="x"))}, "writes: true"),
        ({"steps": (Step(request="GET /{{a}}"),)}, "step 1 needs `a`"),
        ({"steps": (Step(request="GET /", expect=Expected(json={"a": "{{b}}"})),)}, "step 1 needs `b`"),
        ({"steps": (Step(receive=True),)}, "`connect` must come first"),
        ({"url": "ws://x", "steps": (Step(request="GET /"),)}, "is no address"),
    ],
)
def test_a_journey_that_cannot_be_made_is_refused(fields, says):
    """The service file's reader hears what is wrong before anything is sent."""
    with pytest.raises(ValueError, match=says):
        Journey(**{"url": "http://127.0.0.1:1", **fields})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, "exactly one of"),
        ({"request": "GET /", "connect": "/"}, "exactly one of"),
        ({"request": "FETCH /"}, "no method and address"),
        ({"request": "GET"}, "no method and address"),
        ({"connect": "/", "keep": {"a": "body"}}, "only a `request`"),
        ({"request": "GET /", "keep": {"a": "cookie.x"}}, "no place in an answer"),
        ({"request": "GET /", "keep": {"a": "/(/"}}, "no regular expression"),
        ({"request": "GET /", "keep": {"run": "body"}}, "no name of a variable"),
    ],
)
def test_a_step_that_is_none_is_refused(fields, says):
    """So is a step that says too little, too much or nonsense."""
    with pytest.raises(ValueError, match=says):
        Step(**fields)


def test_it_asks_for_what_it_declares(shop):
    """`writes` and `spends` need the service file's permit."""

    def asked(**fields):
        target = Journey(url="http://x", steps=(Step(request="GET /"),), **fields)
        return completes.permits(Component(name="it", kind="journey", target=target))

    assert asked() == frozenset()
    assert asked(writes=True, spends=True) == frozenset(Permit)


async def test_importing_the_pack_is_cheap():
    """`paramedic --help` must not pay for aiohttp."""
    assert pack.name == "journey"
    script = "import sys, paramedic.packs.journey; sys.exit('aiohttp' in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await process.wait() == 0
