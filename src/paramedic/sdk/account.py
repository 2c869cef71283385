"""Who a process runs as, and how a child of ours looks at the world as that user."""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict


class AsUser(TypedDict, total=False):
    """Arguments of ``subprocess.Popen`` that make a child somebody else's."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user with the groups that count for permissions."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether we run as this user already."""
        return self.uid == os.geteuid()

    @property
    def can_be_taken(self) -> bool:
        """Whether a child of ours can run as this user."""
        return self.is_own or os.geteuid() == 0

    @property
    def home(self) -> str:
        """Its home folder; the root of all where it has none."""
        try:
            return pwd.getpwuid(self.uid).pw_dir
        except KeyError:
            return "/"

    def options(self) -> AsUser:
        """What makes a child run as this user; nothing where it does so anyway."""
        if self.is_own:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": self.groups}

    def __str__(self) -> str:
        try:
            return f"`{pwd.getpwuid(self.uid).pw_name}`"
        except KeyError:
            return f"uid {self.uid}"


def myself() -> Account:
    """Who Paramedic runs as."""
    return Account(uid=os.geteuid(), gid=os.getegid(), groups=tuple(os.getgroups()))


def of_user(who: str | int) -> Account | None:
    """The account of a user by name or number; ``None`` where nobody has that name."""
    try:
        entry = pwd.getpwuid(int(who)) if str(who).isdigit() else pwd.getpwnam(str(who))
    except KeyError:
        return Account(uid=int(who), gid=int(who)) if str(who).isdigit() else None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, groups=tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))


def of_process(pid: int) -> Account | None:
    """Who a living process really runs as, whatever the user database says; ``None`` when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    return Account(
        uid=int(fields["Uid"][1]), gid=int(fields["Gid"][1]), groups=tuple(map(int, fields.get("Groups", ())))
    )


def user_id(who: str | int) -> int | None:
    """The number of a user."""
    found = of_user(who)
    return found.uid if found else None


def group_id(which: str | int) -> int | None:
    """The number of a group; ``None`` where none has that name."""
    if str(which).isdigit():
        return int(which)
    try:
        return grp.getgrnam(str(which)).gr_gid
    except KeyError:
        return None


def group_name(gid: int) -> str:
    """The name of a group; its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
