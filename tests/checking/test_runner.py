"""One look ends within its time and blames the patient only for what is the patient's."""

import asyncio
import threading
import time

import pytest

from paramedic.model.code import Code, IssueType
from paramedic.model.component import Component, Desired, Need
from paramedic.model.errors import UsageError
from paramedic.model.finding import Finding
from paramedic.model.service import Permit
from paramedic.model.status import Overall, Status
from paramedic.sdk import Context, Depth, check
from paramedic.sdk.blocking import in_thread
from things import Thing

BROKEN = Code(id="thing.broken", type=IssueType.OUTAGE, summary="the thing is broken")
WORN = Code(id="thing.worn", type=IssueType.RESOURCE, summary="the thing is worn")


def declare(run, **options):
    """A check named after its function."""
    return check(BROKEN, of=Thing, id=f"thing.{run.__name__.replace('_', '-')}", **options)(run)


async def passes(_thing: Thing, context: Context) -> Finding:
    return context.ok("fine", latency_ms=3.0)


async def fails(_thing: Thing, context: Context) -> Finding:
    return context.critical(BROKEN, observed="in pieces", expected="whole", hint="glue it")


async def hangs(_thing: Thing, _context: Context) -> Finding:
    await asyncio.Event().wait()
    raise AssertionError


async def clings(_thing: Thing, _context: Context) -> Finding:
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


def components(*names: str, **options) -> list[Component]:
    return [Component(name=name, kind="thing", target=Thing(name=name), **options) for name in names]


async def test_a_passing_check_is_stamped(looking):
    """A finding tells when the look ended and how long it took."""
    report = await looking(declare(passes)).run()
    (finding,) = report.findings
    assert (finding.status, finding.observed, finding.component) == (Status.OK, "fine", "it")
    assert finding.at is not None
    assert finding.at.utcoffset().total_seconds() == 0
    assert finding.duration_ms > 0
    assert (report.overall, report.exit_code) == (Overall.HEALTHY, 0)


async def test_a_failing_check_is_the_state_of_the_service(looking):
    """The worst finding stands first and decides."""
    report = await looking(declare(passes), declare(fails)).run()
    assert [finding.status for finding in report.findings] == [Status.CRITICAL, Status.OK]
    assert (report.overall, report.exit_code) == (Overall.CRITICAL, 2)


@pytest.mark.parametrize("run", [hangs, clings])
async def test_a_hung_check_is_unknown(looking, run):
    """A check that does not end is given up in time, even when it swallows its cancellation."""
    started = time.monotonic()
    report = await looking(declare(run, timeout_s=0.2)).run()
    (finding,) = report.findings
    assert (finding.status, finding.code) == (Status.UNKNOWN, "paramedic.check-timed-out")
    assert f"thing.{run.__name__}" in finding.observed
    assert time.monotonic() - started < 5
    assert report.exit_code == 3


async def test_fifty_hung_checks_delay_no_other(looking):
    """The fast ones have long ended when the hung ones are given up, although there are few slots."""
    ended: list[str] = []

    class Progress:
        def began(self, component, check): ...

        def ended(self, component, check, findings):
            ended.append(check)

    clinging = components(*(f"hung{number}" for number in range(50)))
    fast = components(*(f"fast{number}" for number in range(20)))

    @declare
    async def mixed(thing: Thing, context: Context) -> Finding:
        if thing.name.startswith("hung"):
            return await clings(thing, context)
        moments.append(time.monotonic())
        return context.ok("fine")

    moments: list[float] = []
    runner = looking(mixed, components=[*clinging, *fast], checks_at_once=8)
    started = time.monotonic()
    report = await runner.run(progress=Progress())
    assert len(moments) == 20
    assert max(moments) - started < 4, "the fast ones waited for hung ones to time out after 5 s"
    assert [finding.status for finding in report.findings] == [Status.UNKNOWN] * 50 + [Status.OK] * 20
    assert time.monotonic() - started < 12


async def test_a_check_that_still_hangs_is_not_started_again(looking):
    """Looking every ten seconds at something that hangs for ever does not fill the memory with hung looks."""
    begun = []

    async def counted(thing: Thing, context: Context) -> Finding:
        begun.append(1)
        return await clings(thing, context)

    runner = looking(declare(counted, timeout_s=0.1))
    for _ in range(3):
        (finding,) = await runner.look("it")
        assert finding.code == "paramedic.check-timed-out"
    assert len(begun) == 1
    assert "earlier look" in finding.observed


