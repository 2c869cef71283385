"""Every shape of function behind a breaker."""

import asyncio
import functools
import inspect

import pytest

from paramedic.guard import CircuitBreaker, CircuitOpen
from paramedic.guard.wrapping import FULL, is_async


class Down(Exception):
    """The dependency does not answer."""


@pytest.fixture
def breaker(clock):
    return CircuitBreaker(
        failure_threshold=2,
        recovery_timeout=5,
        success_threshold=1,
        clock=clock,
        window={"calls": 9, "slow_call_rate": 1},
    )


def counted(breaker):
    state = breaker.get_state()
    return state["success_count"], state["failure_count"], state["slow_calls"]


def test_a_function_keeps_its_name_and_signature(breaker) -> None:
    """And gets its arguments, and gives its result."""

    @breaker
    def add(one: int, *, two: int = 2) -> int:
        """Adds."""
        return one + two

    assert (add.__name__, add.__doc__, str(inspect.signature(add))) == (
        "add",
        "Adds.",
        "(one: int, *, two: int = 2) -> int",
    )
    assert add(1, two=3) == 4
    assert counted(breaker) == (1, 0, 0)


async def test_a_coroutine_function_stays_one(breaker, clock) -> None:
    """Its awaiting is the call: successes, failures and slowness count."""

    @breaker
    async def work(error: Exception | None = None, seconds: float = 0) -> str:
        await asyncio.sleep(0)
        clock.advance(seconds)
        if error:
            raise error
        return "fine"

    assert inspect.iscoroutinefunction(work)
    assert await work() == "fine"
    assert await work(seconds=6) == "fine"
    with pytest.raises(Down):
        await work(Down(), 6)
    with pytest.raises(Down):
        await work(Down())
    with pytest.raises(CircuitOpen):
        await work()
    assert counted(breaker) == (2, 2, 2)
    clock.advance(5)
    assert await work() == "fine"
    assert breaker.state == "closed"


async def test_a_cancelled_coroutine_is_no_failure(breaker) -> None:
    """And gives its permit back."""
    work = breaker(asyncio.sleep)
    task = asyncio.create_task(work(60))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert counted(breaker) == (0, 0, 0)
    breaker.force_open()
    breaker.allow_half_open()
    task = asyncio.create_task(work(60))
    await asyncio.sleep(0)
    assert breaker.get_state()["half_open_calls"] == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert breaker.get_state()["half_open_calls"] == 0


def test_a_generator_is_guarded_until_its_end(breaker, clock) -> None:
    """It takes what is sent, gives what it returns, counts once, and may be left early."""

    @breaker
    def stream(seconds=0):
        got = yield 1
        clock.advance(seconds)
        if got:
            raise Down
        yield 2
        return "end"

    def whole(seconds=0):
        return (yield from stream(seconds))

    assert list(stream()) == [1, 2]
    assert counted(breaker) == (1, 0, 0)
    running = stream()
    next(running)
    with pytest.raises(Down):
        running.send("bad")
    assert counted(breaker) == (1, 1, 0)
    left = stream()
    next(left)
    left.close()
    assert counted(breaker) == (1, 1, 0)
    collected = whole(6)
    assert next(collected) == 1
    assert next(collected) == 2
    with pytest.raises(StopIteration) as ended:
        next(collected)
    assert ended.value.value == "end"
    assert counted(breaker) == (2, 1, 1)
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        next(stream())


async def test_an_async_generator_is_guarded_until_its_end(breaker, clock) -> None:
    """Streams of answers count once; leaving early closes the source and counts neither way."""
    closed = []

    @breaker
    async def stream(error=None, seconds=0):
        try:
            yield 1
            clock.advance(seconds)
            if error:
                raise error
            yield 2
        finally:
            closed.append(1)

    assert [each async for each in stream(seconds=6)] == [1, 2]
    assert counted(breaker) == (1, 0, 1)
    with pytest.raises(Down):
        [each async for each in stream(Down())]
    assert counted(breaker) == (1, 1, 1)
    left = stream()
    async for _ in left:
        break
    await left.aclose()
    assert counted(breaker) == (1, 1, 1)
    assert len(closed) == 3
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        await anext(stream())


async def test_call_takes_functions_and_coroutines(breaker) -> None:
    """Also a plain function that returns something to await: then waiting for it is the call."""

    async def later(value, error=None):
        await asyncio.sleep(0)
        if error:
            raise error
        return value

    class Client:
        async def __call__(self, value):
            return value

    assert breaker.call(max, 3, 4) == 4
    assert breaker.call(dict, function=1) == {"function": 1}
    assert await breaker.call(later, 5) == 5
    assert await breaker.call(functools.partial(later, 6)) == 6
    assert await breaker.call(Client(), 7) == 7
    assert await breaker.call(lambda: later(8)) == 8
    assert counted(breaker) == (6, 0, 0)
    with pytest.raises(Down):
        await breaker.call(lambda: later(8, Down()))
    with pytest.raises(Down):
        breaker.call(lambda: exec("raise error", {"error": Down()}))
    assert counted(breaker) == (6, 2, 0)
    assert breaker.state == "open"


