"""Runs a command that a component declares for itself."""

import asyncio
import contextlib
import os
import signal

from paramedic.sdk import ActContext, ActionFailed, ProcessSpec, Secret


async def run(context: ActContext, spec: ProcessSpec, command: tuple[str, ...]) -> None:
    """Run it in the folder and environment of the process, to its end and within the time of the step.

    Raises:
        ActionFailed: it cannot be run, does not end in time, or fails.
    """
    own = {key: value.reveal() if isinstance(value, Secret) else value for key, value in spec.env.items()}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=spec.cwd,
            env={**os.environ, **own},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise ActionFailed(f"`{command[0]}` cannot be run: {error.strerror or error}") from None
    try:
        async with asyncio.timeout(context.limit_s):
            _, said = await process.communicate()
    except TimeoutError:
        raise ActionFailed(f"`{command[0]}` did not end within {context.limit_s:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it was quicker
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        last = (said.decode(errors="replace").strip().splitlines() or [""])[-1]
        raise ActionFailed(f"`{command[0]}` failed with {process.returncode}: {last}")
