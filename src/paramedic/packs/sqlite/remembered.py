"""Which tables a database had when its last good copy was made: what it must hold where nobody has declared that."""

from dataclasses import dataclass
from pathlib import Path

from paramedic.packs.sqlite.asking import NoAnswer, ask
from paramedic.packs.sqlite.target import Sqlite
from paramedic.sdk.files import copies_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a copy holds."""

    copy: Path
    tables: tuple[str, ...]
    filled: tuple[str, ...]
    """Those with at least one row. A table that was empty may have been dropped by a migration without a loss."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """Tables whose absence is a loss."""
        return self.filled or self.tables


async def remembered(target: Sqlite, state_dir: Path, limit_s: float, known: object = None) -> Remembered | None:
    """What the newest good copy holds; ``None`` where tables are declared, or there is no copy that can be read.

    ``known`` is what an earlier look was told, and holds as long as that copy is the newest.
    """
    copy = None if target.columns else next(iter(copies_of(state_dir / "last-good", target.path)), None)
    if copy is None:
        return None
    if isinstance(known, Remembered) and known.copy == copy:
        return known
    try:
        answer = await ask("filled", limit_s, path=copy.absolute())
    except NoAnswer:
        return None
    tables: dict[str, bool] = answer["tables"]
    return Remembered(copy=copy, tables=tuple(tables), filled=tuple(name for name, is_ in tables.items() if is_))
