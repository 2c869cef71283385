"""What an action on a file notes in the plan's workspace, because a crash may come before its receipt."""

import json
import shutil
from pathlib import Path

from paramedic.model.wire import Json
from paramedic.sdk.context import ActContext
from paramedic.sdk.files import write_whole


class Notes:
    """Facts of one action on one component, durable as soon as they are noted."""

    def __init__(self, context: ActContext, action: str) -> None:
        self.folder = context.workspace / f"{action}-{context.component.name}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = self.folder / "notes.json"
        self._facts = self._read()

    def get(self, name: str) -> Json:
        """A fact, ``None`` where it was never noted."""
        return self._facts.get(name)

    def names(self, name: str) -> tuple[str, ...]:
        """A fact that is a list of texts."""
        found = self._facts.get(name)
        return tuple(str(each) for each in found) if isinstance(found, list) else ()

    def place(self, name: str) -> Path | None:
        """A fact that is a path."""
        found = self._facts.get(name)
        return Path(found) if isinstance(found, str) else None

    def note(self, **facts: Json) -> None:
        """Add facts."""
        self._facts.update(facts)
        write_whole(self._path, json.dumps(self._facts).encode(), mode=0o600)

    def clear(self) -> None:
        """Leave only the facts: what was built to look ahead would fill the disk, and is built again when it counts."""
        for each in self.folder.iterdir():
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            elif each != self._path:
                each.unlink(missing_ok=True)

    def _read(self) -> dict[str, Json]:
        try:
            data = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}
