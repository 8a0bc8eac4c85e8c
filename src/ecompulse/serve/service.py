"""Serve the application on a socket, inside the process that owns the store, until told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from ecompulse.serve.api import Api

GRACE_SECONDS: Final = 2
"""Open requests are given this long at the end; the whole run must end within five seconds."""
LAST_SECONDS: Final = 0.5
"""Questions that are at work at the end usually are done within this; nobody waits for their answers any more."""
CONNECTIONS_MAX: Final = 1_000
KEEP_ALIVE_SECONDS: Final = 30


class _Server(uvicorn.Server):
    """A server whose signals are its owner's: a run ends in one place, in order."""

    def __init__(self, config: uvicorn.Config, begun: Callable[[], None]) -> None:
        super().__init__(config)
        self._begun = begun

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._begun()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Starlette, sock: socket.socket, stop: asyncio.Event, begun: Callable[[], None] = lambda: None) -> None:
    """Answer requests on a bound socket until `stop` is set, then end the live streams and close. `begun` is called once it answers.

    Returns when every connection is closed, `GRACE_SECONDS` after `stop` at the latest.
    """
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, begun)
    running = asyncio.create_task(server.serve(sockets=[sock]), name="serve")
    stopping = asyncio.create_task(stop.wait(), name="serve-stop")
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        api: Api = app.state.api
        api.close()
        server.should_exit = True
        stopping.cancel()
        await running
        await asyncio.to_thread(api.wait, LAST_SECONDS)  # so that the owner of the store can close it
