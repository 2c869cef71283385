"""``bench/causes.py`` reads any folder of the layout, and says what it could not do."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "causes.py"
NAMES = ("shop", "till", "shop_client", "bank_remote")
CALLS = {"shop_client": ["shop"], "shop": ["till"], "till": ["bank_remote"]}
WOBBLE = (1.0, 1.02, 0.98, 1.01, 0.99)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(BENCH), *arguments], capture_output=True, text=True, check=False, timeout=120
    )


def write_table(path: Path, values: Mapping[tuple[str, str, str], Sequence[object]]) -> None:
    length = len(next(iter(values.values())))
    rows = [[head, *(key[at] for key in values)] for at, head in enumerate(("microservice", "metric", "statistic"))]
    rows += [[str(1000 + 300 * at), *(str(each[at]) for each in values.values())] for at in range(length)]
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(",".join(row) for row in rows))


def measured(slower: Mapping[str, float], length: int) -> dict[tuple[str, str, str], list[object]]:
    """Every component answers in 0.1 s and, in the third and fourth interval, slower; nobody asks the bank."""
    found: dict[tuple[str, str, str], list[object]] = {}
    for name in NAMES:
        steady = [0.1 * WOBBLE[at % 5] + (slower.get(name, 0.0) if at in {2, 3} else 0.0) for at in range(length)]
        found[name, "latency", "Average"] = list(steady) if name != "bank_remote" else [""] * length
        found[name, "requests", "Sum"] = [100.0 * (name != "bank_remote")] * length
        found[name, "availability", "Average"] = [100.0 if name != "bank_remote" else ""] * length
    return found


def layout(folder: Path) -> Path:
    """One scenario with one case: the till is slow, and so is the shop."""
    scenario = folder / "quiet"
    write_table(scenario / "noissue" / "metrics.csv", measured({}, 40))
    issue = scenario / "unseen" / "issue_0"
    write_table(issue / "metrics.csv", measured({"till": 0.5, "shop": 0.5, "shop_client": 0.5}, 5))
    target = {"node": "shop", "metric": "latency", "agg": "Average", "timestamp": 1550}
    (issue / "target.json").write_text(json.dumps({"target": target, "root_cause": {"node": "till"}}))
    rows = [["", *NAMES], *([name, *(str(float(each in CALLS.get(name, []))) for each in NAMES)] for name in NAMES)]
    (scenario / "graph.csv").write_text("\n".join(",".join(row) for row in rows))
    return folder


def test_any_folder_of_the_layout_is_judged(tmp_path: Path) -> None:
    """Names and depth of the folders do not matter; every method has its line, every number its place in the JSON."""
    data = layout(tmp_path / "data")
    done = bench("--data", str(data), "--injected", "0", "--json", str(tmp_path / "out.json"))
    assert done.returncode == 0, done.stderr
    assert "AC@1: 1.00, target 0.75: reached" in done.stdout
    assert "All cases have the same cause" in done.stdout
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert {"paramedic", "N-sigma, every name", "BARO-style, same suspects"} <= {each["method"] for each in rows}
    assert (rows[0]["part"], rows[0]["cases"], rows[0]["ac_1"]) == ("all", 1, 1.0)


def test_a_missed_target_is_printed(tmp_path: Path) -> None:
    """Nothing is hidden: the case that was missed is named with who was blamed for it."""
    data = layout(tmp_path / "data")
    target = data / "quiet" / "unseen" / "issue_0" / "target.json"
    target.write_text(target.read_text().replace('"till"', '"bank_remote"'))
    done = bench("--data", str(data), "--injected", "0")
    assert "AC@1: 0.00, target 0.75: MISSED" in done.stdout
    assert "Not first: quiet/unseen/issue_0: till." in done.stdout


def test_missing_data_is_said(tmp_path: Path) -> None:
    """A folder that is not there, and one without cases, are no empty table."""
    gone = bench("--data", str(tmp_path / "gone"))
    assert (gone.returncode, "nothing was measured" in gone.stdout) == (1, True)
    empty = bench("--data", str(tmp_path))
    assert empty.returncode == 1
    assert "no `target.json` below" in empty.stderr
