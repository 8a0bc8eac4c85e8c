"""Whether a port is free before anything is started, and who has it when it is not."""

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path

from ecompulse.run.errors import Refused
from ecompulse.run.values import Address

# A run that was killed a moment ago may not have given its ports back yet: its roles die after it, by a signal.
PATIENCE_SECONDS = 1.0


def must_be_free(address: Address, variable: str, patience_seconds: float = PATIENCE_SECONDS, *, shared: bool = False) -> None:
    """Refuse an address that cannot be bound.

    Args:
        address: where a role is about to listen.
        variable: the setting that says so, named in the error.
        patience_seconds: how long a taken port may take to become free.
        shared: whether another collector may listen there too, each taking its part of the connections.

    Raises:
        Refused: naming the port, and who has it where that can be told.
    """
    give_up_at = time.monotonic() + patience_seconds
    while error := _bind_error(address, shared=shared):
        if error.errno != errno.EADDRINUSE:
            raise Refused(f"{variable} is {address}, which cannot be bound: {error.strerror}.", _remedy(address, variable))
        if time.monotonic() > give_up_at:
            raise Refused(f"Port {address.port} of {address.host} is taken{_by_whom(address.port)}.", _remedy(address, variable))
        time.sleep(0.05)  # whoever has the port may be ending: nothing tells when it is free


def _remedy(address: Address, variable: str) -> str:
    return f"Stop that program, or choose another port: {variable}={Address(address.host, (address.port + 10) % 65536)}"


def _bind_error(address: Address, *, shared: bool) -> OSError | None:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, where = found[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the roles bind: an old connection in TIME_WAIT is no obstacle. Another collector is one, unless the port is to be shared.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            probe.bind(where)
    except OSError as error:
        return error
    return None


def _by_whom(port: int) -> str:
    """` by process 123 (nginx)` on Linux when its files may be read, else how to find out."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        try:
            if any(f.readlink().name in inodes for f in (process / "fd").iterdir()):
                return f" by process {process.name} ({(process / 'comm').read_text().strip()})"
        except OSError:  # it is another user's, or it has just ended
            continue
    return f"; `lsof -i :{port}` tells by whom"


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"  # state of a socket in /proc/net/tcp, Linux Documentation/networking/proc_net_tcp
    names = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        except OSError:
            return set()
        names |= {f"socket:[{row[9]}]" for row in rows if row[3] == listening and int(row[1].rsplit(":", 1)[1], 16) == port}
    return names
