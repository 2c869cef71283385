"""Guides as people write them: YAML files, checked whole. The service's own, beside its file, replace shipped ones."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from paramedic.model.errors import ConfigurationError, Problem
from paramedic.model.guide import Guide, GuideStep
from paramedic.sdk.pack import Registry

SHIPPED = Path(__file__).parent.parent / "defaults" / "guides"
STEP = "guide.step"
"""What receipts call a step that a person did."""
_KEYS = {"title", "helps", "steps"}
_STEP_KEYS = {"do", "see", "check"}


def load_guides(registry: Registry, service_file: Path | None = None) -> Mapping[str, Guide]:
    """All guides by name.

    Raises:
        ConfigurationError: every mistake in every file.
    """
    problems: list[Problem] = []
    folders = (SHIPPED, *((service_file.parent / "guides",) if service_file else ()))
    guides = {
        guide.name: guide
        for folder in folders
        for path in sorted(folder.glob("*.yaml"))
        if (guide := _read(path, registry, problems))
    }
    if problems:
        raise ConfigurationError(tuple(problems))
    return guides


def helping(guides: Iterable[Guide], codes: Sequence[str]) -> Guide | None:
    """The guide for the first of these codes that has one."""
    known = list(guides)
    return next((guide for code in codes for guide in known if code in guide.helps), None)


def _read(path: Path, registry: Registry, problems: list[Problem]) -> Guide | None:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    before = len(problems)

    def complain(message: str, expected: str | None = None, hint: str | None = None) -> None:
        problems.append(Problem(path=path, message=message, expected=expected, hint=hint))

    try:
        data = YAML(typ="safe", pure=True).load(path.read_text())
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        complain(f"cannot be read: {' '.join(str(error).split())}", "a YAML mapping")
        return None
    if not isinstance(data, dict):
        complain("holds no mapping", "keys `title`, `helps` and `steps`")
        return None
    for key in set(data) - _KEYS:
        complain(f"unknown key `{key}`", f"one of {', '.join(sorted(_KEYS))}")
    helps = data.get("helps")
    if not isinstance(helps, list) or not helps:
        complain("`helps` is missing", "a list of finding codes")
        helps = []
    for code in map(str, helps):
        if code not in registry.codes and code.split(".")[0] in registry.kinds:
            complain(f"`helps` names the unknown code `{code}`", hint="`paramedic checks` lists every code")
    steps = data.get("steps")
    if not isinstance(steps, list) or not steps:
        complain("`steps` is missing", "a list such as `- do: close the app and open it again`")
        steps = []
    checks = {each.id for each in registry.checks}
    found = []
    for number, entry in enumerate(steps, 1):
        if not isinstance(entry, dict) or not entry.get("do") or set(entry) - _STEP_KEYS:
            complain(f"step {number} is `{entry}`", "a mapping with `do`, and perhaps `see` and `check`")
            continue
        if entry.get("check") and entry["check"] not in checks:
            complain(f"step {number} names the unknown check `{entry['check']}`", hint="`paramedic checks` lists all")
        found.append(GuideStep(do=str(entry["do"]), see=str(entry.get("see") or ""), check=entry.get("check") or None))
    if len(problems) > before:
        return None
    title = str(data.get("title") or path.stem.replace("-", " "))
    return Guide(name=path.stem, title=title, helps=tuple(map(str, helps)), steps=tuple(found))
