"""A sidecar in this process, whose time stands still."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from exporter.sidecar import Sidecar


def serve(sidecar: Sidecar, use: Callable[[aiohttp.ClientSession], Awaitable[None]], **options: Any) -> None:
    """Run a sidecar while `use` is called with a client of it; `options` are the client's."""

    async def main() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(sidecar.run(port.set_result))
        await asyncio.wait({port, running}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{await port}", **options) as client:
            await use(client)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(main())
