"""What is told from a command line, a control group, an address, a file name: pure recognition."""

import json
import os
import re
from pathlib import Path

import pytest

from paramedic.discovery.addresses import addresses_in, databases_in, read_settings
from paramedic.discovery.containers import published
from paramedic.discovery.guess import Guess, Guesses
from paramedic.discovery.guessing import Surroundings, _candidates
from paramedic.discovery.matching import pattern_for
from paramedic.discovery.naming import fit, name_of, unlike
from paramedic.discovery.options import folders_named, paths_named
from paramedic.discovery.owners import owner_of
from paramedic.discovery.processes import Seen, eldest, names_of
from paramedic.discovery.project import read_project
from paramedic.discovery.scene import Part, Scene
from paramedic.discovery.sockets import Door, _endpoint
from paramedic.discovery.table import load_table
from paramedic.sdk import load_packs

TABLE = load_table()


def seen(line: str, pid: int = 10, parent: int = 1, **more) -> Seen:
    command = tuple(line.split(" "))
    return Seen(pid=pid, parent=parent, uid=os.geteuid(), command=command, names=names_of(command), **more)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("/usr/bin/python3 -m uvicorn shop:app", "uvicorn"),
        ("/srv/venv/bin/python /srv/venv/bin/gunicorn shop:app", "gunicorn"),
        ("python3.11 -X dev -W error app.py --port 1", "app.py"),
        ("python -m vllm.entrypoints.openai.api_server --model x", "vllm.entrypoints.openai.api_server"),
        ("node --require ./trace.js server.js", "server.js"),
        ("java -Xmx1g -jar /opt/kafka.jar", "/opt/kafka.jar"),
        ("nginx: master process nginx -g daemon off;", "nginx"),
        ("redis-server *:6379", "redis-server"),
        ("/usr/lib/postgresql/15/bin/postgres -D /data", "postgres"),
        ("python3 -c print(1)", "python3"),
        ("-bash", "bash"),
    ],
)
def test_a_process_is_known_by_what_it_runs(line: str, name: str) -> None:
    """A module or script counts before its interpreter."""
    assert names_of(tuple(line.split(" ")))[0] == name


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("python -m uvicorn shop:app", "uvicorn"),
        ("node server.js", "node"),
        ("/usr/bin/prometheus-alertmanager --config.file=x", "alertmanager"),
        ("/usr/local/bin/ollama serve", "ollama"),
        ("python -m celery worker", "celery"),
        ("something-of-ours", None),
    ],
)
def test_well_known_services_are_recognised(line: str, known: str | None) -> None:
    """By the table, not by code."""
    found = TABLE.by_program(names_of(tuple(line.split(" "))))
    assert (found.name if found else None) == known


def test_the_table_is_in_order() -> None:
    """No program belongs to two services, and none of them is noise."""
    programs = [program for known in TABLE.services for program in known.programs]
    assert len(programs) == len(set(programs))
    assert not set(programs) & TABLE.noise_programs
    assert TABLE.by_scheme("postgresql+asyncpg") is TABLE.by_port(5432)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("0100007F:1F90", ("127.0.0.1", 8080)),
        ("00000000:0016", ("0.0.0.0", 22)),
        ("00000000000000000000000001000000:1F90", ("::1", 8080)),
        ("0000000000000000FFFF00000100007F:0050", ("127.0.0.1", 80)),
    ],
)
def test_addresses_of_the_kernel(text: str, place: tuple[str, int]) -> None:
    """Both families, and IPv4 in IPv6."""
    assert _endpoint(text) == place


def test_a_door_is_reached_from_here() -> None:
    """Every address is reached by loopback, a single one by itself; only loopback is not public."""
    doors = [Door(host=host, port=1, uid=0, socket="") for host in ("0.0.0.0", "127.0.0.1", "10.0.0.1", "::")]
    assert [each.reached_by for each in doors] == ["127.0.0.1", "127.0.0.1", "10.0.0.1", "127.0.0.1"]
    assert [each.is_public for each in doors] == [True, False, True, True]


