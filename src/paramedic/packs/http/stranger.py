"""Is it this component that answers, or something else on its port?"""

from dataclasses import replace

from paramedic.packs.http.target import Http
from paramedic.sdk import Context, Evidence, Finding, proc
from paramedic.sdk.blocking import in_thread


async def with_who_listens(found: Finding, server: Http, context: Context) -> Finding:
    """The finding of a wrong answer, with who listens on the port; says so where that is another program."""
    if not server.is_on_this_machine:
        return found
    _, port = server.address
    own = context.processes.facts(context.component).pid
    holders, is_own = await in_thread(_who_listens, port, own)
    if not holders:
        return found
    rows = [f"pid {each.pid}, uid {each.uid}: {' '.join(each.command)[:200]}" for each in holders]
    evidence = (*found.evidence, Evidence(label="who listens on the port", text="\n".join(rows)))
    if own is None or is_own:
        return replace(found, evidence=evidence)
    who = f"pid {holders[0].pid} (`{' '.join(holders[0].command)[:80]}`)"
    because = f"another program answers on port {port}: {who}, while this component is pid {own}"
    return replace(found, because=because, evidence=evidence)


def _who_listens(port: int, own: int | None) -> tuple[list[proc.Holder], bool]:
    """Who can be seen to listen, and whether that is a process or a descendant of it."""
    holders = [each for each in proc.holders(port) if each.pid]
    return holders, own is not None and any(_descends(each.pid, own) for each in holders)


def _descends(pid: int | None, ancestor: int) -> bool:
    while pid and pid != ancestor:
        pid = proc.parent(pid)
    return pid == ancestor
