"""A proxy that passes everything on until SIGUSR1; from then on it accepts and says nothing.

Usage: ``python -m paramedic.drills.servers.silencer PORT HOST PORT``.
"""

import asyncio
import contextlib
import signal
import sys


async def _serve(port: int, host: str, behind: int) -> None:
    silent = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, silent.set)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):  # whoever hangs up first
            while data := await reader.read(65536):
                if silent.is_set():
                    await asyncio.Event().wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if silent.is_set():
            await asyncio.Event().wait()
        try:
            there, back = await asyncio.open_connection(host, behind)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
