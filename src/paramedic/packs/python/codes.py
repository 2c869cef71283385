"""Everything that can be wrong with the Python that a component runs on."""

from paramedic.sdk import Code, Ending, IssueType

INTERPRETER_MISSING = Code(
    id="python.interpreter-missing",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="the interpreter of a component is not there",
)
INTERPRETER_UNUSABLE = Code(
    id="python.interpreter-unusable",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="the interpreter of a component does not start, or is no Python",
)
VERSION = Code(
    id="python.version",
    type=IssueType.CONFIG,
    depth=3,
    ending=Ending.ADVISE,
    summary="the interpreter has a version that the component does not support",
)
NO_VENV = Code(
    id="python.no-venv",
    type=IssueType.CONFIG,
    depth=1,
    ending=Ending.ADVISE,
    summary="a component's interpreter has no virtual environment",
)
PACKAGE_MISSING = Code(
    id="python.package-missing",
    type=IssueType.CONFIG,
    depth=3,
    summary="a declared package is not installed in the component's environment",
)
PACKAGE_CONFLICT = Code(
    id="python.package-conflict",
    type=IssueType.CONFIG,
    depth=2,
    ending=Ending.ADVISE,
    summary="an installed package has a version that is not allowed where it is needed",
)
REQUIREMENTS_INVALID = Code(
    id="python.requirements-invalid",
    type=IssueType.CONFIG,
    depth=2,
    ending=Ending.ADVISE,
    summary="what is declared about a component's packages cannot be read",
)
