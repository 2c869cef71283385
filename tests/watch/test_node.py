"""The process that owns a node."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.model.clock import SystemClock
from paramedic.sdk import Code, Context, Finding, IssueType, Pack, Registry, Status, check, load_packs
from paramedic.watch.node import Node
from scenery import make_service, make_settings, part

SLOW = Code(id="it.slow", type=IssueType.PERFORMANCE, summary="slow")


async def test_a_look_ordered_by_an_incident_ends_with_a_verdict(tmp_path: Path) -> None:
    """A code that needs two looks gets both at once: what a symptom needs must not be doubtful when it is asked for."""

    @check(SLOW, of=str)
    async def looks(_: str, context: Context) -> Finding:
        return context.critical(SLOW, observed="slow", expected="fast", because="it is", hint="wait")

    (tmp_path / "paramedic.yaml").write_text("service: scene\n")
    service = make_service(tmp_path, replace(part("db"), target="db"), settings=make_settings(tmp_path))
    registry = Registry((*load_packs().packs, Pack(name="it", checks=(looks,))))
    async with Node(service, registry, SystemClock(), is_idle=True) as node:
        found = await node.look("db")
        assert [each.code for each in found] == ["it.slow"]
        assert node.triage.verdicts["db", looks.id].is_failing


async def test_what_nobody_looks_at_any_more_proves_nothing_and_does_not_stay(tmp_path: Path) -> None:
    """Of a component of another kind by now the old checks are unknown, and what they found is dropped."""

    @check(SLOW, of=str)
    async def looks(_: str, context: Context) -> Finding:
        return context.critical(SLOW, observed="slow", expected="fast", because="it is", hint="wait")

    (tmp_path / "paramedic.yaml").write_text("service: scene\n")
    settings = make_settings(tmp_path)
    registry = Registry((*load_packs().packs, Pack(name="it", checks=(looks,))))
    before = make_service(tmp_path, replace(part("db"), target="db"), settings=settings)
    async with Node(before, registry, SystemClock(), is_idle=True) as node:
        await node.look("db")
        (incident,) = node.triage.incidents.values()
        for components in ((part("db"),), ()):
            await node.adopt_service(make_service(tmp_path, *components, settings=settings))
            (found,) = await node.look("db", [looks.id])
            assert (found.status, found.check) == (Status.UNKNOWN, looks.id)
            assert await node.look("db") == ()
        assert ("db", looks.id) not in node.triage.verdicts
        assert node.triage.is_over(incident)


async def test_whoever_copies_a_service_file_holds_up_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed one is kept as the first one was; a disk that takes its time for it stops neither looks nor calls."""
    (tmp_path / "paramedic.yaml").write_text("service: scene\n")
    service = make_service(tmp_path, settings=make_settings(tmp_path))
    async with Node(service, load_packs(), SystemClock(), is_idle=True) as node:
        threads: list[threading.Thread] = []
        keep = node.last_good.keep

        def noted(path: Path) -> Path | None:
            threads.append(threading.current_thread())
            return keep(path)

        monkeypatch.setattr(node.last_good, "keep", noted)
        (tmp_path / "paramedic.yaml").write_text("service: scene\n# changed\n")
        await node.adopt_service(service)
        assert node.last_good.newest(service.path)[0].read_text() == "service: scene\n# changed\n"
        assert threading.main_thread() not in threads
