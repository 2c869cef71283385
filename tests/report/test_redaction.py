"""No secret comes out, whatever it is wrapped in."""

import base64
import html
import json
import random
import secrets
import string
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from paramedic.model.finding import Evidence, Finding
from paramedic.model.status import Status
from paramedic.report.redaction import CUT, LONGEST, MARK, WITHHELD, Redactor
from paramedic.report.secret_names import is_secret_key
from paramedic.report.shapes import is_random, secret_shapes

WRAPPINGS = {
    "plain": lambda secret: secret,
    "url": lambda secret: quote(secret, safe=""),
    "url path": quote,
    "url in lower case": lambda secret: quote(secret, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "form": quote_plus,
    "url twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for urls": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    "basic authentication": lambda secret: base64.b64encode(f"anna:{secret}".encode()).decode(),
    "longer basic authentication": lambda secret: base64.b64encode(f"annab:{secret}:x".encode()).decode(),
    "json": lambda secret: json.dumps({"x": secret}),
    "json in unicode": lambda secret: json.dumps({"x": secret}, ensure_ascii=False),
    "json in json": lambda secret: json.dumps(json.dumps({"x": secret})),
    "repr": repr,
    "repr of bytes": lambda secret: repr(secret.encode()),
    "html": html.escape,
    "hex": lambda secret: secret.encode().hex(),
    "address": lambda secret: f"postgres://anna:{quote(secret, safe='')}@db/shop",
}
CHARACTERS = string.ascii_letters + string.digits + "!#$%&'*+,-./:;<=>?@^_`{|}~\"\\ äß€"

PROSE = (
    "tests pass",
    "all 214 tests pass: 3m12s45",
    "12 passed, 2 failed; passes=14 passed=true",
    "compass=north42west bypass=true by-pass: valve12open bypass_cache=1a2b3c4d5e",
    "pass=12 fail=0 pass: 31",
    "PASS: check_http2_settings",
    "--- PASS: TestServer2Starts (0.00s)",
    "pass: reading 12 pages of table42x",
    "second pass: table42index",
    "first_pass=table42index pass_rate=98.5pct42 pass-through: header42value",
    "result: pass",
    '{"check": "pass", "pass": 12, "pass": true}',
    "status=pass; the passenger, the passage, surpass, passive",
    "PWD=/srv/shop2023 pwd=/srv/shop2023 OLDPWD=/srv/shop2023",
    "primary_key=item12345 cache_key=user:12345 PARTITION_KEY=user12345 SSL_KEY=/etc/ssl/shop1.pem",
    "the key: value12345 pairs; key=item12345",
    "docker run -u 1000:1000 -p 8080:80 web",
    "mysql is slow: see job-p12345abc",
    "dsn: postgresql://127.0.0.1:5432/shop",
    "https://api.example.org/x?page=2&sort=name&keyword=shoes1234",
)


@settings(max_examples=300, deadline=None)
@given(
    secret=st.text(CHARACTERS, min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6),
    before=st.text(max_size=60),
    after=st.text(max_size=60),
    wrapping=st.sampled_from(sorted(WRAPPINGS)),
)
@example(secret="pass/word=1", before="", after="", wrapping="url in lower case")
@example(secret='quo"te\\d', before="", after="", wrapping="json in json")
def test_a_known_secret_never_comes_out(secret, before, after, wrapping):
    """A random secret in random text, in any encoding, does not come out in that encoding or in plain."""
    assume(secret not in MARK)
    wrapped = WRAPPINGS[wrapping](secret)
    out = Redactor([secret]).text(f"{before}{wrapped}{after}")
    assert secret not in out.replace(MARK, "")
    if wrapping not in ("json", "json in unicode", "json in json", "repr", "repr of bytes", "address"):
        assert wrapped not in out.replace(MARK, "")
    for inside in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret.encode())[2:-1]):
        assert inside not in out.replace(MARK, "")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_redacting_twice_changes_nothing(text):
    """What is safe stays as it is."""
    once = Redactor(["known-secret"]).text(text)
    assert Redactor(["known-secret"]).text(once) == once


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("DB_PASSWORD=hunter2 and more", "hunter2"),
        ("DB_PASSWORD=correct horse battery", "horse"),
        ("export API_KEY=abc&def;ghi", "def;ghi"),
        ("password: hunter2", "hunter2"),
        ('{"password": "hun\\"ter2", "user": "anna"}', "ter2"),
        ("{'api_key': 'hunter2'}", "hunter2"),
        (json.dumps(json.dumps({"client_secret": "hunter2"})), "hunter2"),
        ('{"apiKey":"hunter2"}', "hunter2"),
        ('password="never closed', "closed"),
        ("os.environ['TOKEN'] = 'hunter2'", "hunter2"),
        ("https://api.example.org/x?access_token=hunter2&page=2", "hunter2"),
        ("<password>hunter2</password>", "hunter2"),
        ("mysql --password hunter2 shop", "hunter2"),
        ("DB_PASS=hunter7x", "hunter7x"),
        ("env: SMTP_PASS=hunter2 PORT=1", "hunter2"),
        ("  MYSQL_PASS: hunter2", "hunter2"),
        ("user=anna pass=hunter2", "hunter2"),
        ("smtp:\n  pass: hunter2\n  port: 25", "hunter2"),
        ('{"user": "anna", "pass": "hunter2"}', "hunter2"),
        ("dbPass = 'hunter2'", "hunter2"),
        ("redis-cli --pass hunter2 ping", "hunter2"),
        ("run --smtp-pass hunter2", "hunter2"),
        ("pw=hunter2", "hunter2"),
        ("Server=db;UID=sa;PWD=hunter2", "hunter2"),
        ("pwd: hunter2", "hunter2"),
        ("auth_tokens=hunter2", "hunter2"),
        ("OPENAI_KEY=hunter2", "hunter2"),
        ("FERNET_KEY: hunter2", "hunter2"),
        ("curl -u anna:hunter2 http://x", "hunter2"),
        ("curl -s --user 'anna:hunter2' http://x", "hunter2"),
        ("mysql -u root -phunter2 shop", "hunter2"),
        ("redis-cli -h cache -a hunter2 ping", "hunter2"),
        ("https://api.example.org/x?key=hunter2", "hunter2"),
        ("https://x.blob.example.org/a?sv=1&sig=hunter2", "hunter2"),
        ("SENTRY_DSN=https://abcdef0123456789abcdef0123456789@o1.ingest.example.org/1", "abcdef0123456789"),
        ("postgres://anna:hunter2@db/shop", "hunter2"),
        ("postgres://anna:hun@ter2@db/shop", "ter2"),
        ("redis://:hunter2@127.0.0.1:6379/0", "hunter2"),
        ("postgresql+psycopg://anna:12345x@db", "12345x"),
        ("Authorization: Bearer hunter2-hunter2", "hunter2"),
        ("authorization: Basic YW5uYTpodW50ZXIy", "YW5uYTpodW50ZXIy"),
        ("curl -H 'Authorization: Bot hunter2'", "hunter2"),
        ("Set-Cookie: session=hunter2; Path=/", "hunter2"),
        ("sent bearer abcdef123456", "abcdef123456"),
        ("key sk-proj-abcdefghijklmnop1234 refused", "sk-proj-abcdefghijklmnop1234"),
        ("ghp_" + "a1B2" * 9, "a1B2a1B2"),
        ("xoxb-123456789012-abcdefABCDEF", "abcdefABCDEF"),
        ("AKIAIOSFODNN7EXAMPLE", "IOSFODNN7"),
        ("MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcDE.abcdefghijklmnopqrstuvwxyz0", "GabcDE"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "eyJzdWIiOiIxIn0"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIabc\ndef\n-----END RSA PRIVATE KEY-----", "MIIabc"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\ncut", "b3Blbn"),
        ("https://hooks.slack.com/services/T000/B000/XXXXyyyy", "XXXXyyyy"),
        ("https://discord.com/api/webhooks/123456/abcdefgh_ij-kl", "abcdefgh_ij-kl"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text, secret):
    """Nobody told us about it, and still it does not come out."""
    out = Redactor().text(text)
    assert secret not in out
    assert MARK in out
    assert Redactor().text(out) == out


