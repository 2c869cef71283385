"""Servers that send the question elsewhere: with TLS, without, with secrets, in circles."""

import pytest

from paramedic.packs.http.checks import answers
from paramedic.packs.http.target import Http
from paramedic.sdk import Secret, Status


async def test_a_server_without_tls_is_told_apart(look, serve, ok):
    """Asking https of a server that speaks plain HTTP is `http.tls`, and the hint says which of the two to change."""

    async def plain(n, reader, writer):
        await reader.read(100)
        writer.write(ok(status="400 Bad Request"))
        await writer.drain()

    url = (await serve(talk=plain)).replace("http://", "https://")
    [found] = await look(answers, Http(url=url))
    assert found.code == "http.tls"
    assert "write `http://` in `url`" in found.hint


async def test_a_redirect_that_leaves_https_is_told(look, serve, ok):
    """A redirect from https to http is `http.downgrade`: it works, and everybody can read along."""
    there = await serve(lambda n, head: ok())
    reply = ok(status="302 Found", headers=f"Location: {there}\r\n")
    url = await serve(lambda n, head: reply, tls=True)
    [found] = await look(answers, Http(url=url, verify_tls=False, samples=1))
    assert (found.status, found.code) == (Status.WARNING, "http.downgrade")
    assert there in found.observed


async def test_after_a_form_the_next_page_is_read(look, serve, ok):
    """A POST that is answered by a redirect becomes a GET, without the body."""
    heads = []

    def reply(n, head):
        heads.append(head.split()[0])
        return ok(status="303 See Other", headers="Location: /health\r\n") if n == 0 else ok()

    [found] = await look(answers, Http(url=await serve(reply), method="POST", writes=False, body={"a": 1}, samples=1))
    assert found.status is Status.OK
    assert heads == ["POST", "GET"]


async def test_redirects_are_followed_without_giving_secrets_away(look, serve, ok):
    """A redirect to another server is followed, and the declared headers stay behind."""
    heads = []

    def elsewhere(n, head):
        heads.append(head)
        return ok()

    there = await serve(elsewhere)
    url = await serve(lambda n, head: ok(status="307 Temporary Redirect", headers=f"Location: {there}\r\n"))
    [found] = await look(answers, Http(url=url, headers={"X-Token": Secret("s3cr3t")}, samples=1))
    assert found.status is Status.OK
    assert "s3cr3t" not in heads[0]


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("/health", "circle"),
        ("/{n}", "more than 5"),
        ("ftp://example.org/", "out of HTTP"),
        ("http://[broken/", "no address"),
        ("http://127.0.0.1:0x/", "no address"),
    ],
)
async def test_redirects_that_lead_nowhere(look, serve, ok, location, says):
    """Circles, endless chains and addresses that are none are `http.status`, with the way they went."""
    url = await serve(lambda n, head: ok(status="302 Found", headers=f"Location: {location.format(n=n)}\r\n"))
    [found] = await look(answers, Http(url=url))
    assert (found.status, found.code) == (Status.CRITICAL, "http.status")
    assert says in found.because
