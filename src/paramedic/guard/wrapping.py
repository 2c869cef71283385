"""Functions put behind a breaker: plain ones, coroutines, and generators of both kinds.

The wrappers are long on purpose. They are the path of every guarded call, so they call nothing that they need not:
while the breaker is closed, a call costs two looks at the clock and one append to a deque.
"""

import inspect
from collections.abc import AsyncIterator, Callable, Generator
from functools import partial, wraps
from types import CoroutineType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramedic.guard.breaker import CircuitBreaker

FULL = 512
"""So many fast successes may wait to be counted."""


def is_async(function: Callable[..., Any]) -> bool:  # Any: any function can be guarded
    """Whether calling it gives a coroutine; sees through partials and objects with an async ``__call__``."""
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004 - the method itself is asked


def guarded(breaker: "CircuitBreaker", function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind the breaker, with the same name and signature."""
    if inspect.isasyncgenfunction(function):
        return _async_generator(breaker, function)
    if inspect.isgeneratorfunction(function):
        return _generator(breaker, function)
    return _coroutine(breaker, function) if is_async(function) else _plain(breaker, function)


def read(breaker: "CircuitBreaker", generator: Any) -> Any:
    """A generator of either kind behind the breaker, as long as somebody reads it."""
    return (_async_generator if hasattr(generator, "__anext__") else _generator)(breaker, lambda: generator)()


def _plain(breaker: "CircuitBreaker", function: Callable[..., Any]) -> Callable[..., Any]:
    clock = breaker.clock.monotonic

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        period = breaker.closed_period or breaker.admit_call()
        started = clock()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            period.failed(error, started)
            raise
        if type(result) is CoroutineType:  # a client's async method behind a plain wrapper: waiting for it is the call
            period.abandoned()
            return breaker.awaited(result)
        now = clock()
        if now - started <= breaker.slow_after_s:
            period.succeeded(now)
            if len(period.waiting) > FULL:
                period.count()
        else:
            period.was_slow(now)
        return result

    return wrapper


def _coroutine(breaker: "CircuitBreaker", function: Callable[..., Any]) -> Callable[..., Any]:
    clock = breaker.clock.monotonic

    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        period = breaker.closed_period or breaker.admit_call()
        started = clock()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            period.failed(error, started)
            raise
        now = clock()
        if now - started <= breaker.slow_after_s:
            period.succeeded(now)
            if len(period.waiting) > FULL:
                period.count()
        else:
            period.was_slow(now)
        return result

    return wrapper


def _generator(breaker: "CircuitBreaker", function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        period = breaker.closed_period or breaker.admit()
        started = breaker.clock.monotonic()
        try:
            result = yield from function(*args, **kwargs)
        except BaseException as error:  # an early end by the reader comes as GeneratorExit, which is no failure
            period.failed(error, started)
            raise
        breaker.end_well(period, started)
        return result

    return wrapper


def _async_generator(breaker: "CircuitBreaker", function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        period = breaker.closed_period or breaker.admit()
        started = breaker.clock.monotonic()
        stream = function(*args, **kwargs)
        sent = None
        try:
            while True:
                sent = yield await stream.asend(sent)
        except StopAsyncIteration:
            pass  # the stream has ended
        except BaseException as error:
            period.failed(error, started)
            raise
        finally:
            await stream.aclose()
        breaker.end_well(period, started)

    return wrapper
