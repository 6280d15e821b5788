# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies that this host makes for a FlashSystem: content, interrupted runs, and stale devices of this host."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.progress import Reports
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem import names
from tests.support.flashsystem import GIB, MIB, WWPNS, FlashSystemUnderTest, empty_array, host, initiators, volume
from tests.support.running import wait_until
from tests.support.simulator import Simulator

HBAS = ("10000000c9f10001", "10000000c9f10002")
"""The ports of the host whose device tree the simulator provides."""

PIECES = {0: b"boot", 5 * MIB - 3: b"across a chunk", GIB - 4: b"last"}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    about = {"vendor": "flashsystem", "datapath": True}
    arrays: list[dict[str, Any]] = [
        {"name": "fc"},
        {"name": "reuse", "assume": {"flashsystem.array.ids_reused": True, "flashsystem.volumes.uids_reused": True}},
        {"name": "plain", "assume": {"flashsystem.volumes.udid": "unknown"}},
    ]
    with Simulator([{**about, **row} for row in arrays]) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> Iterator[FlashSystemUnderTest]:
    array = empty_array(simulator, "fc")
    forget_disks(array)
    yield array
    array.hang_up()


def forget_disks(array: FlashSystemUnderTest) -> None:
    """Delete the disks that a test left on the host."""
    for name in array.disks():
        delete_path(array, name)


def delete_path(array: FlashSystemUnderTest, name: str) -> None:
    Tree(str(array.root)).write("1", str(array.root), "sys", "block", name, "device", "delete")
    wait_until(lambda: name not in array.disks(), 30, f"{name} does not leave the host")


def scan(array: FlashSystemUnderTest, count: int) -> None:
    """Let the host scan for disks, and wait until it has so many paths."""
    for adapter in ("host1", "host2"):
        Tree(str(array.root)).write("- - -", str(array.root), "sys/class/scsi_host", adapter, "scan")
    wait_until(lambda: len(array.disks()) >= count, 30, "the host does not find its disks")


class Told(Reports):
    """Calls a function with each report."""

    def __init__(self, tell: Callable[[str, str, float | None, int | None], object]) -> None:
        super().__init__()
        self._tell = tell

    def report(self, name: str, phase: str, percent: float | None, size: int | None) -> None:
        self._tell(name, phase, percent, size)


@pytest.fixture
def client(array: FlashSystemUnderTest) -> Iterator[Any]:
    with array.client() as connected:
        yield connected


def filled(array: FlashSystemUnderTest, client: Any, name: str = "db1") -> Any:
    created = volume(client, name)
    for offset, data in PIECES.items():
        array.put(name, offset, data)
    return created


def holds_pieces(array: FlashSystemUnderTest, vdisk: str) -> bool:
    return all(array.get(vdisk, offset, len(data)) == data for offset, data in PIECES.items())


def nothing_left(array: FlashSystemUnderTest) -> bool:
    """No temporary vdisk, no mapping to the copying host, no device on it."""
    mapped_to_this_host = [pair for pair in array.maps() if pair[0].startswith("openflash-")]
    return (
        not [name for name in array.names() if name.startswith("of-copy-")]
        and not mapped_to_this_host
        and not array.disks()
    )


# ---- snapshots and clones --------------------------------------------------------------------------------------------


