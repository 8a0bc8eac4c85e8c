"""Both OpenAPI descriptions, tried with what they allow and with what they do not: no answer is a fault of ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from tests.conftest import RunningSystem, call

EXAMPLES_OF_OPERATION = 6
NOT_ASKED = {
    "/api/live",  # an answer without end, which has tests of its own
    "/api/rebuild",  # makes stores without end
}

WEB = settings(
    max_examples=EXAMPLES_OF_OPERATION,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def tried(address: str) -> list[str]:
    """Sends some requests of each operation; returns those that were answered with a 5xx other than 503."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    faults, asked = [], set()
    for result in schema.get_all_operations():
        operation: Any = result.ok()
        if operation.path in NOT_ASKED:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            for case in _cases(operation, mode):
                answer = case.call(base_url=address, timeout=20)
                asked.add((operation.method, operation.path))
                if answer.status_code >= 500 and answer.status_code != 503:
                    faults.append(f"{answer.status_code} {answer.text[:300]}: {case.as_curl_command()[:600]}")
    assert len(asked) > 5, asked
    return faults


def _cases(operation: Any, mode: GenerationMode) -> list[Any]:
    found: list[Any] = []

    @WEB
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except Exception as error:
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest", "Skipped"):  # an operation without anything that could be wrong
            raise
    return found


@pytest.fixture
def addresses(shared_system: RunningSystem) -> Callable[[str], str]:
    return lambda port: shared_system.door if port == "collect" else shared_system.api


@pytest.mark.parametrize("port", ["collect", "serve"])
def test_nothing_that_is_sent_to_a_described_operation_is_a_5xx(
    shared_system: RunningSystem, addresses: Callable[[str], str], port: str
) -> None:
    pids = shared_system.roles()
    assert tried(addresses(port)) == []
    assert shared_system.roles() == pids
    assert shared_system.ready()


QUERY = st.dictionaries(
    st.sampled_from(["from", "to", "grain", "tz", "minutes", "by", "limit", "cursor", "steps", "site", "platform", "after", "reason"]),
    st.one_of(st.text(max_size=20), st.integers().map(str), st.sampled_from(["0001-01-01", "9999-12-31T23:59:59Z", "-1d", "1e999", "NaN"])),
    max_size=4,
)
PATHS = st.sampled_from(
    [f"/api/analytics/{name}" for name in ("revenue", "funnel", "top-products", "sessions", "latency", "nothing", "real-time")]
    + ["/api/dead-letters", "/api/ledger", "/api/recommendations/u", "/api/analytics"]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=PATHS, query=QUERY)
def test_no_parameter_of_a_question_is_a_5xx(shared_system: RunningSystem, path: str, query: dict[str, str]) -> None:
    from urllib.parse import urlencode

    told = call("GET", f"{shared_system.api}{path}?{urlencode(query, errors='surrogatepass')}")
    assert told.status < 500, told
