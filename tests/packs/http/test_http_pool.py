"""A server's own pool of connections, told by what it says and by its numbers."""

import json

import pytest

from paramedic.packs.http.checks import answers
from paramedic.packs.http.pool import Pool
from paramedic.packs.http.target import Http
from paramedic.sdk import Status

POOL = Pool(in_use="pool.checked_out", size="pool.size")


def told(lent: object, size: object = 5) -> bytes:
    return json.dumps({"pool": {"checked_out": lent, "size": size}}).encode()


@pytest.mark.parametrize(
    "said",
    [
        "QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00",
        "psycopg_pool.PoolTimeout: couldn't get a connection after 30.00 sec",
        "PoolError: connection pool exhausted",
        "Failed getting connection; pool exhausted",
        "Timed out fetching a new connection from the connection pool.",
        "HikariPool-1 - Connection is not available, request timed out after 30000ms.",
    ],
)
async def test_a_server_that_says_so(look, serve, ok, said):
    """The words of common pools in a 5xx name the trouble, and are quoted."""
    url = await serve(lambda n, head: ok(f"Traceback\n{said}\nmore".encode(), status="500 Internal Server Error"))
    [found] = await look(answers, Http(url=url))
    assert (found.code, found.status) == ("pool.exhausted", Status.CRITICAL)
    assert said[-15:] in found.observed


async def test_the_same_words_in_a_healthy_page_mean_nothing(look, serve, ok):
    """A page about pools is no pool."""
    url = await serve(lambda n, head: ok(b"how to cure: connection pool exhausted"))
    [found] = await look(answers, Http(url=url))
    assert found.status is Status.OK


async def test_a_pool_that_stays_full(look, serve, ok):
    """Full for longer than a peak lasts is a warning; with a free connection it is well."""
    server = Http(url=await serve(lambda n, head: ok(told(5))), pool=POOL)
    [found] = await look(answers, server, thresholds={"pool_full_s": 0})
    assert (found.code, found.status) == ("pool.exhausted", Status.WARNING)
    assert "5 of 5" in found.observed
    [found] = await look(answers, server)
    assert found.status is Status.OK, "a peak"
    [found] = await look(
        answers, Http(url=await serve(lambda n, head: ok(told(4))), pool=POOL), thresholds={"pool_full_s": 0}
    )
    assert found.status is Status.OK


@pytest.mark.parametrize(
    "body", [b"fine", b"[]", b"{}", told("five"), told(True), told(3, None), told(0, 0), b"[" * 100_000]
)
async def test_numbers_that_are_not_there(look, serve, ok, body):
    """An answer that does not tell of its pool says nothing about it."""
    url = await serve(lambda n, head: ok(body))
    [found] = await look(answers, Http(url=url, pool=POOL), thresholds={"pool_full_s": 0})
    assert found.status is Status.OK


async def test_a_size_that_is_declared(look, serve, ok):
    """The size may be a number of the service file."""
    url = await serve(lambda n, head: ok(told(7)))
    [found] = await look(
        answers, Http(url=url, pool=Pool(in_use="pool.checked_out", size=7)), thresholds={"pool_full_s": 0}
    )
    assert found.code == "pool.exhausted"
