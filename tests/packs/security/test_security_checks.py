"""What lies open, found in real files, real listeners and a real TLS server."""

import shutil
import socket
import ssl
import sys
import threading
import warnings
from contextlib import contextmanager
from hashlib import sha256

import pytest

from packs.authority import Issued
from paramedic.packs.http.target import Http
from paramedic.packs.postgres.target import Postgres
from paramedic.packs.redis.target import Redis
from paramedic.packs.security.exposed import exposed
from paramedic.packs.security.modes import modes
from paramedic.packs.security.network import listening, protocols
from paramedic.packs.security.settings import credentials, debugging
from paramedic.packs.security.target import Security
from paramedic.packs.tcp.target import Tcp
from paramedic.sdk import Component, ProcessSpec, Secret, Status

TOKEN = "t0" + sha256(b"of a test").hexdigest()[:32]


def private(path, text="KEY=x\n", mode=0o600):
    """A file of this mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


async def test_a_clean_log_is_no_finding(look, tmp_path):
    """Words, numbers, identifiers, times, variables and placeholders after a secret's name are no secrets."""
    log = tmp_path / "a.log"
    log.write_text(
        "password: incorrect\ntoken expired\ntokens: 1234567890\nsession 550e8400-e29b-41d4-a716-446655440000\n"
        "token: 2026-11-22T10:00:00\napi_key=${API_KEY}\napi_key=your-key-1234\npassword=[redacted]\nsecret: ********\n"
    )
    (found,) = await look(exposed, Security(logs=(log,)))
    assert found.status is Status.OK


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (f"GET /chat?token={TOKEN} 200", "a value under a secret's name"),
        ("DB_PASS=hunter7x", "a value under a secret's name"),
        ("redis-cli -a hunter7x ping", "a secret on a command line"),
        (f"GET https://x.blob.example.org/a?sig={TOKEN}", "a signature in an address"),
        (f"Authorization: Bearer {TOKEN}", "a bearer token"),
        (f"connecting to postgresql://shop:{TOKEN}@db/shop", "a password in an address"),
        (f"using sk-{TOKEN}", "a key of a model service"),
        (f"cloning with ghp_{TOKEN}", "a token of GitHub"),
        (f"run --password {TOKEN}", "a secret on a command line"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "a private key"),
        (f"posting to https://hooks.slack.com/services/T0/B0/{TOKEN}", "the address of a webhook"),
        ("entering with swordfish-in-use", "a secret of this service file"),
    ],
)
async def test_a_secret_in_a_log(line, kind, look, tmp_path):
    """File, line and kind are told; the value stands nowhere in the finding."""
    log = tmp_path / "a.log"
    log.write_text(f"started\nwell\n{line}\ndone\n")
    (found,) = await look(exposed, Security(logs=(tmp_path / "*.log",)), service={"secrets": ("swordfish-in-use",)})
    assert (found.status, found.code) == (Status.CRITICAL, "security.secret-exposed")
    assert (found.path, found.line) == (str(log), 3)
    assert kind in found.because
    assert "rotate the secret first" in found.hint
    assert TOKEN not in repr(found)
    assert "hunter7x" not in repr(found)
    assert "swordfish" not in repr(found)


async def test_a_log_is_read_on_where_it_grows(look, tmp_path):
    """A secret stays a finding while its line is there; later lines are counted on; a new log is read anew."""
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\n")
    target = Security(logs=(log,))
    assert (await look(exposed, target))[0].status is Status.OK
    with log.open("a") as out:
        out.write("three\n")
        out.write(f"token={TOKEN}\nfive is still being writ")
    assert (await look(exposed, target))[0].line == 4
    assert (await look(exposed, target))[0].line == 4
    log.unlink()
    log.write_text("one\n")
    assert (await look(exposed, target))[0].status is Status.OK


