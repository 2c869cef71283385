"""Labels of metrics that take thousands of values."""

from collections.abc import Mapping

from paramedic.packs.guards import codes
from paramedic.packs.guards.ordering import order, target_of
from paramedic.packs.guards.seeing import Guard, seen
from paramedic.packs.guards.target import Guards
from paramedic.sdk import ActContext, Context, DidIt, Finding, Json, Outcome, Preview, Risk, action, check

_VALUES = 1000.0
_CAP = 100


@check(codes.CARDINALITY, of=Guards, timeout_s=5, every_s=10, id="guards.labels")
async def labels(target: Guards, context: Context) -> Finding:
    """Labels of metrics take few values.

    Looks at: how many values each label has that the component's processes write through a `LabelCap`
    (``label_values``, 1000), and which labels are folded already.
    Why: each value is a time series of its own; thousands of them slow the process and break whatever stores metrics.
    By hand: ``curl -s localhost:8000/metrics | grep -c customer=``
    Healed by: cap-cardinality
    """
    caps = await seen(target, context, "metrics")
    limit = context.threshold("label_values", _VALUES)
    most = [(guard, label, count) for guard in caps for label, count in guard.shows["values"].items()]
    too_many = [each for each in most if each[2] > limit]
    if not too_many:
        folded = {label for guard in caps for label in guard.shows["folded"]}
        told = f"; {', '.join(f'`{each}`' for each in sorted(folded))} folded into `other`" if folded else ""
        return context.ok(f"{len(most)} labels{told}", values=float(max((each[2] for each in most), default=0)))
    guard, label, count = max(too_many, key=lambda each: each[2])
    return context.warning(
        codes.CARDINALITY,
        observed=f"label `{label}` of {guard.where} has {count} values",
        expected=f"at most {limit:g}",
        because=f"its cap is {_cap(guard, label)}",
        hint="cap it, and write what identifies one customer or request into logs instead of labels",
        values=float(count),
    )


def _cap(guard: Guard, label: str) -> int:
    return int(guard.shows["limits"].get(label, guard.shows["limit"]))


@action("metrics.cap", risk=Risk.REVERSIBLE)
class Cap:
    """Cap labels that take too many values: further ones count as `other`.

    Params: ``limit``, how many values keep their names; 100 where it is not given.
    """

    async def preview(self, context: ActContext) -> Preview:
        wide = await _too_wide(context)
        names = ", ".join(f"`{label}`" for _, label in wide)
        return Preview(
            summary=f"fold the values of {names} above {_limit(context)} into `other`" if names else "no cap"
        )

    async def apply(self, context: ActContext) -> Outcome:
        before: list[Json] = []
        for guard, label in await _too_wide(context):
            before.append({"name": guard.name, "pid": guard.process.pid, "label": label, "limit": _cap(guard, label)})
            await order(context, guard, "cap", label=label, limit=_limit(context))
            context.checkpoint("mid-act")
        return Outcome(summary=f"capped {len(before)} labels at {_limit(context)} values", output={"before": before})

    async def reconcile(self, context: ActContext) -> DidIt:
        return DidIt.NO if await _too_wide(context) else DidIt.YES

    async def undo(self, context: ActContext, output: Mapping[str, Json]) -> str:
        before = output.get("before")
        told = []
        for guard in await seen(target_of(context), context, "metrics"):
            for each in before if isinstance(before, list) else ():
                if isinstance(each, dict) and (each["name"], each["pid"]) == (guard.name, guard.process.pid):
                    await order(context, guard, "cap", label=each["label"], limit=each["limit"])
                    told.append(f"`{each['label']}`")
        return f"{', '.join(told) or 'no label'} has its cap of before"


def _limit(context: ActContext) -> int:
    return int(str(context.params.get("limit", _CAP)))


async def _too_wide(context: ActContext) -> list[tuple[Guard, str]]:
    limit = context.component.thresholds.get("label_values", _VALUES)
    caps = await seen(target_of(context), context, "metrics")
    return [(guard, label) for guard in caps for label, count in guard.shows["values"].items() if count > limit]
