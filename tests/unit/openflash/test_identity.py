# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identities of volumes as disks, as arrays and hosts write them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import BadReply, Conflict, NotFound
from ansible_collections.openflash.storage.plugins.module_utils.openflash.identify import check_identities, identified
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing, Unreadable, Volume
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.identity import canonical


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("6001738CFC9035EB0000000000000001", "6001738cfc9035eb0000000000000001"),
        ("naa.6001738cfc9035eb0000000000000001", "6001738cfc9035eb0000000000000001"),
        ("36001738cfc9035eb0000000000000001", "6001738cfc9035eb0000000000000001"),
        ("wwn-0x6001738cfc9035eb0000000000000001", "6001738cfc9035eb0000000000000001"),
        ("60:01:73:8c:fc:90:35:eb:00:00:00:00:00:00:00:01", "6001738cfc9035eb0000000000000001"),
        ("514f0c5a51600001", "514f0c5a51600001"),
        ("3514f0c5a51600001", "514f0c5a51600001"),
        ("0x514f0c5a51600001", "514f0c5a51600001"),
        ("3001738cfc9035eb0000000000000001", "3001738cfc9035eb0000000000000001"),
    ],
)
def test_an_identity_is_the_same_however_it_is_written(text: str, digits: str) -> None:
    assert canonical(text) == digits
    assert canonical(digits) == digits


def chosen(listing: Listing[Volume], **options: Any) -> str:
    """The name of the volume of a task for one."""
    array: Any = SimpleNamespace(label="array1", volumes=lambda: listing)
    return identified(array, desired.volumes([options], options)).volumes[0].name


VOLUMES = (Volume("db1", 1, id="7", serial="514f0c5a51600001"), Volume("db2", 1, id="8"))


def test_an_id_and_an_identity_as_a_disk_must_both_be_those_of_the_volume() -> None:
    assert chosen(Listing(VOLUMES), id="7") == "db1"
    assert chosen(Listing(VOLUMES), id="7", serial="3514F0C5A51600001") == "db1"
    with pytest.raises(NotFound):
        chosen(Listing(VOLUMES), id="8", serial="514f0c5a51600001")


def test_a_volume_that_is_not_there_is_not_taken_as_deleted_where_one_could_not_be_read() -> None:
    listing = Listing(VOLUMES, (Unreadable("volume", "?", "no name"),))
    assert chosen(Listing(VOLUMES), id="9", state="absent") == "id 9"
    with pytest.raises(BadReply, match="no volume has it, but 1 could not be read"):
        chosen(listing, id="9", state="absent")
    assert chosen(listing, id="8", state="absent") == "db2"


def test_an_identity_that_several_volumes_have_chooses_none() -> None:
    """Such as on an array that gives ids out again, or whose answer is damaged."""
    with pytest.raises(Conflict, match="volumes db1 and db3 have it"):
        chosen(Listing((*VOLUMES, Volume("db3", 1, id="7"))), id="7", state="absent")


def test_a_volume_that_is_called_like_an_identity_is_another_one() -> None:
    with pytest.raises(Conflict, match="volume id 9 has another identity"):
        chosen(Listing((*VOLUMES, Volume("id 9", 1, id="10"))), id="9", state="absent")


def test_a_name_that_another_volume_got_since_the_list_was_read_is_refused() -> None:
    options = {"id": "7", "state": "absent"}
    array: Any = SimpleNamespace(label="array1", volumes=lambda: Listing(VOLUMES))
    state = identified(array, desired.volumes([options], options))
    check_identities(state, Listing(VOLUMES))
    check_identities(state, Listing())
    with pytest.raises(Conflict, match="nother volume has the name db1 since the volume with id 7 was found"):
        check_identities(state, Listing((Volume("db1", 1, id="9"),)))
