"""What protects the shop from its model and its queue, and its budgets from its customers.

Every answer passes here: the flags say which overlays stand around the question, the budgets whether it may be asked at
all, a breaker whether the model can be; what the queue or the server of tools does not take is kept and
tried again.
"""

import json
import secrets
import socket
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic.demo.patient.sickness import Sickness
from paramedic.demo.patient.tooling import Tools
from paramedic.guard import BudgetTripwire, CircuitBreaker, EnergyBudget, FailedTaskQueue, FeatureFlags, LabelCap

FLAGS = Path("config/overlay_feature_flags.yaml")
ENERGY = Path("config/energy_governance.yaml")
OVERLAYS = Path("configs/fusion/micro_overlays")
TRIPWIRE = Path("data/tripwire.json")
ENERGY_STATE = Path("data/energy.json")
CALLS = Path("data/calls.sqlite")
FILINGS = Path("data/filings.sqlite")
TOKENS_A_DAY = 20_000
"""Of each customer."""
_BASE = OVERLAYS.parent / "base_prompt.txt"
_WAIT_S = 5
_MARGIN = 60
"""Tokens that an answer may take beside what it repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question with what stands around it."""

    messages: list[dict[str, str]]
    plain_tokens: int
    """Of the prompt without overlays."""
    tokens: int


class Guarding:
    """The guards of one process of the shop."""

    def __init__(self, model_url: str, queue: tuple[str, int], tools_url: str, sickness: Sickness) -> None:
        self._queue = queue
        self._toolbox = Tools(tools_url)
        self._model_url = model_url
        self._sickness = sickness
        # The demo is in a hurry; the defaults are calmer.
        self.model = CircuitBreaker("model", failure_threshold=3, recovery_timeout=1, success_threshold=1)
        self.queue = CircuitBreaker("queue", failure_threshold=10, recovery_timeout=1, success_threshold=1)
        self.tools = CircuitBreaker("tools", failure_threshold=10, recovery_timeout=1, success_threshold=1)
        self.flags = FeatureFlags(FLAGS, overlays=[each.stem for each in OVERLAYS.glob("*.txt")])
        self.tokens = BudgetTripwire(TRIPWIRE, breach_threshold=100, critical_threshold=150, limits={"*": TOKENS_A_DAY})
        self.energy = EnergyBudget.from_file(ENERGY, path=ENERGY_STATE)
        self.labels = LabelCap(100_000, name="shop")
        self.customers: Counter[str] = Counter()
        self.calls = FailedTaskQueue(
            CALLS, handlers={"note": self._pass_on}, max_retries=3, backoff_s=0.1, breaker=self.queue, name="notes"
        )
        self.filings = FailedTaskQueue(
            FILINGS, handlers={"file": self._file}, max_retries=5, backoff_s=30, breaker=self.tools, name="filings"
        )

    def start(self) -> None:
        """From now on they are seen from outside, and kept calls are tried again."""
        self.calls.start()
        self.filings.start()
        self.labels.fold("customer", "nobody")
        for each in (self.model.state, self.queue.state, self.tools.state, self.flags.active()):
            del each
        self.tokens.get_status()
        self.energy.get_status()

    def answer(self, customer: str, text: str) -> str:
        """Ask the model, within every budget.

        Raises:
            BudgetExhausted: the customer has spent what there is for a day.
            CircuitOpen: the model is not asked now.
        """
        self.customers[self.labels.fold("customer", customer)] += 1
        prompt = self._prompt(text)
        words = len(text.split())
        with self.tokens.reserve(prompt.tokens + words + _MARGIN, scope=customer) as reserved:
            said = self.model.call(self._complete, prompt)
            used, answered = said["usage"]["total_tokens"], said["usage"]["completion_tokens"]
            reserved.commit(used)
        self.tokens.record(used, prompt.plain_tokens + answered)
        self.energy.record(tokens=used)
        return str(said["choices"][0]["message"]["content"])

    def note(self, conversation: int, text: str) -> None:
        """Tell the queue and the colleagues what was asked; kept and tried again where they do not take it."""
        self.calls.call("note", f"{conversation} {text}")
        self.filings.call("file", f"{conversation} {text}")

    def chats(self) -> dict[str, int]:
        """Chats by customer, as many customers as have a name of their own."""
        counted: Counter[str] = Counter()
        for customer, times in self.customers.copy().items():
            counted[self.labels.fold("customer", customer)] += times
        return counted

    def meet_strangers(self, count: int) -> None:
        """As many customers as were never seen before, as a scanner makes them up."""
        for _ in range(count):
            self.customers[self.labels.fold("customer", secrets.token_hex(4))] += 1

    def _prompt(self, text: str) -> Prompt:
        base = _BASE.read_text()
        names = [] if self.tokens.downgrade_active else self.flags.active()
        overlays = [(OVERLAYS / f"{name}.txt").read_text() for name in names]
        plain, extra = len(base.split()) + len(text.split()), sum(len(each.split()) for each in overlays)
        messages = [{"role": "system", "content": "\n\n".join([base, *overlays])}, {"role": "user", "content": text}]
        return Prompt(messages=messages, plain_tokens=plain, tokens=plain + extra)

    def _complete(self, prompt: Prompt) -> Any:  # Any: what a server sends
        self._sickness.cut_if_wished()
        return ask(f"{self._model_url}/v1/chat/completions", {"messages": prompt.messages})

    def _pass_on(self, line: str) -> None:
        with socket.create_connection(self._queue, timeout=_WAIT_S) as queue:
            queue.sendall(f"{line}\n".encode())
            if not queue.makefile("rb").readline():
                raise ConnectionError("the queue hung up instead of an answer")

    def _file(self, text: str, *, task_id: str) -> None:
        self._toolbox.call("file_question", id=task_id, text=text)


def ask(url: str, body: dict[str, object] | None = None) -> Any:  # Any: what a server sends
    """GET a page of JSON, or POST to it."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310  # the address is the shop's own setting
    with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310  # see above
        return json.load(answer)