async def test_a_blocked_thread_is_unknown_and_not_started_again(looking):
    """Blocking code hangs in its own thread; when it ends, the check looks again."""
    release, begun = threading.Event(), []

    def block() -> None:
        begun.append(1)
        release.wait()

    async def blocks(_thing: Thing, context: Context) -> Finding:
        await in_thread(block)
        return context.ok("fine")

    runner = looking(declare(blocks, timeout_s=0.1))
    for _ in range(2):
        (finding,) = await runner.look("it")
        assert finding.code == "paramedic.check-timed-out"
    assert len(begun) == 1
    release.set()
    deadline = time.monotonic() + 10
    while finding.status is not Status.OK and time.monotonic() < deadline:
        (finding,) = await runner.look("it")
    assert finding.status is Status.OK


async def test_the_component_may_have_its_own_time_out(looking):
    """`timeout` of the service file goes before the check's own."""
    runner = looking(declare(hangs, timeout_s=100), components=components("it", timeout_s=0.1))
    (finding,) = await runner.look("it")
    assert "0.1 s" in finding.observed


class Ends(BaseException):
    """What only the interpreter raises."""


@pytest.mark.parametrize(
    "error", [ValueError("oops"), SystemExit(4), KeyboardInterrupt(), Ends(), asyncio.CancelledError()]
)
async def test_a_crash_is_unknown_with_its_place(looking, error):
    """Whatever a check raises is its own fault: unknown, with the type and the line, never the patient's."""

    async def crashes(_thing: Thing, _context: Context) -> Finding:
        raise error

    (finding,) = await looking(declare(crashes)).look("it")
    assert (finding.status, finding.code) == (Status.UNKNOWN, "paramedic.check-crashed")
    line = crashes.__code__.co_firstlineno + 1
    assert f"`{type(error).__name__}` at checking/test_runner.py:{line}" in finding.observed


async def test_the_place_of_a_crash_is_in_the_pack(looking):
    """A crash inside a library is told by the line of the pack that called it."""

    async def crashes(_thing: Thing, context: Context) -> Finding:
        import json

        json.loads("{")
        return context.ok("never")

    (finding,) = await looking(declare(crashes)).look("it")
    assert f"test_runner.py:{crashes.__code__.co_firstlineno + 3}" in finding.observed


@pytest.mark.parametrize(
    "garbage",
    [
        None,
        "fine",
        7,
        [],
        [None],
        {"status": "ok"},
        Finding(component="it", kind="thing", check="x", status="fine", code=None, observed=""),
    ],
)
async def test_garbage_is_a_crash(looking, garbage):
    """A check that returns something that is no finding has not looked."""

    async def returns(_thing: Thing, _context: Context) -> object:
        return garbage

    (finding,) = await looking(declare(returns)).look("it")
    assert (finding.status, finding.code) == (Status.UNKNOWN, "paramedic.check-crashed")


async def test_a_check_that_is_no_coroutine_is_a_crash(looking):
    """A check somebody forgot to make async is reported like any other crash."""

    def plain(_thing: Thing, context: Context) -> Finding:
        return context.ok("fine")

    (finding,) = await looking(declare(plain)).look("it")
    assert finding.code == "paramedic.check-crashed"


async def test_a_finding_of_the_wrong_shape_is_made_safe(looking):
    """Words that are no words are withheld; the verdict stays."""

    async def odd(_thing: Thing, context: Context) -> Finding:
        return Finding(
            component="elsewhere", kind="x", check="y", status=Status.CRITICAL, code="thing.broken", observed=None
        )

    (finding,) = await looking(declare(odd)).look("it")
    assert (finding.status, finding.component, finding.check) == (Status.CRITICAL, "it", "thing.odd")
    assert "withheld" in finding.observed


async def test_secrets_never_leave(looking):
    """Findings and crashes are scrubbed."""

    async def tells(_thing: Thing, context: Context) -> Finding:
        return context.critical(BROKEN, observed="user s3cr3t-word", expected="", hint="use s3cr3t-word")

    async def crashes(_thing: Thing, _context: Context) -> Finding:
        raise ValueError("s3cr3t-word")

    report = await looking(
        declare(tells), declare(crashes), secrets=("s3cr3t-word",), broken={"x": "no s3cr3t-word"}
    ).run()
    assert "s3cr3t-word" not in repr(report)
    assert "[redacted]" in repr(report)


