"""Keys: made once, kept hashed, followed as they change."""

from __future__ import annotations

import base64

import pytest

from ecompulse.guard import keys


def test_a_key_is_shown_once_and_only_its_hash_is_kept(tmp_path):
    secret, entry = keys.create(tmp_path, "toys", "write", "the shop")
    assert secret not in (tmp_path / keys.FILE).read_text()
    assert keys.Keys(tmp_path).find(secret) == entry
    assert (tmp_path / keys.FILE).stat().st_mode & 0o077 == 0, "others may not read it"


def test_unknown_and_endless_keys_are_nobodys(tmp_path):
    keys.create(tmp_path, "toys", "write")
    known = keys.Keys(tmp_path)
    assert known.find("ec_write_guess") is None
    assert known.find("x" * 1_000_000) is None


def test_a_key_made_or_revoked_meanwhile_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0.0)
    known = keys.Keys(tmp_path)
    assert known.empty
    secret, entry = keys.create(tmp_path, "toys", "write")
    assert known.find(secret) == entry
    assert keys.revoke(tmp_path, entry.id)
    assert known.find(secret) is None
    assert not keys.revoke(tmp_path, entry.id)


@pytest.mark.parametrize(("role", "may"), [("write", {"write"}), ("read", {"read"}), ("admin", {"write", "read", "admin"})])
def test_a_role_may_do_its_own(tmp_path, role, may):
    _, entry = keys.create(tmp_path, "toys", role)
    assert {other for other in keys.ROLES if entry.may(other)} == may


@pytest.mark.parametrize(("site", "role"), [("", "write"), ("a b", "write"), ("a/b", "write"), ("x" * 101, "write"), ("toys", "owner")])
def test_sites_and_roles_that_cannot_be_are_refused(tmp_path, site, role):
    with pytest.raises(ValueError, match=r"site|role"):
        keys.create(tmp_path, site, role)


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / keys.FILE).write_text("{")
    with pytest.raises(keys.KeysUnreadable, match=r"keys\.json"):
        keys.Keys(tmp_path)


@pytest.mark.parametrize(
    ("headers", "query", "shown"),
    [
        ({b"x-api-key": b" k "}, "", "k"),
        ({b"authorization": b"Basic " + base64.b64encode(b"k:")}, "", "k"),
        ({b"authorization": b"Basic " + base64.b64encode(b"k")}, "", "k"),
        ({b"authorization": b"Bearer k"}, "", "k"),
        ({}, "a=1&writeKey=k", "k"),
        ({}, "write_key=k", "k"),
        ({}, "a=1", None),
        ({b"authorization": b"Basic \xff"}, "", "\xff"),
    ],
)
def test_a_key_is_found_wherever_clients_show_it(headers, query, shown):
    assert keys.presented(headers, query) == shown
