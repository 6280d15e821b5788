# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``datapath: true``: what hosts write to the volumes of simulated arrays over iSCSI, and what they read of it.

The arrays are managed by the library, the bytes go through QEMU's own initiator.
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
# In the words of libiscsi.
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
        found: Volume = self.array.volumes([name]).items[0]
        return found

    def way(self, name: str, host: str = "server") -> tuple[str, str, int]:
        """Portal, target and LUN, as the array tells them."""
        (mapping,) = [one for one in self.array.mappings(volumes=[name]) if one.host == host]
        port = next(one for one in self.array.ports_of([name]) if one.protocol == "iscsi")
        return str(port.portal), port.address, mapping.lun

    def write_from(self, host: IscsiHost, way: tuple[str, str, int], byte: int, at: int = 0, size: int = MIB) -> None:
        host.write(self.folder, *way, byte, at, size)

    def check(self, host: IscsiHost, way: tuple[str, str, int], byte: int, at: int = 0, size: int = MIB) -> None:
        host.check(self.folder, *way, byte, at, size)


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


def test_bytes_go_in_and_copies_have_them(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    lab.array.map_volume(lab.make("vol1"), server)
    way = lab.way("vol1")
    assert lab.endpoint["datapath"] is True
    lab.check(ONE, way, 0)
    lab.write_from(ONE, way, 0xA1)
    lab.write_from(ONE, way, 0xA2, GIB - MIB)
    volume = lab.volume("vol1")
    (taken,) = lab.array.create_snapshots([SnapshotSpec("monday", volume)])
    lab.array.clone_volume(volume, VolumeSpec("clone"))
    lab.write_from(ONE, way, 0xB1)

    lab.array.volume_from_snapshot(taken, VolumeSpec("copy", 2 * GIB))
    for name in ("clone", "copy"):
        lab.array.map_volume(lab.volume(name), server)
        found = lab.way(name)
        lab.check(ONE, found, 0xA1)
        lab.check(ONE, found, 0, MIB)
        lab.check(ONE, found, 0xA2, GIB - MIB)
        assert ONE.length(lab.folder, *found) == (GIB if name == "clone" else 2 * GIB)
    lab.check(ONE, way, 0xB1)
    contents = lab.contents()
    assert contents["monday"] == contents["clone"] == contents["copy"] != contents["vol1"]
    # What a copy gets, its source does not.
    lab.write_from(ONE, lab.way("copy"), 0xC1)
    lab.check(ONE, lab.way("clone"), 0xA1)
    lab.check(ONE, way, 0xB1)


def test_a_restore_brings_the_bytes_back_and_keeps_those_of_now(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    mapping = lab.array.map_volume(lab.make("vol1"), server)
    lab.write_from(ONE, lab.way("vol1"), 0xA1)
    (taken,) = lab.array.create_snapshots([SnapshotSpec("monday", lab.volume("vol1"))])
    lab.write_from(ONE, lab.way("vol1"), 0xB1)
    lab.array.unmap_volume(mapping)
    backup = lab.array.restore_snapshot(lab.volume("vol1"), taken, "before")
    lab.array.map_volume(lab.volume("vol1"), server)
    lab.check(ONE, lab.way("vol1"), 0xA1)
    lab.array.volume_from_snapshot(backup, VolumeSpec("old"))
    lab.array.map_volume(lab.volume("old"), server)
    lab.check(ONE, lab.way("old"), 0xB1)


def test_an_extension_keeps_the_bytes(lab: Lab) -> None:
    lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
    way = lab.way("vol1")
    lab.write_from(ONE, way, 0xA1, GIB - MIB)
    lab.array.extend_volume(lab.volume("vol1"), 3 * GIB)
    assert ONE.length(lab.folder, *way) == 3 * GIB
    lab.check(ONE, way, 0xA1, GIB - MIB)
    lab.check(ONE, way, 0, GIB)
    lab.write_from(ONE, way, 0xA2, 3 * GIB - MIB)


def test_another_initiator_is_kept_out(lab: Lab) -> None:
    mapping = lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
    way = lab.way("vol1")
    lab.write_from(ONE, way, 0xA1)
    with pytest.raises(Refused, match=KEPT_OUT):
        lab.check(TWO, way, 0xA1)
    assert way[1] in ONE.ls(way[0])
    assert way[1] not in TWO.ls(way[0])
    lab.array.unmap_volume(mapping)
    # A target of an XtremIO has other volumes too.
    with pytest.raises(Refused, match=KEPT_OUT if lab.name == "datera" else "LOGICAL_UNIT_NOT_SUPPORTED"):
        lab.check(ONE, way, 0xA1)
    lab.array.map_volume(lab.volume("vol1"), lab.host(TWO, "other"))
    lab.check(TWO, lab.way("vol1", "other"), 0xA1)


def test_a_deleted_volume_leaves_nothing(lab: Lab) -> None:
    server = lab.host(ONE, "server")
    mapping = lab.array.map_volume(lab.make("vol1"), server)
    lab.write_from(ONE, lab.way("vol1"), 0xA1)
    lab.array.unmap_volume(mapping)
    lab.array.delete_volume(lab.volume("vol1"))
    images = lab.simulator.run_dir / f"{lab.name}.images"
    assert [path for path in images.rglob("*") if path.is_file()] == []
    lab.array.map_volume(lab.make("vol1"), server)
    lab.check(ONE, lab.way("vol1"), 0)


def test_a_disk_tells_who_it_is(lab: Lab) -> None:
    """As the array's management does, where it tells that; the same through every port, and when it has grown."""
    server = lab.host(ONE, "server")
    found = {}
    for name in ("vol1", "vol2"):
        lab.array.map_volume(lab.make(name), server)
        lun = lab.way(name)[2]
        pages = {ONE.page_83(str(port.portal), port.address, lun) for port in lab.array.ports_of([name])}
        ((naa,),) = (parse_page_83(page) for page in pages)
        found[name] = naa
    assert found["vol1"] != found["vol2"]
    if lab.name == "xtremio":
        assert [lab.volume(name).serial for name in found] == list(found.values())
    lab.array.extend_volume(lab.volume("vol1"), 2 * GIB)
    assert parse_page_83(ONE.page_83(*lab.way("vol1"))) == (found["vol1"],)
    said = ONE.inquiry(*lab.way("vol1"))
    vendor, product = {"datera": ("DATERA", "IBLOCK"), "xtremio": ("XtremIO", "XtremApp")}[lab.name]
    assert f"Vendor:{vendor}" in said
    assert f"Product:{product}" in said


def test_no_other_array_has_a_disk_of_that_name(simulator: Simulator, tmp_path: Path) -> None:
    """Though each of these is the first of its array, at the same LUN."""
    found = []
    for name in ("datera", "xtremio", "chap"):
        lab = Lab(simulator, name, tmp_path)
        host = IscsiHost(ONE.iqn, "of-user", SECRET) if name == "chap" else ONE
        chap = {"chap": Chap(host.user, host.password)} if host.user else {}
        lab.array.map_volume(lab.make("vol1"), lab.host(host, "server", **chap))
        found.append(parse_page_83(host.page_83(*lab.way("vol1"))))
        lab.array.close()
    assert len(set(found)) == 3
    assert all(len(names) == 1 for names in found)


# ---- Datera ----------------------------------------------------------------------------------------------------------


def test_datera_lets_nobody_log_in_offline(datera: Lab) -> None:
    datera.array.map_volume(datera.make("vol1"), datera.host(ONE, "server"))
    way = datera.way("vol1")
    assert way[2] == 0
    datera.write_from(ONE, way, 0xA1)
    edf = datera.array._wire
    path = datera.volume("vol1").id.split("/storage_instances/")[0]
    edf.put(path, {"admin_state": "offline"})
    with pytest.raises(Refused, match=OFFLINE):
        datera.check(ONE, way, 0xA1)
    edf.put(path, {"admin_state": "online"})
    datera.check(ONE, way, 0xA1)


def test_datera_asks_for_chap(datera: Lab) -> None:
    volume = datera.make("vol1")
    datera.array.set_volume_chap(volume, Chap("of-user", SECRET))
    other = datera.make("vol2")
    datera.array.set_volume_chap(other, Chap("of-user", SECRET[::-1]))
    server = datera.host(ONE, "server")
    for one in (volume, other):
        datera.array.map_volume(one, server)
    right, wrong = (IscsiHost(ONE.iqn, "of-user", secret) for secret in (SECRET, SECRET[::-1]))
    datera.write_from(right, datera.way("vol1"), 0xA1)
    datera.write_from(wrong, datera.way("vol2"), 0xA2)
    for host in (ONE, wrong, IscsiHost(ONE.iqn, "another", SECRET)):
        with pytest.raises(Refused, match=UNPROVEN):
            datera.check(host, datera.way("vol1"), 0xA1)
    datera.array.set_volume_chap(volume, Chap("of-user", "another-secret"))
    with pytest.raises(Refused, match=UNPROVEN):
        datera.check(right, datera.way("vol1"), 0xA1)
    datera.check(IscsiHost(ONE.iqn, "of-user", "another-secret"), datera.way("vol1"), 0xA1)
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True, timeout=120).stdout
    assert SECRET not in shown


def test_datera_proves_itself_in_turn(datera: Lab) -> None:
    """Mutual CHAP: a host that wants proof gets in when it gets the right one."""
    volume = datera.make("vol1")
    datera.array.map_volume(volume, datera.host(ONE, "server"))
    way, path = datera.way("vol1"), f"{volume.id.split('/volumes/')[0]}/auth"
    one_way = {"target_user_name": "of-user", "target_pswd": SECRET}
    both_ways = {**one_way, "initiator_user_name": "of-array", "initiator_pswd": SECRET[::-1]}
    right = IscsiHost(ONE.iqn, "of-user", SECRET, "of-array", SECRET[::-1])
    datera.array._wire.put(path, {"type": "mchap", **both_ways})
    assert parse_page_83(right.page_83(*way)) == parse_page_83(replace(right, target_user="").page_83(*way))
    for wrong in (replace(right, target_password="another-secret"), replace(right, target_user="other")):
        with pytest.raises(Refused, match="Invalid CHAP_R response from the target|Wrong CHAP targetname"):
            wrong.page_83(*way)
    with pytest.raises(Refused, match=UNPROVEN):
        replace(right, password=SECRET[::-1]).page_83(*way)
    datera.array._wire.put(path, {"type": "chap", **one_way})
    # Asked for a proof that it does not have, the target ends the login.
    with pytest.raises(Refused, match=UNPROVEN):
        right.page_83(*way)


def test_datera_knows_who_has_a_volume_open(datera: Lab) -> None:
    """What a real session is, the array tells, and so nobody takes the volume away."""
    volume = datera.make("vol1")
    datera.array.map_volume(volume, datera.host(ONE, "server"))
    portal, target, lun = datera.way("vol1")
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


def test_xtremio_shows_each_host_luns_of_its_own(xtremio: Lab) -> None:
    """All through the same targets."""
    one, two = xtremio.host(ONE, "server"), xtremio.host(TWO, "other")
    for name, host, lun in (("vol1", one, 1), ("vol2", two, 1), ("vol3", two, 0), ("vol4", one, 300)):
        xtremio.array.map_volume(xtremio.make(name), host, lun)
    ways = {
        "vol1": (ONE, xtremio.way("vol1")),
        "vol2": (TWO, xtremio.way("vol2", "other")),
        "vol3": (TWO, xtremio.way("vol3", "other")),
        "vol4": (ONE, xtremio.way("vol4")),
    }
    assert ways["vol1"][1] == ways["vol2"][1]
    assert (ways["vol3"][1][2], ways["vol4"][1][2]) == (0, 300)
    for byte, (host, way) in enumerate(ways.values(), 0xA1):
        xtremio.write_from(host, way, byte)
    for byte, (host, way) in enumerate(ways.values(), 0xA1):
        xtremio.check(host, way, byte)
    assert len(set(xtremio.contents().values())) == 4
    portal, target, _lun = ways["vol1"][1]
    with pytest.raises(Refused, match="read failed"):
        xtremio.check(ONE, (portal, target, 0), 0xA3)
    assert "Lun:1 " in ONE.ls(portal)
    assert "Lun:1 " in TWO.ls(portal)
    assert "DIRECT_ACCESS" in TWO.ls(portal)
    for port in xtremio.array.ports():
        xtremio.check(ONE, (str(port.portal), port.address, 1), 0xA1)


def test_xtremio_initiators_come_and_go(xtremio: Lab) -> None:
    server = xtremio.host(ONE, "server")
    xtremio.array.map_volume(xtremio.make("vol1"), server)
    way = xtremio.way("vol1")
    xtremio.write_from(ONE, way, 0xA1)
    grown = xtremio.array.add_initiators(server, [Initiator(TWO.iqn, "iscsi")])
    xtremio.check(TWO, way, 0xA1)
    xtremio.array.remove_initiators(grown, [ONE.iqn])
    xtremio.check(TWO, way, 0xA1)
    with pytest.raises(Refused, match=KEPT_OUT):
        xtremio.check(ONE, way, 0xA1)


def test_xtremio_asks_for_chap_where_the_cluster_wants_it(simulator: Simulator, tmp_path: Path) -> None:
    lab = Lab(simulator, "chap", tmp_path)
    chap = Chap("of-user", SECRET)
    lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server", chap=chap))
    way = lab.way("vol1")
    lab.write_from(IscsiHost(ONE.iqn, "of-user", SECRET), way, 0xA1)
    for host in (ONE, IscsiHost(ONE.iqn, "of-user", SECRET[::-1])):
        with pytest.raises(Refused, match=UNPROVEN):
            lab.check(host, way, 0xA1)
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
    both = [
        {"name": "datera", "vendor": "datera", "slowness": 0, "address": portal_address(), **kept},
        {"name": "xtremio", "vendor": "xtremio", "protocol": "iscsi", "address": portal_address(), **kept},
    ]
    ways = {}
    with Simulator(both, run_dir=tmp_path / "run") as running:
        for name in ("datera", "xtremio"):
            lab = Lab(running, name, tmp_path)
            lab.array.map_volume(lab.make("vol1"), lab.host(ONE, "server"))
            ways[name] = lab.way("vol1")
            lab.write_from(ONE, ways[name], 0xA1)
            lab.array.close()
    with Simulator(both, run_dir=tmp_path / "run"):
        for way in ways.values():
            ONE.check(tmp_path, *way, 0xA1, 0, MIB)
            with pytest.raises(Refused, match=KEPT_OUT):
                TWO.check(tmp_path, *way, 0xA1, 0, MIB)


def test_a_portal_that_is_taken_is_named() -> None:
    need_tools()
    one = {"name": "one", "vendor": "datera", "datapath": True, "address": portal_address()}
    with Simulator([one]), pytest.raises(RuntimeError, match=r"array two: port 3260 on .* is already in use"):
        Simulator([{**one, "name": "two"}]).start()


def test_without_tgtd_the_management_works_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And the simulator says so."""
    monkeypatch.setenv("OPENFLASH_TGTD", "/there/is/none")
    both = [{"vendor": vendor, "datapath": True} for vendor in ("datera", "xtremio")]
    with Simulator(both, run_dir=tmp_path / "run") as running:
        for name in ("datera", "xtremio"):
            lab = Lab(running, name, tmp_path)
            assert lab.make("vol1").size == GIB
            assert lab.endpoint["datapath"] is False
            lab.array.close()
        said = (tmp_path / "run" / "test.log").read_text()
    assert said.count("there is no tgtd here (Debian package tgt): its management works, its volumes hold nothing") == 2