@pytest.mark.parametrize(
    "text",
    [
        "connection to http://127.0.0.1:8000/health refused",
        "http://127.0.0.1:8000/users/@anna answered 404",
        "commit 9e6144b7f1c2d3e4a5b60718293a4b5c6d7e8f90",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "request 123e4567-e89b-12d3-a456-426614174000 failed",
        "plan-0hs4m2k1c-7x2a of incident-0hs4m2k1c-9y3b",
        "/usr/lib/python3.11/site-packages/paramedic/Checking2/SomeLongName/runner.py:12",
        "/tmp/pytest-of-root/pytest-12/test_something_long0/state/store.sqlite",
        "max_tokens=4096, MAX_CONTEXT_TOKENS: 8192, tokens: 12",
        "password authentication failed for user anna",
        "PWD=/srv/shop",
        "expected required_fields_of_the_configuration_to_be_there",
        "the token expired 3 minutes ago",
        *PROSE,
    ],
)
def test_what_is_no_secret_stays(text):
    """Addresses, hashes, ids and paths are what a person needs to find the trouble."""
    assert Redactor().text(text) == text


@pytest.mark.parametrize("text", PROSE)
def test_prose_exposes_nothing(text):
    """What runners of tests and programs say every day is no secret in a log, either."""
    assert secret_shapes(text) == []


