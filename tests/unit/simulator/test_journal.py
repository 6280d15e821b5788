# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal's order, and that no secret is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openflash_simulator.journal import MASK, Journal, mask_query

SECRET = "Zq8-long-and-random"


def note(journal: Journal, **keys: Any) -> dict[str, Any]:
    journal.request(**{"method": "POST", "path": "/", "status": 200, "write": True, "connection": 1, **keys})
    return journal.since(journal.last - 1)[0]


def test_numbers_go_on_over_a_clear() -> None:
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
def test_telling_keys_are_masked_at_any_depth(key: str) -> None:
    entry = note(Journal(), body={"list": [{"deep": {key: "hush", "name": "v"}}]})
    assert entry["body"] == {"list": [{"deep": {key: MASK, "name": "v"}}]}


def test_secrets_in_lists_under_a_telling_key() -> None:
    assert note(Journal(), body={"secrets": ["a", "b"]})["body"] == {"secrets": [MASK, MASK]}


def test_the_arrays_own_password_is_masked_wherever_it_is() -> None:
    journal = Journal((SECRET, ""))
    entry = note(
        journal, path=f"/x?note={SECRET}", body={"note": f"it is {SECRET}!", "n": 5}, message=f"no {SECRET} here"
    )
    assert SECRET not in json.dumps(entry)
    assert entry["body"] == {"note": f"it is {MASK}!", "n": 5}


def test_query_arguments() -> None:
    assert mask_query("/login?user=admin&password=hush") == f"/login?user=admin&password={MASK}"
    assert mask_query("/volumes?name=a%20b") == "/volumes?name=a%20b"


def test_nothing_is_masked_that_is_not_there() -> None:
    entry = note(Journal(), body={"password": None, "chap-password": ""})
    assert entry["body"] == {"password": None, "chap-password": ""}
