# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of an array is in the document that is gathered of it, and what is listed as not declared.

Runs on Python 3.8.
"""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import BadReply, Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.gathering import gather
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import DELETING, EVERY_HOST, Mapping
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.selection import selection
from tests.support.memory_array import GIB, MIB, MemoryArray
from tests.support.planning import Task

UUID = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
STAMP = "0" * 25


def gathered(array: MemoryArray, **options: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The document, and the reasons of what is not declared by kind and name."""
    array.reset_counts()
    found = gather(array, selection(options))
    assert array.writes == []
    reasons = {
        entry["kind"] if entry["name"] is None else f"{entry['kind']} {entry['name']}": entry["reason"]
        for entry in found["not_declared"]
    }
    return found["gathered"], reasons


def names(section: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in section]


@pytest.fixture
def array() -> MemoryArray:
    """Two volumes, one of them mapped to a host."""
    array = MemoryArray()
    array.volume("web-2", 3 * GIB)
    array.volume("web-1", 1536 * MIB)
    array.host("web-server", "iqn.2026-01.org.example:b", "iqn.2026-01.org.example:a")
    array.map("web-1", "web-server", 4)
    return array


def test_sections_are_in_the_order_of_names_and_sizes_are_exact(array: MemoryArray) -> None:
    document, reasons = gathered(array)
    assert [(volume["name"], volume["size"]) for volume in document["volumes"]] == [
        ("web-1", "1536MiB"),
        ("web-2", "3GiB"),
    ]
    assert document["hosts"][0]["initiators"] == ["iqn.2026-01.org.example:a", "iqn.2026-01.org.example:b"]
    assert document["mappings"] == [{"volume": "web-1", "host": "web-server", "lun": 4}]
    assert document["groups"] == []
    assert reasons == {}


def test_what_is_gathered_changes_nothing_when_it_is_applied(array: MemoryArray) -> None:
    array.snapshot("web-1", "monday")
    document, _reasons = gathered(array, gather_snapshots=True)
    assert document["snapshots"] == [{"name": "monday", "volume": "web-1"}]
    assert Task(array, desired.document(document)).lines == []


def test_a_volume_whose_size_the_array_would_round_up_is_not_extended(array: MemoryArray) -> None:
    array.volume("odd", GIB + 512)
    document, _reasons = gathered(array)
    task = Task(array, desired.document(document))
    assert (task.lines, task.plan.errors) == ([], ())


def test_a_size_that_would_be_rounded_up_is_refused() -> None:
    task = Task(MemoryArray(), desired.document({"volumes": [{"name": "odd", "size": f"{GIB + 512}B"}]}))
    assert task.lines == []
    assert "sizes on this array are multiples of 1MiB" in str(task.plan.errors[0])
    assert "Declare 1025MiB" in str(task.plan.errors[0])


def test_a_volume_that_was_rounded_up_before_stays() -> None:
    array = MemoryArray()
    array.volume("odd", 1025 * MIB)
    task = Task(array, desired.document({"volumes": [{"name": "odd", "size": f"{GIB + 512}B"}]}))
    assert (task.lines, task.plan.errors) == ([], ())


def test_what_belongs_to_openstack_is_left_out_unless_it_is_asked_for(array: MemoryArray) -> None:
    array.volume(UUID)
    array.map(UUID, "web-server", 5)
    document, reasons = gathered(array)
    assert names(document["volumes"]) == ["web-1", "web-2"]
    assert [mapping["volume"] for mapping in document["mappings"]] == ["web-1"]
    assert reasons == {}
    document, _reasons = gathered(array, exclude_openstack=False)
    assert UUID in names(document["volumes"])


def test_a_document_with_a_prefix_refers_only_to_what_it_declares(array: MemoryArray) -> None:
    array.host("esx1", "iqn.2026-01.org.example:esx1")
    array.map("web-2", "esx1", 1)
    array.volume("db")
    document, reasons = gathered(array, gather_prefix="web-")
    assert names(document["volumes"]) == ["web-1", "web-2"]
    assert names(document["hosts"]) == ["web-server"]
    assert [mapping["host"] for mapping in document["mappings"]] == ["web-server"]
    assert list(reasons) == ["mapping esx1/web-2"]
    assert "host esx1 is not declared: its name does not begin with 'web-'" in reasons["mapping esx1/web-2"]


def test_what_exists_and_cannot_be_declared_is_listed(array: MemoryArray) -> None:
    array.volume("of-" + STAMP)
    array.volume("bad/name")
    array.volume("going", state=DELETING)
    array._maps[(EVERY_HOST, array._named("web-1").id)] = Mapping("web-1", EVERY_HOST, 0)
    document, reasons = gathered(array)
    assert names(document["volumes"]) == ["web-1", "web-2"]
    assert set(reasons) == {"volume of-" + STAMP, "volume bad/name", "volume going", "mapping */web-1"}
    assert "it is temporary" in reasons["volume of-" + STAMP]
    assert "is not a name that this array takes" in reasons["volume bad/name"]
    assert "every initiator may use the volume" in reasons["mapping */web-1"]


def test_what_could_not_be_read_is_listed(array: MemoryArray) -> None:
    array.unreadable = {"volume": ["web-1"], "host": ["web-server"]}
    document, reasons = gathered(array)
    assert names(document["volumes"]) == ["web-2"]
    assert "could not be read" in reasons["volume web-1"]
    assert "could not be read" in reasons["host web-server"]
    assert "mapping web-server/web-1" in reasons


def test_a_kind_that_cannot_be_read_is_an_error(array: MemoryArray) -> None:
    array.fail("hosts", BadReply("the answer makes no sense"))
    with pytest.raises(BadReply, match="read the hosts"):
        gathered(array)


def test_a_kind_that_the_array_cannot_be_asked_for_is_listed() -> None:
    array = MemoryArray(mappings_known="of_no_host")
    _document, reasons = gathered(array)
    assert "cannot be asked for its mappings" in reasons["mappings"]


def test_the_name_of_a_chap_user_is_no_secret_and_the_password_is_missing(array: MemoryArray) -> None:
    host = array.host("secure")
    array._hosts["secure"] = host.__class__(
        "secure",
        host.id,
        (array._hosts["web-server"].initiators[0].__class__("iqn.2026-01.org.example:c", "iscsi", chap_user="bob"),),
    )
    document, reasons = gathered(array)
    assert "CHAP credentials of bob" in reasons["chap secure"]
    assert not any(name.startswith("chap") for host in document["hosts"] for name in host)


def test_groups_are_gathered_with_their_declared_members(array: MemoryArray) -> None:
    array.group("web", "web-1")
    array.volume("other")
    array.group("mixed", "web-1", "other")
    document, reasons = gathered(array, gather_prefix="web")
    assert document["groups"] == [{"name": "web", "volumes": ["web-1"]}]
    document, reasons = gathered(array)
    assert document["groups"] == [
        {"name": "mixed", "volumes": ["other", "web-1"]},
        {"name": "web", "volumes": ["web-1"]},
    ]
    assert reasons == {}


@pytest.mark.parametrize(
    "options", [{"volumes": []}, {"groups": [{"name": "g"}]}, {"prune": True}, {"mappings": [{"volume": "v"}]}]
)
def test_what_only_reads_takes_no_declaration(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="is not for state: gathered, which only reads"):
        selection(options)


@pytest.mark.parametrize("options", [{"gather_prefix": "web-"}, {"gather_snapshots": True}])
def test_a_declaration_takes_no_option_of_gathered(options: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="is only for state: gathered"):
        desired.document(options)
