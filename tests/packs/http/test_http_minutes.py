"""What only several answers show: a share of them fails, or they take too long."""

import asyncio
import os

import pytest

from paramedic.model.service import Objective
from paramedic.packs.http.checks import answers
from paramedic.packs.http.target import Http
from paramedic.sdk import Status

# ------------------------------------------------------------------ some requests fail


async def test_a_part_of_the_requests_fails(look, serve, ok):
    """Every third request answers 500: `http.error-rate` from one look, with the failures counted."""
    url = await serve(lambda n, head: ok(status="500 Oops") if n % 3 == 1 else ok())
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.CRITICAL, "http.error-rate")
    assert "x 500 Oops" in found.evidence[0].text
    assert found.measures["error_percent"] > 10


async def test_the_first_request_failing_by_chance_is_no_total_failure(look, serve, ok):
    """One failure in twenty is within the limit: well, with the share told."""
    url = await serve(lambda n, head: ok(status="500 Oops") if n == 0 else ok())
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK
    assert "1 of 20" in found.observed


async def test_the_limit_is_the_components_own(look, serve, ok):
    """`thresholds: {error_percent: 60}` lets every third failure pass."""
    url = await serve(lambda n, head: ok(status="500 Oops") if n % 3 == 1 else ok())
    [found] = await look(answers, Http(url=url), thresholds={"error_percent": 60})
    assert found.status is Status.OK


async def test_a_recovered_server_is_well_at_once(look, serve, ok):
    """What failed before does not linger: the first clean look after a repair is well."""
    broken = True
    url = await serve(lambda n, head: ok(status="500 Oops") if broken and n % 3 == 1 else ok())
    [found] = await look(answers, Http(url=url))
    assert found.code == "http.error-rate"
    broken = False
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK
    assert found.measures["error_percent"] == 0


async def test_a_total_failure_after_a_good_minute_is_seen_in_one_look(look, serve, ok):
    """A long good past does not water down that everything fails now."""
    broken = False
    url = await serve(lambda n, head: ok(status="500 Oops") if broken else ok())
    for _ in range(3):
        [found] = await look(answers, Http(url=url))
        assert found.status is Status.OK
    broken = True
    [found] = await look(answers, Http(url=url))
    assert found.code == "http.status"


async def test_a_well_known_server_is_asked_once(look, serve, ok):
    """When the last minute is well known, a look is one request."""
    asked = []
    url = await serve(lambda n, head: asked.append(n) or ok())
    await look(answers, Http(url=url))
    assert len(asked) == 20
    await look(answers, Http(url=url))
    assert len(asked) == 21


async def test_who_looks_again_asks_once(look, serve, ok):
    """While watching a healthy server is asked once a look; a failure is measured at once, and its end too."""
    asked = []
    broken = False
    url = await serve(lambda n, head: asked.append(n) or (ok(status="500 Oops") if broken and n % 3 == 1 else ok()))
    await look(answers, Http(url=url), looks_again=True)
    assert len(asked) == 1
    broken = True
    codes = [(await look(answers, Http(url=url), looks_again=True))[0].code for _ in range(3)]
    assert "http.error-rate" in codes
    broken, before = False, len(asked)
    [found] = await look(answers, Http(url=url), looks_again=True)
    assert found.status is Status.OK
    assert len(asked) - before > 10


async def test_what_an_earlier_process_answered_is_forgotten(look, serve, ok, processes):
    """After a restart only the new process is judged."""
    url = await serve(lambda n, head: ok())
    target = Http(url=url, samples=1)
    for _ in range(12):
        await look(answers, target)
    processes.set("it", pid=os.getpid(), uptime_s=0.0)
    [found] = await look(answers, target)
    assert found.status is Status.OK
    assert len(answers_window(look)) == 1


def answers_window(look):
    return look.__self__.memories["it", "http.answers"]["window"]


# ------------------------------------------------------------------ slow


async def test_slower_than_allowed(look, serve):
    """A correct answer above the threshold is a warning, `http.slow`."""

    async def slow(n, reader, writer):
        await asyncio.sleep(0.1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    url = await serve(talk=slow)
    [found] = await look(answers, Http(url=url, samples=1), thresholds={"latency_ms": 50})
    assert (found.status, found.code) == (Status.WARNING, "http.slow")
    [found] = await look(answers, Http(url=url, samples=1))
    assert found.status is Status.OK


@pytest.mark.parametrize("percent", [50, 95])
async def test_percentiles_have_thresholds(look, serve, percent):
    """Half, or nearly all, of the last minute's answers must be fast enough; without a word 1000 ms at the 95th."""

    async def slow(n, reader, writer):
        await asyncio.sleep(0.03)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    url = await serve(talk=slow)
    [found] = await look(answers, Http(url=url), thresholds={f"latency_p{percent}_ms": 20})
    assert (found.status, found.code) == (Status.WARNING, "http.slow")
    assert f"{percent}th percentile" in found.expected
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK
    assert found.measures["latency_p50_ms"] >= 30


async def test_slower_than_the_objective(look, serve):
    """An objective's 95th percentile is judged over the last minute."""

    async def slow(n, reader, writer):
        await asyncio.sleep(0.03)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    url = await serve(talk=slow)
    objectives = {"it": Objective(latency_p95_ms=20)}
    [found] = await look(answers, Http(url=url), service={"objectives": objectives})
    assert found.code == "http.slow"
    assert found.measures["latency_p95_ms"] >= 30
    objectives = {"it": Objective(latency_p95_ms=500)}
    [found] = await look(answers, Http(url=url), service={"objectives": objectives})
    assert found.status is Status.OK
