"""``paramedic backup``: make, list, verify, restore and prune backups."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paramedic.cli.listing import format_option, show_json, show_rows
from paramedic.cli.naming import meant
from paramedic.cli.output import complain
from paramedic.cli.rehearsal import is_rehearsal, would
from paramedic.cli.surroundings import ask, load_service
from paramedic.model.errors import Unusable, UsageError

if TYPE_CHECKING:
    from paramedic.model.backup import Proof
    from paramedic.model.service import Service
    from paramedic.recovery.backups import Backups
    from paramedic.sdk.pack import Registry
    from paramedic.sdk.shelf import Shelved

LATEST = "latest"


@click.group()
def backup() -> None:
    """Make, list, verify, restore and prune backups.

    Paramedic's own store is called `@paramedic`.
    """


@backup.command()
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def create(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """Back components up now (all without a name), and verify each by restoring it into a scratch place.

    Exit 0 when every one was made and verified, 1 when one was not.
    """
    from paramedic.sdk.saving import BackupFailed

    desk, _, _ = _desk(context)
    made, failed = [], {}
    if is_rehearsal():
        would(*(f"{name} would be backed up, and the backup restored on trial" for name in _known(desk, components)))
    for name in _known(desk, components):
        try:
            made.append(desk.create(name, "by hand"))
        except BackupFailed as error:
            failed[name] = str(error)
            if style == "text":
                complain(f"{name}: no backup: {error}")
    if style == "json":
        show_json({"backups": [_facts(each, each.set.proof) for each in made], "failed": failed})
    else:
        for each in made:
            found = each.set
            click.echo(f"{found.component}: {found.id}, {_amount(found.size)} in {found.took_s:.1f} s")
            click.echo(f"  {found.proof.how}, in {found.proof.took_s:.1f} s")
            for note in found.notes:
                click.echo(f"  not in it: {note}")
    context.exit(1 if failed else 0)


@backup.command("list")
@click.argument("components", nargs=-1)
@format_option
@click.pass_context
def list_(context: click.Context, components: tuple[str, ...], style: str) -> None:
    """List backups, newest first, with what came of the last try to restore each."""
    desk, service, _ = _desk(context)
    found = [each for name in _with_backups(desk, service, components) for each in desk.all(name)]
    found.sort(key=lambda each: each.set.at, reverse=True)
    if style == "json":
        show_json([_facts(each, each.proof) for each in found])
        return
    rows = [
        (
            each.set.id,
            each.set.component,
            f"{each.set.at:%Y-%m-%d %H:%M}",
            _amount(each.set.size),
            f"{each.proof.took_s:.1f} s",
            "good" if each.proof.is_good else "damaged",
            each.proof.how,
        )
        for each in found
    ]
    empty = "there is no backup; `paramedic backup create` makes one"
    show_rows(("id", "component", "made (UTC)", "size", "restore", "is", "last verified"), rows, empty=empty)


@backup.command()
@click.argument("ids", nargs=-1, metavar="[ID|COMPONENT]...")
@click.option("--all", "every", is_flag=True, help="Every backup instead of the newest of each component.")
@format_option
@click.pass_context
def verify(context: click.Context, ids: tuple[str, ...], every: bool, style: str) -> None:
    """Restore backups into a scratch place and check them; the newest of each component without a name.

    The time that takes is the time a recovery would take. Exit 0 when all are good, 1 when one is not or none is there.
    """
    desk, service, _ = _desk(context)
    chosen = list(_chosen(desk, service, ids, every=every))
    results = [(each, desk.verify(each)) for each in chosen]
    if style == "json":
        show_json([_facts(each, proof) for each, proof in results])
    else:
        for each, proof in results:
            said = "good" if proof.is_good else "DAMAGED"
            click.echo(f"{each.set.id}  {each.set.component}  {said} in {proof.took_s:.1f} s: {proof.how}")
        if not results:
            click.echo("there is no backup")
    context.exit(0 if results and all(proof.is_good for _, proof in results) else 1)


@backup.command()
@click.argument("id", metavar="ID")
@click.argument("component", required=False)
@click.option("--to", type=click.Path(path_type=Path, file_okay=False), help="Copy its files here; no more.")
@click.option("--yes", is_flag=True, help="Do it, whatever would be lost.")
@format_option
@click.pass_context
def restore(context: click.Context, id: str, component: str | None, *, to: Path | None, yes: bool, style: str) -> None:
    """Bring a component back as a backup has it; `latest COMPONENT` names the newest good one.

    Shows first what would be lost, and does it only with --yes or when a person agrees on a terminal. What uses the
    component and is started by Paramedic is stopped meanwhile; what is there now is set aside. Exit 0 when verified.
    """
    from paramedic.sdk.saving import BackupFailed
    from paramedic.sdk.shelf import OWN

    desk, service, registry = _desk(context)
    try:
        found = _one(desk, service, id, component)
        if to is not None:
            if is_rehearsal():
                would(f"the files of {found.set.id} would be copied to `{to}`")
            paths = desk.extract(found, to)
            if style == "json":
                show_json({"backup": found.set.id, "files": paths})
            else:
                click.echo(f"{found.set.id}: {len(paths)} files are in `{to}`")
            return
    except BackupFailed as error:
        raise Unusable(str(error), hint="`paramedic backup list` shows what there is") from None
    name = found.set.component
    if name == OWN:
        raise UsageError(
            "Paramedic's own store is not replaced while Paramedic works with it",
            hint="copy it with `--to DIR`, stop `paramedic watch`, then put the file in place",
        )
    if name not in service.components:
        raise UsageError(f"there is no component `{name}` any more", hint="copy the files with `--to DIR`")
    args = {"component": name, "backup": found.set.id}
    if not yes:
        plan = _plan(ask(service, registry, "restore-backup", {**args, "foresee": True}))
        _show(plan, style)
        if _step(plan)["preview"]["blocked"]:
            context.exit(1)
        if style == "json" or not sys.stdin.isatty():
            complain("nothing was done; `--yes` does it")
            context.exit(1)
        click.confirm("do it?", abort=True)
    result = ask(service, registry, "restore-backup", args)
    if style == "json":
        show_json(result)
    else:
        plan = _plan(result)
        receipts = result.get("receipts")
        for each in receipts if isinstance(receipts, list) else ():
            if isinstance(each, dict) and each["phase"] in ("done", "failed"):
                click.echo(str(each["detail"]))
        click.echo(f"{plan['id']}  {plan['state']}: {plan['why_ended']}")
    context.exit(0 if result["verified"] else 1)


@backup.command()
@format_option
@click.pass_context
def prune(context: click.Context, style: str) -> None:
    """Let go of backups that need not be kept any longer; the newest good one of each component stays."""
    desk, _, _ = _desk(context)
    if is_rehearsal():
        would(*(f"{id} would go" for id in desk.expired()))
    gone = desk.prune()
    if style == "json":
        show_json({"pruned": gone})
    else:
        click.echo("\n".join([*gone, f"{len(gone)} backups are gone"]))


def _desk(context: click.Context) -> "tuple[Backups, Service, Registry]":
    from paramedic.model.clock import SystemClock
    from paramedic.recovery.backups import Backups

    service, registry = load_service(context)
    return Backups(service, registry, SystemClock()), service, registry


def _known(desk: "Backups", names: tuple[str, ...]) -> tuple[str, ...]:
    able = desk.names()
    for name in names:
        if name not in able:
            raise UsageError(f"`{name}` is nothing that can be backed up", hint=f"known: {', '.join(able)}")
    return names or able


def _with_backups(desk: "Backups", service: "Service", names: tuple[str, ...]) -> tuple[str, ...]:
    """Also of components that are not declared any more."""
    from paramedic.sdk.shelf import known

    there = known(service.settings.state_dir)
    for name in names:
        if name not in there:
            _known(desk, (name,))
    return names or there


def _chosen(desk: "Backups", service: "Service", ids: tuple[str, ...], *, every: bool) -> "Iterator[Shelved]":
    there = _with_backups(desk, service, ())
    for name in there if not ids else [each for each in ids if each in there]:
        yield from desk.all(name)[: None if every else 1]
    for id in ids:
        if id not in there:
            yield _one(desk, service, id, None)


def _one(desk: "Backups", service: "Service", id: str, component: str | None) -> "Shelved":
    if id == LATEST:
        if component is None:
            raise UsageError("`latest` of which component?", hint="`paramedic backup restore latest COMPONENT`")
        if not desk.all(component):
            hint = f"`paramedic backup create {component}` makes one"
            raise UsageError(f"there is no backup of `{component}`", hint=hint)
        return desk.find(component)
    names = (component,) if component else _with_backups(desk, service, ())
    known = {each.set.id: each for name in names for each in desk.all(name)}
    if found := known.get(meant(id, list(known))):
        return found
    raise UsageError(
        f"there is no backup `{id}`{f' of `{component}`' if component else ''}",
        hint="`paramedic backup list` shows what there is",
    )


def _plan(result: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: a plan as JSON, which only gets printed
    plan = result["plans"][0]
    assert isinstance(plan, dict)
    return plan


def _step(plan: Mapping[str, Any]) -> Mapping[str, Any]:  # Any: as above
    step = plan["steps"][0]
    assert isinstance(step, dict)
    return step


def _show(plan: Mapping[str, Any], style: str) -> None:  # Any: as above
    if style == "json":
        show_json({"plans": [plan]})
        return
    preview = _step(plan)["preview"]
    click.echo(preview["summary"])
    if preview["blocked"]:
        click.echo(f"  cannot be done: {preview['blocked']}")
        return
    for line in preview["diff"].splitlines():
        click.echo(f"  {line}")
    for loss in preview["loss"]:
        click.echo(f"  lost: {loss}")
    if not preview["loss"]:
        click.echo("  nothing would be lost")
    others = [each for each in plan["blast_radius"] if each != plan["suspect"]]
    if others:
        click.echo(f"  notice it: {', '.join(others)}")
    click.echo(f"  downtime about {preview['downtime_s']:.0f} s; what is there now is set aside")


def _facts(found: "Shelved", proof: "Proof") -> dict[str, object]:
    from paramedic.model.wire import dump

    return {**dump(found.set), "size": found.set.size, "folder": str(found.folder), "last_proof": dump(proof)}


def _amount(count: int) -> str:
    from paramedic.sdk.volume import amount

    return amount(count)
