"""Guides: what people do where no program can, step by step. Bound to a component, a guide is a plan like any other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideStep:
    """One thing that a person does."""

    do: str
    """What, in one sentence."""
    see: str = ""
    """What should then be so."""
    check: str | None = None
    """A check of the component that must pass before the step counts as done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """Steps for people."""

    name: str
    title: str
    helps: tuple[str, ...]
    """The codes that it is for."""
    steps: tuple[GuideStep, ...]
