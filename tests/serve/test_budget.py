"""The share of the time that work may take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecompulse.serve.budget import SAVED_SECONDS, Budget


def test_what_is_done_seldom_is_done_at_once_even_after_it_took_long() -> None:
    budget = Budget(0.1)
    for now, cost in ((1000.0, 0.04), (1000.4, 0.3), (1000.8, 0.04), (1001.2, 0.04)):
        assert budget.is_free(now)
        budget.spend(cost, now)


def test_what_costs_more_than_is_saved_is_waited_for() -> None:
    budget = Budget(0.1)
    budget.spend(2.0, 1000.0)
    assert not budget.is_free(1000.0 + 20 - SAVED_SECONDS - 0.1)
    assert budget.is_free(1000.0 + 20 - SAVED_SECONDS + 0.1)


@given(costs=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=50), share=st.floats(0.01, 0.5))
def test_what_is_always_wanted_keeps_to_the_share(costs: list[float], share: float) -> None:
    budget, now, began, spent = Budget(share), 1000.0, 1000.0, 0.0
    for cost in costs:
        while not budget.is_free(now):
            now += 0.25
        assert spent <= share * (now - began + SAVED_SECONDS) + 1e-6
        budget.spend(cost, now)
        spent += cost
        now += cost
