"""Backups of a real Redis: the snapshot of a replica, loaded before it counts, put back in one transaction."""

from pathlib import Path

import pytest

from backup_scene import BackupScene
from packs.redis.conftest import running
from paramedic.packs.redis.saving import PutBack
from paramedic.sdk.saving import BackupFailed

PUT = PutBack()


@pytest.mark.parametrize("password", ["", "open-sesame"])
def test_keys_come_back_as_they_were(tmp_path: Path, password: str) -> None:
    """Of every type and database, with their time to live; what came since is told and goes."""
    with running(tmp_path / "server") as server:
        if password:
            with server.client() as client:
                client.config_set("requirepass", password)
        auth = f":{password}@" if password else ""
        cache = {"kind": "redis", "dsn": f"redis://{auth}127.0.0.1:{server.port}/0"}
        scene = BackupScene(tmp_path, {"cache": cache})
        with (
            server.client(password=password or None) as client,
            server.client(password=password or None, db=3) as third,
        ):
            client.set("name", "shop")
            client.set("short", "lived", ex=1000)
            client.rpush("list", *range(50))
            third.hset("hash", mapping={"a": 1})
            made = scene.desk.create("cache", "by hand")
            assert made.set.holds == {"db0": 3, "db3": 1}
            assert made.set.proof.how == "loaded; 4 keys in 2 databases"
            client.set("late", 1)
            client.delete("list")
            third.delete("hash")
            target = scene.service.components["cache"].target
            how = scene.desk.hook(scene.service.components["cache"])
            assert how is not None
            assert how.lost(target, made.files, {}, 10) == [
                "db0: 1 keys that came since",
                "db0: deletions: 1 keys come back",
                "db0: what was changed in the other 2 keys since, if anything",
                "db3: deletions: 1 keys come back",
            ]
            assert PUT.foresee(target, 10) is None
            assert PUT.happened(target, "abc", 10) is False
            PUT.apply(target, made.files, "abc", 10)
            assert PUT.happened(target, "abc", 10) is True
            assert "already" in PUT.apply(target, made.files, "abc", 10)
            assert set(client.keys()) == {"name", "short", "list", "paramedic:restored:abc"}
            assert 900 < client.ttl("short") <= 1000
            assert client.lrange("list", 0, -1) == [str(n) for n in range(50)]
            assert third.hgetall("hash") == {"a": "1"}


def test_what_does_not_load_is_no_backup(tmp_path: Path) -> None:
    """A flipped byte is found by its digest, and by Redis itself."""
    with running(tmp_path / "server") as server:
        scene = BackupScene(tmp_path, {"cache": {"kind": "redis", "port": server.port}})
        with server.client() as client:
            client.set("name", "shop" * 100)
        made = scene.desk.create("cache", "by hand")
        dump = made.files / "dump.rdb"
        content = bytearray(dump.read_bytes())
        content[-12] ^= 1
        dump.write_bytes(content)
        assert scene.desk.verify(made).how == "`dump.rdb` is not what was saved"
        how = scene.desk.hook(scene.service.components["cache"])
        assert how is not None
        with pytest.raises(BackupFailed, match="cannot load it"):
            how.verify(scene.service.components["cache"].target, made.files, tmp_path, made.set.holds, 10)


def test_a_server_that_is_away_leaves_no_backup(tmp_path: Path) -> None:
    """And says why."""
    scene = BackupScene(tmp_path, {"cache": {"kind": "redis", "port": 1}})
    with pytest.raises(BackupFailed, match="refused"):
        scene.desk.create("cache", "by hand")
    assert scene.desk.all("cache") == ()
