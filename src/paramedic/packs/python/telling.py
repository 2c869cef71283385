"""Told by the patient's own interpreter, which is given this text with ``-c``: what it is and what is installed.

It runs on whatever the component runs on, so it keeps to what Python 3.4 understands and imports nothing of ours.
"""

import importlib.util
import json
import os
import platform
import sys
import sysconfig


def installed() -> "list | None":  # type: ignore[type-arg]  # an old interpreter has no more to say
    """Every installed package; ``None`` before 3.8, where nothing in the standard library tells."""
    try:
        from importlib import metadata
    except ImportError:
        return None
    found = []
    for each in metadata.distributions():
        try:
            name, version, requires = each.metadata["Name"], each.version, list(each.requires or ())
        except Exception:  # noqa: S112  # one damaged package hides no other
            continue
        if name and version:
            found.append({"name": name, "version": version, "requires": requires})
    return found


def tell() -> "dict":  # type: ignore[type-arg]  # see above
    """All that is asked."""
    info = sys.implementation.version
    full = ".".join(map(str, info[:3]))
    if info.releaselevel != "final":
        full += info.releaselevel[0] + str(info.serial)
    paths = sysconfig.get_paths()
    is_virtual = sys.prefix != sys.base_prefix or "conda-meta" in os.listdir(sys.prefix)
    return {
        "version": platform.python_version(),
        "prefix": sys.prefix,
        "is_virtual": is_virtual,
        "is_managed_elsewhere": not is_virtual and "EXTERNALLY-MANAGED" in os.listdir(paths["stdlib"]),
        "packages": paths["purelib"],
        "path": [each for each in sys.path if each],
        "has_pip": importlib.util.find_spec("pip") is not None,
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": full,
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": platform.python_version(),
            "platform_python_implementation": platform.python_implementation(),
            "python_version": ".".join(platform.python_version_tuple()[:2]),
            "sys_platform": sys.platform,
        },
        "installed": installed(),
    }


if __name__ == "__main__":
    with open(1, "w", closefd=False) as out:
        out.write("\n" + json.dumps(tell()) + "\n")  # on a line of its own, whatever start-up code has printed
