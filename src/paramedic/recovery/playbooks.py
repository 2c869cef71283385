"""Playbooks as people write them: YAML files, checked whole."""

import logging
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from paramedic.model.errors import ConfigurationError, Problem
from paramedic.model.playbook import Playbook, PlaybookStep, Verification
from paramedic.sdk.pack import Registry

SHIPPED = Path(__file__).parent.parent / "defaults" / "playbooks"
_log = logging.getLogger(__name__)
_KEYS = {"title", "heals", "steps", "verify", "restart", "attended", "attended_for", "after_cause", "goes_on"}


def load_playbooks(registry: Registry, directories: Iterable[Path] = ()) -> Mapping[str, Playbook]:
    """All playbooks by name: shipped ones, those of packs, then the service's own, which alone may replace others.

    A wrong one of a pack is left out with a warning: a stranger's mistake must not keep anything else from healing.

    Raises:
        ConfigurationError: every mistake in every file of ours and of the service.
    """
    problems: list[Problem] = []
    theirs = [pack.playbooks for pack in registry.packs if pack.playbooks]
    playbooks = _all_in([SHIPPED], registry, problems)
    for folder in theirs:
        mistakes: list[Problem] = []
        for name, book in _all_in([folder], registry, mistakes).items():
            if name in playbooks:
                mistakes.append(
                    Problem(path=folder / f"{name}.yaml", message="there is a playbook of that name already")
                )
            else:
                playbooks[name] = book
        for each in mistakes:
            _log.warning("a playbook of a pack is left out: %s", each)
    playbooks |= _all_in(directories, registry, problems)
    if problems:
        raise ConfigurationError(tuple(problems))
    return playbooks


def _all_in(folders: Iterable[Path], registry: Registry, problems: list[Problem]) -> dict[str, Playbook]:
    playbooks: dict[str, Playbook] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")):
            playbook = _read(path, registry, problems)
            if playbook:
                playbooks[playbook.name] = playbook
    return playbooks


def _read(path: Path, registry: Registry, problems: list[Problem]) -> Playbook | None:
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
        complain("holds no mapping", "keys `heals`, `steps` and `verify`")
        return None
    for key in set(data) - _KEYS:
        complain(f"unknown key `{key}`", f"one of {', '.join(sorted(_KEYS))}")
    heals = _texts(data.get("heals"))
    if not heals:
        complain("`heals` is missing", "a list of finding codes")
    for code in heals:
        if code not in registry.codes and code.split(".")[0] in registry.kinds:
            complain(f"`heals` names the unknown code `{code}`", hint="`paramedic checks` lists every code")
    attended_for = _texts(data.get("attended_for"))
    for code in set(attended_for) - set(heals):
        complain(f"`attended_for` names `{code}`, which `heals` does not")
    verify = data.get("verify")
    if not isinstance(verify, dict) or verify.get("checks") != "failed":
        complain("`verify` is missing", "`verify: {checks: failed}`", "nothing is healed that cannot be verified")
        verify = {}
    steps = _steps(data.get("steps"), registry, complain)
    if len(problems) > before:
        return None
    return Playbook(
        name=path.stem,
        title=str(data.get("title") or path.stem.replace("-", " ")),
        heals=heals,
        steps=steps,
        verify=Verification(times=verify.get("times"), within_s=verify.get("within_s")),
        is_restart=bool(data.get("restart", False)),
        attended=bool(data.get("attended", False)),
        attended_for=attended_for,
        goes_on=bool(data.get("goes_on", False)),
        after_cause=_texts(data.get("after_cause")),
    )


def _steps(data: object, registry: Registry, complain: object) -> tuple[PlaybookStep, ...]:
    assert callable(complain)
    if not isinstance(data, list) or not data:
        complain("`steps` is missing", 'a list such as `- process.restart: {component: "{suspect}"}`')
        return ()
    steps = []
    for entry in data:
        if not isinstance(entry, dict) or len(entry) != 1:
            complain(f"a step is `{entry}`", "one action with its parameters")
            continue
        ((action, params),) = entry.items()
        if action not in registry.actions:
            complain(
                f"unknown action `{action}`", "an action that a pack brings", _nearest(str(action), registry.actions)
            )
        if not isinstance(params or {}, dict):
            complain(f"`{action}` has parameters `{params}`", "a mapping")
            continue
        steps.append(PlaybookStep(action=str(action), params=params or {}))
    return tuple(steps)


def _nearest(action: str, known: Collection[str]) -> str:
    """A hint that names what may have been meant."""
    kin = [each for each in known if each.partition(".")[0] == action.partition(".")[0]]
    near = get_close_matches(action, known, n=2) or kin
    return f"did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "the reference lists every action"


def _texts(data: object) -> tuple[str, ...]:
    return tuple(str(each) for each in data) if isinstance(data, list) else ()
