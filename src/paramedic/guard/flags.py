"""Feature flags for overlays: a file that is watched, an environment variable that wins, and a way out in an emergency.

Who decides, strongest first: an order from outside or `override`; ``RESON_FEATURES``; the file.
``RESON_FEATURES`` unset lets the file decide; empty turns everything off; a comma list turns exactly those on.

A share of keys is chosen by the first eight bytes of BLAKE2b over ``name:key``, modulo 10,000 hundredths of a percent:
the same key gets the same answer in every process and release, and raising the percentage only adds keys.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from paramedic.guard.clock import SYSTEM, Clock, iso
from paramedic.guard.demands import check_name
from paramedic.guard.errors import MissingExtra, Problem, UnreadableDocument
from paramedic.guard.events import GuardEvent, Listener, Listeners, announce
from paramedic.guard.flag_file import Flag, FlagTable, table
from paramedic.guard.state_file import signature
from paramedic.guard.watcher import WATCHER

FLAG_FILE = "config/overlay_feature_flags.yaml"
VARIABLE = "RESON_FEATURES"
OVERLAYS = "configs/fusion/micro_overlays"
BASELINE = Path(__file__).with_name("emergency_baseline.yaml")
"""The file for the emergency, ready to be copied."""

_VARIABLES: Mapping[bytes, bytes] | None = getattr(os.environ, "_data", None)
_KEY = VARIABLE.encode()


def _variable() -> bytes | None:
    """The variable as it is now. Its lookup through ``os.environ`` costs more than the whole rest of an answer."""
    if isinstance(_VARIABLES, dict):
        return _VARIABLES.get(_KEY)
    value = os.environ.get(VARIABLE)
    return None if value is None else value.encode()


class FeatureFlags:
    """Answers whether an overlay is on.

    >>> FeatureFlags({"rollback_first": True}).is_enabled("rollback_first")
    True
    """

    kind = "flags"

    def __init__(
        self,
        source: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        overlays: Collection[str] | None = None,
        name: str = "flags",
        listener: Listener | None = None,
        clock: Clock = SYSTEM,
    ) -> None:
        """`source` is a file (default ``config/overlay_feature_flags.yaml``) or the mapping that would stand in it.

        `overlays` are the names that exist, for `validate_config`; where they are not given, the files of
        ``configs/fusion/micro_overlays`` tell, if there are any. A file that is missing turns nothing on.
        """
        self.name = check_name(name)
        self.listeners = Listeners()
        if listener is not None:
            self.listeners.add(listener)
        self._clock = clock
        self._overlays = overlays
        self._lock = RLock()
        self._file_flags: Mapping[str, Flag] = {}
        self._overrides: dict[str, bool] = {}
        self._baseline = False
        self._seen: tuple[int, int, int] | None = None
        self._trouble = ""
        self._watched = False
        self._raw: bytes | None = None
        self._flags: dict[str, Flag] = {}
        self._given = dict(source) if isinstance(source, Mapping) else None
        self.path = None if isinstance(source, Mapping) else Path(source or FLAG_FILE).absolute()
        self.reload()

    # ------------------------------------------------------------------ questions

    def is_enabled(self, name: str, key: str | None = None, context: Mapping[str, Any] | None = None) -> bool:
        """Whether an overlay is on for a key (a user, a tenant) and a context with ``category`` and ``complexity``.

        Unknown names are off. A flag for a share of the keys is off without a key; one that is limited to categories or
        to a complexity is off where the context does not tell.
        """
        if not self._watched or _variable() != self._raw:
            self._catch_up()
        flag = self._flags.get(name)
        if flag is None:
            return False
        flag.asked += 1
        if flag.simple is not None:
            return flag.simple
        if flag.expires <= self._clock.wall():
            return False
        if flag.categories is not None and (context or {}).get("category") not in flag.categories:
            return False
        if flag.min_complexity > 0:
            complexity = (context or {}).get("complexity")
            if not isinstance(complexity, int | float) or not complexity >= flag.min_complexity:
                return False
        if flag.rollout_percent >= 100:
            return True
        if key is None:
            key = context.get("key") if context else None
        if key is None:
            return False
        known = flag.known.get(key)
        return flag.is_for(key) if known is None else known

    def knows(self, name: str) -> bool:
        """Whether there is an answer for such a flag: ``RESON_FEATURES`` and the baseline decide about every name."""
        self._catch_up()
        return self._baseline or self._raw is not None or name in self._flags or name in self._file_flags

    def active(self) -> list[str]:
        """The names that are on for anybody now, sorted."""
        self._catch_up()
        now = self._clock.wall()
        return sorted(name for name, flag in self._flags.items() if flag.simple is not False and flag.expires > now)

    def validate_config(self) -> list[Problem]:
        """Everything that is wrong with the file, each with its line; none if it is as it should be."""
        return list(self._read()[1])

    # ------------------------------------------------------------------ changes

    def override(self, name: str, on: bool | None) -> None:
        """Turn an overlay on or off in this process, over file and environment; ``None`` lets them decide again."""
        with self._lock:
            if on is None:
                self._overrides.pop(name, None)
            else:
                self._overrides[name] = on
            self._build()
        self._event(
            "overridden", f"`{name}` is {'decided by file and environment' if on is None else 'on' if on else 'off'}"
        )

    def emergency_baseline(self, active: bool = True) -> None:
        """Turn everything off in this process, or leave that again."""
        with self._lock:
            self._baseline = active
            self._build()
        self._event("baseline", "everything is off" if active else "file and environment decide again")

    def reload(self) -> None:
        """Read the file now. One that cannot be used changes nothing and is told."""
        with self._lock:
            if self.path is not None:
                self._seen = signature(self.path)
            flags, problems = self._read()
            trouble = "; ".join(map(str, problems))
            if flags is not None:
                self._file_flags = flags.flags
            self._build()
        if trouble != self._trouble:
            self._trouble = trouble
            self._event("invalid" if trouble else "valid", trouble)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Hear ``overridden``, ``baseline``, ``changed``, ``invalid`` and ``valid``; the returned function stops it."""
        return self.listeners.add(listener)

    # ------------------------------------------------------------------ inside

    def _read(self) -> tuple[FlagTable | None, tuple[Problem, ...]]:
        """The file's flags, ``None`` if it cannot be read at all, and its problems."""
        from paramedic.guard.documents import Document, read_document

        if self.path is None:
            found = table(Document(value=self._given, lines={}), self._overlays)
            return found, found.problems
        try:
            found = table(read_document(self.path), self._known_overlays())
        except FileNotFoundError:
            return FlagTable(flags={}, problems=()), (_about_file(self.path, "is missing", "a file of flags"),)
        except OSError as error:
            return None, (_about_file(self.path, f"cannot be read: {error.strerror}", "a readable file"),)
        except UnreadableDocument as error:
            return None, (error.problem,)
        except MissingExtra as error:
            return None, (_about_file(self.path, str(error), "JSON, or the parser for YAML"),)
        return found, found.problems

    def _known_overlays(self) -> Collection[str] | None:
        if self._overlays is not None:
            return self._overlays
        return [each.stem for each in Path(OVERLAYS).glob("*.txt")] or None

    def _build(self) -> None:
        """What holds now, from the strongest word on each name."""
        self._raw = raw = _variable()
        if self._baseline:
            flags = {}
        elif raw is None:
            flags = dict(self._file_flags)
        else:
            wanted = {each.strip() for each in raw.decode("utf-8", "replace").split(",")}
            flags = {name: Flag(name) for name in wanted if name}
        for name, on in self._overrides.items():
            if not self._baseline or not on:
                flags[name] = Flag(name, enabled=on)
        for name, flag in flags.items():
            if name in self._flags:
                flag.asked = self._flags[name].asked
        self._flags = flags

    def _catch_up(self) -> None:
        if not self._watched:
            self._watched = True
            WATCHER.watch(self)
        with self._lock:
            if _variable() != self._raw:
                self._build()

    def _event(self, kind: str, because: str) -> None:
        event = GuardEvent(guard="flags", name=self.name, kind=kind, at=iso(self._clock.wall()) or "", because=because)
        announce(event, self.listeners)

    # ------------------------------------------------------------------ the watcher

    def tick(self) -> None:
        """Take over a changed file; a changed environment is seen at the next question."""
        if self.path is not None and signature(self.path) != self._seen:
            self.reload()
            self._event("changed", f"`{self.path.name}` was read again")

    def report(self) -> dict[str, Any]:
        """What is shown outside the process."""
        decided = "baseline" if self._baseline else "file" if self._raw is None else VARIABLE
        return {
            "active": self.active(),
            "decided_by": decided,
            "overrides": dict(self._overrides),
            "file": None if self.path is None else str(self.path),
            "trouble": self._trouble,
            "known": sorted({*self._flags, *self._file_flags}),
            "evaluations": {name: flag.asked for name, flag in self._flags.items()},
        }

    def obey(self, verb: str, settings: Mapping[str, Any]) -> str:
        """Carry out an order: ``enable``, ``disable``, ``clear`` (``flag``), ``baseline`` (``active``), ``reload``."""
        states = {"enable": True, "disable": False, "clear": None}
        if verb in states:
            self.override(str(settings["flag"]), states[verb])
        elif verb == "baseline":
            self.emergency_baseline(bool(settings.get("active", True)))
        elif verb == "reload":
            self.reload()
        else:
            return f"refused: flags know no `{verb}`"
        return "done"

    def forked(self) -> None:
        """In the child of a fork."""
        self._lock = RLock()
        self._watched = False


def share(name: str, key: str) -> int:
    """Where a key stands among 10,000, the same everywhere and for ever."""
    return Flag(name).place(key)


def _about_file(path: Path, observed: str, expected: str) -> Problem:
    return Problem(line=None, where=path.name, observed=observed, expected=expected)


_instance: FeatureFlags | None = None
_instance_lock = RLock()


def get_feature_flags(source: str | os.PathLike[str] | None = None) -> FeatureFlags:
    """The flags of this process; the first call decides on the file."""
    global _instance  # noqa: PLW0603 - the one instance of the process is what it is for
    with _instance_lock:
        if _instance is None:
            _instance = FeatureFlags(source)
        return _instance


def reset_feature_flags() -> None:
    """Forget the flags of this process; the next `get_feature_flags` reads the file again."""
    global _instance
    with _instance_lock:
        forgotten, _instance = _instance, None
    if forgotten is not None:
        WATCHER.leave(forgotten)
