# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cinder does with the bytes of volumes, on each array: images, backups, its image cache, migration and retype.

Every byte is really copied, by the host of cinder-volume: over iSCSI on XtremIO and Datera, and on the others through
the disks that the simulators show to a host (see disks.py). Cinder runs on green threads, and then on native ones, on
which it cannot copy images (see test_on_native_threads_cinder_copies_images_in_one_thread_only).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import section
from tests.e2e.image_service import Glance
from tests.e2e.services import PROJECT, Cinder
from tests.e2e.test_images import GIB, SIZE, read_back
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.debian import need_tools as need_packages
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

AGENTS = ["127.0.0.1", "127.0.0.2"]
POOLS = [{"name": "pool-a", "size": 1 << 42}, {"name": "pool-b", "size": 1 << 42}]
ARRAYS: list[dict[str, Any]] = [
    {"name": "xtremio", "vendor": "xtremio", "datapath": True, "chap": True, "address": portal_address()},
    {"name": "violin", "vendor": "violin", "datapath": True, "version": "7.5.6", "pools": POOLS},
    {"name": "dsware", "vendor": "dsware", "datapath": True, "agents": AGENTS, "pools": POOLS},
    {"name": "datera", "vendor": "datera", "datapath": True, "address": portal_address()},
    {"name": "flashsystem", "vendor": "flashsystem", "datapath": True},
]
VENDORS = tuple(array["name"] for array in ARRAYS)
WITH_TREE = ("violin", "flashsystem")
FUSE = {"qemu-storage-daemon": "qemu-system-common", "fusermount3": "fuse3"}


