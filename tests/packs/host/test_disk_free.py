"""The action that makes room: what it deletes, and above all what it does not."""

import os
import time
from pathlib import Path

import pytest

from paramedic.packs.files.target import Entry, Files
from paramedic.packs.host import pack
from paramedic.packs.host.expendable import delete, expendable, patterns
from paramedic.packs.host.target import Host
from paramedic.sdk import ActionFailed, DidIt, Risk
from paramedic.sdk.action import Verifiable

[FREE] = pack.actions
OLD = time.time() - 86_400


def old(path: Path, *, size: int = 4096, age_s: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (OLD - age_s, OLD - age_s))
    return path


def found(bench, *prunable: str, **fields) -> set[str]:
    """Names of what may be deleted in the bench's folder, relative to it."""
    host = Host(prunable=prunable, **fields)
    service = bench.service(bench.component(host))
    usable, _ = patterns(host, service)
    home = Path(os.path.realpath(bench.folder))
    return {
        str(each.path.relative_to(home)) if each.path.is_relative_to(home) else str(each.path)
        for each in expendable(usable, service, bench.clock.now())
    }


async def test_it_deletes_the_oldest_until_there_is_room(act, mount, fill):
    """On a real full disk: exactly what the preview lists goes, oldest first, and no more than needed."""
    volume = mount("size=1m")
    for n in range(30):
        old(volume / "cache" / f"{n}.tmp", size=16_384, age_s=1000 - n)
    fill(volume, 98, name="precious")
    context = act(Host(paths=(volume,), prunable=(f"{volume}/cache/*.tmp",)))
    preview = await FREE.action.preview(context)
    assert preview.blocked is None
    assert preview.loss == ()
    assert sorted(volume.glob("cache/*")) == sorted(volume / "cache" / f"{n}.tmp" for n in range(30))
    outcome = await FREE.action.apply(context)
    gone = set(outcome.output["files"])
    assert gone == {line.split()[1] for line in preview.diff.splitlines()}
    assert gone == {str(volume / "cache" / f"{n}.tmp") for n in range(len(gone))}
    assert 0 < len(gone) < 30
    assert outcome.output["percent_before"] > 97
    assert 86 < outcome.output["percent_after"] < 90
    await FREE.action.verify(context, outcome.output)
    again = await FREE.action.apply(context)
    assert "nothing to do" in again.summary
    await FREE.action.verify(context, again.output)
    assert "nothing" in (await FREE.action.preview(context)).summary


async def test_it_works_on_any_disk(act, bench):
    """On this machine's own disk, with a limit that it is beyond, every expendable file goes and no other."""
    for name in ("a.tmp", "deep/b.tmp", "precious.txt"):
        old(bench.folder / "cache" / name)
    context = act(Host(prunable=("cache/**/*.tmp",)), thresholds={"disk_percent": 1e-9})
    outcome = await FREE.action.apply(context)
    assert outcome.output["count"] == 2
    assert [path.name for path in (bench.folder / "cache").rglob("*") if path.is_file()] == ["precious.txt"]


async def test_after_a_crash_it_goes_on(act, mount, fill):
    """Killed in the middle, the second run deletes the rest; what is gone is not counted twice."""
    volume = mount("size=1m")
    for n in range(20):
        old(volume / f"{n}.old", size=16_384)
    fill(volume, 98, name="precious")

    def crash(_name: str) -> None:
        raise KeyboardInterrupt

    host = Host(paths=(volume,), prunable=(f"{volume}/*.old",))
    with pytest.raises(KeyboardInterrupt):
        await FREE.action.apply(act(host, checkpoint=crash))
    assert len(list(volume.glob("*.old"))) == 19
    assert await FREE.action.reconcile(act(host)) is DidIt.NO
    outcome = await FREE.action.apply(act(host))
    assert outcome.output["percent_after"] < 90


async def test_verify_compares_with_before(act, mount, fill):
    """When the disk is as full as before, the action failed, whatever it deleted."""
    volume = mount("size=1m")
    fill(volume, 95)
    with pytest.raises(ActionFailed, match="as full as before"):
        await FREE.action.verify(act(Host(paths=(volume,))), {"percent_before": 50.0})


async def test_nothing_declared_is_blocked(act, mount, fill):
    """Without anything expendable the plan is blocked and says why, and acting all the same fails."""
    volume = mount("size=1m")
    fill(volume, 95)
    context = act(Host(paths=(volume,), prunable=("../*.tmp",)))
    preview = await FREE.action.preview(context)
    assert "`prunable`" in preview.blocked
    assert "`../*.tmp` is empty or leads upward" in preview.blocked
    with pytest.raises(ActionFailed, match="nothing may be deleted"):
        await FREE.action.apply(context)


async def test_another_kind_is_refused(act):
    """Bound to a component that is no host, it fails."""
    with pytest.raises(ActionFailed, match="no host"):
        await FREE.action.apply(act(FREE))


def test_it_is_safe_and_verifiable():
    """Its risk is `safe`, and it proves its own effect."""
    assert FREE.risk is Risk.SAFE
    assert isinstance(FREE.action, Verifiable)


# ------------------------------------------------------------------ what is left alone


