"""Clients and providers, as far as they can be seen from here."""

from datetime import UTC, datetime, timedelta

import pytest

from paramedic.packs.client.checks import provider_is_well, token_is_accepted, version_fits, works
from paramedic.packs.client.target import Client, Provider, Sort
from paramedic.sdk import Status
from paramedic.sdk.complaints import Complaint, complain, complaint, withdraw

NOW = datetime.now(UTC)


def told(bench, what: str = "it says `no network`") -> None:
    """Somebody complains about the component under test."""
    complain(bench.settings.state_dir, "it", Complaint(what=what, by="anna (uid 1000)", at=NOW))


async def test_nobody_complains(look):
    """Then nothing is wrong, as far as anybody knows."""
    [found] = await look(works, Client())
    assert found.status is Status.OK
    [found] = await look(provider_is_well, Provider())
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("sort", "code"),
    [
        (Sort.MOBILE, "guidance.mobile-client"),
        (Sort.VOICE, "guidance.voice-client"),
        (Sort.MICROPHONE, "guidance.microphone"),
        (Sort.COMPUTER, "guidance.computer-client"),
    ],
)
async def test_a_complaint(look, bench, sort, code):
    """Each sort of client has its code; who said what is told, and which command helps."""
    told(bench)
    [found] = await look(works, Client(sort=sort))
    assert (found.status, found.code) == (Status.CRITICAL, code)
    assert found.observed == "anna (uid 1000) says: it says `no network`"
    assert "paramedic guide start it" in found.hint
    assert withdraw(bench.settings.state_dir, "it")
    [found] = await look(works, Client(sort=sort))
    assert found.status is Status.OK


def test_a_complaint_is_kept_until_it_is_withdrawn(tmp_path):
    """In a file that only its owner reads; a later one takes the place of an earlier one."""
    assert complaint(tmp_path, "phone") is None
    complain(tmp_path, "phone", Complaint(what="first", by="anna", at=NOW))
    complain(tmp_path, "phone", Complaint(what="second", by="bert", at=NOW))
    assert complaint(tmp_path, "phone") == Complaint(what="second", by="bert", at=NOW)
    assert (tmp_path / "complaints" / "phone.json").stat().st_mode & 0o077 == 0
    assert withdraw(tmp_path, "phone")
    assert not withdraw(tmp_path, "phone")


@pytest.mark.parametrize(
    ("last_seen", "status"),
    [
        ((NOW - timedelta(minutes=5)).isoformat(), Status.OK),
        ((NOW - timedelta(minutes=5)).timestamp(), Status.OK),
        ((NOW + timedelta(minutes=5)).isoformat(), Status.OK),
        ((NOW - timedelta(days=3)).isoformat(), Status.CRITICAL),
        ("2026-11-01T00:00:00", Status.UNKNOWN),
        ("yesterday", Status.UNKNOWN),
        (1e300, Status.UNKNOWN),
        (None, Status.UNKNOWN),
    ],
    ids=["lately", "lately-in-seconds", "a-clock-ahead", "long-ago", "no-zone", "words", "no-time", "nothing"],
)
async def test_last_seen(look, backend, last_seen, status):
    """A client that stays away too long is a trouble; a time that is none is no verdict."""
    backend.said = {"last_seen": last_seen}
    [found] = await look(works, Client(last_seen=f"{backend.url}/clients/7"))
    assert found.status is status
    if status is Status.CRITICAL:
        assert found.code == "guidance.mobile-client"
        assert "3 days" in found.observed