def test_random_keys_are_recognised():
    """Keys of the usual generators are told from words without knowing them."""
    lot = random.Random(7)
    base64_like = [base64.urlsafe_b64encode(lot.randbytes(32)).decode().rstrip("=") for _ in range(500)]
    mixed = ["".join(lot.choices(string.ascii_letters + string.digits, k=40)) for _ in range(500)]
    assert sum(map(is_random, base64_like)) >= 495
    assert sum(map(is_random, mixed)) >= 495
    assert MARK in Redactor().text(f"key {secrets.token_urlsafe(48)}0aB")


@pytest.mark.parametrize("known", ["abc", "7"])
def test_a_short_secret_counts_where_it_stands_alone(known):
    """A secret of three letters is hidden without tearing words apart."""
    out = Redactor([known]).text(f"it is {known}, not {known}x")
    assert out == f"it is {MARK}, not {known}x"


def test_the_password_of_a_secret_address_is_secret():
    """Whoever keeps a whole address secret means its password too."""
    out = Redactor(["postgres://anna:hun%40ter2@db/shop"]).text("tried hun@ter2 and hun%40ter2")
    assert out == f"tried {MARK} and {MARK}"


def test_data_is_scrubbed_by_key_and_by_text():
    """Values under secret-looking keys disappear, whatever they are; the rest is read as text."""
    out = Redactor(["hunter2"]).data(
        {
            "db_password": ["a", 1], "token": 12345, "is_secret": True, "secret": None, "note": "hunter2 x",
            "hunter2": 1, "list": [{"apikey": "x"}], "max_tokens": 5,
        }
    )  # fmt: skip
    assert out == {
        "db_password": MARK, "token": MARK, "is_secret": True, "secret": None, "note": f"{MARK} x",
        MARK: 1, "list": [{"apikey": MARK}], "max_tokens": 5,
    }  # fmt: skip


def test_every_text_of_a_finding_is_scrubbed():
    """No field is forgotten."""
    told = Finding(
        component="a", kind="k", check="c", status=Status.CRITICAL, code="c.x", observed="hunter2", expected="hunter2",
        because="hunter2", hint="hunter2", evidence=(Evidence(label="hunter2", text="hunter2"),),
        measures={"hunter2": 1.0}, path="/x/hunter2",
    )  # fmt: skip
    assert "hunter2" not in repr(Redactor(["hunter2"]).finding(told))


