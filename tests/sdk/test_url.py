"""Addresses as URLs: refused where they lead nowhere, shown without secrets."""

import pytest

from paramedic.sdk.url import is_here, is_near, leads_somewhere, place, refuse_nowhere, shown


@pytest.mark.parametrize(
    ("url", "scheme", "leads"),
    [
        ("http://127.0.0.1:8000/a", "http", True),
        ("https://example.org", "http", True),
        ("wss://example.org", "ws", True),
        ("ws://example.org", "http", False),
        ("ftp://example.org", "http", False),
        ("http://", "http", False),
        ("http://a:0", "http", False),
        ("http://a:99999", "http", False),
        ("http://[::1", "http", False),
        ("", "http", False),
    ],
)
def test_what_leads_somewhere(url: str, scheme: str, leads: bool) -> None:
    """A scheme, a host, and a port that can be."""
    assert leads_somewhere(url, scheme) is leads


def test_nowhere_is_refused_with_an_example() -> None:
    """Whoever reads the message knows what is wanted."""
    refuse_nowhere("https://example.org", "http://127.0.0.1:8000")
    with pytest.raises(ValueError, match=r"`example\.org` is no address such as ws:"):
        refuse_nowhere("example.org", "ws://127.0.0.1:1")


def test_where_it_leads() -> None:
    """The port is that of the scheme where none is named."""
    assert place("http://a:8000/b") == ("a", 8000)
    assert place("https://a") == ("a", 443)
    assert place("ws://[::1]/") == ("::1", 80)


@pytest.mark.parametrize(
    ("host", "near", "here"),
    [
        ("127.0.0.2", True, True),
        ("::1", True, True),
        ("localhost", True, True),
        ("192.168.1.7", True, False),
        ("fe80::1", True, False),
        ("ollama", True, False),
        ("gpu.internal", True, False),
        ("8.8.8.8", False, False),
        ("api.example.com", False, False),
    ],
)
def test_how_far_away(host: str, near: bool, here: bool) -> None:
    """Our own machine and our own network cost nobody money; everything else may."""
    assert (is_near(host), is_here(host)) == (near, here)


def test_no_password_is_shown() -> None:
    """Neither a user nor a password; a query only where it is asked for."""
    assert shown("http://anna:secret@a:1/b?c=d") == "http://a:1/b?c=d"
    assert shown("ws://anna:secret@a:1/b?token=d#e", with_query=False) == "ws://a:1/b"
