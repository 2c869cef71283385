"""The command that installs what is missing, and nothing else: what is there already is held by a constraint."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from packaging.version import InvalidVersion, Version

from paramedic.packs.python.comparing import Lack
from paramedic.packs.python.facts import Facts, surroundings
from paramedic.packs.python.wanted import Declared
from paramedic.sdk.account import Account
from paramedic.sdk.proc import TOKEN_VARIABLE

_QUIET = ("--disable-pip-version-check", "--no-input")
_IMPATIENT = ("--retries", "2", "--timeout", "10")
_ELSEWHERE = frozenset({"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIREMENT", "PIP_CONSTRAINT"})
_INSTEAD = {
    "--index-url": "PIP_INDEX_URL",
    "--extra-index-url": "PIP_EXTRA_INDEX_URL",
    "--find-links": "PIP_FIND_LINKS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """How pip is called."""

    words: tuple[str, ...]
    env: Mapping[str, str]
    """What must not be read off the list of processes: addresses with passwords."""

    def __str__(self) -> str:
        return shlex.join(self.words)


def why_not(facts: Facts, missing: tuple[Lack, ...]) -> str | None:
    """Why pip cannot be asked, where that is known beforehand."""
    if facts.is_managed_elsewhere:
        return (
            f"the packages of `{facts.prefix}` belong to the system's own package manager; make a virtual environment"
        )
    if not facts.has_pip:
        return f"the environment `{facts.prefix}` has no pip; `python -m ensurepip` adds it"
    with_password = next((each for each in missing if _is_secret(each.argument)), None)
    if with_password:
        return (
            f"the address of `{with_password.name}` holds a password, which would be seen in the list of processes; "
            "install it by hand"
        )
    return None


def install(interpreter: Path, missing: tuple[Lack, ...], declared: Declared, constraint: Path) -> Command:
    """The command that installs what is missing."""
    options: list[str] = ["--constraint", str(constraint)]
    for path in declared.constraints:
        options += ["--constraint", str(path)]
    env: dict[str, str] = {}
    for each in declared.indexes:
        if each.value is None:
            options.append(each.option)
        elif _is_secret(each.value) and each.option in _INSTEAD:
            variable = _INSTEAD[each.option]
            env[variable] = f"{env[variable]} {each.value}" if variable in env else each.value
        else:
            options += [each.option, each.value]
    wishes: list[str] = []
    for lack in missing:
        wishes += ["--editable", lack.argument] if lack.is_editable else [lack.argument]
    words = (*_pip(interpreter), "install", *_QUIET, *_IMPATIENT, *options, *wishes)
    return Command(words=words, env=env)


def uninstall(interpreter: Path, names: tuple[str, ...]) -> Command:
    """The command that takes packages away."""
    return Command(words=(*_pip(interpreter), "uninstall", "--disable-pip-version-check", "--yes", *names), env={})


def environment(command: Command, account: Account, token: str) -> dict[str, str]:
    """What pip gets of our own environment: its configuration, but nothing that leads it to another place."""
    kept = {name: value for name, value in surroundings(account).items() if name not in _ELSEWHERE}
    return {**kept, **command.env, TOKEN_VARIABLE: token}


def held(facts: Facts) -> str:
    """A constraints file that fixes what is installed now."""
    return "".join(
        f"{each.name}=={each.version}\n" for each in (facts.installed or {}).values() if _is_version(each.version)
    )


def versions(facts: Facts) -> dict[str, str]:
    """What is installed, by canonical name: the freeze that is compared before and after."""
    return {key: each.version for key, each in (facts.installed or {}).items()}


def reason(out: str, err: str) -> str:
    """What pip gives as its reason, with the two sides of a conflict where there is one."""
    _, _, conflict = out.partition("The conflict is caused by:")
    sides = [line.strip() for line in conflict.strip().partition("\n\n")[0].splitlines() if line.strip()]
    lines = [line.strip() for line in (err or out).splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    told = [each for each in errors if not each.startswith("ResolutionImpossible")] or lines[-1:]
    return "; ".join([*told[-2:], *sides])[:500]


def _pip(interpreter: Path) -> tuple[str, ...]:
    return (str(interpreter), "-I", "-m", "pip")


def _is_secret(text: str) -> bool:
    _, _, address = text.rpartition(" @ ")
    try:
        return "://" in address and urlsplit(address).password is not None
    except ValueError:
        return True  # an address that makes no sense is shown to nobody


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
