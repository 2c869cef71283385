"""How the show looks on a terminal, in 80 columns."""

from statistics import median

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from paramedic.demo.show import Act, Show, Stage

_WIDTH = 80
_LOOKS = {
    Stage.WAITING: ("·", "dim"),
    Stage.BREAKING: ("x", "bold red"),
    Stage.FOUND: ("!", "bold yellow"),
    Stage.HEALING: ("+", "bold cyan"),
    Stage.HEALED: ("✓", "bold green"),
    Stage.FAILED: ("✗", "bold red"),
}
_PLAIN = {"·": ".", "✓": "v", "✗": "X"}


def board(show: Show, *, ascii_only: bool = False) -> RenderableType:
    """The whole picture at this moment."""
    parts: list[RenderableType] = [_title(show), _table(show, ascii_only=ascii_only)]
    if show.took_s:
        parts.append(_score(show, ascii_only=ascii_only))
    return Group(*parts)


def line(act: Act) -> str:
    """One act in one line, for where there is no terminal."""
    outcome = act.outcome
    if outcome is None:
        return f"{act.words}: {act.stage}"
    if not outcome.passed:
        return f"{act.words}: FAILED: {outcome.why}"
    return (
        f"{act.words}: found {act.found} in {_seconds(outcome.detect_s)}, "
        f"healed by {act.playbook} and verified in {_seconds(outcome.recover_s)}"
    )


def score(show: Show) -> list[str]:
    """What it comes to, in lines."""
    outcomes = show.outcomes
    healed = [each for each in outcomes if each.passed]
    lines = [f"{len(healed)} of {len(outcomes)} faults found, named, healed, and verified by the checks that failed"]
    for what, times in (
        ("found", [each.detect_s for each in healed if each.detect_s is not None]),
        ("named", [each.diagnose_s for each in healed if each.diagnose_s is not None]),
        ("healed", [each.recover_s for each in healed if each.recover_s is not None]),
    ):
        if times:
            lines.append(f"{what:<7} after {median(times):6.2f} s (median), {max(times):6.2f} s at most")
    sound = "broken" if show.breaks else "sound"
    lines.append(f"{show.receipts} receipts, their chains {sound}; {show.took_s:.0f} s in all")
    lines += show.breaks
    lines += [f"{each.id}: {each.why}" for each in outcomes if not each.passed]
    return lines


def _title(show: Show) -> Text:
    left = Text.assemble((" paramedic ", "bold white on red"), ("  a small shop assistant", "bold"))
    right = f"{show.doing}  {show.elapsed_s:3.0f} s "
    return Text.assemble(left, " " * max(2, _WIDTH - left.cell_len - len(right)), (right, "dim"))


def _table(show: Show, *, ascii_only: bool) -> Table:
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, width=_WIDTH, padding=(0, 1), pad_edge=False)
    table.add_column("", width=1)
    table.add_column("what we break, what heals it", width=33, no_wrap=True)
    table.add_column("what it is", ratio=1, no_wrap=True)
    table.add_column("found", justify="right", width=7)
    table.add_column("healed", justify="right", width=7)
    for act in show.acts:
        glyph, style = _LOOKS[act.stage]
        glyph = _PLAIN.get(glyph, glyph) if ascii_only else glyph
        outcome = act.outcome
        code, _, component = act.found.partition(" on ")
        table.add_row(
            Text(glyph, style),
            Text.assemble((act.words, "dim" if act.stage is Stage.WAITING else ""), "\n", (_how(act), style)),
            Text.assemble(code, "\n", (f"on {component}" if component else "", "dim")),
            _short(outcome.detect_s if outcome else None),
            Text(_short(outcome.recover_s if outcome else None), "green"),
        )
    return table


def _how(act: Act) -> str:
    match act.stage:
        case Stage.WAITING:
            return ""
        case Stage.BREAKING:
            return "breaking it"
        case Stage.FOUND:
            return "found"
        case Stage.HEALING:
            return f"healing: {act.playbook}"
        case Stage.HEALED:
            return f"healed by {act.playbook}"
        case Stage.FAILED:
            return "FAILED"


def _score(show: Show, *, ascii_only: bool) -> Panel:
    style = "green" if show.is_success else "red"
    return Panel(
        Text("\n".join(score(show))),
        title="score" if show.is_success else "score: FAILED",
        title_align="left",
        border_style=style,
        box=box.ASCII if ascii_only else box.ROUNDED,
        width=_WIDTH,
    )


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:.2f} s"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
