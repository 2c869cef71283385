"""Blocking code on a thread of its own."""

import asyncio
import contextvars
import subprocess
import sys
import threading
import time

import pytest

from paramedic.checking import run_loop
from paramedic.sdk.blocking import in_thread


async def test_the_result_comes_back():
    """Arguments go in, the result comes out, on another thread that sees the same context."""
    variable = contextvars.ContextVar("variable", default=0)
    variable.set(5)
    thread, value = await in_thread(lambda add: (threading.current_thread(), variable.get() + add), 2)
    assert value == 7
    assert thread is not threading.current_thread()
    assert thread.daemon


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
async def test_what_it_raises_comes_back(error):
    """Whoever waits gets the error."""

    def fails() -> None:
        raise error

    with pytest.raises(error):
        await in_thread(fails)


async def test_a_stop_iteration_comes_back_as_an_error():
    """An error that no future can carry does not leave the waiting hanging."""
    with pytest.raises(RuntimeError, match="StopIteration"):
        await in_thread(next, iter(()))


async def test_waiting_can_be_cancelled():
    """A hung call is left behind, and what it returns later disturbs nobody."""
    release = threading.Event()
    task = asyncio.create_task(in_thread(release.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert await in_thread(lambda: "next") == "next"


HANGS = """
import asyncio, threading
from paramedic.checking import run_loop
from paramedic.sdk.blocking import in_thread

async def clings():
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

async def main():
    asyncio.create_task(clings())
    asyncio.create_task(in_thread(threading.Event().wait))
    await asyncio.sleep(0)
    return "done"

print(run_loop(main()))
"""


def test_neither_a_hung_thread_nor_a_clinging_task_holds_up_the_exit():
    """The program ends although something in it does not, and says nothing about it."""
    started = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", HANGS], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("done\n", "", 0)
    assert time.monotonic() - started < 30


def test_an_error_of_the_main_task_comes_out():
    """The loop hides nothing of what it was asked to run."""

    async def fails() -> None:
        raise ValueError("it")

    with pytest.raises(ValueError, match="it"):
        run_loop(fails())
