"""Who is connected to a database server, and does anybody keep the others out?"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from paramedic.model.code import Code
from paramedic.model.finding import Evidence, Finding
from paramedic.sdk.context import Context

IDLE_IN_TRANSACTION_S = 60.0
_CONNECTIONS_PERCENT = 85.0
_BLOCKED_S = 30.0
_SHOWN = 10

SOMEBODY = 0
"""Stands in ``blocked_by`` for a session that the server does not name."""


@dataclass(frozen=True, slots=True)
class Session:
    """One connection of somebody else."""

    id: int
    """By which the server knows it."""
    user: str | None
    application: str | None
    address: str | None
    state: str | None
    """``idle in transaction`` when it began a transaction and does nothing; else in the server's own words."""
    since_s: float | None
    """For how long it has been in this state."""
    blocked_by: Sequence[int]
    """The sessions whose locks it waits for."""
    statement: str | None

    @property
    def holder(self) -> str:
        """Who it is, for people."""
        what = f" ({self.application})" if self.application else ""
        return f"`{self.user or 'unknown user'}`{what} from {self.address or 'this machine'}"

    @property
    def idles_in_transaction_s(self) -> float:
        """For how long it has held a transaction and done nothing."""
        return self.since_s or 0.0 if (self.state or "").startswith("idle in transaction") else 0.0

    @property
    def in_words(self) -> str:
        """One line for evidence."""
        named = ", ".join(str(each) if each != SOMEBODY else "somebody" for each in self.blocked_by)
        waits = f", waits for {named}" if named else ""
        statement = " ".join((self.statement or "").split())
        return f"{self.id} {self.holder}: {self.state} for {self.since_s or 0:.0f} s{waits}: {statement}"


def idle_too_long(held: Collection[Session], context: Context) -> list[Session]:
    """Sessions that idle in a transaction, the longest first."""
    limit_s = context.threshold("idle_in_transaction_s", IDLE_IN_TRANSACTION_S)
    return sorted(
        (each for each in held if each.idles_in_transaction_s > limit_s), key=lambda each: -(each.since_s or 0)
    )


def room(held: Collection[Session], allowed: int, context: Context, *, full: Code, high: Code) -> Finding | None:
    """The finding for a server whose connections are used up, or nearly, with those who hold them."""
    percent = 100 * len(held) / max(1, allowed)
    limit = context.threshold("connections_percent", _CONNECTIONS_PERCENT)
    is_full = len(held) >= allowed
    if not is_full and percent < limit:
        return None
    by = Counter(f"{each.holder}, {each.state or 'state not shown'}" for each in held).most_common(_SHOWN)
    because = f"{by[0][1]} of them belong to {by[0][0]}"
    evidence = (Evidence(label="who holds them", text="\n".join(f"{count} of {who}" for who, count in by)),)
    if is_full:
        return context.critical(
            full,
            observed=f"all {allowed} connections are taken",
            expected="a free connection for the service",
            because=because,
            hint="close what idles, give the holder a smaller pool, or raise `max_connections`",
            evidence=evidence,
            connections=len(held),
        )
    return context.warning(
        high,
        observed=f"{len(held)} of {allowed} connections are taken",
        expected=f"less than {limit:g} %",
        because=because,
        hint="give the holder a smaller pool, or raise `max_connections`",
        evidence=evidence,
        connections=len(held),
    )


def idle(held: Collection[Session], context: Context, code: Code, *, hint: str) -> Finding | None:
    """The finding for sessions that idle in a transaction."""
    found = idle_too_long(held, context)
    if not found:
        return None
    longest_s = found[0].idles_in_transaction_s
    return context.warning(
        code,
        observed=f"{len(found)} sessions idle in a transaction, the longest for {longest_s:.0f} s",
        expected=f"at most {context.threshold('idle_in_transaction_s', IDLE_IN_TRANSACTION_S):g} s",
        because="their locks and old row versions stay for as long",
        hint=hint,
        evidence=(Evidence(label="sessions", text="\n".join(each.in_words for each in found[:_SHOWN])),),
    )


def blocked(held: Collection[Session], context: Context, code: Code, *, id_is: str, hint: str) -> Finding | None:
    """The finding for sessions that have waited long for another one's lock; ``id_is`` is what the server calls one."""
    limit_s = context.threshold("blocked_s", _BLOCKED_S)
    waiting = [each for each in held if each.blocked_by and (each.since_s or 0) > limit_s]
    if not waiting:
        return None
    by_id = {each.id: each for each in held}
    # The one at the end of the queue of waiters: it waits for nobody.
    roots = {id for each in waiting for id in each.blocked_by if id in by_id and not by_id[id].blocked_by}
    shown = [*(by_id[id] for id in sorted(roots)), *waiting][:_SHOWN]
    because = "sessions that wait for each other hold it"
    if roots:
        because = f"{id_is} {min(roots)} of {by_id[min(roots)].holder} holds it"
    elif any(SOMEBODY in each.blocked_by for each in waiting):
        because = "the server does not say who holds it"
    return context.warning(
        code,
        observed=f"{len(waiting)} sessions have waited more than {limit_s:g} s for a lock",
        expected="locks that are released soon",
        because=because,
        hint=hint,
        evidence=(Evidence(label="sessions", text="\n".join(each.in_words for each in shown)),),
    )
