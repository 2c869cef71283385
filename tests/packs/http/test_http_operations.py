"""The operations that a server describes are tried, and only those that can do no harm."""

import json

import pytest

from paramedic.packs.http.smoke import operations
from paramedic.packs.http.target import Http
from paramedic.sdk import Component, Status

GET = {"responses": {}}
PATHS = {
    "/items": {"get": GET, "post": {}},
    "/items/{id}": {"get": GET},
    "/search": {"get": {"parameters": [{"name": "q", "in": "query", "required": True}]}},
    "/shared": {"parameters": [{"$ref": "#/components/parameters/q"}], "get": GET},
    "/page": {"get": {"parameters": [{"name": "page", "in": "query"}]}},
    "/logout": {"get": GET},
    "/old": {"get": {"deprecated": True}},
    "/mine": {"get": GET},
}


def api(ok, asked, paths=PATHS, **statuses):
    """A server that describes itself; ``items="500 Oops"`` lets an operation fail."""

    def reply(n, head):
        method, path, _ = head.split(maxsplit=2)
        asked.append(f"{method} {path}")
        if path == "/openapi.json":
            return ok(json.dumps({"openapi": "3.1.0", "paths": paths}).encode())
        return ok(status=statuses.get(path.strip("/"), "200 OK"))

    return reply


async def test_only_what_is_plain_is_tried(look, serve, ok):
    """GET without required parameters, nothing deprecated, nothing that sounds like a change; a 401 is no failure."""
    asked = []
    url = await serve(api(ok, asked, mine="401 Unauthorized"))
    [found] = await look(operations, Http(url=url, openapi=True))
    assert found.status is Status.OK
    assert sorted(asked[1:]) == ["GET /items", "GET /mine", "GET /page"]


@pytest.mark.parametrize("status", ["500 Oops", "404 Not Found"])
async def test_an_operation_that_fails_is_named(look, serve, ok, status):
    """`http.endpoint-failed` tells which, although the health endpoint is well."""
    url = await serve(api(ok, [], page=status))
    [found] = await look(operations, Http(url=url, openapi="/openapi.json"))
    assert (found.status, found.code) == (Status.CRITICAL, "http.endpoint-failed")
    assert "1 of 3" in found.observed
    assert f"/page: {status}" in found.because


async def test_a_large_api_is_tried_in_part(look, serve, ok):
    """Fifty operations are enough, and the finding says that there are more."""
    asked = []
    url = await serve(api(ok, asked, {f"/{n}": {"get": GET} for n in range(80)}))
    [found] = await look(operations, Http(url=url, openapi=True))
    assert "50 of 80" in found.observed
    assert len(asked) == 51


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b"[" * 100_000, b'{"paths": 7}', b"\xff"])
async def test_what_is_no_description(look, serve, ok, body):
    """Anything else at its place is `http.openapi-unreadable`, a warning."""
    [found] = await look(operations, Http(url=await serve(lambda n, head: ok(body)), openapi=True))
    assert (found.status, found.code) == (Status.WARNING, "http.openapi-unreadable")


async def test_paths_stay_on_the_server(look, serve, ok):
    """Whatever other servers or strange paths a description names, only its own server is asked."""
    asked = []

    def reply(n, head):
        asked.append(head.split()[1])
        paths = {"/a": {"get": GET}, "//evil.example/x": {"get": GET}, "no-slash": {"get": GET}, "/b": 7}
        return ok(json.dumps({"servers": [{"url": "http://evil.example/api/"}], "paths": paths}).encode())

    [found] = await look(operations, Http(url=await serve(reply), openapi=True))
    assert found.status is Status.OK
    assert sorted(asked[1:]) == ["/api//evil.example/x", "/api/a"]


async def test_nobody_there(look):
    """Without a server there is no description."""
    [found] = await look(operations, Http(url="http://127.0.0.1:1/", openapi=True))
    assert found.code == "http.openapi-unreadable"


def test_it_must_be_asked_for():
    """A component that does not say `openapi` is not concerned."""
    assert operations.target(Component(name="it", kind="http", target=Http(url="http://x/"))) is None
