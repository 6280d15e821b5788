# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies that this host makes for a FlashSystem: real bytes, killed at every point, with stale devices in the way."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import unfinished
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.disks import Disks, Tree
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Busy,
    Conflict,
    FlashError,
    InUse,
    Invalid,
    NoSpace,
    NotFound,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import SnapshotSpec, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem import names
from tests.support.flashsystem import GIB, MIB, WWPNS, FlashSystemUnderTest, host, initiators, volume
from tests.support.running import wait_until
from tests.support.simulator import Simulator

HBAS = ("10000000c9f10001", "10000000c9f10002")
"""The ports of the host whose devices the simulator shows."""

PIECES = {0: b"boot", 5 * MIB - 3: b"across a chunk", GIB - 4: b"last"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    about = {"vendor": "flashsystem", "datapath": True}
    arrays: list[dict[str, Any]] = [
        {"name": "fc"},
        {"name": "reuse", "reuse_ids": True},
        {"name": "plain", "udids": False},
    ]
    with Simulator([{**about, **one} for one in arrays]) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> Iterator[FlashSystemUnderTest]:
    simulator.reset("fc")
    found = FlashSystemUnderTest(simulator, "fc")
    forget_disks(found)
    yield found
    found.hang_up()


def forget_disks(array: FlashSystemUnderTest) -> None:
    """What a test left on the host."""
    for name in array.disks():
        delete_path(array, name)


def delete_path(array: FlashSystemUnderTest, name: str) -> None:
    Tree(str(array.root)).write("1", str(array.root), "sys", "block", name, "device", "delete")
    wait_until(lambda: name not in array.disks(), 30, f"{name} does not leave the host")


def scan(array: FlashSystemUnderTest, count: int) -> None:
    """Have the host look for disks, and wait until it has so many paths."""
    for adapter in ("host1", "host2"):
        Tree(str(array.root)).write("- - -", str(array.root), "sys/class/scsi_host", adapter, "scan")
    wait_until(lambda: len(array.disks()) >= count, 30, "the host does not find its disks")


@pytest.fixture
def client(array: FlashSystemUnderTest) -> Iterator[Any]:
    with array.client() as connected:
        yield connected


def filled(array: FlashSystemUnderTest, client: Any, name: str = "db1") -> Any:
    made = volume(client, name)
    for at, data in PIECES.items():
        array.put(name, at, data)
    return made


def holds_pieces(array: FlashSystemUnderTest, vdisk: str) -> bool:
    return all(array.get(vdisk, at, len(data)) == data for at, data in PIECES.items())


def nothing_left(array: FlashSystemUnderTest) -> bool:
    """No temporary vdisk, no mapping to the copying host, no device on it."""
    mine = [pair for pair in array.maps() if pair[0].startswith("openflash-")]
    return not [name for name in array.names() if name.startswith("of-copy-")] and not mine and not array.disks()


# ---- what they are ---------------------------------------------------------------------------------------------------


def test_a_snapshot_is_a_copy_whose_name_says_of_what(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    made = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    assert (made.name, made.volume, made.size, made.crash_consistent) == ("monday", "db1", GIB, True)
    name = next(one for one in array.names() if one != "db1")
    assert re.fullmatch(rf"monday\.snap_{str(db1.serial)[-8:]}[0-9a-f]{{4}}", name)
    assert array.names() == ["db1", name]
    assert holds_pieces(array, name)
    assert nothing_left(array)
    array.put("db1", 0, b"changed since")
    assert array.get(name, 0, 4) == b"boot"
    client.rename_volume(db1, "db2")
    found = client.snapshots(volumes=["db2"]).items[0]
    assert (found.name, found.volume, found.id, found.proven) == ("monday", "db2", made.id, False)
    assert [one.name for one in client.volumes()] == ["db2"]
    assert client.volumes(["db2"]).items[0].snapshots == ("monday",)
    client.delete_snapshot(found)
    assert array.names() == ["db2"]
    assert client.create_snapshots([SnapshotSpec("tuesday", client.volumes(["db2"]).items[0])])[0].volume == "db2"


def test_the_next_volume_with_the_same_id_and_uid_does_not_inherit_snapshots(simulator: Simulator) -> None:
    """The array gives id and UID of a deleted volume to the next one, even under the same name."""
    simulator.reset("reuse")
    array = FlashSystemUnderTest(simulator, "reuse")
    with array.client() as client:
        db1 = volume(client, "db1")
        client.create_snapshots([SnapshotSpec("monday", db1)])
        array.cli("svctask rmvdisk db1")
    with array.client() as client:
        again = volume(client, "db1")
        assert (again.id, again.serial) == (db1.id, db1.serial)
        assert again.snapshots == ()
        assert client.snapshots(volumes=["db1"]).items == ()
        orphan = client.snapshots(["monday"]).items[0]
        assert (orphan.volume, orphan.volume_id) == (None, None)
        made = client.create_snapshots([SnapshotSpec("monday", again)])[0]
        assert made.id != orphan.id
        assert [one.id for one in client.snapshots(volumes=["db1"])] == [made.id]
        for one in (orphan, made):
            client.delete_snapshot(one)
    assert array.names() == ["db1"]


def test_a_volume_keeps_its_snapshots_and_its_number_of_openvms(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    array.cli("svctask chvdisk -udid 4660 db1")
    client.create_snapshots([SnapshotSpec("monday", db1)])
    assert f"monday.snap_{str(db1.serial)[-8:]}1234" in array.names()
    assert "udid!4660" in array.cli("svcinfo lsvdisk -delim ! db1")[1]
    assert client.volumes(["db1"]).items[0].snapshots == ("monday",)


def test_the_udid_of_a_volume_that_took_the_name_since_it_was_read_stays(
    array: FlashSystemUnderTest, client: Any
) -> None:
    db1 = volume(client, "db1")
    client.volumes()
    array.cli("svctask rmvdisk db1")
    array.cli("svctask mkvdisk -name db1 -mdiskgrp mdiskgrp0 -iogrp 0 -size 1 -unit gb -udid 4660")
    with pytest.raises(Conflict, match="another volume has taken its name since it was read"):
        client.create_snapshots([SnapshotSpec("monday", db1)])
    assert "udid!4660" in array.cli("svcinfo lsvdisk -delim ! db1")[1]
    assert array.names() == ["db1"]


def test_where_a_volume_has_no_udid_its_snapshots_are_known_by_its_uid(simulator: Simulator) -> None:
    simulator.reset("plain")
    array = FlashSystemUnderTest(simulator, "plain")
    with array.client() as client:
        db1 = volume(client, "db1")
        made = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
        assert f"monday.snap-{str(db1.serial)[-12:]}" in array.names()
        assert [one.id for one in client.snapshots(volumes=["db1"])] == [made.id]
        assert client.create_snapshots([SnapshotSpec("monday", client.volumes(["db1"]).items[0])])[0].id == made.id


def test_a_snapshot_of_an_earlier_version_is_found_again(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    volume(client, "other")
    array.cli(f"svctask chvdisk -name monday.snap-{str(db1.serial)[-12:]} other")
    client.create_snapshots([SnapshotSpec("tuesday", db1)])
    assert sorted(one.name for one in client.snapshots(volumes=["db1"])) == ["monday", "tuesday"]
    found = client.create_snapshots([SnapshotSpec("monday", client.volumes(["db1"]).items[0])])[0]
    assert found.id == client.snapshots(["monday"]).items[0].id


def test_two_volumes_have_a_snapshot_of_the_same_name(array: FlashSystemUnderTest, client: Any) -> None:
    specs = [SnapshotSpec("monday", filled(array, client, name)) for name in ("db1", "db2")]
    assert [one.volume for one in client.create_snapshots(specs)] == ["db1", "db2"]
    assert sorted(str(one.volume) for one in client.snapshots(["monday"])) == ["db1", "db2"]


def test_a_clone_may_be_larger(array: FlashSystemUnderTest, client: Any) -> None:
    """Bug 1560655: refused for years."""
    db1 = filled(array, client)
    clone = client.clone_volume(db1, VolumeSpec("clone", 2 * GIB))
    assert (clone.size, clone.source) == (2 * GIB, "db1")
    assert holds_pieces(array, "clone")
    assert nothing_left(array)
    assert client.clone_volume(db1, VolumeSpec("clone", 2 * GIB)).id == clone.id
    with pytest.raises(Conflict, match="2GiB instead of 1GiB"):
        client.clone_volume(db1, VolumeSpec("clone"))
    big = client.volumes(["clone"]).items[0]
    with pytest.raises(Invalid, match="smaller than its source"):
        client.clone_volume(big, VolumeSpec("small", GIB))


def test_a_volume_from_a_snapshot(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    array.put("db1", 0, b"changed since")
    client.volume_from_snapshot(snapshot, VolumeSpec("restored"))
    assert holds_pieces(array, "restored")
    assert nothing_left(array)


def test_a_copy_is_sparse_and_overwrites_the_previous_content(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.image("clone").stat().st_blocks * 512 <= 16 * MIB


def test_a_checksum_on_request(array: FlashSystemUnderTest) -> None:
    options = {"device_root": str(array.root), "copy_checksum": True}
    with array.client(options=options) as client:
        client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert holds_pieces(array, "clone")


def test_progress_is_reported(array: FlashSystemUnderTest, client: Any) -> None:
    told: list[tuple[int, int]] = []
    client.progress = lambda done, length: told.append((done, length))
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert told[-1] == (GIB, GIB)
    assert told == sorted(told)


# ---- in use ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_of_a_mapped_volume_is_not_crash_consistent(array: FlashSystemUnderTest, client: Any) -> None:
    """And says so later too. Its source is read through a forced mapping, which is the array's own demand."""
    db1 = filled(array, client)
    server = host(client)
    client.map_volume(db1, server, 1)
    live, still = (
        client.create_snapshots([SnapshotSpec(name, db1, quiesced)])[0]
        for name, quiesced in (("live", False), ("still", True))
    )
    assert (live.crash_consistent, still.crash_consistent) == (False, True)
    assert {one.name: one.crash_consistent for one in client.snapshots()} == {"live": False, "still": True}
    assert array.maps() == {("db-server", "db1"): 1}
    assert nothing_left(array)


def test_a_source_that_this_host_had_before_stays_mapped(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    me = client.create_host("this-host", initiators(*HBAS))
    client.map_volume(db1, me, 3)
    scan(array, 2)
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    assert not snapshot.crash_consistent
    assert array.maps() == {("this-host", "db1"): 3}
    assert len(array.disks()) == 2


def test_a_host_made_only_to_copy_goes_again(array: FlashSystemUnderTest) -> None:
    """Section 8: host objects leaked."""
    with array.client() as client:
        client.clone_volume(filled(array, client), VolumeSpec("clone"))
        assert [one["name"].startswith("openflash-") for one in array.state()["hosts"]] == [True]
    assert array.state()["hosts"] == []


def test_this_host_is_found_by_any_of_its_ports(array: FlashSystemUnderTest, client: Any) -> None:
    client.create_host("as-the-admin-named-it", initiators(HBAS[1]))
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert [one["name"] for one in array.state()["hosts"]] == ["as-the-admin-named-it"]


# ---- order, cost, failure --------------------------------------------------------------------------------------------


def test_eight_requests_and_the_copy(array: FlashSystemUnderTest, client: Any) -> None:
    """Upstream needs 30. Five are the sheet's floor; the rename and two reads are what safety costs."""
    client.clone_volume(filled(array, client), VolumeSpec("first"))
    db1 = client.volumes(["db1"]).items[0]
    mark = array.mark()
    client.clone_volume(db1, VolumeSpec("second"))
    assert [line.split()[1] for line in array.lines(mark)] == [
        "lshostvdiskmap",
        "mkvdisk",
        "mkvdiskhostmap",
        "mkvdiskhostmap",
        "lshostvdiskmap",
        "rmvdiskhostmap",
        "rmvdiskhostmap",
        "chvdisk",
    ]


def test_the_device_goes_before_the_mapping(array: FlashSystemUnderTest, client: Any, tmp_path: Any) -> None:
    """Bug 1516778 and defect 7: unmapping first leaves stale paths. Seen at every unmap that the array is asked for."""
    seen: list[list[str]] = []
    change = client._wire.change

    def watched(verb: str, *words: str) -> Any:
        if verb == "rmvdiskhostmap":
            seen.append(array.disks())
        return change(verb, *words)

    client._wire.change = watched
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert seen == [[], []]


def test_a_failed_copy_leaves_nothing(array: FlashSystemUnderTest, client: Any) -> None:
    """Defect 7: upstream leaves the destination on the array."""
    db1 = filled(array, client)
    # The copy is killed halfway by a source that has lost its bytes.
    os.truncate(array.image("db1"), GIB // 2)
    with pytest.raises(FlashError):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["db1"]
    assert nothing_left(array)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "no_status"])
@pytest.mark.parametrize("verb", ["mkvdisk", "mkvdiskhostmap", "rmvdiskhostmap", "chvdisk"])
def test_a_lost_answer_does_not_stop_a_copy(array: FlashSystemUnderTest, client: Any, verb: str, kind: str) -> None:
    db1 = filled(array, client)
    array.fault(kind=kind, match={"method": verb})
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["clone", "db1"]
    assert holds_pieces(array, "clone")
    assert nothing_left(array)


def test_a_full_pool_is_reported_and_leaves_nothing(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    array.fault(kind="pool_full")
    with pytest.raises(NoSpace):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["db1"]
    assert nothing_left(array)


def test_another_run_that_was_faster_wins(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    made: list[int] = []

    def be_faster(done: int, length: int) -> None:
        if not made:
            made.append(array.cli("svctask mkvdisk -name clone -mdiskgrp 0 -iogrp 0 -size 1 -unit gb")[0])

    client.progress = be_faster
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["clone", "db1"]
    assert nothing_left(array)


# ---- begun by another run --------------------------------------------------------------------------------------------


LONG_AGO = "0000001elsewh000010000000"
"""The stamp of a run on another host."""


def begun(array: FlashSystemUnderTest, stamp: str, source: str, name: str) -> str:
    """A vdisk that looks like the unfinished copy of a run with this stamp."""
    temporary = f"of-copy-{stamp}-m{source}-{names.digest_of(name)}"
    array.cli(f"svctask mkvdisk -name {temporary} -mdiskgrp 0 -iogrp 0 -size 1 -unit gb")
    return temporary


def test_what_another_live_run_is_copying_is_left_alone(array: FlashSystemUnderTest, client: Any) -> None:
    filled(array, client)
    client.create_host("this-host", initiators(*HBAS))
    db1 = client.volumes(["db1"]).items[0]
    with unfinished.begin() as stamp:
        begun(array, stamp.text, db1.id, "clone")
        left = array.names()
        for name in ("clone", "other"):
            client.volumes()
            with pytest.raises(Busy, match="another run is copying"):
                client.clone_volume(db1, VolumeSpec(name))
        assert array.names() == left
    client.clone_volume(db1, VolumeSpec("clone"))
    assert nothing_left(array)


def test_a_run_on_another_host_is_waited_for(array: FlashSystemUnderTest, client: Any) -> None:
    filled(array, client)
    client.create_host("this-host", initiators(*HBAS))
    db1 = client.volumes(["db1"]).items[0]
    with unfinished.begin() as stamp:
        begun(array, stamp.text.replace(stamp.place, "elsewh"), db1.id, "clone")
    client.volumes()
    with pytest.raises(Busy, match="another run is copying"):
        client.clone_volume(db1, VolumeSpec("clone"))
    array.cli(f"svctask rmvdisk {next(name for name in array.names() if name.startswith('of-copy-'))}")
    begun(array, LONG_AGO, db1.id, "clone")
    client.volumes()
    client.clone_volume(db1, VolumeSpec("clone"))
    assert nothing_left(array)


def test_what_another_host_has_is_left_alone_however_old(array: FlashSystemUnderTest, client: Any) -> None:
    filled(array, client)
    client.create_host("this-host", initiators(*HBAS))
    old = begun(array, LONG_AGO, client.volumes(["db1"]).items[0].id, "clone")
    host(client, "elsewhere", WWPNS[0])
    array.cli(f"svctask mkvdiskhostmap -force -host elsewhere {old}")
    with pytest.raises(Busy, match="it is mapped to host elsewhere"):
        client.clone_volume(client.volumes(["db1"]).items[0], VolumeSpec("clone"))
    assert old in array.names()


def test_what_is_open_on_this_host_is_left_alone_however_old(array: FlashSystemUnderTest, client: Any) -> None:
    """A copy of a large volume takes longer than any patience."""
    filled(array, client)
    me = client.create_host("this-host", initiators(*HBAS))
    old = begun(array, LONG_AGO, "7", "another")
    row = client._vdisk(old)
    array.cli(f"svctask mkvdiskhostmap -host this-host {old}")
    scan(array, 2)
    disks = Disks(Tree(str(array.root)))
    found = disks.find(row["vdisk_UID"].lower(), GIB)
    assert found is not None
    db1 = client.volumes(["db1"]).items[0]
    with disks.writing(found):
        client.clone_volume(db1, VolumeSpec("clone"))
        assert old in array.names()
        with pytest.raises(InUse), disks.writing(found):
            pass
    client.volumes()
    client.clone_volume(db1, VolumeSpec("clone2"))
    assert old not in array.names()
    assert nothing_left(array)
    assert client.mappings(hosts=[me.name]).items == ()


# ---- stale devices ---------------------------------------------------------------------------------------------------


def leave_stale_paths(array: FlashSystemUnderTest, client: Any) -> Any:
    """A volume that was unmapped while this host still had its devices, at LUN 0."""
    me = client.create_host("this-host", initiators(*HBAS))
    gone = volume(client, "gone")
    mapping = client.map_volume(gone, me, 0)
    scan(array, 2)
    client.unmap_volume(mapping)
    return gone


def test_a_stale_path_left_by_a_reused_lun_is_refused(array: FlashSystemUnderTest, client: Any) -> None:
    """The LUN leads to another volume than the link says: writing through it would destroy that one."""
    db1 = filled(array, client)
    leave_stale_paths(array, client)
    with pytest.raises(Conflict, match="still has sd[ab], sd[ab] as an earlier volume"):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["db1", "gone"]
    assert holds_pieces(array, "db1")
    for name in array.disks():
        delete_path(array, name)
    client.clone_volume(db1, VolumeSpec("clone"))
    assert holds_pieces(array, "clone")


def test_a_link_that_leads_to_another_volume_is_refused(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    gone = leave_stale_paths(array, client)
    me = client.hosts(["this-host"]).items[0]
    client.map_volume(db1, me, 0)
    disks = Disks(Tree(str(array.root)))
    found = disks.find(gone.serial, GIB)
    assert found is not None
    for opening in (disks.reading, disks.writing):
        with pytest.raises(Conflict, match="LUN has been used again for another volume"), opening(found):
            pass


def test_a_deleted_source_is_reported(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    client.delete_volume(db1)
    with pytest.raises(NotFound):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == []
    assert nothing_left(array)


def test_no_zoning_no_copy(array: FlashSystemUnderTest, client: Any) -> None:
    remote = array.root / "sys/class/fc_remote_ports"
    hidden = remote.with_name("hidden")
    remote.rename(hidden)
    try:
        refusal = client.capabilities.refusal("clone_volume")
    finally:
        hidden.rename(remote)
    assert "none of the array's ports is zoned to it" in refusal
