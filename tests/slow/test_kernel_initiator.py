# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance and Cinder on an emulated host, with the kernel's iSCSI and multipath through os-brick.

The arrays are simulated, with real iSCSI portals.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import section
from tests.e2e.image_service import section as store
from tests.openstack.test_rootwrap import documented_filters
from tests.slow.glance import Content, Digest, Glance, digest_of
from tests.slow.openstack_host import Node, NodeCinder, NodeGlance
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

MIB, GIB = 1 << 20, 1 << 30
BY_KERNEL = {
    "datera_data_path": "os-brick",
    "datera_glance_rootwrap_path": "sudo glance-rootwrap",
    "datera_glance_rootwrap_config": "/etc/glance/rootwrap.conf",
}
BY_MULTIPATH = {"use_multipath_for_image_xfer": True, "enforce_multipath_for_image_xfer": True}
# The number of portals of each array
PORTALS = {"xtremio": 4, "datera": 2}


@pytest.fixture(params=[True, False], ids=["multipath", "one path"])
def multipath(request: pytest.FixtureRequest) -> bool:
    enabled: bool = request.param
    return enabled


@pytest.fixture
def glance(node: Node, arrays: Simulator, tmp_path: Path, multipath: bool) -> Iterator[NodeGlance]:
    arrays.reset("datera")
    node.run("rm -rf /etc/glance/rootwrap.d /var/lib/glance /var/log/glance/*; mkdir -p /etc/glance/rootwrap.d")
    node.write("/etc/glance/rootwrap.d/openflash.filters", documented_filters())
    settings = store(arrays.array("datera"), **BY_KERNEL, datera_use_multipath=multipath)
    with NodeGlance(node, tmp_path / "glance", settings) as running:
        yield running


def nothing_left(node: Node, simulator: Simulator, array: str) -> None:
    """Check that the host has no session, disk or multipath map, and the array no mapping."""
    assert node.attached() == []
    assert simulator.state(array)["mappings"] == []


def test_glance_stores_and_reads_images_by_the_kernel(
    glance: NodeGlance, node: Node, arrays: Simulator, multipath: bool
) -> None:
    """Uploads of known and unknown length, downloads, ranges, two readers and a deletion, by a user without rights."""
    content = Content(64 * MIB + 321, blocks=9)
    image = glance.image()
    with node.paths() as used:
        glance.put(image, content, known=multipath)
    nothing_left(node, arrays, "datera")
    # The array has two portals.
    assert len(set(used)) == (2 if multipath else 1)
    assert glance.reported(image) == content.digest()
    assert digest_of(glance.pieces(image)) == content.digest()
    nothing_left(node, arrays, "datera")
    for start, length in ((9 * MIB + 1, 5 * MIB + 3), (content.length - 7, 7)):
        assert glance.range(image, start, length) == content.part(start, length)
    nothing_left(node, arrays, "datera")
    both_read(glance, node, arrays, image, content)
    glance.remove(image)
    assert arrays.state("datera")["volumes"] == []
    log = node.run("cat /var/log/glance/*")
    assert arrays.array("datera")["password"] not in log
    assert "could not be removed" not in log


def both_read(glance: Glance, node: Node, arrays: Simulator, image: str, content: Content) -> None:
    """Two readers share one device; when the first ends, the other can read on."""
    first, second = glance.pieces(image), glance.pieces(image)
    begun = [next(first), next(second)]
    assert digest_of([begun[0], *first]) == content.digest()
    assert digest_of([begun[1], *second]) == content.digest()
    nothing_left(node, arrays, "datera")


# ---- Cinder ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images(python: Path, distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glance]:
    """The image service of Cinder, with images as files."""
    folder = tmp_path_factory.mktemp("images") / "glance"
    with Glance(
        distribution, folder, {"one": {"filesystem_store_datadir": folder / "files"}}, "file", python
    ) as running:
        yield running


@pytest.fixture(scope="module")
def cinder(node: Node, arrays: Simulator, images: Glance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    backends = {name: section(name, arrays.array(name), **BY_MULTIPATH) for name in PORTALS}
    with NodeCinder(node, tmp_path_factory.mktemp("cinder"), backends, images.port) as running:
        running.wait_for("both backends", lambda: running.backend_states() == dict.fromkeys(PORTALS, "up up"))
        yield running


def raw_digest(images: Glance, image: str, folder: Path) -> Digest:
    """The digest of the disk in a qcow2 image."""
    packed, disk = folder / "packed", folder / "disk"
    with packed.open("wb") as output:
        for piece in images.pieces(image):
            output.write(piece)
    subprocess.run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", str(packed), str(disk)], check=True, timeout=600)
    with disk.open("rb") as source:
        return digest_of(iter(lambda: source.read(MIB), b""))


@pytest.mark.parametrize("array", PORTALS)
def test_an_image_becomes_a_volume_and_an_image_by_the_kernel(
    cinder: NodeCinder, images: Glance, node: Node, arrays: Simulator, array: str, tmp_path: Path
) -> None:
    """Cinder copies over all paths of the array. The volume has the bytes of the image, and then zeros."""
    content = Content(64 * MIB, blocks=8)
    source = images.image()
    images.put(source, content)
    with node.paths() as used:
        volume = cinder.create(1, cinder.type_of(array), imageRef=source)
    assert len(set(used)) == PORTALS[array]
    nothing_left(node, arrays, array)
    body = {"os-volume_upload_image": {"image_name": "back", "disk_format": "qcow2", "container_format": "bare"}}
    answer = cinder.ask("POST", f"/volumes/{volume['id']}/action", body)
    back = answer["os-volume_upload_image"]["image_id"]
    cinder.become("volume", volume["id"], "available")
    cinder.wait_for("the image", lambda: images.about(back)["status"] == "active")
    nothing_left(node, arrays, array)
    zeros = (bytes(MIB) for _number in range((GIB - 64 * MIB) // MIB))
    assert raw_digest(images, back, tmp_path) == digest_of(chain(content.pieces(), zeros))
    cinder.delete("volume", volume["id"])
    assert arrays.state(array)["volumes"] == []
    log = node.run("cat /var/log/cinder/*")
    assert arrays.array(array)["password"] not in log
    for image in (source, back):
        images.remove(image)
