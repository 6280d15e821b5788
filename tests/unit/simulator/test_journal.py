# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of the simulator: its order, and the masking of secrets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openflash_simulator.journal import MASK, Journal, mask_query

SECRET = "Zq8-long-and-random"


def note(journal: Journal, **keys: Any) -> dict[str, Any]:
    journal.request(**{"method": "POST", "path": "/", "status": 200, "write": True, "connection": 1, **keys})
    return journal.since(journal.last - 1)[0]


def test_numbers_continue_after_a_clear() -> None:
    journal = Journal()
    note(journal)
    journal.change("volume.create", {"name": "v"})
    assert [entry["n"] for entry in journal.since(0)] == [1, 2]
    journal.clear()
    note(journal)
    assert [entry["n"] for entry in journal.since(0)] == [3]
    assert journal.since(3) == []


@pytest.mark.parametrize(
    "key", ["password", "initiator-authentication-password", "Passwd", "chap_secret", "X-Auth-Token", "passphrase"]
)
def test_values_of_secret_keys_are_masked_at_any_depth(key: str) -> None:
    entry = note(Journal(), body={"list": [{"deep": {key: "secret-value", "name": "v"}}]})
    assert entry["body"] == {"list": [{"deep": {key: MASK, "name": "v"}}]}


def test_lists_under_a_secret_key_are_masked() -> None:
    assert note(Journal(), body={"secrets": ["a", "b"]})["body"] == {"secrets": [MASK, MASK]}


def test_the_password_of_the_array_is_masked_everywhere() -> None:
    journal = Journal((SECRET, ""))
    entry = note(
        journal, path=f"/x?note={SECRET}", body={"note": f"it is {SECRET}!", "n": 5}, message=f"no {SECRET} here"
    )
    assert SECRET not in json.dumps(entry)
    assert entry["body"] == {"note": f"it is {MASK}!", "n": 5}


def test_secrets_in_a_query_are_masked() -> None:
    assert mask_query("/login?user=admin&password=secret-value") == f"/login?user=admin&password={MASK}"
    assert mask_query("/volumes?name=a%20b") == "/volumes?name=a%20b"


def test_empty_secrets_are_not_masked() -> None:
    entry = note(Journal(), body={"password": None, "chap-password": ""})
    assert entry["body"] == {"password": None, "chap-password": ""}
