"""Where the guards of a service are found, from outside its processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from paramedic.guard.flag_check import check_flag_file, overlays_in
from paramedic.packs.config.target import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """The guards inside the processes of a service that uses `paramedic.guard`, and their files."""

    folder: Path | None = None
    """Where its processes show their guards and take orders: their `PARAMEDIC_GUARD_DIR`. Without it, the folder of
    the user that Paramedic runs as; of what is shown there, what works in the folder of the service file."""
    of: tuple[str, ...] = ()
    """Components whose processes these are; without it, everything that is shown in the folder."""
    dependencies: Mapping[str, str] = field(default_factory=dict)
    """Breaker to the component that it protects calls to: a stuck breaker is reset only when that one's checks pass.
    A breaker that is not named protects the component of its own name, or all that this one depends on."""
    tripwire: Path | None = None
    """The state file of the token budget, to be looked at even while no process runs."""
    energy: Path | None = None
    """The state file of the energy budget."""
    flags: Path | None = None
    """The file of feature flags; a last good version of it is kept."""
    overlays: Path | None = None
    """The folder with the overlays that flags may name, one `.txt` each."""
    queue: Path | None = None
    """The file of the queue of failed tasks."""

    @property
    def as_config(self) -> Config | None:
        """The file of flags as a configuration file, for the actions on those."""
        return None if self.flags is None else FlagFile(path=self.flags, overlays=self.overlays)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagFile(Config):
    """The file of feature flags among the configuration files."""

    overlays: Path | None = None
    """The folder with the overlays that exist."""

    def accepts(self, copy: Path) -> bool:
        """Whether a copy is valid by the rules of flags."""
        return not check_flag_file(copy, known_overlays(self.overlays)).problems


def known_overlays(folder: Path | None) -> list[str] | None:
    """The overlays that flags may name; ``None`` where nobody knows."""
    return None if folder is None else overlays_in(folder)
