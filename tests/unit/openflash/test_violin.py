# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and objects that Violin's client reads and writes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Volume, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.target_ports import port_key
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin import (
    capabilities,
    copies,
    ledger,
    names,
    objects,
    refusals,
    session,
    snapshots,
)


@pytest.mark.parametrize(
    ("text", "numbers"), [("7.5.5", (7, 5, 5)), ("7.50", (7, 50)), ("7.9.0.1234", (7, 9, 0, 1234)), ("8", (8,))]
)
def test_a_version_is_read_as_numbers(text: Any, numbers: Any) -> None:
    assert session.parse_version(text) == numbers


def test_version_7_50_is_newer_than_7_9() -> None:
    assert session.parse_version("7.50") > session.parse_version("7.9") >= ledger.OLDEST


def test_a_malformed_version_is_refused() -> None:
    with pytest.raises(errors.Invalid):
        session.parse_version("new")


@pytest.mark.parametrize(("lun", "area"), [(1, 1), (499, 499), (500, 250), (1999, 1000), (2000, 400), (3072, 615)])
def test_the_snapshot_area_has_a_size_that_depends_on_the_volume(lun: Any, area: Any) -> None:
    assert snapshots.area_size(lun) == area


def test_a_temporary_name_has_its_purpose_and_its_run() -> None:
    with unfinished.begin() as stamp:
        name, carrier = names.temporary_name(stamp, "lun", "id", "copy1"), names.carrier_name(stamp)
    assert len(name) == 36
    assert len(carrier) <= ledger.SNAPSHOT_NAME_LONGEST
    assert name.startswith(names.temporary_prefix("lun", "id", "copy1"))
    assert not name.startswith(names.temporary_prefix("lun", "id", "copy2"))
    assert names.stamp_of(name) == names.stamp_of(carrier) == stamp
    for other in ("of-", "of-db1", "db1", name + "x", name.upper(), name[1:]):
        assert names.stamp_of(other) is None


@pytest.mark.parametrize(
    ("message", "kind", "code"),
    [
        ("Duplicate Virtual Device name. Error: 0x90010022", refusals.NameTaken, "0x90010022"),
        ("TimeMark is busy. Error 0x50f7564c", errors.Busy, "0x50f7564c"),
        ("No. Error: 0x09010048", errors.InUse, "0x09010048"),
        ("No. Error: 0x90010089", refusals.CopyRunning, "0x90010089"),
        ("Invalid size. Error: 0x0902000c", errors.Invalid, "0x0902000c"),
        ("TimeMark is disabled for it.", refusals.NoPolicy, None),
        ("There is not enough space in the pool. Error: 0x12345678", errors.NoSpace, "0x12345678"),
        ("Something else. Error: 0xdeadbeef", refusals.Rejected, "0xdeadbeef"),
        (None, refusals.Rejected, None),
    ],
)
def test_a_message_of_violin_has_its_kind_and_code(message: Any, kind: Any, code: Any) -> None:
    error = refusals.error_of(message, "GET /x", lambda text: text)
    assert type(error) is kind
    assert error.code == code


def test_a_busy_message_is_recognised_with_and_without_a_colon() -> None:
    assert refusals.is_busy("Error 0x50f7564c")
    assert refusals.is_busy("Error: 0x50F7564C")
    assert not refusals.is_busy("Error: 0x90010022")


@pytest.mark.parametrize(("text", "percent"), [("finished(100%)", 100), ("512 (50%)", 50), ("0 (0%)", 0)])
def test_the_progress_of_a_copy_is_read(text: Any, percent: Any) -> None:
    assert copies._percent(text) == percent


@pytest.mark.parametrize("text", ["", "finished", None])
def test_a_status_without_a_progress_is_an_error(text: Any) -> None:
    with pytest.raises(errors.BadReply):
        copies._percent(text)


def test_the_json_in_the_last_line_of_a_text_is_read() -> None:
    assert session._last_line('PHP Notice\n\n{"success": false, "msg": "no"}\n') == {"success": False, "msg": "no"}
    for text in ("", "nothing", "{}\nnothing", "[1]"):
        assert session._last_line(text) is None


LUN = {"object_id": "id-1", "name": "db1", "type": "SAN", "subType": "THICK", "size_mb": 1024, "timemarkEnabled": False}


def test_a_lun_is_read_as_a_volume() -> None:
    volume = objects.volume(LUN)
    assert (volume.size, volume.provisioning, volume.independent, volume.snapshots) == (GIB, "thick", True, ())
    assert (volume.pool, volume.serial, volume.mappings, dict(volume.options)) == (None, None, None, {})
    assert objects.volume(dict(LUN, timemarkEnabled=True)).snapshots is None
    assert objects.volume(dict(LUN, name="of-" + "0" * 7 + "-" + "0" * 25)).state == "copying"
    clone = objects.volume(dict(LUN, type="SANTimeView", timeview_data_set={"name": "src", "object_id": "id-2"}))
    assert (clone.independent, clone.source) == (False, "src")


def test_an_unreadable_lun_is_reported() -> None:
    listing = objects.listing("volume", [LUN, dict(LUN, name="db2", size_mb="much"), {"name": "db3"}], objects.volume)
    assert [item.name for item in listing] == ["db1"]
    assert [item.name for item in listing.unreadable] == ["db2", "db3"]


def test_initiators_are_read_from_dashed_and_joined_lists() -> None:
    client = {"name": "h", "object_id": "i", "FCPolicy": {"initiatorWWPNList": ["50-01-43-80-18-6b-50-c0"]}}
    assert objects.host(client).addresses == ("50014380186b50c0",)
    client["FCPolicy"] = {"initiatorWWPNList": "50014380186b50c0,50-01-43-80-18-6b-50-c1"}
    assert objects.host(client).addresses == ("50014380186b50c0", "50014380186b50c1")


@pytest.mark.parametrize("text", ["10.1.1.1", "10.1.1.1:3260"])
def test_a_portal_is_recognised_with_and_without_its_port(text: Any) -> None:
    assert port_key(text) == "10.1.1.1"


def test_a_wwn_is_recognised_in_every_notation() -> None:
    for text in ("21:01:00:1B:97:22:AE:00", "0x2101001b9722ae00", "21-01-00-1b-97-22-ae-00"):
        assert port_key(text) == "2101001b9722ae00"


@pytest.mark.parametrize("external", [False, True])
def test_what_can_be_done_depends_on_kind_and_model(external: Any) -> None:
    can = capabilities.capabilities((7, 5, 5), external, True)
    thick, thin, dedup = (Volume("v", GIB, provisioning=kind) for kind in ("thick", "thin", "dedup"))
    clone = Volume("c", GIB, provisioning="thin", independent=False)
    larger = VolumeSpec("w", 2 * GIB)
    assert can.refusal("clone_volume", thick, spec=larger) is None
    assert can.refusal("clone_volume", thick, spec=VolumeSpec("w", provisioning="thin"))
    for source in (thin, dedup, clone):
        assert can.refusal("clone_volume", source, spec=larger)
        assert can.refusal("clone_volume", source, spec=VolumeSpec("w")) is None
        assert not can.method("clone_volume", source).independent
    assert can.method("clone_volume", thick).kind == "array_copy"
    assert (can.refusal("extend_volume", dedup) is None) is external
    assert can.refusal("extend_volume", clone)
    assert can.refusal("extend_volume", thin) is None
