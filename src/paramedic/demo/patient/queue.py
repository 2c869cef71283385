"""The shop's queue: sends every line back to its caller.

Usage: ``python -m paramedic.demo.patient.queue PORT``. SIGUSR1 makes it stop listening while the process lives on,
as a server does that ran into a bug in its accept loop; SIGUSR2 makes it listen again.
"""

import asyncio
import signal
import sys


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    except (OSError, ValueError):
        pass  # the caller went away, or sent a line without end
    finally:
        writer.close()


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    listener = await asyncio.start_server(_echo, "127.0.0.1", port)

    def listen_no_more() -> None:
        listener.close()

    async def listen_again() -> None:
        nonlocal listener
        if not listener.is_serving():
            listener = await asyncio.start_server(_echo, "127.0.0.1", port)

    tasks: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGUSR1, listen_no_more)
    loop.add_signal_handler(signal.SIGUSR2, lambda: tasks.add(loop.create_task(listen_again())))
    await over.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
