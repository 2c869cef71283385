"""Do the versions of a client and its backend fit?"""

from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from paramedic.packs.client.backend import Strange


def misfit(client: str, backend: Mapping[str, object]) -> tuple[str, str] | None:
    """What was expected and why it is not so; ``None`` where the versions fit.

    Raises:
        Strange: the backend does not tell its version, or somebody tells none that is one.
    """
    mine = _version(client, "the client's version")
    least, most = backend.get("min_client"), backend.get("max_client")
    if least is not None and mine < _version(str(least), "`min_client`"):
        return f"at least {least}", f"the backend serves clients from {least} on"
    if most is not None and mine > _version(str(most), "`max_client`"):
        return f"at most {most}", f"the backend serves clients up to {most}"
    if least is not None or most is not None:
        return None
    if backend.get("version") is None:
        raise Strange("the backend does not tell its `version`")
    theirs = _version(str(backend["version"]), "the backend's version")
    if mine.major != theirs.major:
        return f"a version {theirs.major}.x", f"the backend has {theirs}, and the first numbers must be the same"
    return None


def _version(text: str, what: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        raise Strange(f"{what} is `{text[:40]}`, which is none") from None
