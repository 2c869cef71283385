"""What is not counted, and why: changes that change nothing that anybody can see."""

EXCLUDED: dict[str, str] = {
    'documents: parser = partial(YAML, typ="safe", pure=True)': "the parser in C is not installed where the tests run",
    "breaker: entered = _entered()": "the longer way out of a block finds the same",
    "breaker: if entered is not None and entered[0] is self:": "the longer way out of a block finds the same",
    'periods: TRIALS: ContextVar[tuple[Trial, ...]] = ContextVar("paramedic_guard_trials", default=())': (
        "the name of a context variable is seen in a debugger only"
    ),
    'periods: ENTERED: ContextVar[tuple["Circuit", Period, float, Any] | None] = '
    'ContextVar("paramedic_guard_entered", default=None)': "the name of a context variable is seen in a debugger only",
    "circuit: self.closed_period = self._period if state is State.CLOSED and self._watched else None": (
        "without it every call takes the longer way, which lets the same calls through"
    ),
    "outside: Event().wait(_PAUSE_S)": "without its pause the look spins, and finds the same",
    'task_file: db.execute("PRAGMA synchronous=FULL")': "what SQLite does anyway, unless it was built otherwise",
    "flag_file: elif rollout_percent >= 100 and categories is None and min_complexity <= 0 and expires == NEVER:": (
        "a shorter way to the answer that the longer way gives, too"
    ),
    "errors: super().__init__(path, problem)": "an exception is given its arguments before `__init__`",
    "errors: super().__init__(problems)": "an exception is given its arguments before `__init__`",
    "openfeature: super().__init__()": "the SDK's class prepares nothing that a provider without hooks needs",
}
"""Module and the exact text of a line -> why a change of it changes nothing that can be seen."""
