"""What is wrong with one data file: places and rules, never values, for they may be anybody's secrets."""

import csv
import hashlib
import json
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20
_LIMIT_BYTES = {"json": 256 << 20, "yaml": 4 << 20}
"""What is parsed as one document. Lines and rows are read one by one, however many there are."""
_MOST_TOLD = 20
Answer = dict[str, Any]  # Any: what is written as JSON


class _Invalid(Exception):
    """The text makes no sense in its format."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line


class _CannotJudge(Exception):
    """For a reason that says nothing about the file."""


def judge(
    files: Sequence[tuple[str, str, str | None]], required: Sequence[str] = (), schema: str | None = None
) -> list[list[Answer]]:
    """Everything that is wrong with each file, given with its format and its recorded digest."""
    return [_judge(path, format, digest, required, schema) for path, format, digest in files]


def _judge(path: str, format: str, digest: str | None, required: Sequence[str], schema: str | None) -> list[Answer]:
    try:
        seen = Path(path).stat()
        if not stat.S_ISREG(seen.st_mode):
            return [_told("missing", "is not a file")]
        if digest is not None:
            found = sha256(path)
            if found != digest:
                return [_told("checksum-mismatch", f"its SHA-256 begins with {found[:12]}, not {digest[:12]}")]
        if seen.st_size == 0:
            return [_told("empty", "has 0 bytes")]
        return _content(path, format, required, schema, seen.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return [_told("missing", "does not exist")]
    except OSError as error:
        return [_told("unknown", f"cannot be read: {error.strerror or error}")]
    except MemoryError:
        return [_told("unknown", "needs more memory than a look may take")]


def unlike(path: str, other: str) -> int:
    """How many lines a file holds that another one does not; a last line that was cut off is none of its own."""
    try:
        with Path(other).open("rb") as file:
            known = {_mark(line) for line in file}
        count, last = 0, b""
        with Path(path).open("rb") as file:
            for line in file:
                last = line
                count += bool(line.strip(b"\0 \r\n")) and _mark(line) not in known
        if count and not last.endswith(b"\n") and _mark(last) not in known:
            with Path(other).open("rb") as file:
                count -= any(line.startswith(last) for line in file)
        return count
    except OSError:
        return 0


def _mark(line: bytes) -> bytes:
    return hashlib.blake2b(line.rstrip(b"\r\n"), digest_size=12).digest()


def sha256(path: str) -> str:
    """The digest of a file."""
    total = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()


def _content(path: str, format: str, required: Sequence[str], schema: str | None, size: int) -> list[Answer]:
    if format == "binary":
        return []
    if size > _LIMIT_BYTES.get(format, size):
        return [_told("unknown", f"has {size >> 20} MB, more than can be read at once")]
    found: list[Answer] = []
    try:
        validator = _validator(schema) if schema else None
        count = 0
        for line, record in _RECORDS[format](path):
            count += 1
            found += _troubles(record, line, required, validator)
            if len(found) >= _MOST_TOLD:
                break
        if not count:
            found.append(_told("empty", "holds no record"))
    except _Invalid as error:
        found.insert(0, _told("invalid", str(error), error.line))
    except UnicodeDecodeError:
        found.insert(0, _told("invalid", "is not UTF-8"))
    except RecursionError:
        found.insert(0, _told("invalid", "is nested too deeply"))
    except _CannotJudge as error:
        found.append(_told("unknown", f"could not be held against its schema: {error}"))
    return found[:_MOST_TOLD]


def _json(path: str) -> Iterator[tuple[int | None, object]]:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        raise _Invalid(_said(error), error.lineno) from None
    except ValueError as error:
        if isinstance(error, UnicodeDecodeError):
            raise
        raise _Invalid("holds a number of thousands of digits") from None
    yield from ((None, each) for each in (document if isinstance(document, list) and document else [document]))


def _said(error: json.JSONDecodeError) -> str:
    """What a parser says, which tells nothing of the values."""
    return f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')} in column {error.colno}"


def _jsonl(path: str) -> Iterator[tuple[int | None, object]]:
    with Path(path).open(encoding="utf-8-sig") as file:
        for number, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                yield number, json.loads(text)
            except json.JSONDecodeError as error:
                raise _Invalid(_said(error), number) from None
            except ValueError:
                raise _Invalid("holds a number of thousands of digits", number) from None


def _csv(path: str) -> Iterator[tuple[int | None, object]]:
    csv.field_size_limit(min(sys.maxsize, 64 << 20))
    with Path(path).open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        mark = max("\t;,", key=first.count) if first else ","
        file.seek(0)
        rows = csv.reader(file, delimiter=mark, strict=True)
        names: list[str] | None = None
        try:
            for row in rows:
                if not row:
                    continue
                if any("\0" in each for each in row):
                    raise _Invalid("holds bytes of zero", rows.line_num)
                if names is None:
                    names = [each.strip() for each in row]
                    yield rows.line_num, dict.fromkeys(names, "")
                elif len(row) != len(names):
                    raise _Invalid(f"has {len(row)} values where there are {len(names)} columns", rows.line_num)
        except csv.Error as error:
            raise _Invalid(str(error), rows.line_num) from None


def _yaml(path: str) -> Iterator[tuple[int | None, object]]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    # the round-trip loader lets unknown tags stand and runs no code
    yaml = YAML(typ="rt", pure=True)
    yaml.allow_duplicate_keys = True
    yaml.composer.warn_double_anchors = False
    try:
        documents = [each for each in yaml.load_all(Path(path).read_text(encoding="utf-8-sig")) if each is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Invalid("is not well-formed", mark.line + 1 if mark else None) from None
    except YAMLError:
        raise _Invalid("holds a character that YAML does not allow") from None
    except (UnicodeDecodeError, RecursionError):
        raise
    except Exception as error:  # a boundary: constructors of odd scalars raise whatever they like
        raise _Invalid(f"holds a value that cannot exist ({type(error).__name__})") from None
    for document in documents:
        for each in document if isinstance(document, list) and document else [document]:
            yield None, each


_RECORDS = {"json": _json, "jsonl": _jsonl, "csv": _csv, "yaml": _yaml}


def _troubles(record: object, line: int | None, required: Sequence[str], validator: Any) -> list[Answer]:
    found = [_told("missing-field", f"`{key}` is not set", line) for key in required if not _has(record, key)]
    if validator is not None:
        try:
            broken = [*validator.iter_errors(record)]
        except Exception as error:  # a boundary: schemas are a language of their own and fail in their own ways
            raise _CannotJudge(f"{type(error).__name__}") from None
        for each in broken:
            key = ".".join(str(part) for part in each.absolute_path) or "the whole"
            found.append(_told("invalid-value", f"`{key}` breaks the rule `{each.validator}` of its schema", line))
    return found


def _has(record: object, dotted: str) -> bool:
    here: object = record
    if isinstance(record, Mapping) and dotted in record:
        return record[dotted] is not None
    for part in dotted.split("."):
        if not isinstance(here, Mapping) or here.get(part) is None:
            return False
        here = here[part]
    return True


def _validator(schema: str) -> Any:  # Any: an optional package, whose types may or may not be installed
    try:
        validators: Any = import_module("jsonschema.validators")
        registry: Any = import_module("referencing").Registry()  # empty: a reference elsewhere is never fetched
    except ImportError:
        raise _CannotJudge("the package `jsonschema` is not installed") from None
    try:
        rules = json.loads(Path(schema).read_bytes())
        kind = validators.validator_for(rules)
        kind.check_schema(rules)
        return kind(rules, registry=registry)
    except Exception as error:  # a boundary: see above
        raise _CannotJudge(f"`{Path(schema).name}` could not be used ({type(error).__name__})") from None


def _told(verdict: str, text: str, line: int | None = None) -> Answer:
    return {"verdict": verdict, "text": text, "line": line}