def test_young_files_stay(bench):
    """Only what is older than `prune_after` counts."""
    old(bench.folder / "cache/old.tmp")
    (bench.folder / "cache/young.tmp").write_text("x")
    assert found(bench, "cache/*.tmp") == {"cache/old.tmp"}
    assert found(bench, "cache/*.tmp", prune_after_s=0) == {"cache/old.tmp", "cache/young.tmp"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("cache/*.tmp", {"cache/a.tmp"}),
        ("cache/**/*.tmp", {"cache/a.tmp", "cache/deep/b.tmp", "cache/deep/er/c.tmp"}),
        ("cache/*/b.tmp", {"cache/deep/b.tmp"}),
        ("cache/deep/b.tmp", {"cache/deep/b.tmp"}),
        ("cache/[ab].*", {"cache/a.tmp", "cache/a.txt"}),
        ("cache/.h*", {"cache/.hidden.tmp"}),
        ("**/*.txt", {"cache/a.txt"}),
        ("missing/*", set()),
    ],
)
def test_patterns_mean_what_a_shell_means(bench, pattern, names):
    """`*` stays within a folder, `**` goes deeper, hidden files are meant only by name."""
    for name in ("a.tmp", "a.txt", "deep/b.tmp", "deep/er/c.tmp", ".hidden.tmp"):
        old(bench.folder / "cache" / name)
    assert found(bench, pattern) == names


def test_links_are_not_followed(bench, tmp_path_factory):
    """Neither a linked file, nor a linked folder below the root, nor a linked root leads to a deletion."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    precious = old(elsewhere / "precious.tmp")
    cache = bench.folder / "cache"
    old(cache / "mine.tmp")
    (cache / "link.tmp").symlink_to(precious)
    (cache / "folder").symlink_to(elsewhere)
    (bench.folder / "linked").symlink_to(elsewhere)
    os.link(old(bench.folder / "twice"), cache / "twice.tmp")
    assert found(bench, "cache/**/*.tmp", "linked/*.tmp") == {"cache/mine.tmp"}
    _, refused = patterns(Host(prunable=("linked/*.tmp",)), bench.service(bench.component(Host())))
    assert "symbolic link" in refused[0]


def test_a_link_put_in_the_way_meanwhile_is_noticed(bench, tmp_path_factory):
    """Between finding and deleting, a folder or file swapped for a link or another file is left alone."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    precious = old(elsewhere / "x.tmp")
    for name in ("one", "two", "three", "four"):
        old(bench.folder / "cache" / name / "x.tmp")
    host = Host(prunable=("cache/**/*.tmp",))
    service = bench.service(bench.component(host))
    files = {each.within[0]: each for each in expendable(patterns(host, service)[0], service, bench.clock.now())}
    cache = bench.folder / "cache"
    (cache / "one").rename(cache / "moved")
    (cache / "one").symlink_to(elsewhere)
    (cache / "two/x.tmp").write_text("new")
    (cache / "three/x.tmp").unlink()
    assert [delete(files[name]) for name in ("one", "two", "three", "four")] == [False, False, False, True]
    assert precious.exists()
    cache.rename(bench.folder / "moved")
    cache.symlink_to(elsewhere)
    old(elsewhere / "two/x.tmp")
    assert not delete(files["two"])
    assert (elsewhere / "two/x.tmp").exists()


def test_what_the_service_file_names_is_protected(bench):
    """No pattern means the service file, Paramedic's state, or a file that a component is about."""
    bench.folder = Path(os.path.realpath(bench.folder))
    database = old(bench.folder / "data/chat.db")
    old(bench.folder / "data/rest.db")
    old(bench.folder / "paramedic.yaml")
    old(bench.folder / ".paramedic/store.db")
    bench.others["db"] = bench.component(Host(paths=(database,)), name="db")
    kept = old(bench.folder / "data/kept.db")
    bench.others["files"] = bench.component(Files(paths=(Entry(path=kept, mode="0600"),)), name="files")
    assert found(bench, "**/*.db", "*.yaml", ".paramedic/*") == {"data/rest.db"}


def test_own_expired_reports_and_plans(bench):
    """Paramedic's own reports and plans go when their retention is over; nothing else of its state does."""
    bench.folder = Path(os.path.realpath(bench.folder))
    report = "diagnostics/check-bench-20261121T101500.123456Z.json"
    for name in (report, "diagnostics/check-list.txt", ".paramedic/plans/p1/copy.yaml", ".paramedic/x"):
        old(bench.folder / name, age_s=8 * 86_400)
    old(bench.folder / "diagnostics/check-bench-20261128T101500.123456Z.json")
    old(bench.folder / ".paramedic/plans/p2/copy.yaml")
    assert found(bench) == {report, ".paramedic/plans/p1/copy.yaml"}


async def test_open_files_stay(act, mount, fill):
    """A file that a process has open is left alone, because deleting it would free nothing and may hurt."""
    volume = mount("size=1m")
    files = [old(volume / f"{n}.old", size=16_384, age_s=100 - n) for n in range(10)]
    fill(volume, 98, name="precious")
    context = act(Host(paths=(volume,), prunable=(f"{volume}/*.old",)))
    with files[0].open("rb"):
        outcome = await FREE.action.apply(context)
    assert files[0].exists()
    assert not files[1].exists()
    assert str(files[0]) not in outcome.output["files"]


async def test_only_the_full_disk_is_cleared(act, mount, fill):
    """Expendable files on another disk stay: deleting them would not help."""
    full, roomy = mount("size=1m"), mount("size=1m")
    old(full / "a.old", size=200_000)
    kept = old(roomy / "b.old", size=200_000)
    fill(full, 95, name="precious")
    await FREE.action.apply(act(Host(paths=(full, roomy), prunable=(f"{full}/*.old", f"{roomy}/*.old"))))
    assert kept.exists()
    assert not (full / "a.old").exists()


@pytest.mark.parametrize("pattern", ["", "/*", "/**/*.tmp", "../x", "a/../../x/*"])
def test_patterns_that_could_mean_everything_are_refused(bench, pattern):
    """Empty patterns, those that lead upward, and those that begin at the root of the file system are not used."""
    host = Host(prunable=(pattern,))
    usable, refused = patterns(host, bench.service(bench.component(host)))
    assert len(refused) == 1
    assert len(usable) == 2
