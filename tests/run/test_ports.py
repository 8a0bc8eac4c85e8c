"""A port is looked at before anything is started."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from ecompulse.run import ports
from ecompulse.run.errors import Refused
from ecompulse.run.values import Address


def test_a_free_port_passes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    ports.must_be_free(Address("127.0.0.1", free), "ECOMPULSE_COLLECT")


def test_a_taken_port_is_refused_naming_it_its_owner_and_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Refused) as refused:
            ports.must_be_free(Address("127.0.0.1", port), "ECOMPULSE_COLLECT", patience_seconds=0)
    assert str(port) in refused.value.what
    assert "ECOMPULSE_COLLECT=127.0.0.1:" in refused.value.remedy
    assert (f"process {os.getpid()} " if sys.platform == "linux" else "lsof") in refused.value.what


def test_a_collector_may_share_a_port_with_collectors_only() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = Address(*other.getsockname())
        ports.must_be_free(address, "ECOMPULSE_COLLECT", shared=True)
        with pytest.raises(Refused):
            ports.must_be_free(address, "ECOMPULSE_COLLECT", patience_seconds=0)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Refused, match="cannot be bound"):
        ports.must_be_free(Address("203.0.113.7", 8080), "ECOMPULSE_COLLECT", patience_seconds=0)


def test_a_name_that_does_not_resolve_is_refused() -> None:
    with pytest.raises(Refused, match=r"nowhere\.invalid"):
        ports.must_be_free(Address("nowhere.invalid", 8080), "ECOMPULSE_COLLECT", patience_seconds=0)
