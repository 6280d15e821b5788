# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images into volumes and back, with real bytes: Cinder's own code, and files as the disks of a simulated array.

    images.py ENDPOINTS NAME

The Dsware simulator gives every attached volume a file, as the block client gives it a device, and os-brick's ``local``
connector takes it as it is. Prints one JSON object per step, and leaves with 0 when all are as expected.
"""

from __future__ import annotations

import lib  # first: it makes the process green

import hashlib  # isort: skip
import os  # isort: skip
import subprocess  # isort: skip
import sys  # isort: skip
import uuid  # isort: skip
from pathlib import Path  # isort: skip
from typing import Any  # isort: skip

import os_brick.privileged  # isort: skip
from cinder import objects  # isort: skip
from cinder.volume import volume_utils  # isort: skip
from oslo_config import cfg  # isort: skip

import cinder.privsep  # isort: skip
from openflash_openstack.cinder import dsware  # isort: skip

MIB = 1 << 20


class Images:
    """An image service with one image that can be had, and those that were uploaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta: dict[str, dict[str, Any]] = {}
        self.temp_images: dict[str, Any] = {}  # Cinder keeps its own notes there

    def add(self, disk_format: str, path: Path) -> str:
        number = str(uuid.uuid4())
        size = path.stat().st_size
        self.meta[number] = {
            "id": number,
            "size": size,
            "disk_format": disk_format,
            "container_format": "bare",
            "properties": {},
            "min_disk": 0,
            "path": path,
        }
        return number

    def show(self, ctxt: Any, number: str) -> dict[str, Any]:
        return self.meta[number]

    def download(self, ctxt: Any, number: str, data: Any = None) -> None:
        with self.meta[number]["path"].open("rb") as source:
            while chunk := source.read(MIB):
                data.write(chunk)

    def get_location(self, ctxt: Any, number: str) -> tuple[None, None]:
        return None, None

    def update(self, ctxt: Any, number: str, meta: Any, data: Any = None, **_more: Any) -> None:
        with (self.folder / number).open("wb") as target:
            while chunk := data.read(MIB):
                target.write(chunk)


def digest(path: Path, size: int) -> str:
    """Of the first bytes of a file."""
    found = hashlib.sha256()
    with path.open("rb") as source:
        while size and (chunk := source.read(min(MIB, size))):
            found.update(chunk)
            size -= len(chunk)
    return found.hexdigest()


def keep_bytes(driver: Any, folder: Path) -> None:
    """The simulated array forgets what was written when a volume is detached; a real one does not."""
    kept = folder / "kept"
    attach, detach = driver.initialize_connection, driver.terminate_connection
    device: list[str] = []

    def copy(source: Path, target: Path) -> None:
        subprocess.run(["cp", "--sparse=always", str(source.resolve()), str(target.resolve())], check=True)

    def attached(*given: Any, **more: Any) -> Any:
        info = attach(*given, **more)
        device[:] = [info["data"]["device_path"]]
        if kept.exists():
            copy(kept, Path(device[0]))
        return info

    def detached(*given: Any, **more: Any) -> Any:
        copy(Path(device[0]), kept)
        return detach(*given, **more)

    driver.initialize_connection, driver.terminate_connection = attached, detached


def privileges(folder: Path) -> None:
    """Everything in this process: there is no rootwrap here, and nothing needs another user."""
    os_brick.privileged.default.set_client_mode(False)
    cinder.privsep.sys_admin_pctxt.set_client_mode(False)
    sudo = folder / "sudo"
    sudo.write_text('#!/bin/sh\nwhile [ "${1##*rootwrap*}" = "" ] || [ -f "$1" ]; do shift; done\nexec "$@"\n')
    sudo.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def main() -> int:
    endpoints, name = sys.argv[1:3]
    lib.prepare()
    folder = Path(cfg.CONF.state_path)
    privileges(folder)
    cfg.CONF.set_override("image_conversion_dir", str(folder))
    array = lib.Array(endpoints, name)
    run = lib.Steps(array)
    driver = lib.make(lib.OURS["dsware"], "dsware", array.entry, "ours")
    here = lib.host(1)
    volume_utils.brick_get_connector_properties = lambda *_, **__: here
    # Where the simulated block client makes its links, instead of /dev
    dsware.BY_ID = f"{array.entry['device_root']}/disk/by-id/wwn-0x%s"
    driver.do_setup(lib.CONTEXT)
    keep_bytes(driver, folder)
    images = Images(folder)
    raw = folder / "raw"
    raw.write_bytes(os.urandom(24 * MIB))
    wanted = digest(raw, 24 * MIB)
    cow = folder / "cow"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(cow)], check=True)

    one = lib.volume(1, array.entry["pools"][0]["name"])
    one.glance_metadata = {}
    one.volume_type = objects.VolumeType(context=lib.CONTEXT, id=str(uuid.uuid4()), extra_specs={})
    run.step("create", lambda: driver.create_volume(one))
    image = images.add("qcow2", cow)
    run.step("image to volume", lambda: driver.copy_image_to_volume(lib.CONTEXT, one, images, image))
    run.expect("nothing attached", array.maps(one.name), {})
    info = run.step("attach", lambda: driver.initialize_connection(one, here)) or {"data": {"device_path": "/nowhere"}}
    device = Path(info["data"]["device_path"])
    run.expect("the bytes of the image", digest(device, 24 * MIB) if device.exists() else None, wanted)
    run.step("detach", lambda: driver.terminate_connection(one, here))
    back = {"id": str(uuid.uuid4()), "disk_format": "raw", "container_format": "bare", "properties": {}}
    run.step("volume to image", lambda: driver.copy_volume_to_image(lib.CONTEXT, one, images, back))
    uploaded = folder / back["id"]
    # A file, unlike a disk, ends where the image that was written to it ends.
    run.expect("all of it", uploaded.stat().st_size if uploaded.exists() else 0, 24 * MIB)
    run.expect("with the same bytes", digest(uploaded, 24 * MIB) if uploaded.exists() else None, wanted)
    run.expect("nothing attached again", array.maps(one.name), {})
    run.step("delete", lambda: driver.delete_volume(one))
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