@pytest.mark.parametrize("is_copied", [False, True], ids=["renamed", "copied and emptied"])
async def test_rotation_hides_no_secret(look, tmp_path, is_copied):
    """What was written between the last look and the rotation is read in the file that the log became."""
    log, old = tmp_path / "a.log", tmp_path / "a.log.1"
    log.write_text("nothing to see here\n" * 10)
    target = Security(logs=(log,))
    assert (await look(exposed, target))[0].status is Status.OK
    with log.open("a") as out:
        out.write(f"token={TOKEN}\n")
    if is_copied:
        shutil.copy(log, old)
    else:
        log.rename(old)
    log.write_text("a new begin\n" * 100)  # longer than the old one was when it was read
    for _ in range(2):
        (found,) = await look(exposed, target)
        assert (found.path, found.line, found.measures) == (str(old), 11, {"secrets": 1.0})
    old.rename(tmp_path / "a.log.2")
    for _ in range(2):
        (found,) = await look(exposed, target)
    assert found.path == str(tmp_path / "a.log.2")
    (tmp_path / "a.log.2").unlink()
    for _ in range(2):
        (found,) = await look(exposed, target)
    assert found.status is Status.OK


async def test_a_log_that_was_emptied_is_read_from_its_begin(look, tmp_path):
    """Also where it is longer by now than what was read of it."""
    log = tmp_path / "a.log"
    log.write_text("nothing to see here\n")
    assert (await look(exposed, Security(logs=(log,))))[0].status is Status.OK
    log.write_text(f"token={TOKEN}\n" + "and more\n" * 10)
    assert (await look(exposed, Security(logs=(log,))))[0].line == 1


async def test_logs_that_vanished_are_forgotten(look, bench, tmp_path):
    """Names with dates do not pile up."""
    for number in range(20):
        log = tmp_path / f"a-{number}.log"
        log.write_text(f"run {number}\n")
        await look(exposed, Security(logs=(tmp_path / "*.log",)))
        log.unlink()
    (memory,) = bench.memories.values()
    assert len(memory["readers"].now) + len(memory["readers"].before) < 3


async def test_a_long_log_is_read_again_after_a_restart(look, bench, tmp_path):
    """Where nothing is remembered, an old secret is found again, however much was written behind it."""
    log = tmp_path / "a.log"
    log.write_text(f"token={TOKEN}\n" + "nothing to see here\n" * 100_000)
    for _ in range(2):
        (found,) = await look(exposed, Security(logs=(log,)))
        assert (found.line, found.measures) == (1, {"secrets": 1.0})
        bench.memories.clear()


async def test_nobody_says_that_all_is_well_before_all_is_read(look, tmp_path, monkeypatch):
    """Where the time of a look is up it is not known; the next looks go on, to a finding or to their end."""
    monkeypatch.setattr(sys.modules[exposed.run.__module__], "_LOOK_S", 0.0)
    monkeypatch.setattr(sys.modules[exposed.run.__module__], "_CHUNK", 1 << 12)
    log = tmp_path / "a.log"
    log.write_text("nothing to see here\n" * 500 + f"token={TOKEN}\n")
    for _ in range(2):
        (found,) = await look(exposed, Security(logs=(log,)))
        assert found.status is Status.UNKNOWN
        assert "is not read to its end yet" in found.observed
    (found,) = await look(exposed, Security(logs=(log,)))
    assert (found.code, found.line) == ("security.secret-exposed", 501)


async def test_what_is_passed_by_is_told(look, tmp_path, monkeypatch):
    """Of a log that is longer than anybody reads, the end is read, with the right numbers of lines."""
    monkeypatch.setattr(sys.modules[exposed.run.__module__], "_FIRST", 1 << 20)
    log = tmp_path / "a.log"
    log.write_text(f"token={TOKEN}\n" + "nothing to see here\n" * 100_000)
    (found,) = await look(exposed, Security(logs=(log,)))
    assert found.status is Status.OK
    assert "only the last 1 MiB were read of `a.log`" in found.observed
    with log.open("a") as out:
        out.write(f"token={TOKEN}\n")
    (found,) = await look(exposed, Security(logs=(log,)))
    assert (found.line, found.measures) == (100_002, {"secrets": 1.0})


