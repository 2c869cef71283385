"""Where a module can be changed, and the change itself."""

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

import paramedic.guard

ROOT = Path(paramedic.guard.__file__).parent
TOP = Path(__file__).parents[2]
TESTS = TOP / "tests" / "guard"

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.RShift: ast.LShift, ast.LShift: ast.RShift, ast.UAdd: ast.USub,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change."""

    module: str
    number: int
    """Among the sites of its module."""
    kind: str
    words: str
    line: int
    first: int
    last: int
    """The lines of its statement: who passes one of them may notice."""
    text: str
    """The line itself."""

    @property
    def key(self) -> str:
        """How exclusions name a line: by its text, so that they move with it."""
        return f"{self.module}: {self.text}"

    @property
    def hint(self) -> str:
        """The same change in an edited module, most likely."""
        return f"{self.key} {self.kind} {self.words}"

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.kind}: {self.words}"


def path_of(module: str) -> Path:
    return ROOT / f"{module}.py"


def modules() -> list[str]:
    return sorted(each.stem for each in ROOT.glob("*.py"))


def sites(tree: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """Where a tree can be changed: the node, what kind of change, and words for it. Annotations and texts stay."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            below = getattr(node, name, None)
            if isinstance(below, ast.AST):
                skipped.update(map(id, ast.walk(below)))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(map(id, ast.walk(node)))
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id in ("__slots__", "__all__", "F") for each in node.targets
        ):
            skipped.update(map(id, ast.walk(node)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("TypeVar", "cast"):
            skipped.update(map(id, ast.walk(node.args[0])))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.update(map(id, ast.walk(node)))  # docstrings
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and is_type(node.targets[0].id):
            skipped.update(map(id, ast.walk(node)))  # a name for a type stands in annotations only
        if isinstance(node, ast.JoinedStr | ast.FormattedValue):
            skipped.update(id(each) for each in ast.walk(node) if isinstance(each, ast.Constant))  # words for people
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp) and type(node.op) in SWAPPED:
            yield node, "operator", f"{type(node.op).__name__}"
        elif isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                if type(operator) in SWAPPED:
                    yield node, f"compare {number}", type(operator).__name__
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            yield node, "drop", type(node.op).__name__
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, bool):
                yield node, "flip", str(node.value)
            elif isinstance(node.value, int | float):
                yield node, "plus one", str(node.value)
            elif isinstance(node.value, str) and node.value:
                yield node, "text", repr(node.value)[:30]
        elif isinstance(node, ast.If | ast.While | ast.IfExp) and not isinstance(node.test, ast.Constant):
            yield node, "negate", "condition"
        elif isinstance(node, ast.Return) and node.value is not None and not is_none(node.value):
            yield node, "return none", "return"
        elif isinstance(node, ast.Assign) and not is_none(node.value) and not isinstance(node.value, ast.Constant):
            yield node, "assign none", "assignment"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await):
            yield node, "drop call", ast.unparse(node.value)[:40]
        elif isinstance(node, ast.Break | ast.Continue):
            yield node, "swap jump", type(node).__name__
        elif isinstance(node, ast.Raise) and node.exc is None:
            yield node, "drop raise", "raise"


def is_type(name: str) -> bool:
    """Whether a name is spelled like a class."""
    return name[0].isupper() and not name.isupper()


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


@functools.cache
def parsed(module: str) -> tuple[ast.Module, list[tuple[ast.AST, str, str]], CodeType]:
    """A module, where it can be changed, and its code as it is; every fork changes its own."""
    path = path_of(module)
    tree = ast.parse(path.read_text())
    return tree, list(sites(tree)), compile(tree, str(path), "exec", dont_inherit=True)


def mutants(module: str) -> list[Mutant]:
    """Every mutant of a module; what it is made of is worked out in its fork."""
    tree, places, _ = parsed(module)
    text = path_of(module).read_text().splitlines()
    spans = {}
    for statement in ast.walk(tree):  # the inner ones come later and win
        if isinstance(statement, ast.stmt | ast.ExceptHandler):
            below = getattr(statement, "body", None)
            last = max(statement.lineno, below[0].lineno - 1) if below else statement.end_lineno or statement.lineno
            first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", ()))])
            for node in ast.walk(statement):
                spans[id(node)] = (first, last)
    found = []
    for number, (node, kind, words) in enumerate(places):
        first, last = spans[id(node)]
        line: int = node.lineno  # type: ignore[attr-defined]
        found.append(
            Mutant(
                module=module, number=number, kind=kind, words=words, line=line, first=min(first, line),
                last=max(last, line), text=text[line - 1].strip(),
            )
        )  # fmt: skip
    return found


class Change(ast.NodeTransformer):
    """Changes one node of a copy of the tree."""

    def __init__(self, target: ast.AST, kind: str) -> None:
        self.target, self.kind = target, kind

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.target:
            return self.generic_visit(node)
        kind = self.kind
        if kind == "operator":
            node.op = SWAPPED[type(node.op)]()  # type: ignore[attr-defined]
        elif kind.startswith("compare"):
            number = int(kind.split()[1])
            node.ops[number] = SWAPPED[type(node.ops[number])]()  # type: ignore[attr-defined]
        elif kind == "drop":
            return node.operand  # type: ignore[attr-defined]
        elif kind == "flip":
            node.value = not node.value  # type: ignore[attr-defined]
        elif kind == "plus one":
            node.value = node.value + 1  # type: ignore[attr-defined]
        elif kind == "text":
            node.value = f"X{node.value}X"  # type: ignore[attr-defined]
        elif kind == "negate":
            node.test = ast.UnaryOp(ast.Not(), node.test)  # type: ignore[attr-defined]
        elif kind in ("return none", "assign none"):
            node.value = ast.Constant(None)  # type: ignore[attr-defined]
        elif kind == "swap jump":
            return ast.copy_location(ast.Continue() if isinstance(node, ast.Break) else ast.Break(), node)
        else:
            return ast.copy_location(ast.Pass(), node)
        return node


def changed(mutant: Mutant) -> tuple[ast.Module, CodeType]:
    """The changed module, with the lines of the old one; raises ``SyntaxError`` where the change is no Python."""
    tree, places, _ = parsed(mutant.module)
    target, kind, _ = places[mutant.number]
    new = ast.fix_missing_locations(Change(target, kind).visit(tree))
    return new, compile(new, str(path_of(mutant.module)), "exec", dont_inherit=True)