def test_a_snapshot_is_a_copy_whose_name_identifies_its_volume(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    taken = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    assert (taken.name, taken.volume, taken.size, taken.crash_consistent) == ("monday", "db1", GIB, True)
    name = next(vdisk for vdisk in array.names() if vdisk != "db1")
    assert re.fullmatch(rf"monday\.snap_{str(db1.serial)[-8:]}[0-9a-f]{{4}}", name)
    assert array.names() == ["db1", name]
    assert holds_pieces(array, name)
    assert nothing_left(array)
    array.put("db1", 0, b"changed since")
    assert array.get(name, 0, 4) == b"boot"
    client.rename_volume(db1, "db2")
    snapshot = client.snapshots(volumes=["db2"]).items[0]
    assert (snapshot.name, snapshot.volume, snapshot.id, snapshot.proven) == ("monday", "db2", taken.id, False)
    assert [volume.name for volume in client.volumes()] == ["db2"]
    assert client.volumes(["db2"]).items[0].snapshots == ("monday",)
    client.delete_snapshot(snapshot)
    assert array.names() == ["db2"]
    assert client.create_snapshots([SnapshotSpec("tuesday", client.volumes(["db2"]).items[0])])[0].volume == "db2"


def test_the_next_volume_with_the_same_id_and_uid_does_not_inherit_snapshots(simulator: Simulator) -> None:
    """The array gives id and UID of a deleted volume to the next one, which can have the same name too."""
    array = empty_array(simulator, "reuse")
    with array.client() as client:
        db1 = volume(client, "db1")
        client.create_snapshots([SnapshotSpec("monday", db1)])
        array.cli("svctask rmvdisk db1")
    with array.client() as client:
        created = volume(client, "db1")
        assert (created.id, created.serial) == (db1.id, db1.serial)
        assert created.snapshots == ()
        assert client.snapshots(volumes=["db1"]).items == ()
        orphan = client.snapshots(["monday"]).items[0]
        assert (orphan.volume, orphan.volume_id) == (None, None)
        snapshot = client.create_snapshots([SnapshotSpec("monday", created)])[0]
        assert snapshot.id != orphan.id
        assert [snapshot.id for snapshot in client.snapshots(volumes=["db1"])] == [snapshot.id]
        for item in (orphan, snapshot):
            client.delete_snapshot(item)
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


def test_snapshots_of_a_volume_without_a_udid_are_identified_by_its_uid(simulator: Simulator) -> None:
    array = empty_array(simulator, "plain")
    with array.client() as client:
        db1 = volume(client, "db1")
        snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
        assert f"monday.snap-{str(db1.serial)[-12:]}" in array.names()
        assert [snapshot.id for snapshot in client.snapshots(volumes=["db1"])] == [snapshot.id]
        assert client.create_snapshots([SnapshotSpec("monday", client.volumes(["db1"]).items[0])])[0].id == snapshot.id


def test_a_snapshot_of_an_earlier_version_is_found_again(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = volume(client, "db1")
    volume(client, "other")
    array.cli(f"svctask chvdisk -name monday.snap-{str(db1.serial)[-12:]} other")
    client.create_snapshots([SnapshotSpec("tuesday", db1)])
    assert sorted(snapshot.name for snapshot in client.snapshots(volumes=["db1"])) == ["monday", "tuesday"]
    snapshot = client.create_snapshots([SnapshotSpec("monday", client.volumes(["db1"]).items[0])])[0]
    assert snapshot.id == client.snapshots(["monday"]).items[0].id


def test_two_volumes_can_have_a_snapshot_of_the_same_name(array: FlashSystemUnderTest, client: Any) -> None:
    specs = [SnapshotSpec("monday", filled(array, client, name)) for name in ("db1", "db2")]
    assert [snapshot.volume for snapshot in client.create_snapshots(specs)] == ["db1", "db2"]
    assert sorted(str(snapshot.volume) for snapshot in client.snapshots(["monday"])) == ["db1", "db2"]


def test_a_clone_may_be_larger(array: FlashSystemUnderTest, client: Any) -> None:
    """Another driver refused it (bug 1560655)."""
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


def test_a_volume_from_a_snapshot_has_its_content(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    array.put("db1", 0, b"changed since")
    client.volume_from_snapshot(snapshot, VolumeSpec("restored"))
    assert holds_pieces(array, "restored")
    assert nothing_left(array)


def test_a_copy_is_sparse(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.image("clone").stat().st_blocks * 512 <= 16 * MIB


def test_a_copy_is_compared_by_checksum_on_request(array: FlashSystemUnderTest) -> None:
    options = {"device_root": str(array.root), "copy_checksum": True}
    with array.client(options=options) as client:
        client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert holds_pieces(array, "clone")


def test_the_progress_of_a_copy_is_reported(array: FlashSystemUnderTest, client: Any) -> None:
    reports: list[Any] = []
    client.reports = Told(lambda *report: reports.append(report))
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert reports[-1] == ("clone", "copying", 100.0, GIB)
    assert reports == sorted(reports)


# ---- volumes in use --------------------------------------------------------------------------------------------------


def test_a_snapshot_of_a_mapped_volume_is_not_crash_consistent(array: FlashSystemUnderTest, client: Any) -> None:
    """Later reads report that too. The source is read through a forced mapping, which the array demands."""
    db1 = filled(array, client)
    server = host(client)
    client.map_volume(db1, server, 1)
    live, still = (
        client.create_snapshots([SnapshotSpec(name, db1, quiesced)])[0]
        for name, quiesced in (("live", False), ("still", True))
    )
    assert (live.crash_consistent, still.crash_consistent) == (False, True)
    assert {snapshot.name: snapshot.crash_consistent for snapshot in client.snapshots()} == {
        "live": False,
        "still": True,
    }
    assert array.maps() == {("db-server", "db1"): 1}
    assert nothing_left(array)


def test_a_source_that_was_mapped_to_this_host_before_stays_mapped(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    this_host = client.create_host("this-host", initiators(*HBAS))
    client.map_volume(db1, this_host, 3)
    scan(array, 2)
    snapshot = client.create_snapshots([SnapshotSpec("monday", db1)])[0]
    assert not snapshot.crash_consistent
    assert array.maps() == {("this-host", "db1"): 3}
    assert len(array.disks()) == 2


def test_a_host_that_was_created_only_to_copy_is_deleted_again(array: FlashSystemUnderTest) -> None:
    """Another driver never deleted it (wire sheet, section 8)."""
    with array.client() as client:
        client.clone_volume(filled(array, client), VolumeSpec("clone"))
        assert [row["name"].startswith("openflash-") for row in array.state()["hosts"]] == [True]
    assert array.state()["hosts"] == []


def test_this_host_is_found_by_any_of_its_ports(array: FlashSystemUnderTest, client: Any) -> None:
    client.create_host("as-the-admin-named-it", initiators(HBAS[1]))
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert [row["name"] for row in array.state()["hosts"]] == ["as-the-admin-named-it"]


# ---- order, cost, failure --------------------------------------------------------------------------------------------


def test_a_clone_costs_eight_requests(array: FlashSystemUnderTest, client: Any) -> None:
    """The upstream driver needs 30. Five are the minimum; the rename and two reads are for safety."""
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


def test_the_device_is_removed_before_the_mapping(array: FlashSystemUnderTest, client: Any) -> None:
    """Unmapping first leaves stale paths (bug 1516778, defect 7). The devices are listed at every unmap."""
    disks_at_unmap: list[list[str]] = []
    change = client._wire.change

    def watched(verb: str, *arguments: str) -> Any:
        if verb == "rmvdiskhostmap":
            disks_at_unmap.append(array.disks())
        return change(verb, *arguments)

    client._wire.change = watched
    client.clone_volume(filled(array, client), VolumeSpec("clone"))
    assert disks_at_unmap == [[], []]


def test_a_failed_copy_leaves_nothing(array: FlashSystemUnderTest, client: Any) -> None:
    """The upstream driver leaves the destination on the array (defect 7)."""
    db1 = filled(array, client)
    # The copy fails halfway, since the source has lost its bytes
    os.truncate(array.image("db1"), GIB // 2)
    with pytest.raises(FlashError):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["db1"]
    assert nothing_left(array)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "no_status"])
@pytest.mark.parametrize("verb", ["mkvdisk", "mkvdiskhostmap", "rmvdiskhostmap", "chvdisk"])
def test_a_copy_survives_a_lost_answer(array: FlashSystemUnderTest, client: Any, verb: str, kind: str) -> None:
    db1 = filled(array, client)
    array.fault(kind=kind, match={"method": verb})
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["clone", "db1"]
    assert holds_pieces(array, "clone")
    assert nothing_left(array)


def test_a_source_that_is_mapped_only_after_its_copy_is_unmapped_at_the_end(array: FlashSystemUnderTest) -> None:
    """The answer to the mapping is lost, and the array carries it out while the copy gets its final name."""
    with array.client(timeout=5.0) as client:
        db1 = filled(array, client)
        array.fault(kind="reset_late", seconds=1.5, match={"method": "mkvdiskhostmap", "path": "db1$"})
        array.fault(kind="latency", seconds=3.0, match={"method": "chvdisk", "path": "-name clone"})
        client.clone_volume(db1, VolumeSpec("clone"))
        assert [vdisk for _host, vdisk in array.maps()] == ["db1"]
    assert nothing_left(array)
    assert array.state()["hosts"] == []


def test_a_full_pool_is_reported_and_leaves_nothing(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    array.fault(kind="pool_full")
    with pytest.raises(NoSpace):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["db1"]
    assert nothing_left(array)


def test_a_clone_that_another_run_finished_first_is_kept(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    statuses: list[int] = []

    def be_faster(*_report: Any) -> None:
        if not statuses:
            statuses.append(array.cli("svctask mkvdisk -name clone -mdiskgrp 0 -iogrp 0 -size 1 -unit gb")[0])

    client.reports = Told(be_faster)
    client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == ["clone", "db1"]
    assert nothing_left(array)


# ---- unfinished copies of other runs ---------------------------------------------------------------------------------


LONG_AGO = "0000001elsewh000010000000"
"""The stamp of a run on another host."""


def begun(array: FlashSystemUnderTest, stamp: str, source: str, name: str) -> str:
    """Create a vdisk that looks like the unfinished copy of a run with this stamp. Returns its name."""
    temporary = f"of-copy-{stamp}-m{source}-{names.digest_of(name)}"
    array.cli(f"svctask mkvdisk -name {temporary} -mdiskgrp 0 -iogrp 0 -size 1 -unit gb")
    return temporary


def test_an_unfinished_copy_of_a_live_run_is_left_alone(array: FlashSystemUnderTest, client: Any) -> None:
    filled(array, client)
    client.create_host("this-host", initiators(*HBAS))
    db1 = client.volumes(["db1"]).items[0]
    with unfinished.begin() as stamp:
        begun(array, stamp.text, db1.id, "clone")
        before = array.names()
        for name in ("clone", "other"):
            client.volumes()
            with pytest.raises(Busy, match="another run is copying"):
                client.clone_volume(db1, VolumeSpec(name))
        assert array.names() == before
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


def test_an_old_unfinished_copy_that_is_mapped_to_another_host_is_left_alone(
    array: FlashSystemUnderTest, client: Any
) -> None:
    filled(array, client)
    client.create_host("this-host", initiators(*HBAS))
    old = begun(array, LONG_AGO, client.volumes(["db1"]).items[0].id, "clone")
    host(client, "elsewhere", WWPNS[0])
    array.cli(f"svctask mkvdiskhostmap -force -host elsewhere {old}")
    with pytest.raises(Busy, match="it is mapped to host elsewhere"):
        client.clone_volume(client.volumes(["db1"]).items[0], VolumeSpec("clone"))
    assert old in array.names()


def test_an_old_unfinished_copy_that_is_open_on_this_host_is_left_alone(
    array: FlashSystemUnderTest, client: Any
) -> None:
    """The copy of a large volume can take longer than any limit."""
    filled(array, client)
    this_host = client.create_host("this-host", initiators(*HBAS))
    old = begun(array, LONG_AGO, "7", "another")
    row = client._vdisk(old)
    array.cli(f"svctask mkvdiskhostmap -host this-host {old}")
    scan(array, 2)
    disks = Disks(Tree(str(array.root)))
    disk = disks.find(row["vdisk_UID"].lower(), GIB)
    assert disk is not None
    db1 = client.volumes(["db1"]).items[0]
    with disks.writing(disk):
        client.clone_volume(db1, VolumeSpec("clone"))
        assert old in array.names()
        with pytest.raises(InUse), disks.writing(disk):
            pass
    client.volumes()
    client.clone_volume(db1, VolumeSpec("clone2"))
    assert old not in array.names()
    assert nothing_left(array)
    assert client.mappings(hosts=[this_host.name]).items == ()


# ---- stale devices ---------------------------------------------------------------------------------------------------


def leave_stale_paths(array: FlashSystemUnderTest, client: Any) -> Any:
    """Unmap a volume from LUN 0 while this host still has its devices. Returns the volume."""
    this_host = client.create_host("this-host", initiators(*HBAS))
    unmapped = volume(client, "gone")
    mapping = client.map_volume(unmapped, this_host, 0)
    scan(array, 2)
    client.unmap_volume(mapping)
    return unmapped


def test_a_stale_path_left_by_a_reused_lun_is_refused(array: FlashSystemUnderTest, client: Any) -> None:
    """The LUN of the path belongs to another volume now, which a write through it would destroy."""
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
    unmapped = leave_stale_paths(array, client)
    this_host = client.hosts(["this-host"]).items[0]
    client.map_volume(db1, this_host, 0)
    disks = Disks(Tree(str(array.root)))
    disk = disks.find(unmapped.serial, GIB)
    assert disk is not None
    for opening in (disks.reading, disks.writing):
        with pytest.raises(Conflict, match="LUN has been used again for another volume"), opening(disk):
            pass


def test_a_deleted_source_is_reported(array: FlashSystemUnderTest, client: Any) -> None:
    db1 = filled(array, client)
    client.delete_volume(db1)
    with pytest.raises(NotFound):
        client.clone_volume(db1, VolumeSpec("clone"))
    assert array.names() == []
    assert nothing_left(array)


def test_a_copy_without_zoning_is_refused(array: FlashSystemUnderTest, client: Any) -> None:
    remote = array.root / "sys/class/fc_remote_ports"
    hidden = remote.with_name("hidden")
    remote.rename(hidden)
    try:
        refusal = client.capabilities.refusal("clone_volume")
    finally:
        hidden.rename(remote)
    assert "none of the array's ports is zoned to it" in refusal
