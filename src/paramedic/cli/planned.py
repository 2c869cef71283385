"""A plan as people read it before they agree to it."""

from collections.abc import Iterator, Mapping
from typing import Any

from paramedic.cli.manual import folded
from paramedic.cli.output import width

Plan = Mapping[str, Any]  # Any: a plan as JSON, which only gets printed


def described(plan: Plan) -> Iterator[str]:
    """Its steps with what they change, then what it risks, how it is proved and what can be taken back."""
    steps = plan["steps"]
    downtime = sum(step["preview"]["downtime_s"] for step in steps)
    yield from labelled("", f"plan {plan['id']}: {plan['playbook']} on {plan['suspect']}")
    for number, step in enumerate(steps, 1):
        yield from labelled(f"  {number}. ", f"{step['action']} {step['component']}: {step['preview']['summary']}")
        yield from (f"     {line}" for line in step["preview"]["diff"].splitlines())  # a difference is shown as it is
        for loss in step["preview"]["loss"]:
            yield from labelled("     lost for good: ", loss)
        if why := step["preview"].get("blocked"):
            yield from labelled("     cannot be done: ", why)
    undo = [str(number) for number, step in enumerate(steps, 1) if step["undoable"]]
    checks = ", ".join(f"{each['check']} of {each['component']}" for each in plan["verify"])
    times = f"{plan['verify_times']} times within {plan['verify_within_s']:.0f} s"
    for label, said in (
        ("risk", plan["risk"]),
        ("downtime", f"about {downtime:.0f} s"),
        ("blast radius", ", ".join(plan["blast_radius"])),
        ("verified by", f"{checks}, {times}" if checks else "nothing that needs it becomes worse"),
        ("undo", f"steps {', '.join(undo)}" if undo else "nothing can be taken back"),
        ("approval", plan["needs_approval"] or "not needed"),
    ):
        yield from labelled(f"  {label:<13} ", said)


def labelled(label: str, said: str) -> list[str]:
    """A label and what it says, folded behind it."""
    return folded(said, width(), first=label, rest=" " * (len(label) or 2)) or [label.rstrip()]
