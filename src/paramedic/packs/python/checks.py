"""Whether a component's interpreter will do, and whether it has the packages that are declared."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from packaging.markers import default_environment

from paramedic.packs.python import codes
from paramedic.packs.python.comparing import Clash, Lack, clashes, lacks
from paramedic.packs.python.declared import gather
from paramedic.packs.python.facts import Facts, Missing, NoAnswer, Unusable
from paramedic.packs.python.interpreter import locate
from paramedic.packs.python.remembering import facts_of
from paramedic.packs.python.target import Python
from paramedic.packs.python.wanted import Declared
from paramedic.sdk import Context, Evidence, Finding, check
from paramedic.sdk.blocking import in_thread

_TIMEOUT_S = 30.0
_MOST_TOLD = 50


@check(
    codes.INTERPRETER_MISSING,
    codes.INTERPRETER_UNUSABLE,
    codes.VERSION,
    codes.NO_VENV,
    of=Python,
    timeout_s=_TIMEOUT_S,
)
async def interpreter(target: Python, context: Context) -> Sequence[Finding]:
    """A component's interpreter is there, works, has a supported version and an environment of its own.

    Looks at: what the interpreter itself says, asked in a child (``-I``, with a time-out, never as root where it
    belongs to somebody else); the versions that ``requires_python``, the pyproject and the lock file allow.
    Why: with another Python a component does not start, or breaks in the middle; without a virtual environment an
    update of the system changes its packages.
    By hand: ``INTERPRETER -I -c 'import sys; print(sys.version, sys.prefix != sys.base_prefix)'``
    Healed by: nothing automatic; the finding says how the environment is made anew.
    """
    program = locate(target, context.component, context.service)
    try:
        facts = await facts_of(program, context)
        declared = await in_thread(gather, target, facts.markers)
    except NoAnswer as error:
        return [context.unknown(str(error))]
    except Missing as error:
        return [
            context.critical(
                codes.INTERPRETER_MISSING,
                observed=str(error),
                expected="the component's interpreter",
                hint=f"make it with `python3 -m venv {program.parent.parent}` and install the packages, "
                "or correct `interpreter`",
                path=program,
            )
        ]
    except Unusable as error:
        return [
            context.critical(
                codes.INTERPRETER_UNUSABLE,
                observed=str(error),
                expected="an interpreter that starts",
                because="it was asked for nothing but its version and its packages",
                hint=f"run `{program} -V`; an environment whose Python was removed or replaced must be made anew",
                path=program,
            )
        ]
    return _judged(target, facts, declared, program, context)


def _judged(target: Python, facts: Facts, declared: Declared, program: Path, context: Context) -> list[Finding]:
    found = []
    wrong = [pair for pair in declared.requires_python if not pair[0].contains(facts.version, prereleases=True)]
    if wrong:
        allowed = ", ".join(f"`{specifier}` ({who})" for specifier, who in wrong)
        found.append(
            context.critical(
                codes.VERSION,
                observed=f"`{program}` is Python {facts.version}",
                expected=f"a version within {allowed}",
                because="the component itself declares which versions it supports",
                hint="make the environment anew with a Python of a supported version",
                path=program,
            )
        )
    if target.virtualenv and not facts.is_virtual:
        found.append(
            context.warning(
                codes.NO_VENV,
                observed=f"`{program}` has no virtual environment: its packages are those of `{facts.prefix}`",
                expected="a virtual environment of the component's own",
                hint="make one with `python3 -m venv .venv`; where the whole machine belongs to the component, "
                "as in a container, say `virtualenv: false`",
                path=program,
            )
        )
    kind = "in a virtual environment" if facts.is_virtual else "without a virtual environment"
    return found or [context.ok(f"Python {facts.version} {kind}")]


@check(codes.PACKAGE_MISSING, of=Python, timeout_s=_TIMEOUT_S)
async def packages(target: Python, context: Context) -> Sequence[Finding]:
    """Every declared package is installed in the component's environment.

    Looks at: the requirements files with all that they include, the pyproject, the lock file, each for the markers of
    the component's own interpreter; the installed packages as that interpreter tells them; and what those need.
    Why: an import that fails brings the component down, often only when the part that needs it is first used.
    By hand: ``INTERPRETER -m pip install --dry-run -r requirements.txt``
    Healed by: install-package, after approval.
    """
    program = locate(target, context.component, context.service)
    try:
        facts = await facts_of(program, context)
    except (NoAnswer, Missing, Unusable) as error:
        return [_unasked(error, context)]
    if facts.installed is None:
        return [_too_old(facts, context)]
    declared = await in_thread(gather, target, facts.markers)
    missing = await in_thread(lacks, declared, facts)
    return [_lack(each, program, context) for each in missing[:_MOST_TOLD]] or [_complete(declared, facts, context)]


@check(codes.PACKAGE_CONFLICT, of=Python, timeout_s=_TIMEOUT_S)
async def conflicts(target: Python, context: Context) -> Sequence[Finding]:
    """Every installed package has a version that is allowed wherever it is needed.

    Looks at: the installed versions as the component's own interpreter tells them, against the ranges in requirements
    files, constraints and the pyproject (critical), against the lock file and against what installed packages ask of
    each other (a warning).
    Why: a package of another version than the one that was tested fails in ways that look like faults of the service.
    By hand: ``INTERPRETER -m pip check``; ``INTERPRETER -m pip list``
    Healed by: nothing automatic, because which of the two sides is right is for a person to say.
    """
    program = locate(target, context.component, context.service)
    try:
        facts = await facts_of(program, context)
    except (NoAnswer, Missing, Unusable) as error:
        return [_unasked(error, context)]
    if facts.installed is None:
        return [_too_old(facts, context)]
    declared = await in_thread(gather, target, facts.markers)
    found = await in_thread(clashes, declared, facts)
    told = [_clash(each, program, context) for each in found[:_MOST_TOLD]]
    if not told and not declared.wanted and not facts.is_virtual:
        return [
            context.ok("no file declares a package; how those of the whole system agree is no concern of this part")
        ]
    return told or [context.ok(f"none of {len(facts.installed)} installed packages contradicts another or a file")]


@check(codes.REQUIREMENTS_INVALID, of=Python, timeout_s=10)
async def requirements(target: Python, context: Context) -> Sequence[Finding]:
    """What is declared about a component's packages can be read, line by line.

    Looks at: every line of the requirements files and what they include, the tables of the pyproject and lock file.
    Why: an installation stops at the first line that it does not understand, or leaves out what nobody could read.
    By hand: open the file at the line that is named; ``python -m pip install --dry-run -r requirements.txt``
    Healed by: nothing automatic; a person corrects the line.
    """
    environment = {name: str(value) for name, value in default_environment().items()}
    declared = await in_thread(gather, target, environment)
    found = [
        (context.critical if each.is_whole_file else context.warning)(
            codes.REQUIREMENTS_INVALID,
            observed=each.observed,
            expected=each.expected,
            because="the rest of the file was taken as it is" if not each.is_whole_file else "",
            hint="correct the line" if each.line else "put the file in its place, or correct the service file",
            path=each.source,
            line=each.line,
        )
        for each in declared.unclear[:_MOST_TOLD]
    ]
    if found:
        return found
    unnamed = f"; not looked for, as they name no package: {', '.join(declared.unnamed)}" if declared.unnamed else ""
    if not target.files:
        return [context.ok("no file declares packages")]
    return [context.ok(f"every line of {', '.join(f'`{each.name}`' for each in target.files)} is clear{unnamed}")]


def _unasked(error: Exception, context: Context) -> Finding:
    return context.unknown(
        f"the interpreter cannot be asked for its packages: {error}",
        hint=f"`paramedic check {context.component.name}` tells what is wrong with the interpreter",
    )


def _too_old(facts: Facts, context: Context) -> Finding:
    return context.unknown(f"Python {facts.version} cannot tell its packages; 3.8 is the first that can")


def _complete(declared: Declared, facts: Facts, context: Context) -> Finding:
    count = len({each.key for each in declared.wanted if each.is_required})
    if not count:
        return context.ok(f"no file declares a package; {len(facts.installed or ())} are installed")
    return context.ok(f"all of {count} declared packages are installed")


def _lack(lack: Lack, program: Path, context: Context) -> Finding:
    command = shlex.join((str(program), "-m", "pip", "install", *(("-e",) if lack.is_editable else ()), lack.argument))
    tell = context.critical if lack.wanted else context.warning
    return tell(
        codes.PACKAGE_MISSING,
        observed=f"`{lack.name}` is not installed",
        expected=f"`{lack.argument}`",
        because=f"{lack.wanted.where} declares it" if lack.wanted else f"the installed `{lack.needed_by}` needs it",
        hint=f"approve the plan that installs it, or install it yourself with `{command}`",
        path=lack.wanted.source if lack.wanted else None,
        line=lack.wanted.line if lack.wanted else None,
    )


def _clash(clash: Clash, program: Path, context: Context) -> Finding:
    declared = clash.wanted
    tell = context.critical if declared and not declared.is_locked else context.warning
    by = f"{declared.where} {'fixes' if declared.is_locked else 'declares'} it" if declared else (
        f"the installed `{clash.needed_by}` needs it"
    )  # fmt: skip
    wish = f"{clash.name}{clash.allowed}"
    return tell(
        codes.PACKAGE_CONFLICT,
        observed=f"`{clash.name}` {clash.version} is installed",
        expected=f"`{wish}`",
        because=by,
        hint=f"install an allowed version with `{shlex.join((str(program), '-m', 'pip', 'install', wish))}`, "
        "or change what is declared",
        evidence=(Evidence(label="installed in", text=str(program.parent.parent)),),
        path=declared.source if declared else None,
        line=declared.line if declared else None,
    )