async def test_secrets_without_end_are_counted(look, bench, tmp_path, monkeypatch):
    """A hundred places are remembered of a file, the others are a number."""
    monkeypatch.setattr(sys.modules[exposed.run.__module__], "_CHUNK", 1 << 11)
    log = tmp_path / "a.log"
    log.write_text(f"token={TOKEN}\n" * 500)
    (found,) = await look(exposed, Security(logs=(log,)))
    assert "and 499 more" in found.observed
    assert found.measures == {"secrets": 500.0}
    (memory,) = bench.memories.values()
    assert len(memory["readers"].now[log].seen) == 100


async def test_a_secret_in_a_file_of_settings(look, tmp_path):
    """A file that is kept under version control may hold none; it passes again when it is rewritten."""
    path = private(tmp_path / "shop.yaml", f"name: shop\npassword: {TOKEN}\n")
    target = Security(files=(path,))
    assert (await look(exposed, target))[0].line == 2
    path.write_text("name: shop\npassword: ${SHOP_PASSWORD}\n# as agreed\n")
    assert (await look(exposed, target))[0].status is Status.OK


async def test_a_log_that_cannot_be_read_is_unknown(look, tmp_path):
    """A folder in place of a log; a log that is not there yet is no concern."""
    (tmp_path / "a.log").mkdir()
    (found,) = await look(exposed, Security(logs=(tmp_path / "a.log", tmp_path / "none.log")))
    assert (found.status, found.code) == (Status.UNKNOWN, "paramedic.cannot-look")


async def test_modes_of_private_files(look, tmp_path):
    """Their owner alone reads them; the group, where it is declared."""
    path = private(tmp_path / ".env")
    assert (await look(modes, Security(private=(path,))))[0].status is Status.OK
    for mode, said in ((0o644, "everybody may read it (mode 0644)"), (0o620, "the group may write it (mode 0620)")):
        path.chmod(mode)
        (found,) = await look(modes, Security(private=(tmp_path / ".e*",)))
        assert (found.status, found.code) == (Status.CRITICAL, "security.file-mode")
        assert said in found.observed
        assert f"chmod 0600 {path}" in found.hint
    path.chmod(0o640)
    assert (await look(modes, Security(private=(path,), group_reads=True)))[0].status is Status.OK
    assert (await look(modes, Security(private=(tmp_path / "none",))))[0].status is Status.OK


async def test_nobody_else_writes_settings(look, tmp_path):
    """To read them is everybody's right, to write them is not."""
    path = private(tmp_path / "shop.yaml", mode=0o664)
    assert (await look(modes, Security(files=(path,))))[0].status is Status.OK
    path.chmod(0o666)
    (found,) = await look(modes, Security(files=(path,)))
    assert found.expected == "mode 0664 at most"


async def test_a_file_that_cannot_be_looked_at_is_unknown(look, tmp_path):
    """A loop of links says nothing about modes."""
    (tmp_path / "a").symlink_to(tmp_path / "a")
    assert (await look(modes, Security(private=(tmp_path / "a",))))[0].status is Status.UNKNOWN


def web(*command, **env):
    """A component with this command and environment."""
    return Component(
        name="web", kind="http", target=Http(url="http://x"), process=ProcessSpec(command=command, env=env)
    )


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (web("uvicorn", "shop:app", "--reload"), "the command of `web`: `--reload`"),
        (web("python", "-m", "flask", "run", "--debug"), "`--debug`"),
        (web("python", "app.py", FLASK_DEBUG="1"), "the environment of `web`: `FLASK_DEBUG=1`"),
        (web("python", "app.py", APP_ENV="development"), "`APP_ENV=development`"),
    ],
)
async def test_debug_modes_of_processes(component, said, look, bench):
    """Commands of web servers and environments, as the service file has them."""
    bench.others["web"] = component
    (found,) = await look(debugging, Security())
    assert (found.status, found.code) == (Status.WARNING, "security.debug-mode")
    assert said in found.observed


async def test_debug_modes_in_files(look, bench, tmp_path):
    """With file and line; what is switched off, and the same word for another program, is none."""
    bench.others["web"] = web("make", "--debug", DEBUG="false", SECRET_DEBUG=Secret("1"))
    path = private(tmp_path / ".env", "# DEBUG=true\nLOG=debug\nDEBUG=0\n")
    assert (await look(debugging, Security(private=(path,))))[0].status is Status.OK
    path.write_text("A=1\nexport DEBUG='true'\n")
    (found,) = await look(debugging, Security(private=(path,)))
    assert (found.line, found.observed) == (2, "`.env`: `DEBUG=true`")


