"""Everything that can be wrong with a data file."""

from paramedic.sdk import Code, IssueType


def _code(name: str, summary: str, *, is_damage: bool = False) -> Code:
    return Code(
        id=f"data.{name}",
        type=IssueType.DATABASE,
        depth=3,
        instant=is_damage,
        is_damage=is_damage,
        summary=summary,
    )


MISSING = _code("missing", "a data file does not exist")
EMPTY = _code("empty", "a data file holds nothing")
INVALID_JSON = _code("invalid-json", "a data file is no JSON")
INVALID_CSV = _code("invalid-csv", "a data file is no table of the same columns throughout")
INVALID_YAML = _code("invalid-yaml", "a data file is no YAML")
MISSING_FIELD = _code("missing-field", "a record lacks a required key")
INVALID_VALUE = _code("invalid-value", "a record breaks its schema")
CHECKSUM_MISMATCH = _code(
    "checksum-mismatch", "a file that never changes is not what its manifest says any more", is_damage=True
)