GROUPS = [
    ("0::/system.slice/nginx.service", {}, ("systemd", "nginx")),
    (
        "0::/system.slice/system-postgresql.slice/postgresql@15-main.service",
        {},
        ("systemd", "postgresql@15-main"),
    ),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/bot.service", {}, ("systemd", "bot")),
    ("0::/user.slice/user-1000.slice/session-2.scope", {}, None),
    ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", {}, None),
    ("", {"SUPERVISOR_ENABLED": "1", "SUPERVISOR_PROCESS_NAME": "api", "SUPERVISOR_GROUP_NAME": "shop"},
     ("supervisord", "shop:api")),
    ("", {"SUPERVISOR_ENABLED": "1", "SUPERVISOR_PROCESS_NAME": "api", "SUPERVISOR_GROUP_NAME": "api"},
     ("supervisord", "api")),
    ("", {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("group", "variables", "owner"), GROUPS)
def test_who_starts_it(group: str, variables: dict[str, str], owner: tuple[str, str] | None) -> None:
    """The manager and what it calls the process."""
    found = owner_of(seen("app", group=group), None, variables)
    assert (found and (found.manager, found.unit)) == owner


def test_runit_is_the_parent() -> None:
    """Its supervisor names the service."""
    found = owner_of(seen("app"), seen("runsv /etc/service/shop"), {})
    assert found
    assert (found.manager, found.unit) == ("runit", "shop")


def test_a_container_without_docker_is_named_by_its_id(monkeypatch) -> None:
    """Nobody can be asked, but it is a container all the same."""
    monkeypatch.setenv("PATH", "")
    found = owner_of(seen("app", group=f"0::/system.slice/docker-{'ab12' * 16}.scope"), None, {})
    assert found
    assert (found.manager, found.unit) == ("docker", "ab12ab12ab12")


def test_a_container_is_asked_for_its_name(monkeypatch, tmp_path) -> None:
    """By its compose service where it has one. (A script stands in for Docker, which needs a daemon.)"""
    docker = tmp_path / "docker"
    labels = '{"Labels": {"com.docker.compose.service": "api"}}'
    docker.write_text(f'#!/bin/sh\necho \'[{{"Name": "/shop-api-1", "Config": {labels}}}]\'\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = owner_of(seen("app", group=f"0::/docker/{'cd34' * 16}"), None, {})
    assert found
    assert (found.manager, found.unit) == ("compose", "api")


def test_published_ports_belong_to_containers(monkeypatch, tmp_path) -> None:
    """Docker knows who is behind a port that its proxy holds. (A script stands in for it, as above.)"""
    docker = tmp_path / "docker"
    row = {"Names": "shop-db-1", "Ports": "0.0.0.0:5432->5432/tcp, [::]:5432->5432/tcp", "Labels": ""}
    other = {**row, "Names": "x", "Ports": "127.0.0.1:80->80/tcp", "Labels": "a=b,com.docker.compose.service=web"}
    docker.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(row)}\n{json.dumps(other)}\nEND\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    published.cache_clear()
    found = {port: (each.manager, each.unit) for port, each in published().items()}
    published.cache_clear()
    assert found == {5432: ("docker", "shop-db-1"), 80: ("compose", "web")}


def test_the_eldest_of_a_family() -> None:
    """The master holds the port, not a worker that inherited it."""
    everyone = {10: seen("nginx", 10), 11: seen("nginx", 11, 10), 12: seen("nginx", 12, 10)}
    assert eldest({11, 12, 10}, everyone) == 10


def test_a_pattern_fits_one_family_and_is_short() -> None:
    """As many words of the command line as are needed, and no more."""
    a, b = seen("python app.py --port 1 --name x", 10), seen("python other.py", 11)
    everyone = {10: a, 11: b, 12: seen("python app.py --port 1 --name x", 12, 10)}
    assert pattern_for(a, everyone, ()) == r"^python app\.py( |$)"
    everyone[13] = seen("python app.py --port 2", 13)
    pattern = pattern_for(a, everyone, ())
    assert pattern == r"^python app\.py --port 1( |$)"
    assert re.search(pattern, a.line)


def test_a_pattern_never_holds_a_secret() -> None:
    """Rather none."""
    a = seen("app --password hunter22hunter --name x", 10)
    everyone = {10: a, 11: seen("app --password other --name y", 11)}
    assert pattern_for(a, everyone, ("hunter22hunter",)) is None
    twins = {10: seen("app", 10), 11: seen("app", 11)}
    assert pattern_for(twins[10], twins, ()) is None


@pytest.mark.parametrize(
    ("line", "more", "name"),
    [
        ("python app.py", {"cwd": Path("/srv/shop")}, "shop"),
        ("python importer.py", {"cwd": Path("/srv/shop")}, "importer"),
        ("python -m uvicorn shop:app", {"cwd": Path("/srv/bot")}, "bot"),
        ("redis-server *:6379", {"cwd": Path("/srv/shop")}, "redis"),
        ("node server.js", {"cwd": Path("/")}, "server"),
    ],
)
def test_names(line: str, more: dict, name: str) -> None:
    """What everybody calls it, else what it runs, else its folder."""
    process = seen(line, **more)
    part = Part(process=process, uid=0, known=TABLE.by_program(process.names))
    assert name_of(part, {}) == name


def test_a_procfile_gives_names() -> None:
    """The name beside the command that runs."""
    process = seen("python app.py", cwd=Path("/srv/shop"))
    assert name_of(Part(process=process, uid=0), {"web": "python app.py"}) == "web"


@pytest.mark.parametrize("text", ["a b", "-x", "ä ö", "", "..", "x" * 200, "@scope/pkg", "%i"])
def test_every_name_fits(text: str) -> None:
    """As the service file wants it."""
    assert re.fullmatch(r"\w[\w.-]{0,62}", fit(text))


def test_names_are_told_apart() -> None:
    """By port, then by number."""
    assert unlike("a", ["a"], [80]) == "a-80"
    assert unlike("a", ["a", "a-80"], [80]) == "a-2"
    guesses = Guesses()
    for port in (1, 2):
        guesses.add(Guess(name="redis", what="", candidates=[], ports=frozenset((port,))))
    assert list(guesses.components) == ["redis", "redis-2"]


def test_options_name_files(tmp_path) -> None:
    """Joined or apart, short or long, relative to where it runs."""
    (tmp_path / "data").mkdir()
    (tmp_path / "x.yml").touch()
    known = TABLE.by_program(["prometheus"])
    for line in ("prometheus --config.file=x.yml --storage.tsdb.path data",):
        part = Part(process=seen(line, cwd=tmp_path), uid=0, known=known)
        assert paths_named(part) == (tmp_path / "x.yml",)
        assert folders_named(part) == (tmp_path / "data",)
    part = Part(process=seen(f"postgres -D{tmp_path}/data"), uid=0, known=TABLE.by_program(["postgres"]))
    assert folders_named(part) == (tmp_path / "data",)


def test_settings_are_read_as_programs_read_them(tmp_path) -> None:
    """Quotes, comments, `export`; hostile bytes are no error."""
    path = tmp_path / ".env"
    path.write_bytes(b"# x\nexport A=\"b # c\"\nB=d # e\n\xff\xfe=1\nC='f'\nno line\nD=\n")
    assert read_settings(path) == {"A": "b # c", "B": "d", "C": "f", "D": ""}
    assert read_settings(tmp_path) == {}


def test_addresses_lose_their_passwords(tmp_path) -> None:
    """Only variable, scheme, host and port remain."""
    variables = {
        "DATABASE_URL": "postgresql+asyncpg://shop:hunter2@db.internal/shop",
        "REDIS": "redis://:pw@localhost:6380/0",
        "API": "https://example.org/v1",
        "BROKEN": "http://[::1",
        "TEXT": "see http://example.org for more",
        "FILE": "sqlite:///shop.db",
        "CACHE": "redis://localhost:6379/0",
        "QUEUE": "redis://localhost:6379/3",
    }
    found = addresses_in(variables, TABLE)
    assert [(each.variable, each.host, each.port, each.is_here) for each in found] == [
        ("DATABASE_URL", "db.internal", 5432, False),
        ("REDIS", "localhost", 6380, True),
        ("API", "example.org", 443, False),
        ("CACHE", "localhost", 6379, True),
        ("QUEUE", "localhost", 6379, True),
    ]
    assert [each.variable for each in found if each.is_bare] == ["CACHE"]
    assert "hunter2" not in repr(found)
    assert databases_in(variables, tmp_path) == (tmp_path / "shop.db",)
    assert databases_in({"X": "sqlite+aiosqlite:////srv/a%20b.db?mode=ro", "Y": "sqlite://"}, tmp_path) == (
        Path("/srv/a b.db"),
    )


def test_a_variable_is_written_only_for_what_host_and_port_cannot_say(tmp_path) -> None:
    """Whoever runs Paramedic without the `.env` beside it would have no use for `${REDIS_URL}`."""
    known = TABLE.by_program(["redis-server"])
    for url, keys in (("redis://127.0.0.1:6399/0", ["port"]), ("redis://127.0.0.1:6399/3", ["dsn", "port"])):
        (tmp_path / ".env").write_text(f"REDIS_URL={url}\n")
        door = Door(host="127.0.0.1", port=6399, uid=0, socket="")
        scene = Scene(folder=tmp_path, parts=(), projects=(read_project(tmp_path, TABLE),), everyone={})
        around = Surroundings(table=TABLE, registry=load_packs(), environ={"REDIS_URL": url})
        found = _candidates(Part(process=None, uid=0, known=known), door, {}, scene, around)
        special = [each for each in found if each.keys["kind"] == "redis"]
        assert [next(key for key in each.keys if key != "kind") for each in special] == keys
        assert [each.note for each in special if "dsn" in each.keys] == [
            "`REDIS_URL` has to be in the environment of paramedic whenever it runs" for key in keys if key == "dsn"
        ]
