# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated arrays with ``datapath: true``: the bytes that hosts write and read over iSCSI.

The library manages the arrays, and QEMU's initiator reads and writes the bytes.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.disks import parse_page_83
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Chap,
    Connection,
    Initiator,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from tests.support.iscsi import IscsiHost, Refused, need_tools, portal_address
from tests.support.running import wait_until
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

MIB = 1 << 20
ONE, TWO = (IscsiHost(f"iqn.2026-01.org.example:host{number}") for number in (1, 2))
SECRET = "chap-secret-14"
# Error messages of libiscsi
KEPT_OUT, OFFLINE, UNPROVEN = "Target not found", "Target error", "Authentication failure"


def arrays() -> list[dict[str, Any]]:
    return [
        {"name": "datera", "vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()},
        {"name": "xtremio", "vendor": "xtremio", "datapath": True, "protocol": "iscsi", "address": portal_address()},
        {"name": "chap", "vendor": "xtremio", "datapath": True, "chap": True, "address": portal_address()},
    ]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    need_tools()
    with Simulator(arrays()) as running:
        yield running


class Lab(SimulatedArray):
    """An array, the library's client of it, and hosts that read and write."""

    def __init__(self, simulator: Simulator, name: str, folder: Path) -> None:
        super().__init__(simulator, name)
        self.reset()
        self.folder = folder
        keys = ("port", "username", "password", "ca_path")
        options = {"offline_changes": True} if self.endpoint["vendor"] == "datera" else {}
        self.array: Any = connect(
            Connection(
                self.endpoint["vendor"],
                (self.endpoint["address"],),
                timeout=20.0,
                wait_timeout=20.0,
                options=options,
                **{key: self.endpoint[key] for key in keys},
            )
        )

    def host(self, host: IscsiHost, name: str, **more: Any) -> Any:
        return self.array.create_host(name, [Initiator(host.iqn, "iscsi")], **more)

    def make(self, name: str, size: int = GIB) -> Volume:
        self.array.create_volume(VolumeSpec(name, size))
        return self.volume(name)

    def volume(self, name: str) -> Volume:
        listed: Volume = self.array.volumes([name]).items[0]
        return listed

    def data_path(self, name: str, host: str = "server") -> tuple[str, str, int]:
        """Portal, target and LUN of a volume, as the array reports them."""
        (mapping,) = [item for item in self.array.mappings(volumes=[name]) if item.host == host]
        port = next(item for item in self.array.ports_of([name]) if item.protocol == "iscsi")
        return str(port.portal), port.address, mapping.lun

    def write_from(
        self, host: IscsiHost, data_path: tuple[str, str, int], byte: int, offset: int = 0, size: int = MIB
    ) -> None:
        host.write(self.folder, *data_path, byte, offset, size)

    def check(
        self, host: IscsiHost, data_path: tuple[str, str, int], byte: int, offset: int = 0, size: int = MIB
    ) -> None:
        host.check(self.folder, *data_path, byte, offset, size)


@pytest.fixture(params=["datera", "xtremio"])
def lab(simulator: Simulator, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(simulator, request.param, tmp_path)
    yield lab
    lab.array.close()


@pytest.fixture
def datera(simulator: Simulator, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(simulator, "datera", tmp_path)
    yield lab
    lab.array.close()


@pytest.fixture
def xtremio(simulator: Simulator, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(simulator, "xtremio", tmp_path)
    yield lab
    lab.array.close()


def test_copies_have_the_bytes_that_were_written_before(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    lab.array.map_volume(lab.make("vol1"), server)
    data_path = lab.data_path("vol1")
    assert lab.endpoint["datapath"] is True
    lab.check(ONE, data_path, 0)
    lab.write_from(ONE, data_path, 0xA1)
    lab.write_from(ONE, data_path, 0xA2, GIB - MIB)
    volume = lab.volume("vol1")
    (taken,) = lab.array.create_snapshots([SnapshotSpec("monday", volume)])
    lab.array.clone_volume(volume, VolumeSpec("clone"))
    lab.write_from(ONE, data_path, 0xB1)

    lab.array.volume_from_snapshot(taken, VolumeSpec("copy", 2 * GIB))
    for name in ("clone", "copy"):
        lab.array.map_volume(lab.volume(name), server)
        copy_path = lab.data_path(name)
        lab.check(ONE, copy_path, 0xA1)
        lab.check(ONE, copy_path, 0, MIB)
        lab.check(ONE, copy_path, 0xA2, GIB - MIB)
        assert ONE.length(lab.folder, *copy_path) == (GIB if name == "clone" else 2 * GIB)
    lab.check(ONE, data_path, 0xB1)
    contents = lab.contents()
    assert contents["monday"] == contents["clone"] == contents["copy"] != contents["vol1"]
    # A write to a copy does not change its source
    lab.write_from(ONE, lab.data_path("copy"), 0xC1)
    lab.check(ONE, lab.data_path("clone"), 0xA1)
    lab.check(ONE, data_path, 0xB1)


def test_a_restore_brings_the_bytes_back_and_keeps_the_present_ones(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    mapping = lab.array.map_volume(lab.make("vol1"), server)
    lab.write_from(ONE, lab.data_path("vol1"), 0xA1)
    (taken,) = lab.array.create_snapshots([SnapshotSpec("monday", lab.volume("vol1"))])
    lab.write_from(ONE, lab.data_path("vol1"), 0xB1)
    lab.array.unmap_volume(mapping)
    backup = lab.array.restore_snapshot(lab.volume("vol1"), taken, "before")
    lab.array.map_volume(lab.volume("vol1"), server)
    lab.check(ONE, lab.data_path("vol1"), 0xA1)
    lab.array.volume_from_snapshot(backup, VolumeSpec("old"))
    lab.array.map_volume(lab.volume("old"), server)
    lab.check(ONE, lab.data_path("old"), 0xB1)


def test_an_extension_keeps_the_bytes(lab: Lab) -> None:
    lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
    data_path = lab.data_path("vol1")
    lab.write_from(ONE, data_path, 0xA1, GIB - MIB)
    lab.array.extend_volume(lab.volume("vol1"), 3 * GIB)
    assert ONE.length(lab.folder, *data_path) == 3 * GIB
    lab.check(ONE, data_path, 0xA1, GIB - MIB)
    lab.check(ONE, data_path, 0, GIB)
    lab.write_from(ONE, data_path, 0xA2, 3 * GIB - MIB)


def test_another_initiator_has_no_access(lab: Lab) -> None:
    mapping = lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
    data_path = lab.data_path("vol1")
    lab.write_from(ONE, data_path, 0xA1)
    with pytest.raises(Refused, match=KEPT_OUT):
        lab.check(TWO, data_path, 0xA1)
    assert data_path[1] in ONE.ls(data_path[0])
    assert data_path[1] not in TWO.ls(data_path[0])
    lab.array.unmap_volume(mapping)
    # A target of an XtremIO serves other volumes too
    with pytest.raises(Refused, match=KEPT_OUT if lab.name == "datera" else "LOGICAL_UNIT_NOT_SUPPORTED"):
        lab.check(ONE, data_path, 0xA1)
    lab.array.map_volume(lab.volume("vol1"), lab.host(TWO, "other"))
    lab.check(TWO, lab.data_path("vol1", "other"), 0xA1)


def test_a_deleted_volume_leaves_no_bytes(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    mapping = lab.array.map_volume(lab.make("vol1"), server)
    lab.write_from(ONE, lab.data_path("vol1"), 0xA1)
    lab.array.unmap_volume(mapping)
    lab.array.delete_volume(lab.volume("vol1"))
    images = lab.simulator.run_dir / f"{lab.name}.images"
    assert [path for path in images.rglob("*") if path.is_file()] == []
    lab.array.map_volume(lab.make("vol1"), server)
    lab.check(ONE, lab.data_path("vol1"), 0)


def test_a_disk_reports_its_vendor_and_serial(lab: Lab) -> None:
    """The serial is the one that the array's management reports, where it does, through every port and after growth."""
    server = lab.host(ONE, "server")
    naas = {}
    for name in ("vol1", "vol2"):
        lab.array.map_volume(lab.make(name), server)
        lun = lab.data_path(name)[2]
        pages = {ONE.page_83(str(port.portal), port.address, lun) for port in lab.array.ports_of([name])}
        ((naa,),) = (parse_page_83(page) for page in pages)
        naas[name] = naa
    assert naas["vol1"] != naas["vol2"]
    if lab.name == "xtremio":
        assert [lab.volume(name).serial for name in naas] == list(naas.values())
    lab.array.extend_volume(lab.volume("vol1"), 2 * GIB)
    assert parse_page_83(ONE.page_83(*lab.data_path("vol1"))) == (naas["vol1"],)
    inquiry = ONE.inquiry(*lab.data_path("vol1"))
    vendor, product = {"datera": ("DATERA", "IBLOCK"), "xtremio": ("XtremIO", "XtremApp")}[lab.name]
    assert f"Vendor:{vendor}" in inquiry
    assert f"Product:{product}" in inquiry


def test_disks_of_different_arrays_have_different_serials(simulator: Simulator, tmp_path: Path) -> None:
    """Each disk is the first of its array, at the same LUN."""
    naas = []
    for name in ("datera", "xtremio", "chap"):
        lab = Lab(simulator, name, tmp_path)
        host = IscsiHost(ONE.iqn, "of-user", SECRET) if name == "chap" else ONE
        chap = {"chap": Chap(host.user, host.password)} if host.user else {}
        lab.array.map_volume(lab.make("vol1"), lab.host(host, "server", **chap))
        naas.append(parse_page_83(host.page_83(*lab.data_path("vol1"))))
        lab.array.close()
    assert len(set(naas)) == 3
    assert all(len(names) == 1 for names in naas)


# ---- Datera ----------------------------------------------------------------------------------------------------------


def test_datera_refuses_logins_to_an_offline_volume(datera: Lab) -> None:
    datera.array.map_volume(datera.make("vol1"), datera.host(ONE, "server"))
    data_path = datera.data_path("vol1")
    assert data_path[2] == 0
    datera.write_from(ONE, data_path, 0xA1)
    edf = datera.array._wire
    path = datera.volume("vol1").id.split("/storage_instances/")[0]
    edf.put(path, {"admin_state": "offline"})
    with pytest.raises(Refused, match=OFFLINE):
        datera.check(ONE, data_path, 0xA1)
    edf.put(path, {"admin_state": "online"})
    datera.check(ONE, data_path, 0xA1)


def test_datera_requires_the_chap_credentials_of_the_volume(datera: Lab) -> None:
    volume = datera.make("vol1")
    datera.array.set_volume_chap(volume, Chap("of-user", SECRET))
    other = datera.make("vol2")
    datera.array.set_volume_chap(other, Chap("of-user", SECRET[::-1]))
    server = datera.host(ONE, "server")
    for protected in (volume, other):
        datera.array.map_volume(protected, server)
    right, wrong = (IscsiHost(ONE.iqn, "of-user", secret) for secret in (SECRET, SECRET[::-1]))
    datera.write_from(right, datera.data_path("vol1"), 0xA1)
    datera.write_from(wrong, datera.data_path("vol2"), 0xA2)
    for host in (ONE, wrong, IscsiHost(ONE.iqn, "another", SECRET)):
        with pytest.raises(Refused, match=UNPROVEN):
            datera.check(host, datera.data_path("vol1"), 0xA1)
    datera.array.set_volume_chap(volume, Chap("of-user", "another-secret"))
    with pytest.raises(Refused, match=UNPROVEN):
        datera.check(right, datera.data_path("vol1"), 0xA1)
    datera.check(IscsiHost(ONE.iqn, "of-user", "another-secret"), datera.data_path("vol1"), 0xA1)
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=120).stdout
    assert SECRET not in shown


def test_datera_authenticates_itself_with_mutual_chap(datera: Lab) -> None:
    """A host that demands mutual CHAP logs in when the target has the right secret."""
    volume = datera.make("vol1")
    datera.array.map_volume(volume, datera.host(ONE, "server"))
    data_path, path = datera.data_path("vol1"), f"{volume.id.split('/volumes/')[0]}/auth"
    one_way = {"target_user_name": "of-user", "target_pswd": SECRET}
    both_ways = {**one_way, "initiator_user_name": "of-array", "initiator_pswd": SECRET[::-1]}
    right = IscsiHost(ONE.iqn, "of-user", SECRET, "of-array", SECRET[::-1])
    datera.array._wire.put(path, {"type": "mchap", **both_ways})
    assert parse_page_83(right.page_83(*data_path)) == parse_page_83(replace(right, target_user="").page_83(*data_path))
    for wrong in (replace(right, target_password="another-secret"), replace(right, target_user="other")):
        with pytest.raises(Refused, match="Invalid CHAP_R response from the target|Wrong CHAP targetname"):
            wrong.page_83(*data_path)
    with pytest.raises(Refused, match=UNPROVEN):
        replace(right, password=SECRET[::-1]).page_83(*data_path)
    datera.array._wire.put(path, {"type": "chap", **one_way})
    # Without mutual CHAP, the target ends a login that demands it
    with pytest.raises(Refused, match=UNPROVEN):
        right.page_83(*data_path)


def test_datera_reports_open_sessions_of_a_volume(datera: Lab) -> None:
    """The array refuses to take a volume offline that a real session uses."""
    volume = datera.make("vol1")
    datera.array.map_volume(volume, datera.host(ONE, "server"))
    portal, target, lun = datera.data_path("vol1")
    image = f"driver=raw,file.driver=iscsi,file.transport=tcp,file.portal={portal},file.target={target}"
    command = ["qemu-io", "--image-opts", f"{image},file.lun={lun},file.initiator-name={ONE.iqn}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as session:
        assert session.stdin is not None
        wait_until(lambda: datera.array.mappings().items[0].open, 30, "the array does not report the session")
        with pytest.raises(Exception, match="refuses it"):
            datera.array._wire.put(volume.id.split("/storage_instances/")[0], {"admin_state": "offline"})
        session.stdin.write("quit\n")
    wait_until(lambda: datera.array.mappings().items[0].open is False, 30, "the array still reports the session")


# ---- XtremIO ---------------------------------------------------------------------------------------------------------


def test_xtremio_shows_each_host_its_own_luns(xtremio: Lab) -> None:
    """All hosts use the same targets."""
    server, other = xtremio.host(ONE, "server"), xtremio.host(TWO, "other")
    for name, host, lun in (("vol1", server, 1), ("vol2", other, 1), ("vol3", other, 0), ("vol4", server, 300)):
        xtremio.array.map_volume(xtremio.make(name), host, lun)
    data_paths = {
        "vol1": (ONE, xtremio.data_path("vol1")),
        "vol2": (TWO, xtremio.data_path("vol2", "other")),
        "vol3": (TWO, xtremio.data_path("vol3", "other")),
        "vol4": (ONE, xtremio.data_path("vol4")),
    }
    assert data_paths["vol1"][1] == data_paths["vol2"][1]
    assert (data_paths["vol3"][1][2], data_paths["vol4"][1][2]) == (0, 300)
    for byte, (host, data_path) in enumerate(data_paths.values(), 0xA1):
        xtremio.write_from(host, data_path, byte)
    for byte, (host, data_path) in enumerate(data_paths.values(), 0xA1):
        xtremio.check(host, data_path, byte)
    assert len(set(xtremio.contents().values())) == 4
    portal, target, _lun = data_paths["vol1"][1]
    with pytest.raises(Refused, match="read failed"):
        xtremio.check(ONE, (portal, target, 0), 0xA3)
    assert "Lun:1 " in ONE.ls(portal)
    assert "Lun:1 " in TWO.ls(portal)
    assert "DIRECT_ACCESS" in TWO.ls(portal)
    for port in xtremio.array.ports():
        xtremio.check(ONE, (str(port.portal), port.address, 1), 0xA1)


def test_xtremio_initiators_are_added_and_removed(xtremio: Lab) -> None:
    server = xtremio.host(ONE, "server")
    xtremio.array.map_volume(xtremio.make("vol1"), server)
    data_path = xtremio.data_path("vol1")
    xtremio.write_from(ONE, data_path, 0xA1)
    grown = xtremio.array.add_initiators(server, [Initiator(TWO.iqn, "iscsi")])
    xtremio.check(TWO, data_path, 0xA1)
    xtremio.array.remove_initiators(grown, [ONE.iqn])
    xtremio.check(TWO, data_path, 0xA1)
    with pytest.raises(Refused, match=KEPT_OUT):
        xtremio.check(ONE, data_path, 0xA1)


def test_xtremio_requires_chap_where_the_cluster_is_set_so(simulator: Simulator, tmp_path: Path) -> None:
    lab = Lab(simulator, "chap", tmp_path)
    chap = Chap("of-user", SECRET)
    lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server", chap=chap))
    data_path = lab.data_path("vol1")
    lab.write_from(IscsiHost(ONE.iqn, "of-user", SECRET), data_path, 0xA1)
    for host in (ONE, IscsiHost(ONE.iqn, "of-user", SECRET[::-1])):
        with pytest.raises(Refused, match=UNPROVEN):
            lab.check(host, data_path, 0xA1)
    lab.array.close()


# ---- life ------------------------------------------------------------------------------------------------------------


def tgtds(parent: int) -> list[int]:
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True, timeout=120
    ).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(row[0]) for row in rows if int(row[1]) == parent and row[2] == "tgtd"]


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_no_tgtd_outlives_its_simulator(how: str) -> None:
    need_tools()
    with Simulator([{"vendor": "datera", "datapath": True, "address": portal_address()}]) as running:
        children = tgtds(running.pid)
        assert len(children) == 1
        getattr(running, how)()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_bytes_survive_a_restart(tmp_path: Path) -> None:
    need_tools()
    kept = {"state_dir": str(tmp_path / "state"), "datapath": True}
    arrays_kept = [
        {"name": "datera", "vendor": "datera", "slowness": 0, "address": portal_address(), **kept},
        {"name": "xtremio", "vendor": "xtremio", "protocol": "iscsi", "address": portal_address(), **kept},
    ]
    data_paths = {}
    with Simulator(arrays_kept, run_dir=tmp_path / "run") as running:
        for name in ("datera", "xtremio"):
            lab = Lab(running, name, tmp_path)
            lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
            data_paths[name] = lab.data_path("vol1")
            lab.write_from(ONE, data_paths[name], 0xA1)
            lab.array.close()
    with Simulator(arrays_kept, run_dir=tmp_path / "run"):
        for data_path in data_paths.values():
            ONE.check(tmp_path, *data_path, 0xA1, 0, MIB)
            with pytest.raises(Refused, match=KEPT_OUT):
                TWO.check(tmp_path, *data_path, 0xA1, 0, MIB)


def test_a_portal_that_is_taken_is_named() -> None:
    need_tools()
    running = {"name": "one", "vendor": "datera", "datapath": True, "address": portal_address()}
    with Simulator([running]), pytest.raises(RuntimeError, match=r"array two: port 3260 on .* is already in use"):
        Simulator([{**running, "name": "two"}]).start()


def test_without_tgtd_only_the_management_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The simulator reports it in its log."""
    monkeypatch.setenv("OPENFLASH_TGTD", "/there/is/none")
    without_tgtd = [{"vendor": vendor, "datapath": True} for vendor in ("datera", "xtremio")]
    with Simulator(without_tgtd, run_dir=tmp_path / "run") as running:
        for name in ("datera", "xtremio"):
            lab = Lab(running, name, tmp_path)
            assert lab.make("vol1").size == GIB
            assert lab.endpoint["datapath"] is False
            lab.array.close()
        log = (tmp_path / "run" / "test.log").read_text()
    assert log.count("there is no tgtd here (Debian package tgt): its management works, its volumes hold nothing") == 2
