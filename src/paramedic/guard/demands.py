"""What guards demand of what they are given, so that a number in quotes or one that is none is refused by its name."""

from typing import Any

_UNLIMITED = float("inf")


def check_name(name: Any) -> str:  # Any: whatever a program gives
    """A guard's name: people and orders find the guard by it."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"a guard's `name` is a text, not `{name!r}`")
    return name


def check_hearer(function: Any, what: str) -> None:
    """What is called back and not awaited."""
    from paramedic.guard.wrapping import is_async

    if not callable(function) or is_async(function):
        raise TypeError(f"{what} is a plain function, not `{function!r}`: nobody would await it")


def is_whole(value: Any, least: int = 1) -> bool:
    """Whether it is a count of at least so many."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_number(value: Any, least: float = 0.0, *, above: bool = False) -> bool:
    """Whether it is a finite number of at least, or `above`, the least."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (value > least if above else value >= least) and value < _UNLIMITED
