"""What must not reach the log."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecompulse.contract.columns import LOGGED
from ecompulse.guard.privacy import mask_addresses, mask_bytes, scrub, truncated


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1234:5678::1", "2001:db8:1234::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("no address", None),
        ("", None),
        ("1.2.3.4.5", None),
    ],
)
def test_addresses_are_truncated_to_their_network(address, kept):
    assert truncated(address) == kept


@given(st.ip_addresses())
def test_what_is_kept_of_an_address_never_tells_the_host(address):
    kept = truncated(str(address))
    assert kept is not None
    assert truncated(kept) == kept


MASKED = {
    "https://s.example/?token=abc&page=2": "https://s.example/?token=[masked]&page=2",
    "https://s.example/?page=2&reset_token=abc#top": "https://s.example/?page=2&reset_token=[masked]#top",
    "https://s.example/?PASSWORD=x": "https://s.example/?PASSWORD=[masked]",
    "https://s.example/u/ann@mail.example/x": "https://s.example/u/[masked]/x",
    "https://s.example/?to=ann%40mail.example": "https://s.example/?to=[masked]",
    "https://s.example/#access_token=abc": "https://s.example/#access_token=[masked]",
    "https://s.example/\N{KELVIN SIGN}?TO\N{KELVIN SIGN}EN=abc": "https://s.example/\N{KELVIN SIGN}?TO\N{KELVIN SIGN}EN=[masked]",
}


@pytest.mark.parametrize("address", MASKED)
def test_secrets_and_mail_addresses_are_masked(address):
    assert mask_addresses(pa.array([address, None])).to_pylist() == [MASKED[address], None]


@pytest.mark.parametrize(
    "address", ["https://s.example/", "https://s.example/?page=2&keyword=mug&tokens=3", "https://s.example/monkey=1", None]
)
def test_other_addresses_stay_as_they_are(address):
    assert mask_addresses(pa.array([address], pa.string())).to_pylist() == [address]


@pytest.mark.parametrize("rows", [1, 3, 40, 200])
def test_in_a_batch_each_address_is_masked_as_it_is_alone(rows):
    asked = [*MASKED, None, "https://s.example/?page=2"] * 40
    addresses = ["203.0.113.77", None, "2001:db8:1234:5678::1", "no address"] * 80
    events = pa.RecordBatch.from_pylist(
        [{"page_url": url, "referrer": None, "ip_address": ip} for url, ip in zip(asked[:rows], addresses[:rows], strict=True)],
        schema=NULLABLE,
    )
    kept = scrub(events.slice(rows // 2), "truncated")
    assert kept.column("page_url").to_pylist() == [MASKED.get(url, url) for url in asked[rows // 2 : rows]]
    assert kept.column("ip_address").to_pylist() == [None if ip is None else truncated(ip) for ip in addresses[rows // 2 : rows]]
    assert kept.column("referrer").null_count == len(kept)


NULLABLE = pa.schema([field.with_nullable(True) for field in LOGGED])


def test_a_dead_letter_reaches_the_log_without_them():
    body = b'{"properties":{"page_url":"https://s.example/?a=1&password=x","referrer":"https://s.example/?q=ann@mail.example","ip_address":"203.0.113.77"}}'
    assert mask_bytes(body) == (
        b'{"properties":{"page_url":"https://s.example/?a=1&password=[masked]","referrer":"https://s.example/?q=[masked]","ip_address":"203.0.113.0"}}'
    )


@given(st.binary(max_size=200))
def test_masking_never_fails(body):
    assert isinstance(mask_bytes(body), bytes)