@pytest.mark.parametrize(
    ("need", "softened"),
    [
        (Need.REQUIRED, (Status.CRITICAL, Status.WARNING, Status.UNKNOWN)),
        (Need.RECOMMENDED, (Status.WARNING, Status.WARNING, Status.UNKNOWN)),
        (Need.OPTIONAL, (Status.INFO, Status.INFO, Status.UNKNOWN)),
    ],
)
async def test_the_need_softens(looking, need, softened):
    """What the service can do without is at worst a warning, or worth knowing; not having looked stays unknown."""

    async def many(_thing: Thing, context: Context) -> list[Finding]:
        return [
            context.critical(BROKEN, observed="c", expected="", hint=""),
            context.warning(WORN, observed="w", expected="", hint=""),
            context.unknown("u"),
        ]

    (looked,) = looking(declare(many), components=components("it", need=need)).due()
    findings = await looking(declare(many), components=components("it", need=need)).look_at(*looked)
    assert tuple(finding.status for finding in findings) == softened
    assert findings[0].code == "thing.broken"
    assert (need.value in findings[0].because) == (need is not Need.REQUIRED)


async def test_a_stop_on_purpose_is_not_looked_at(looking, facts):
    """What an operator stopped is not probed and not reported as broken."""
    facts.desired["it"] = Desired.STOPPED
    report = await looking(declare(fails), declare(hangs, timeout_s=60)).run()
    assert [(each.status, each.observed) for each in report.findings] == [(Status.INFO, "stopped on purpose")] * 2
    assert report.exit_code == 0


async def test_a_crash_of_the_process_facts_is_unknown(looking, facts, monkeypatch):
    """When it cannot be known whether it should run, the check has not looked."""
    monkeypatch.setattr(facts, "facts", lambda _component: 1 / 0)
    (finding,) = await looking(declare(passes)).look("it")
    assert (finding.status, finding.code) == (Status.UNKNOWN, "paramedic.check-crashed")


async def test_what_spends_or_lives_elsewhere_is_skipped_with_its_reason(looking):
    """Nothing is left out in silence, and named on purpose it is unknown rather than well."""
    elsewhere = components("there", node="elsewhere")
    runner = looking(declare(passes, spends="tokens"), declare(fails), components=[*components("it"), *elsewhere])
    report = await runner.run()
    assert {(each.component, each.check) for each in report.skipped} == {
        ("it", "thing.passes"), ("there", "thing.passes"), ("there", "thing.fails"),
    }  # fmt: skip
    assert "tokens" in report.skipped[0].reason
    assert "`elsewhere`" in report.skipped[-1].reason
    assert [each.component for each in report.findings] == ["it"]
    (finding,) = await runner.look("it", ["thing.passes"])
    assert finding.status is Status.UNKNOWN
    assert await runner.look("there") == ()


async def test_slow_imports_cost_no_look_its_time(looking, tmp_path, monkeypatch):
    """What a check imports is there before the time of any look begins; what cannot be imported is the check's matter."""
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(0.5)")
    monkeypatch.syspath_prepend(tmp_path)

    async def imports(_thing: Thing, context: Context) -> Finding:
        import slow_to_import  # noqa: F401

        return context.ok("there")

    both = (
        declare(passes, timeout_s=0.3),
        declare(imports, timeout_s=0.3, imports=("slow_to_import", "absent_module")),
    )
    report = await looking(*both).run()
    assert {each.status for each in report.findings} == {Status.OK}


async def test_a_run_ends_in_time_whatever_hangs(looking):
    """After the limit of the whole run, what has not ended or had no turn is unknown; what ended keeps its verdict."""
    runner = looking(declare(passes), declare(hangs, timeout_s=60), components=components(*"abc"), checks_at_once=1)
    began = time.monotonic()
    report = await runner.run(limit_s=0.9)
    assert time.monotonic() - began < 5
    late = [each for each in report.findings if each.check == "thing.hangs"]
    assert [(each.status, each.code) for each in late] == [(Status.UNKNOWN, "paramedic.check-timed-out")] * 3
    assert "when the run was over" in late[0].observed
    assert not report.interrupted
    assert any(each.status is Status.OK for each in report.findings)


async def test_what_writes_runs_only_where_it_is_permitted(looking):
    """A check asks for a permit by its target; the service file gives it, and nobody else."""
    spec = declare(passes, asks=lambda thing: [Permit.WRITES] if thing.name else [])
    both = [
        Component(name="reads", kind="thing", target=Thing()),
        Component(name="writes", kind="thing", target=Thing(name="writes")),
    ]
    report = await looking(spec, components=both).run()
    assert [each.component for each in report.findings] == ["reads"]
    assert "`permits: [writes]`" in report.skipped[0].reason
    report = await looking(spec, components=both, permits=frozenset(Permit)).run()
    assert [each.component for each in report.findings] == ["reads", "writes"]


