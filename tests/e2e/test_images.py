# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Cinder and real Glance together: an image on one array becomes a volume on another, and an image again.

Every byte is really copied. The disks of cinder-volume's host are files (see disks.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import section
from tests.e2e.image_service import Glance, section as store
from tests.e2e.services import Cinder
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator

MIB, GIB = 1 << 20, 1 << 30
SIZE = 24 * MIB
ARRAYS: list[dict[str, Any]] = [
    {"name": "images", "vendor": "datera", "datapath": True, "slowness": 0, "address": portal_address()},
    {"name": "flashsystem", "vendor": "flashsystem", "datapath": True, "protocol": "both"},
    {"name": "dsware", "vendor": "dsware", "datapath": True, "agents": ["127.0.0.1", "127.0.0.2"]},
]
BACKENDS = ("flashsystem", "dsware")


@dataclass
class Cloud:
    cinder: Cinder
    glance: Glance
    simulator: Simulator
    data: bytes
    image: str
    """The id of an image in Glance, as qcow2, with ``data`` at its beginning."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    need_tools()
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture(scope="module")
def cloud(simulator: Simulator, distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    glance = Glance(distribution, folder / "glance", {"flash": store(simulator.array("images"))})
    disks = {
        "fc": [simulator.array("flashsystem")["device_root"]],
        "local": simulator.array("dsware")["agents"][1]["device_root"],
    }
    cinder = Cinder(
        client_python(CLIENTS / "requirements-cinder29.txt"),
        distribution,
        folder / "cinder",
        {name: section(name, simulator.array(name)) for name in BACKENDS},
        {
            "glance_api_servers": glance.url,
            "image_conversion_dir": folder / "conversion",
            "enable_force_upload": True,
        },
        {"OPENFLASH_DISKS": json.dumps(disks)},
    )
    data = os.urandom(SIZE)
    raw, cow = folder / "raw", folder / "cow"
    raw.write_bytes(data)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(cow)], check=True, timeout=600)
    try:
        glance.start()
        cinder.start()
        cinder.wait_for("both", lambda: dict.fromkeys(BACKENDS, "up up").items() <= cinder.backend_states().items())
        image = glance.image(disk_format="qcow2")
        assert glance.upload(image, cow.read_bytes()).status_code == 204
        yield Cloud(cinder, glance, simulator, data, image)
        assert glance.delete(image) == 204
        assert simulator.state("images")["volumes"] == []
    finally:
        cinder.stop()
        glance.stop()


def read_back(cinder: Cinder, glance: Glance, volume: str, folder: Path, status: str = "available") -> bytes:
    """The first bytes of the volume, by an image of it. Checks that the following bytes are zero."""
    body = {"image_name": "back", "disk_format": "qcow2", "container_format": "bare", "force": True}
    sent = cinder.ask("POST", f"/volumes/{volume}/action", {"os-volume_upload_image": body})
    image = sent["os-volume_upload_image"]["image_id"]
    cinder.become("volume", volume, status)
    assert glance.about(image)["status"] == "active"
    cow, raw = folder / "back.cow", folder / "back.raw"
    cow.write_bytes(glance.download(image).content)
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(cow), str(raw)], check=True, timeout=600)
    assert glance.delete(image) == 204
    assert raw.stat().st_size % GIB in (0, SIZE)
    with raw.open("rb") as stream:
        content = stream.read(SIZE)
        assert not stream.read(64 * MIB).strip(b"\0")
    return content


def test_an_image_becomes_a_volume_and_an_image(cloud: Cloud, tmp_path: Path) -> None:
    """The disks are those of the block client, which are local to the host."""
    cinder, simulator = cloud.cinder, cloud.simulator
    created = cinder.create(1, cinder.type_of("dsware"), imageRef=cloud.image)
    assert simulator.state("dsware")["mappings"] == []
    assert read_back(cinder, cloud.glance, created["id"], tmp_path) == cloud.data
    assert simulator.state("dsware")["mappings"] == []
    cinder.delete("volume", created["id"])
    assert simulator.state("dsware")["volumes"] == []


def test_volumes_that_the_host_copies_have_the_bytes_of_their_source(cloud: Cloud, tmp_path: Path) -> None:
    """An image becomes a volume over Fibre Channel, and that becomes a snapshot, a clone and images.

    FlashSystem has neither snapshots nor copies, so cinder-volume reads and writes all of them.
    """
    cinder, simulator = cloud.cinder, cloud.simulator
    kind = cinder.type_of("flashsystem")
    source = cinder.create(1, kind, imageRef=cloud.image)["id"]
    snap = cinder.snapshot(source)
    assert {volume["name"] for volume in simulator.state("flashsystem")["volumes"]} == {
        f"volume-{source}",
        f"snapshot-{snap}",
    }
    clone = cinder.create(2, kind, source_volid=source)["id"]
    copy = cinder.create(1, kind, snapshot_id=snap)["id"]
    cinder.delete("snapshot", snap)
    cinder.delete("volume", source)
    sizes = {volume["name"]: volume["size"] for volume in simulator.state("flashsystem")["volumes"]}
    assert sizes == {f"volume-{copy}": GIB, f"volume-{clone}": 2 * GIB}
    assert read_back(cinder, cloud.glance, copy, tmp_path) == cloud.data
    assert read_back(cinder, cloud.glance, clone, tmp_path) == cloud.data
    for volume in (copy, clone):
        cinder.delete("volume", volume)
    state = simulator.state("flashsystem")
    assert (state["volumes"], state["mappings"], state["hosts"]) == ([], [], [])


def test_cinder_reverts_a_volume_to_a_snapshot_by_copying_it(cloud: Cloud, tmp_path: Path) -> None:
    """FlashSystem cannot revert, so Cinder creates a volume from the snapshot and copies that over the volume.

    The host makes both copies, and only the volume and its snapshot remain.
    """
    cinder, simulator = cloud.cinder, cloud.simulator
    source = cinder.create(1, cinder.type_of("flashsystem"), imageRef=cloud.image)["id"]
    snap = cinder.snapshot(source)
    (volume,) = [row for row in simulator.state("flashsystem")["volumes"] if row["name"] == f"volume-{source}"]
    bytes_of = Path(simulator.array("flashsystem")["device_root"], "images", str(volume["id"]))
    with bytes_of.open("r+b") as stream:
        stream.write(os.urandom(SIZE))
    cinder.ask("POST", f"/volumes/{source}/action", {"revert": {"snapshot_id": snap}})
    cinder.become("volume", source, "available")
    cinder.become("snapshot", snap, "available")
    expected = {f"volume-{source}", f"snapshot-{snap}"}
    cinder.wait_for(
        "the removal of the temporary volume",
        lambda: {row["name"] for row in simulator.state("flashsystem")["volumes"]} == expected,
    )
    assert read_back(cinder, cloud.glance, source, tmp_path) == cloud.data
    cinder.delete("snapshot", snap)
    cinder.delete("volume", source)
    state = simulator.state("flashsystem")
    assert (state["volumes"], state["mappings"], state["hosts"]) == ([], [], [])


@pytest.mark.parametrize("name", BACKENDS)
def test_an_upload_leaves_the_volume_to_the_instance_on_the_same_host(cloud: Cloud, name: str, tmp_path: Path) -> None:
    """Cinder begins and ends a connection for it that no attachment records."""
    cinder, simulator = cloud.cinder, cloud.simulator
    one = cinder.create(1, cinder.type_of(name), imageRef=cloud.image)["id"]
    root = Path(simulator.array("flashsystem")["device_root"])
    names = [port.read_text().strip().removeprefix("0x") for port in root.glob("sys/class/fc_host/*/port_name")]
    attachment, _info = cinder.attach(one, {"host": "control", "wwpns": names, "wwnns": names})
    before = simulator.state(name)["mappings"]
    assert len(before) == 1
    assert read_back(cinder, cloud.glance, one, tmp_path, "in-use") == cloud.data
    assert simulator.state(name)["mappings"] == before
    cinder.detach(attachment, one)
    cinder.delete("volume", one)
    state = simulator.state(name)
    assert (state["volumes"], state["mappings"]) == ([], [])


def test_a_group_snapshot_by_the_host(cloud: Cloud, tmp_path: Path) -> None:
    """A group that Cinder keeps itself: the host copies its volumes one by one, and a group of the copies."""
    cinder, simulator = cloud.cinder, cloud.simulator
    kind = cinder.type_of("flashsystem")
    made = cinder.ask("POST", "/group_types", {"group_type": {"name": "plain"}})["group_type"]["id"]
    group = cinder.ask("POST", "/groups", {"group": {"group_type": made, "volume_types": [kind], "name": "g"}})
    number = group["group"]["id"]
    cinder.become("group", number, "available")
    for more in ({"imageRef": cloud.image}, {}):
        cinder.create(1, kind, group_id=number, **more)
    taken = cinder.ask("POST", "/group_snapshots", {"group_snapshot": {"group_id": number, "name": "s"}})
    snap = taken["group_snapshot"]["id"]
    cinder.become("group_snapshot", snap, "available")
    assert simulator.state("flashsystem")["mappings"] == []
    source = {"create-from-src": {"group_snapshot_id": snap, "name": "h"}}
    other = cinder.ask("POST", "/groups/action", source)["group"]["id"]
    cinder.become("group", other, "available")
    members = [one["id"] for one in cinder.ask("GET", "/volumes/detail")["volumes"] if one["group_id"] == other]
    assert cloud.data in [read_back(cinder, cloud.glance, one, tmp_path) for one in members]
    cinder.delete("group_snapshot", snap)
    for each in (other, number):
        cinder.ask("POST", f"/groups/{each}/action", {"delete": {"delete-volumes": True}})
        cinder.gone("group", each)
    state = simulator.state("flashsystem")
    assert (state["volumes"], state["mappings"]) == ([], [])


def test_a_copy_that_fails_leaves_nothing(cloud: Cloud) -> None:
    """When the host cannot reach the copy, no volume of it stays on the array, and nothing is mapped."""
    cinder, simulator = cloud.cinder, cloud.simulator
    kind = cinder.type_of("flashsystem")
    volume_id = cinder.create(1, kind)["id"]
    # The second mapping is that of the copy.
    simulator.fault("flashsystem", kind="reset_before", match={"method": "mkvdiskhostmap"}, skip=1, count=None)
    try:
        snapshot = cinder.ask("POST", "/snapshots", {"snapshot": {"volume_id": volume_id, "name": "x"}})["snapshot"][
            "id"
        ]
        cinder.become("snapshot", snapshot, "error")
    finally:
        simulator.clear_faults("flashsystem")
    state = simulator.state("flashsystem")
    assert ([volume["name"] for volume in state["volumes"]], state["mappings"]) == ([f"volume-{volume_id}"], [])
    cinder.delete("snapshot", snapshot)
    cinder.delete("volume", volume_id)