async def test_default_credentials(look, bench, tmp_path):
    """A warning on this machine, critical beyond it; the password is not repeated."""
    bench.others["db"] = Component(name="db", kind="postgres", target=Postgres(dsn=Secret("postgresql://u:xK3-q9@h/d")))
    assert (await look(credentials, Security()))[0].status is Status.OK
    bench.others["cache"] = Component(
        name="cache", kind="redis", target=Redis(host="127.0.0.1", password=Secret("redis"))
    )
    (found,) = await look(credentials, Security())
    assert (found.status, found.code) == (Status.WARNING, "security.default-credentials")
    assert "`cache` has a password that everybody knows" in found.observed
    path = private(tmp_path / ".env", "A=1\nDATABASE_URL=postgresql://shop:shop@db.example.org/shop\n")
    (found,) = await look(credentials, Security(private=(path,)))
    assert (found.status, found.line) == (Status.CRITICAL, 2)
    assert "the name of its user" in found.observed
    assert "shop:shop" not in repr(found)


@pytest.mark.parametrize("check", [debugging, credentials])
async def test_settings_that_cannot_be_read_are_unknown(check, look, tmp_path, monkeypatch):
    """No permission is no health."""
    path = private(tmp_path / ".env")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    assert (await look(check, Security(private=(path,))))[0].status is Status.UNKNOWN


async def test_a_port_that_is_open_to_all(look, bench):
    """A listener at every address, for a component that is used on the loopback."""
    with socket.create_server(("0.0.0.0", 0)) as wide, socket.create_server(("127.0.0.1", 0)) as narrow:
        port = wide.getsockname()[1]
        bench.others["near"] = Component(
            name="near", kind="tcp", target=Tcp(host="127.0.0.1", port=narrow.getsockname()[1])
        )
        assert (await look(listening, Security()))[0].status is Status.OK
        bench.others["open"] = Component(name="open", kind="http", target=Http(url=f"http://localhost:{port}/"))
        (found,) = await look(listening, Security())
        assert (found.status, found.code) == (Status.WARNING, "security.listening-beyond-loopback")
        assert "open at 0.0.0.0" in found.observed
        assert (await look(listening, Security(public_ports=(port,))))[0].status is Status.OK


async def test_listeners_that_cannot_be_seen_are_unknown(look, monkeypatch):
    """Without /proc nothing is known."""

    def refuse():
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("paramedic.packs.security.network._heard", refuse)
    assert (await look(listening, Security()))[0].status is Status.UNKNOWN


@contextmanager
def tls_server(folder, *, old):
    """A real TLS server: one that speaks TLS 1.1 at most, or 1.2 at least."""
    certificate, key = Issued.make("localhost").write(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):  # that the old ones are broken is the point
        context.minimum_version = ssl.TLSVersion.TLSv1 if old else ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_1 if old else ssl.TLSVersion.TLSv1_3
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            taken.settimeout(5)
            try:
                context.wrap_socket(taken, server_side=True).close()
            except OSError:
                taken.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


async def test_old_versions_of_tls(look, bench, tmp_path):
    """A server that speaks TLS 1.1 is found, a modern one is not, and one that is not there is unknown."""
    with tls_server(tmp_path, old=True) as port:
        bench.others["api"] = Component(name="api", kind="http", target=Http(url=f"https://127.0.0.1:{port}/"))
        (found,) = await look(protocols, Security())
        assert (found.status, found.code) == (Status.WARNING, "security.tls-outdated")
        assert "speaks TLSv1.1" in found.observed
    bench.others.clear()
    with tls_server(tmp_path, old=False) as port:
        assert (await look(protocols, Security(tls=(f"127.0.0.1:{port}",))))[0].status is Status.OK
    assert (await look(protocols, Security(tls=(f"127.0.0.1:{port}",))))[0].status is Status.UNKNOWN