async def test_a_backend_that_is_gone_is_no_trouble_of_the_client(look, backend, unused_tcp_port, tmp_path):
    """What cannot be asked is unknown, for each check."""
    config = tmp_path / "client.json"
    config.write_text('{"token": "a-token", "version": "1.0"}')
    for url in (f"http://127.0.0.1:{unused_tcp_port}/me", f"{backend.url}/me"):
        backend.status = 503
        client = Client(config=config, auth=url, compatible=url, last_seen=url)
        for check in (works, token_is_accepted, version_fits):
            [found] = await look(check, client)
            assert found.status is Status.UNKNOWN, check.id


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("client.json", '{"session": {"token": "a-token"}}'),
        ("client.toml", '[session]\ntoken = "a-token"\n'),
        ("client.yaml", "session:\n  token: a-token\n"),
    ],
)
async def test_a_stored_token(look, backend, tmp_path, name, text):
    """From configurations of each format it is sent to the backend, and shown nowhere."""
    config = tmp_path / name
    config.write_text(text)
    client = Client(config=config, token="session.token", auth=f"{backend.url}/me")
    [found] = await look(token_is_accepted, client)
    assert found.status is Status.OK
    assert backend.heads[-1]["Authorization"] == "Bearer a-token"
    backend.token = "another"
    [found] = await look(token_is_accepted, client)
    assert (found.status, found.code) == (Status.CRITICAL, "client.auth-failed")
    assert "a-token" not in repr(found)
    assert "paramedic guide start it" in found.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "makes no sense"),
        ('{"token": ""}', "holds no"),
        ('{"token": {"a": 1}}', "holds no"),
        ("{}", "holds no"),
        (None, "cannot be read"),
    ],
)
async def test_no_stored_token(look, backend, tmp_path, text, why):
    """A client without a token cannot come in."""
    config = tmp_path / "client.json"
    if text is not None:
        config.write_text(text)
    [found] = await look(token_is_accepted, Client(config=config, auth=f"{backend.url}/me"))
    assert (found.status, found.code) == (Status.CRITICAL, "client.auth-failed")
    assert why in found.observed
    assert backend.heads == []


@pytest.mark.parametrize(
    ("mine", "theirs", "status"),
    [
        ("2.1", {"version": "2.9"}, Status.OK),
        ("2.1", {"version": "3.0"}, Status.WARNING),
        ("3.1", {"version": "2.0"}, Status.WARNING),
        ("2.1", {"version": "3.0", "min_client": "2.0"}, Status.OK),
        ("1.9", {"version": "3.0", "min_client": "2.0"}, Status.WARNING),
        ("4.0", {"version": "3.0", "min_client": "2.0", "max_client": "3.9"}, Status.WARNING),
        ("2.1", {}, Status.UNKNOWN),
        ("2.1", {"version": "newest"}, Status.UNKNOWN),
        ("newest", {"version": "2.1"}, Status.UNKNOWN),
        ("2.1", [], Status.UNKNOWN),
    ],
)
async def test_versions(look, backend, mine, theirs, status):
    """Limits that the backend tells go before the rule of the first number; what is no version is no verdict."""
    backend.said = theirs
    [found] = await look(version_fits, Client(version=mine, compatible=f"{backend.url}/version"))
    assert found.status is status
    if status is Status.WARNING:
        assert found.code == "client.version-mismatch"


async def test_a_stored_version(look, backend, tmp_path):
    """It may stand in the client's own configuration."""
    config = tmp_path / "client.json"
    config.write_text('{"app": {"version": "2.1.0"}}')
    backend.said = {"version": "2.5"}
    client = Client(config=config, version_at="app.version", compatible=f"{backend.url}/version")
    [found] = await look(version_fits, client)
    assert found.status is Status.OK
    config.unlink()
    [found] = await look(version_fits, client)
    assert found.status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": {"indicator": "none", "description": "All Systems Operational"}}, Status.OK),
        ({"status": {"indicator": "maintenance"}}, Status.OK),
        ({"status": {"indicator": "minor", "description": "Partially Degraded"}}, Status.WARNING),
        ({"status": {"indicator": "major", "description": "Major Outage"}}, Status.CRITICAL),
        ({"status": "fine"}, Status.UNKNOWN),
        ({}, Status.UNKNOWN),
    ],
)
async def test_a_status_page(look, backend, said, status):
    """A provider's own page is asked as programs ask it."""
    backend.said = said
    [found] = await look(provider_is_well, Provider(status_page=backend.url))
    assert found.status is status
    if status in (Status.WARNING, Status.CRITICAL):
        assert found.code == "guidance.hosted-provider"


async def test_a_complaint_about_a_provider(look, bench, backend):
    """It counts, whatever its page says."""
    backend.said = {"status": {"indicator": "none"}}
    told(bench, "every call takes a minute")
    [found] = await look(provider_is_well, Provider(status_page=backend.url))
    assert (found.status, found.code) == (Status.CRITICAL, "guidance.hosted-provider")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Client, {"auth": "http://x/me"}),
        (Client, {"compatible": "http://x/version"}),
        (Client, {"last_seen": "backend/clients"}),
        (Provider, {"status_page": "discordstatus.com"}),
    ],
)
def test_mistakes_of_the_service_file(kind, fields):
    """They are told while it is read."""
    with pytest.raises(ValueError, match=r"needs|expected"):
        kind(**fields)