class Unreadable(str):
    """Text that breaks whoever reads it."""

    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize("text", [None, 7, b"bytes"])
def test_what_cannot_be_scrubbed_is_withheld(text):
    """Anything that goes wrong inside withholds the text; nothing is raised and nothing gets out."""
    assert Redactor().text(text) == WITHHELD
    assert Redactor().text(Unreadable("x")) == WITHHELD


def test_a_redactor_that_could_not_be_made_withholds_everything():
    """Without knowing the secrets no text is safe."""
    assert Redactor([None]).text("harmless") == WITHHELD


def test_data_without_end_is_withheld():
    """A list that holds itself is withheld rather than followed."""
    endless: list = []
    endless.append(endless)
    assert Redactor().data(endless) == WITHHELD
    assert Redactor().data({"x": object()}) == WITHHELD


def test_a_long_text_is_cut_without_cutting_a_secret_open():
    """The beginning of a secret at the place of the cut does not stay behind."""
    secret = "correct horse battery staple"
    for inside in (1, 2, 9, 14, 23, len(secret) - 1):
        out = Redactor([secret]).text("x " * ((LONGEST - inside) // 2) + secret + " y" * 100)
        assert out.endswith(CUT)
        assert "correct" not in out
        assert len(out) <= LONGEST + len(CUT)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("the server answered 500: postgres://app:Sup3rS3cret", "Sup3r"),
        ("`login with Sup3rS3c` is no number", "Sup3r"),
        ("cannot read Sup3rS3cretPassw0r…", "Sup3r"),
        ("connecting to postgres://app:0therSecr", "0ther"),
        ("refused: sk-proj-ab12", "ab12"),
    ],
)
def test_what_is_left_of_a_secret_that_was_cut_open_goes_too(text, left):
    """Whoever quotes two hundred characters of an answer does not know where its secrets stand."""
    assert left not in Redactor(["Sup3rS3cretPassw0rd"]).text(text)


@pytest.mark.parametrize(
    "text",
    ["the kind is `postgres`", "see `product`", "http://127.0.0.1:8000", "uses sk-learn", "http://{host}:{port}"],
)
def test_what_a_secret_begins_with_by_chance_stays(text):
    """A word is no secret because a secret begins with it."""
    assert Redactor(["postgres://app:Sup3r@db/shop", "production-of-2024"]).text(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "a",
        "://a:",
        'password="',
        "-",
        "xoxb-",
        "password=\\",
        "a/",
        "M",
        "-----BEGIN PRIVATE KEY",
        "=",
        "\\",
        "1:",
        " ",
        "token>",
        "Aa1",
    ],
)
def test_hostile_text_takes_no_time(piece):
    """A megabyte made to be slow is scrubbed within seconds."""
    started = time.monotonic()
    Redactor(["known-secret"]).text(piece * (LONGEST // len(piece)))
    assert time.monotonic() - started < 20


def test_names_of_secrets():
    """Keys that hold secrets are told from those that count tokens."""
    for key in (
        "password",
        "DB_PASSWORD",
        "apiKey",
        "api-key",
        "client_secret",
        "DISCORD_TOKEN",
        "Authorization",
        "cookie",
        "DB_PASS",
        "smtp.pass",
        "pass",
        "dbPass",
        "pw",
        "pwd",
        "MYSQL_PWD",
        "OPENAI_KEY",
        "fernetKey",
        "SENTRY_DSN",
        "dsn",
        "auth_tokens",
        "connectionString",
    ):
        assert is_secret_key(key), key
    for key in (
        "max_tokens",
        "token_count",
        "tokens",
        "tokenizer",
        "author",
        "passes",
        "keyboard",
        "PWD",
        "bypass",
        "pass_rate",
        "first_pass",
        "compass",
        "key",
        "primary_key",
        "OLDPWD",
    ):
        assert not is_secret_key(key), key