async def test_what_call_made_and_may_not_await_is_closed(breaker, clock) -> None:
    """No coroutine is left behind unawaited; a future needs no closing."""
    breaker.force_open()
    breaker.allow_half_open()

    async def later(value):
        return value

    made = [later(1), later(2)]
    first, second = breaker.call(lambda: made[0]), breaker.call(lambda: made[1])
    assert breaker.get_state()["half_open_calls"] == 0
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        await first
    with pytest.raises(CircuitOpen):
        await second
    assert [inspect.getcoroutinestate(each) for each in made] == [inspect.CORO_CLOSED] * 2
    breaker.reset()
    future = asyncio.get_running_loop().create_future()
    waiting = breaker.call(lambda: future)
    breaker.force_open()
    with pytest.raises(CircuitOpen):
        await waiting
    assert not future.done()


def test_what_is_async_is_seen_through_wrappers() -> None:
    """Partials, methods and objects."""

    class Client:
        async def ask(self): ...

        async def __call__(self): ...

        def tell(self): ...

    async def work(): ...

    assert is_async(work)
    assert is_async(functools.partial(functools.partial(work)))
    assert is_async(Client())
    assert is_async(Client().ask)
    assert not is_async(Client().tell)
    assert not is_async(len)
    assert not is_async(functools.partial(max, 1))


@pytest.fixture(params=["plain", "coroutine"])
def call(request, breaker, clock):
    """A guarded function that takes so many seconds, called to its end."""

    @breaker
    def plain(seconds=0):
        clock.advance(seconds)

    @breaker
    async def coroutine(seconds=0):
        clock.advance(seconds)

    if request.param == "plain":
        return plain

    def to_its_end(seconds=0):
        with pytest.raises(StopIteration):
            coroutine(seconds).send(None)

    return to_its_end


def test_slow_is_what_takes_longer_than_the_limit(breaker, call) -> None:
    """Not what takes just as long."""
    call(5.0)
    assert counted(breaker) == (1, 0, 0)
    call(5.5)
    assert counted(breaker) == (2, 0, 1)


def test_fast_successes_wait_to_be_counted_together_but_never_many(breaker, call) -> None:
    """A call costs one append to a deque, and the deque stays small however long nobody asks."""
    assert FULL == 512
    for number in range(1, 513):
        call()
        assert len(breaker.closed_period.waiting) == number
    call()
    assert len(breaker.closed_period.waiting) == 0
    assert counted(breaker) == (513, 0, 0)


async def ask_badly():
    """A client's async method."""
    raise Down


def ask_plainly():
    """The same behind a plain wrapper."""
    return ask_badly()


async def read_badly():
    """A client's stream."""
    yield 1
    raise Down


def list_badly():
    """A client's pages."""
    yield 1
    raise Down


@pytest.mark.parametrize("form", ["decorated", "called"])
async def test_a_plain_function_that_gives_a_coroutine_is_guarded_while_it_is_awaited(breaker, form) -> None:
    """As some clients wrap their async methods: no inspection of the function can tell."""
    guarded = breaker(ask_plainly) if form == "decorated" else functools.partial(breaker.call, ask_plainly)
    for _ in range(2):
        with pytest.raises(Down):
            await guarded()
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen):
        await guarded()


async def test_a_generator_function_given_to_call_is_guarded_while_it_is_read(breaker) -> None:
    """Of both kinds; what nobody reads counts neither way."""
    breaker.call(list_badly)
    assert counted(breaker) == (0, 0, 0)
    with pytest.raises(Down):
        list(breaker.call(list_badly))
    with pytest.raises(Down):
        [each async for each in breaker.call(read_badly)]
    assert breaker.state == "open"
    with pytest.raises(CircuitOpen):
        breaker.call(list_badly)


async def test_what_is_sent_into_a_stream_arrives(breaker) -> None:
    """As with generators that are not guarded."""

    @breaker
    async def echo():
        heard = None
        while heard != "end":
            heard = yield heard

    stream = echo()
    assert await anext(stream) is None
    assert await stream.asend("hello") == "hello"
    with pytest.raises(StopAsyncIteration):
        await stream.asend("end")
    assert counted(breaker) == (1, 0, 0)


def test_what_is_no_function_is_refused_at_once(breaker) -> None:
    """Not at its first call, as a failure of the dependency."""
    with pytest.raises(TypeError, match=r"^a breaker guards functions, `42` is none$"):
        breaker(42)
