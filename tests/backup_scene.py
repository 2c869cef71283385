"""A service of real files and databases, and its backups, for the tests of both."""

import json
import os
import sqlite3
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from paramedic.model.clock import SystemClock
from paramedic.model.service import Service
from paramedic.recovery.backups import Backups
from paramedic.sdk import load_packs
from paramedic.service import load
from paramedic.store import open_store


class LaterClock(SystemClock):
    """A clock that is ahead by as much as the test says."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class BackupScene:
    """A folder with a database of 500 notes, a configuration file and documents."""

    def __init__(self, folder: Path, more: Mapping[str, Any] | None = None, **policies: Mapping[str, Any]) -> None:
        self.folder = folder
        self.clock = LaterClock()
        self.database = folder / "notes.db"
        with sqlite3.connect(self.database) as base:
            base.execute("create table notes (id integer primary key, text text)")
            base.executemany("insert into notes (text) values (?)", [(f"note {n}",) for n in range(500)])
        base.close()
        self.settings = folder / "settings.yaml"
        self.settings.write_text("name: shop\n")
        self.settings.chmod(0o640)
        (folder / "docs" / "deep").mkdir(parents=True)
        (folder / "docs" / "a.txt").write_text("first")
        (folder / "docs" / "deep" / "b.txt").write_text("second")
        (folder / "docs" / "link").symlink_to("a.txt")
        components: dict[str, Any] = {
            "db": {"kind": "sqlite", "path": "notes.db", "tables": ["notes"]},
            "settings": {"kind": "config", "path": "settings.yaml", "required": ["name"]},
            "docs": {"kind": "files", "paths": ["docs"]},
            **(more or {}),
        }
        for name, policy in policies.items():
            components[name]["backup"] = policy
        (folder / "paramedic.yaml").write_text(json.dumps({"service": "scene", "components": components}))
        self.service: Service = load(folder / "paramedic.yaml", load_packs(), os.environ)
        self.desk = Backups(self.service, load_packs(), self.clock)
        self.place = self.service.settings.state_dir / "backups"

    def own_store(self) -> None:
        """Paramedic's own store, as if it had run."""
        open_store(self.service.settings.store, node="scene", clock=self.clock).close()

    def sql(self, statement: str) -> list[Any]:
        """Run a statement on the database."""
        with sqlite3.connect(self.database) as base:
            found = base.execute(statement).fetchall()
        base.close()
        return found
