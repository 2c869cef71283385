"""How many tokens the looks at a model have cost, and what they have shown: kept over all runs of Paramedic.

One small file for each model, in the folder where Paramedic keeps its state. What a canary may cost is written down
before it is sent, so that a crash forgets nothing; a file that cannot be written forbids to spend. What is spent on a
model that fails stands in an account of its own: else, once it is healed, nobody could see for an hour that it is.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from paramedic.model.service import Settings
from paramedic.packs.http.answer import NoAnswer, Trouble
from paramedic.packs.llm.target import ModelServer
from paramedic.sdk.files import read_whole, write_whole

_HOUR_S = 3600.0
_LIMIT_BYTES = 1 << 18
_MOST_RATES = 48
_ENOUGH_RATES = 5
_WHILE_FAILING = 10
"""So many times the hourly budget may be spent on a model that fails, so that its recovery can be proved."""
_ACCOUNTS = ("spent", "spent_failing")
_NEVER_SENT = (Trouble.NAME, Trouble.CONNECT, Trouble.TLS, Trouble.OURS)


@dataclass(kw_only=True)
class Page:
    """What is known of one model. Times are seconds of the wall clock, because they outlive the program."""

    spent: list[tuple[float, int]] = field(default_factory=list)
    """When, and how many tokens, while it was well."""
    spent_failing: list[tuple[float, int]] = field(default_factory=list)
    """The same while it failed."""
    way: str = ""
    """How it wants to be asked, as far as is known."""
    cost: int = 0
    """What the last canary cost."""
    sampled_at: float = 0.0
    """When a longer answer was last looked at."""
    proved_at: float = 0.0
    """When it last generated a token for us."""
    rates: list[float] = field(default_factory=list)
    """Tokens per second that it generated for us while idle, newest last."""
    is_failing: bool = False

    @property
    def account(self) -> list[tuple[float, int]]:
        """What is spent now stands here."""
        return self.spent_failing if self.is_failing else self.spent

    def spent_lately(self, now: float) -> int:
        """Tokens of the last hour. What seems to be of tomorrow counts, too: the clock was set back."""
        return sum(tokens for at, tokens in self.account if now - at < _HOUR_S)

    def most(self, per_hour: int) -> int:
        """How many may be spent in an hour, as it stands with the model."""
        return per_hour * (_WHILE_FAILING if self.is_failing else 1)

    @property
    def usual_rate(self) -> float | None:
        """The usual tokens per second, where enough is known."""
        return median(self.rates) if len(self.rates) >= _ENOUGH_RATES else None

    def add_rate(self, tokens_per_s: float) -> None:
        """One more measurement."""
        self.rates = [*self.rates, round(tokens_per_s, 3)][-_MOST_RATES:]


class CannotKeep(Exception):
    """Nothing may be spent, because nobody could know it later."""


class TooDear(Exception):
    """The tokens of this hour are spent."""

    def __init__(self, spent: int, most: int) -> None:
        super().__init__(f"{spent} of {most} tokens of this hour are spent")


@dataclass(kw_only=True)
class Bill:
    """What a question costs: at first what was reserved for it, in the end what it was."""

    tokens: int


class Ledger:
    """The file of one model."""

    def __init__(self, settings: Settings, server: ModelServer) -> None:
        name = hashlib.sha256(f"{server.root} {server.model or ''}".encode()).hexdigest()[:16]
        self._path = settings.state_dir / "models" / f"{name}.json"

    def read(self) -> Page:
        """What it says now; an empty page where there is none, or one that nobody can read."""
        return _read(self._path)

    @contextmanager
    def opened(self, now: float) -> Iterator[Page]:
        """The page to be changed; written when the block ends, with nobody else changing it meanwhile.

        Raises:
            CannotKeep: the file cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("wb")
        except OSError as error:
            raise CannotKeep(error.strerror or str(error)) from None
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # held for the time of one small write
            page = _read(self._path)
            page.spent = [(at, tokens) for at, tokens in page.spent if now - at < _HOUR_S]
            page.spent_failing = [(at, tokens) for at, tokens in page.spent_failing if now - at < _HOUR_S]
            yield page
            try:
                write_whole(self._path, json.dumps(asdict(page)).encode(), mode=0o600)
            except OSError as error:
                raise CannotKeep(error.strerror or str(error)) from None

    def note(self, *, is_failing: bool, now: float) -> None:
        """Remember whether it fails: only then may more be spent."""
        if self.read().is_failing == is_failing:
            return
        with suppress(CannotKeep), self.opened(now) as page:  # else nothing can be spent either
            page.is_failing = is_failing

    @contextmanager
    def paying(self, tokens: int, per_hour: int, now: float) -> Iterator[Bill]:
        """Ask within it what will cost so many tokens; put into the bill what it did cost.

        Raises:
            TooDear: nothing may be spent now.
            CannotKeep: what would be spent could not be written down.
        """
        if not self.reserve(tokens, per_hour, now):
            page = self.read()
            raise TooDear(page.spent_lately(now), page.most(per_hour))
        bill = Bill(tokens=tokens)
        try:
            yield bill
        except NoAnswer as none:
            if none.trouble in _NEVER_SENT:
                bill.tokens = 0
            raise
        finally:
            self.settle(tokens, bill.tokens, now)

    def reserve(self, tokens: int, per_hour: int, now: float) -> bool:
        """Write down what is about to be spent, if it may be.

        Raises:
            CannotKeep: it could not be written down.
        """
        with self.opened(now) as page:
            if page.spent_lately(now) + tokens > page.most(per_hour):
                return False
            page.account.append((now, tokens))
            return True

    def settle(self, reserved: int, really: int, now: float) -> None:
        """Put what it really was in the place of what was reserved at that time.

        Raises:
            CannotKeep: it could not be written down.
        """
        with self.opened(now) as page:
            entry = (now, reserved)
            account = next((each for each in (page.spent, page.spent_failing) if entry in each), page.account)
            if entry in account:
                account.remove(entry)
            if really:
                account.append((now, really))


def _read(path: Path) -> Page:
    try:
        data = json.loads(read_whole(path, _LIMIT_BYTES))
        spent, spent_failing = (
            [(float(at), max(0, int(tokens))) for at, tokens in data.get(name, [])] for name in _ACCOUNTS
        )
        return Page(
            spent=spent,
            spent_failing=spent_failing,
            way=str(data["way"]),
            cost=int(data["cost"]),
            sampled_at=float(data["sampled_at"]),
            proved_at=float(data["proved_at"]),
            rates=[float(each) for each in data["rates"]],
            is_failing=bool(data["is_failing"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Page()
