"""What a person does about damage: the doctor says what is lost and how to repair, and that works."""

from __future__ import annotations

import json
import sqlite3

from tests.conftest import RunningSystem
from tests.disk.harness import event, ids

from ecompulse.log.sqlite import file


def doctor(system: RunningSystem, check: str) -> list[dict[str, str]]:
    return [found for found in json.loads(system.command("doctor", "--json").stdout) if found["check"] == check]


def test_a_damaged_store_is_named_and_built_again_from_the_log(running_system: RunningSystem) -> None:
    sent = [event(n) for n in range(40)]
    for one in sent:
        assert running_system.send(one).status == 202
    running_system.wait_stored(ids(sent))
    running_system.stop()
    store = running_system.data / "stores" / "main" / "events.duckdb"
    store.write_bytes(b"garbage " * (store.stat().st_size // 8))
    [told] = doctor(running_system, "Store")
    assert told["state"] == "problem"
    assert str(store) in told["seen"]
    assert str(store.parent) in told["remedy"]
    store.parent.rename(running_system.folder / "damaged")
    with sqlite3.connect(file.path_of(running_system.data / "log", 0, 0)) as connection:  # and the log has a flipped bit
        connection.execute("update entries set checksum = checksum + 1 where offset = 7")
    connection.close()
    [told] = doctor(running_system, "Log")
    assert told["state"] == "problem"
    assert "offsets 7 to 7" in told["seen"]
    running_system.start()
    running_system.wait_stored(ids(sent[:7] + sent[8:]))
    assert "offsets 7 to 7" in running_system.sql("select reason from dead_letters")[0][0]
    assert running_system.command("verify").returncode == 0


def test_a_second_run_on_the_folder_is_refused_in_plain_words_and_the_first_goes_on(running_system: RunningSystem) -> None:
    from tests.conftest import free_port

    ports = {"ECOMPULSE_COLLECT": f"127.0.0.1:{free_port()}", "ECOMPULSE_SERVE": f"127.0.0.1:{free_port()}"}
    second = running_system.command("run", **ports)
    assert second.returncode not in (0, None)
    assert str(running_system.data) in second.stderr
    assert str(running_system.pid) in second.stderr
    assert "Traceback" not in second.stderr
    sent = event()
    assert running_system.send(sent).status == 202
    running_system.wait_stored(ids([sent]))