async def test_a_check_that_is_not_concerned_is_not_mentioned(looking):
    """`when` leaves a target out without a word."""
    report = await looking(declare(passes, when=lambda thing: bool(thing.name))).run()
    assert report.findings == ()
    assert report.skipped == ()


async def test_memory_is_kept_per_component_and_check(looking):
    """A check remembers its earlier looks at the same component, and no other's."""

    async def counts(_thing: Thing, context: Context) -> Finding:
        context.memory["looks"] = int(context.memory.get("looks", 0)) + 1
        return context.ok(str(context.memory["looks"]))

    runner = looking(declare(counts), components=components("a", "b"))
    assert [finding.observed for finding in await runner.look("a")] == ["1"]
    assert [finding.observed for finding in await runner.look("a")] == ["2"]
    assert [finding.observed for finding in await runner.look("b")] == ["1"]


def test_due_goes_by_component_code_and_depth(looking):
    """A run includes what was asked for; a check that is named is included whatever its depth."""
    runner = looking(
        declare(passes),
        declare(fails, depth=Depth.NORMAL),
        declare(hangs, depth=Depth.FULL),
        components=components("a", "b"),
    )

    def due(*args):
        return [f"{component.name}:{spec.id.removeprefix('thing.')}" for component, spec in runner.due(*args)]

    assert due(["a"], (), Depth.QUICK) == ["a:passes"]
    assert due(["a"]) == ["a:passes", "a:fails"]
    assert due(["b"], (), Depth.FULL) == ["b:passes", "b:fails", "b:hangs"]
    assert due([], ["thing.hangs"]) == ["a:hangs", "b:hangs"]
    assert due(["a"], ["thing.broken"]) == ["a:passes", "a:fails", "a:hangs"]


def test_unknown_names_are_refused_with_a_guess(looking):
    """Every wrong name is told, with the one that was probably meant."""
    runner = looking(declare(passes))
    with pytest.raises(UsageError, match="`itt`") as refused:
        runner.due(["itt", "nothing-like-it"])
    assert refused.value.hint == "did you mean `it`?"
    assert "nothing-like-it" in str(refused.value)
    with pytest.raises(UsageError) as refused:
        runner.due([], ["thing.brokn"])
    assert refused.value.hint == "did you mean `thing.broken`?"


async def test_a_run_can_be_stopped(looking):
    """What was found until then is kept; what was not is named, and nothing is called healthy."""
    stop = asyncio.Event()

    class Progress:
        def began(self, component, check): ...

        def ended(self, component, check, findings):
            stop.set()

    report = await looking(declare(passes), declare(clings, timeout_s=60)).run(progress=Progress(), stop=stop)
    assert [finding.check for finding in report.findings] == ["thing.passes"]
    assert [(each.check, each.reason) for each in report.skipped] == [("thing.clings", "the run was interrupted")]
    assert (report.overall, report.exit_code) == (Overall.UNKNOWN, 130)


async def test_nobody_looked_is_unknown(looking):
    """A run without any check cannot say that all is well."""
    report = await looking().run()
    assert (report.overall, report.exit_code) == (Overall.UNKNOWN, 3)


async def test_a_look_that_is_cancelled_cancels_its_check(looking):
    """Whoever stops waiting for a look takes its check along."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits(_thing: Thing, _context: Context) -> Finding:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(looking(declare(waits)).look("it"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 10)


async def test_a_slot_waits_for_another(looking, monkeypatch):
    """No more checks are at work at once than the setting says."""
    monkeypatch.setattr("paramedic.checking.slots._PATIENCE_S", 60.0)  # a machine that stalls is another matter
    at_work, most = 0, 0

    async def works(_thing: Thing, context: Context) -> Finding:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(3):
            await asyncio.sleep(0)
        at_work -= 1
        return context.ok("done")

    await looking(declare(works), components=components(*"abcdefghijkl"), checks_at_once=3).run()
    assert most == 3


async def test_two_looks_of_one_check_take_turns(looking):
    """A timer and an incident ask at once: what the check remembers is never used by both; other checks go on."""
    at_work: list[str] = []
    seen: list[tuple[str, ...]] = []

    async def works(thing: Thing, context: Context) -> Finding:
        at_work.append(thing.name)
        seen.append(tuple(at_work))
        await asyncio.sleep(0.01)
        at_work.remove(thing.name)
        return context.ok("done")

    spec = declare(works)
    one, other = components("one", "other")
    runner = looking(spec, components=[one, other])
    found = await asyncio.gather(*(runner.look_at(each, spec) for each in (one, one, other, one)))
    assert [each.status for group in found for each in group] == [Status.OK] * 4
    assert all(each.count("one") <= 1 for each in seen)
    assert ("one", "other") in seen
