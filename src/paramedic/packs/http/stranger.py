"""Is it this component that answers, or something else on its port?"""

from paramedic.packs.http.answer import Answer, readable
from paramedic.packs.http.target import Http
from paramedic.sdk import Context, Evidence, proc


def who_answered(answer: Answer, server: Http, context: Context) -> tuple[str, tuple[Evidence, ...]]:
    """A sentence where another program was found to answer (else nothing), and what is known of who answered."""
    said = ", ".join(
        f"{name}: {readable(answer.headers[name])[:100]}"
        for name in ("server", "content-type")
        if name in answer.headers
    )
    evidence = [Evidence(label="headers of the answer", text=said)] if said else []
    host, port = server.address
    if not server.is_near or not (host == "localhost" or host.startswith("127.") or host == "::1"):
        return "", tuple(evidence)
    holders = [holder for holder in proc.holders(port) if holder.pid]
    if not holders:
        return "", tuple(evidence)
    evidence.append(
        Evidence(
            label="who listens on the port",
            text="\n".join(f"pid {holder.pid}, uid {holder.uid}: {' '.join(holder.command)}" for holder in holders),
        )
    )
    own = context.processes.facts(context.component).pid
    if own is None or any(_descends(holder.pid, own) for holder in holders):
        return "", tuple(evidence)
    first = holders[0]
    who = f"pid {first.pid} (`{' '.join(first.command)[:80]}`)"
    return f"another program answers on port {port}: {who}, while this component is pid {own}", tuple(evidence)


def _descends(pid: int | None, ancestor: int) -> bool:
    while pid and pid != ancestor:
        pid = proc.parent(pid)
    return pid == ancestor