@dataclass
class Cloud:
    cinder: Cinder
    glance: Glance
    simulator: Simulator
    data: bytes
    image: str
    """The id of an image in Glance, with ``data`` at its beginning."""
    native: bool

    def filled(self, name: str, kind: str | None = None) -> tuple[str, str]:
        """The id of a new volume of this type, or on this array, and what the array reports as its content.

        It is the only one of this Cinder: what Cinder has put into its cache of images is deleted.
        """
        image = {} if self.native else {"imageRef": self.image}
        volume = self.cinder.create(1, kind or self.cinder.type_of(name), **image)
        self.delete_cached(volume["id"])
        name = backend_of(volume)
        if self.native:
            self.simulator.write(self.only(name)["name"], GIB, name)
        return volume["id"], str(self.only(name)["content"])

    def delete_cached(self, *kept: str) -> None:
        """Delete all volumes but these."""
        for row in self.cinder.ask("GET", "/volumes/detail?all_tenants=1")["volumes"]:
            if row["id"] not in kept:
                self.cinder.delete("volume", row["id"])

    def volumes(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.simulator.state(name)["volumes"]
        return rows

    def only(self, name: str) -> dict[str, Any]:
        """The only volume of the array, which is mapped to nobody."""
        state = self.simulator.state(name)
        assert state["mappings"] == []
        (volume,) = state["volumes"]
        return dict(volume)

    @contextmanager
    def one_is_deleted(self, name: str) -> Iterator[None]:
        """Wait, at the end of the block, until the array has deleted a volume. Its content is not read in between."""
        mark = self.simulator.mark(name)
        yield
        self.cinder.wait_for(f"a deletion on {name}", partial(self._deletions, name, mark))

    def _deletions(self, name: str, since: int) -> bool:
        return any(one["change"] == "volume.delete" for one in self.simulator.changes(name, since))

    def empty(self, *names: str) -> None:
        for name in names or VENDORS:
            state = self.simulator.state(name)
            assert (state["volumes"], state["mappings"]) == ([], [])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    assert os.geteuid() == 0, "disks as block devices need root"
    need_tools()
    need_packages(FUSE, "iSCSI disks as files")
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture(scope="module")
def glance(distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glance]:
    """Images are files: what the store of this collection does is in test_glance.py and test_images.py."""
    folder = tmp_path_factory.mktemp("glance")
    with Glance(
        distribution, folder / "glance", {"files": {"filesystem_store_datadir": folder / "files"}}, "file"
    ) as one:
        yield one


@pytest.fixture(scope="module", params=["green", "native"])
def cloud(
    request: pytest.FixtureRequest,
    simulator: Simulator,
    glance: Glance,
    distribution: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "iscsi").mkdir()
    native = request.param == "native"
    disks = {
        "fc": [simulator.array(name)["device_root"] for name in WITH_TREE],
        "local": simulator.array("dsware")["agents"][1]["device_root"],
        "iscsi": str(folder / "iscsi"),
    }
    cinder = Cinder(
        client_python(CLIENTS / "requirements-cinder29.txt"),
        distribution,
        folder / "cinder",
        {name: section(name, simulator.array(name), image_volume_cache_enabled=name == "datera") for name in VENDORS},
        {
            "glance_api_servers": glance.url,
            "image_conversion_dir": folder / "conversion",
            # What compresses, or repeats itself, would take most of the time.
            "image_compress_on_upload": False,
            "backup_compression_algorithm": "none",
            "periodic_interval": 20,
            "backend_stats_polling_interval": 60,
            "backup_file_size": 128 << 20,
            "backup_sha_block_size_bytes": 1 << 20,
            "cinder_internal_tenant_project_id": PROJECT,
            "cinder_internal_tenant_user_id": "cache",
        },
        {"OPENFLASH_DISKS": json.dumps(disks)},
        native=native,
        backup=True,
    )
    cinder.deadline, cinder.interval = 600.0, 0.5
    data = os.urandom(SIZE)
    with cinder:
        cinder.wait_for("all", lambda: cinder.backend_states() == dict.fromkeys(VENDORS, "up up"))
        image = glance.image()
        assert glance.upload(image, data).status_code == 204
        yield Cloud(cinder, glance, simulator, data, image, native)
        assert glance.delete(image) == 204


GREEN = pytest.mark.parametrize("cloud", ["green"], indirect=True)


@GREEN
@pytest.mark.parametrize("name", VENDORS)
def test_an_image_becomes_a_volume_and_an_image(cloud: Cloud, name: str, tmp_path: Path) -> None:
    """The image service gets back what it had, and the arrays report the same content."""
    made, content = cloud.filled(name)
    if name in WITH_TREE:
        # The bytes as they are on the array
        file = Path(cloud.simulator.array(name)["device_root"], "images", str(cloud.only(name)["id"]))
        with file.open("rb") as stream:
            assert stream.read(SIZE) == cloud.data
    assert cloud.simulator.state(name)["mappings"] == []
    assert read_back(cloud.cinder, cloud.glance, made, tmp_path) == cloud.data
    assert cloud.only(name)["content"] == content
    cloud.cinder.delete("volume", made)
    cloud.empty(name)


@pytest.mark.parametrize(("name", "other"), [("xtremio", "violin"), ("dsware", "datera"), ("flashsystem", "xtremio")])
def test_backups_are_restored_on_the_same_array_and_on_another(cloud: Cloud, name: str, other: str) -> None:
    """A full backup, an incremental one of the volume while a host has it, and one of a snapshot."""
    cinder = cloud.cinder
    volume, content = cloud.filled(name)
    full = backup(cinder, volume)
    cloud.simulator.write(cloud.only(name)["name"], GIB, name)
    changed = cloud.only(name)["content"]
    snapshot = cinder.snapshot(volume)
    cloud.simulator.write(row_of(cloud, name, volume)["name"], GIB, name)
    last = row_of(cloud, name, volume)["content"]
    assert len({content, changed, last}) == 3
    attachment, _info = cinder.attach(volume, {"host": "control", **INSTANCE[name]})
    increment = backup(cinder, volume, incremental=True, force=True)
    assert cinder.ask("GET", f"/backups/{increment}")["backup"]["is_incremental"]
    cinder.detach(attachment, volume)
    of_snapshot = backup(cinder, volume, snapshot_id=snapshot)
    cinder.delete("snapshot", snapshot)
    cinder.delete("volume", volume)
    cloud.empty(name)
    expected = ((name, full, content), (other, increment, last), (other, of_snapshot, changed))
    for array, number, backed_up in expected:
        restored = cinder.create(1, cinder.type_of(array))["id"]
        cinder.ask("POST", f"/backups/{number}/restore", {"restore": {"volume_id": restored}})
        cinder.become("volume", restored, "available")
        assert cloud.only(array)["content"] == backed_up
        cinder.delete("volume", restored)
    for number in (of_snapshot, increment, full):
        cinder.delete("backup", number)
    cloud.empty(name, other)


# The initiator of an instance's host: the adapters of the simulated Fibre Channel host are those of cinder-volume's
INSTANCE: dict[str, dict[str, Any]] = {
    "xtremio": {"initiator": "iqn.2026-01.org.example:control"},
    "flashsystem": {"wwpns": ["10000000c9f10001", "10000000c9f10002"]},
    "dsware": {},
}


def backup(cinder: Cinder, volume: str, **more: Any) -> str:
    made = cinder.ask("POST", "/backups", {"backup": {"volume_id": volume, "name": "b", **more}})
    number = str(made["backup"]["id"])
    cinder.become("backup", number, "available")
    return number


def row_of(cloud: Cloud, name: str, volume: str) -> dict[str, Any]:
    """What the array reports of this volume, which has snapshots."""
    (row,) = [one for one in cloud.volumes(name) if volume in one["name"] and one["kind"] != "snapshot"]
    return row


@GREEN
def test_the_second_volume_of_an_image_is_a_clone_of_the_array(cloud: Cloud) -> None:
    """Cinder keeps a volume of the image in its cache, and reads the image only once."""
    cinder, array = cloud.cinder, cloud.simulator
    kind = cinder.type_of("datera")
    first = cinder.create(1, kind, imageRef=cloud.image)["id"]
    (content,) = {one["content"] for one in cloud.volumes("datera")}
    assert len(cloud.volumes("datera")) == 2
    mark = array.mark("datera")
    second = cinder.create(1, kind, imageRef=cloud.image)["id"]
    assert [one["content"] for one in cloud.volumes("datera")] == [content] * 3
    # Nothing was mapped to the host.
    assert not [one for one in array.changes("datera", mark) if one["change"].startswith("mapping")]
    for volume in (first, second):
        cinder.delete("volume", volume)
    cloud.delete_cached()
    cloud.empty("datera")


def test_a_volume_moves_from_array_to_array(cloud: Cloud) -> None:
    """It keeps its id and its bytes, and nothing of it stays behind. It begins and ends on the same array."""
    cinder = cloud.cinder
    # A type that any backend may serve
    made = cinder.ask("POST", "/types", {"volume_type": {"name": f"any-{cloud.native}"}})["volume_type"]["id"]
    volume, content = cloud.filled("any", made)
    begun = VENDORS.index(backend_of(cinder.ask("GET", f"/volumes/{volume}")["volume"]))
    way = [*VENDORS[begun:], *VENDORS[:begun], VENDORS[begun]]
    for source, target in zip(way, way[1:], strict=False):
        pool = {"violin": "pool-a", "dsware": "pool-a"}.get(target, target)
        with cloud.one_is_deleted(source):
            migrate(cinder, volume, f"control@{target}#{pool}")
        cloud.empty(source)
        assert cloud.only(target)["content"] == content
    cinder.extend(volume, 2)
    assert cloud.only(way[-1])["size"] == 2 * GIB
    cinder.delete("volume", volume)
    cloud.empty()


def backend_of(volume: Mapping[str, Any]) -> str:
    return str(volume["os-vol-host-attr:host"].split("@")[1].split("#")[0])


def migrate(cinder: Cinder, volume: str, host: str) -> None:
    body = {"os-migrate_volume": {"host": host, "force_host_copy": False, "lock_volume": True}}
    cinder.ask("POST", f"/volumes/{volume}/action", body)

    def moved() -> bool:
        row = cinder.ask("GET", f"/volumes/{volume}")["volume"]
        assert row["os-vol-mig-status-attr:migstat"] != "error", cinder.errors()
        ended = row["os-vol-mig-status-attr:migstat"] == "success" and row["status"] == "available"
        return bool(ended and row["os-vol-host-attr:host"] == host)

    cinder.wait_for(f"migration to {host}", moved)


@pytest.mark.parametrize("name", ["violin", "dsware"])
def test_a_volume_moves_between_the_pools_of_an_array(cloud: Cloud, name: str) -> None:
    cinder = cloud.cinder
    volume, content = cloud.filled(name)
    source = cinder.ask("GET", f"/volumes/{volume}")["volume"]["os-vol-host-attr:host"].split("#")[1]
    (target,) = {pool["name"] for pool in POOLS} - {source}
    with cloud.one_is_deleted(name):
        migrate(cinder, volume, f"control@{name}#{target}")
    moved = cloud.only(name)
    assert (moved["pool"], moved["content"]) == (target, content)
    cinder.delete("volume", volume)
    cloud.empty(name)


def test_a_retype_to_another_backend_moves_the_volume_where_that_is_permitted(cloud: Cloud) -> None:
    cinder = cloud.cinder
    volume, content = cloud.filled("xtremio")
    other = cinder.type_of("datera")
    cinder.retype(volume, other)
    assert backend_of(cinder.ask("GET", f"/volumes/{volume}")["volume"]) == "xtremio"

    def moved() -> bool:
        row = cinder.ask("GET", f"/volumes/{volume}")["volume"]
        return bool(row["status"] == "available" and backend_of(row) == "datera")

    with cloud.one_is_deleted("xtremio"):
        body = {"os-retype": {"new_type": other, "migration_policy": "on-demand"}}
        cinder.ask("POST", f"/volumes/{volume}/action", body)
        cinder.wait_for("the other backend", moved)
    assert cloud.only("datera")["content"] == content
    cinder.delete("volume", volume)
    cloud.empty("xtremio", "datera")
