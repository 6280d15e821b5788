#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_image
short_description: Disk images into volumes of an all-flash array, and volumes into images
version_added: 0.1.0
description:
  - Copies an image file, or an image from a web server, into a volume, and a volume or a snapshot into an image file.
  - An import never writes into an existing volume. It creates a volume under a temporary name, copies the image into
    it, reads it back and compares it, and then gives it the requested name. A volume that had this name before is kept
    under another name.
  - The copy is made on the host that the task runs on. The volume is mapped to that host for the copy and unmapped
    afterwards, also after a failure. If a run is killed, the next run on that host removes its temporary objects.
  - Images are read and written by C(qemu-img). The header of an image is checked before the image is opened. An image
    that refers to other files (a backing file, a data file, extents, a parent) is refused, because a program that opens
    it would read those files.
  - Each task handles one volume, because a copy takes much longer than the task itself.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
  - openflash.storage.attributes.progress
  - openflash.storage.policy
  - openflash.storage.policy.assume_unmapped
requirements:
  - C(qemu-img) on the host that the task runs on (qemu-utils, or qemu-img)
  - requests, for an image from a URL
  - QEMU's iSCSI driver for O(data_path=user_space) (qemu-block-extra, qemu-img-block-iscsi or qemu-block-iscsi)
options:
  name:
    description: Name of the volume.
    type: str
    required: true
  state:
    description:
      - V(imported) ensures that the volume holds the image.
      - V(exported) ensures that the file is an image of the volume.
    type: str
    choices: [imported, exported]
    default: imported
  path:
    description:
      - Path of the image file on the host that the task runs on. A leading C(~) is the home directory of the user that
        runs the task there.
      - An import also takes a URL that begins with C(http://) or C(https://), together with a O(checksum). The image is
        downloaded into O(state_dir), through the proxy that the environment sets, if any. Redirects to C(http) and
        C(https) are followed, but not from C(https) to C(http).
      - A user name and password in the URL are sent to that server only. In results and messages, they and the query of
        the URL are replaced by C(***).
      - An export is written to a temporary file in the same directory, which replaces the file when it is complete. A
        new file can be read by its owner only (mode C(0600)); a file that is replaced keeps its owner and mode.
    type: str
    required: true
  format:
    description:
      - Format of the image. An import refuses an image of another format.
      - By default, an import detects the format from the first bytes of the image, and takes it for V(raw) when they
        identify no format. The default for an export is V(qcow2).
    type: str
    choices: [qcow2, raw, vhdx, vmdk]
  checksum:
    description:
      - Checksum of the image file, as C(sha256:) and hexadecimal digits; C(sha384:) and C(sha512:) are accepted too.
      - The image is verified against it before its content is interpreted. A null or empty checksum is refused.
      - Where the array can store a note with a volume, a volume whose note has this checksum is up to date, and the
        image is neither downloaded nor read.
      - Used with O(state=imported).
    type: str
  image_ca_path:
    description:
      - File or directory with the CA certificates to trust when the image is downloaded, instead of those of the
        system.
      - Used with O(state=imported).
    type: path
  size:
    description:
      - Size of the volume, such as V(20GiB), when it is to be larger than the disk that the image describes.
      - A volume that holds the image already is extended to this size. A volume never becomes smaller, not even when it
        is replaced from a smaller image; a size below its present one is refused.
      - Used with O(state=imported).
    type: str
  max_size:
    description:
      - The largest disk that an image may describe, and the most that is downloaded. An image of a few bytes can
        describe a disk of petabytes.
    type: str
    default: 64TiB
  pool:
    description:
      - Storage pool to create the volume in. The default is the pool of the existing volume of this name; without one,
        the pool is chosen as in O(openflash.storage.flash_volume#module:pool).
      - When the existing volume of this name is in another pool, the task is refused.
      - Used with O(state=imported).
    type: str
  provisioning:
    description:
      - How space is allocated to the volume. The default is the provisioning of the existing volume of this name;
        without one, the default of the array.
      - When the existing volume of this name has another provisioning, the task is refused.
      - Used with O(state=imported).
    type: str
    choices: [thick, thin, dedup]
  array_options:
    description:
      - Properties of the volume that only some arrays have, as in
        O(openflash.storage.flash_volume#module:array_options).
      - Used with O(state=imported).
    type: dict
  keep_old:
    description:
      - How many of the volumes that were replaced to keep, as C(NAME-old-DATE). V(0) deletes the old volume when the
        new one has its name.
      - An old volume that is mapped, or that snapshots or clones depend on, is never deleted. It is kept, with a
        warning.
      - Used with O(state=imported).
    type: int
    default: 1
  snapshot:
    description:
      - Export this snapshot of the volume instead of the volume. A temporary volume is created from the snapshot, read
        and deleted.
      - Used with O(state=exported).
    type: str
  compress:
    description:
      - Compress the image, with O(format=qcow2) and O(format=vmdk).
      - Used with O(state=exported).
    type: bool
    default: false
  checksum_file:
    description:
      - Write the SHA-256 checksum of the image to a file named O(path) followed by C(.sha256), in the format that
        C(sha256sum) reads.
      - Used with O(state=exported).
    type: bool
    default: false
  verify:
    description: Read back what was written and compare it, before the volume or file gets its final name.
    type: bool
    default: true
  force:
    description:
      - Copy again although the volume, or the file, is up to date.
      - It permits nothing else. A mapped volume is never replaced.
    type: bool
    default: false
  data_path:
    description:
      - How the host that the task runs on reaches the volume.
      - V(user_space) is the iSCSI initiator of QEMU. It needs no root privileges, and makes no session or device in the
        kernel. Each copy uses its own initiator name, which is removed from the array after the copy.
      - V(kernel) is Fibre Channel, or the iSCSI initiator of the kernel where there is no path over Fibre Channel. It
        needs C(become). That initiator logs in with the CHAP credentials of its own configuration
        (C(/etc/iscsi/iscsid.conf)), if the array requires CHAP.
      - V(auto) is V(user_space) where the array has iSCSI portals, else V(kernel).
      - With O(vendor=dsware) and O(attach_tool) or O(agents), the volume is attached by that tool or those agents.
    type: str
    choices: [auto, user_space, kernel]
    default: auto
  chap_username:
    description:
      - CHAP user name for the iSCSI login of the copy, where the array requires CHAP.
      - With O(vendor=datera), CHAP belongs to the volume. A volume that has CHAP can be read only with its credentials.
        A new volume gets these credentials and keeps them.
      - With other arrays, the credentials are used for this copy only, and random ones are generated when this option
        is not set. With O(data_path=kernel), the initiator uses the credentials of its own configuration. If this host
        is not yet defined on the array, set the same credentials here.
    type: str
  chap_password:
    description: CHAP secret for O(chap_username). It appears in no process list and is not written to a disk.
    type: str
  progress_file:
    description:
      - A file to which the task writes its progress, as one JSON object with C(volume), C(phase), C(percent), C(bytes)
        and C(updated). It is replaced about twice a second.
      - For a task under C(async) with C(poll=0), and for other programs. At last the phase is C(done) or C(failed),
        unless the task is killed.
    type: path
  copy_timeout:
    description: Seconds within which each copy, each comparison, and the download of an image must end.
    type: float
    default: 21600.0
  state_dir:
    description:
      - Directory on the host that the task runs on. It holds the records from which the next run cleans up after a run
        that was killed, downloaded images, and a record of the image in each volume where the array cannot store that.
    type: path
    default: ~/.cache/openflash/images
seealso:
  - module: openflash.storage.flash_volume
    description: To clone the volume that an image was imported into.
  - module: openflash.storage.flash_host_map
    description: To map the clones to hosts.
"""

EXAMPLES = r"""
- name: Import a golden image from a web server
  openflash.storage.flash_image:
    name: golden-debian-12
    path: https://images.example.org/debian-12.qcow2
    checksum: sha256:0b2a6a2b5f2c3f52f8f2ae3ad7f7b7a4b1fdcb6a7a2d7ecf6d5a8d3f9a4e2c11
    size: 20GiB

- name: Clone it for a host
  openflash.storage.flash_volume:
    name: web1-root
    source_volume: golden-debian-12

- name: Export a snapshot as a compressed image, with its checksum
  openflash.storage.flash_image:
    state: exported
    name: web1-root
    snapshot: web1-root-monday
    path: /srv/images/web1-root.qcow2
    compress: true
    checksum_file: true

- name: Start a long copy in the background
  openflash.storage.flash_image:
    name: warehouse
    path: /srv/images/warehouse.raw
    progress_file: /run/warehouse.json
  async: 14400
  poll: 0
  register: copy

- name: Wait until it ends
  ansible.builtin.wait_for:
    path: "{{ copy.results_file }}"
    search_regex: '"(changed|failed)":'
    timeout: 14400

- name: Read its result
  ansible.builtin.async_status:
    jid: "{{ copy.ansible_job_id }}"
"""

RETURN = r"""
volume:
  description:
    - The volume as it is now, or as it would be in check mode, with the fields of
      RV(openflash.storage.flash_volume#module:volume).
    - In check mode the size of a volume for an image from a URL is null, because the image is not downloaded.
  returned: when the array answered
  type: dict
image:
  description: The image. Every field is always present.
  returned: when the array answered
  type: dict
  contains:
    source:
      description: The file or URL that it was imported from. Secrets in a URL are shown as C(***).
      type: str
    dest:
      description: The file that it was exported to.
      type: str
    format:
      description: Format of the image.
      type: str
      sample: qcow2
    virtual_size:
      description: Size of the disk that the image describes, in bytes.
      type: int
    checksums:
      description: Checksums of the image file by algorithm, as far as they are known.
      type: dict
      sample: {"sha256": "0b2a6a2b5f2c3f52f8f2ae3ad7f7b7a4b1fdcb6a7a2d7ecf6d5a8d3f9a4e2c11"}
    seconds:
      description: Duration of the copy in seconds, without the comparison.
      type: float
    kept:
      description: Present name of the volume that was replaced.
      type: str
      sample: golden-debian-12-old-20260301T031500Z
plan:
  description: The steps that were carried out, or would be in check mode, one line each.
  returned: when the array answered
  type: list
  elements: str
assumes:
  description:
    - What is missing, and what check mode assumes an earlier task of the play to make, such as
      C(image /srv/images/debian-12.qcow2). The lines of RV(plan) that depend on it say so.
    - A task that is not in check mode assumes nothing, and fails with C(error.kind) V(not_found).
  returned: in check mode, when something is missing
  type: list
  elements: str
api:
  description: The number of requests, with the fields of RV(openflash.storage.flash_volume#module:api).
  returned: always
  type: dict
  sample: {"requests": 14, "writes": 7, "session_requests": 1}
calls:
  description: Every request and its outcome, with secrets masked.
  returned: with C(-vv)
  type: list
  elements: dict
error:
  description: What failed, with the fields of RV(openflash.storage.flash_volume#module:error).
  returned: on failure
  type: dict
"""

from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.module_utils import flash_module, flash_options
from ansible_collections.openflash.storage.plugins.module_utils.openflash.images.task import Task

OPTIONS: Dict[str, Dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["imported", "exported"], "default": "imported"},
    "path": {"type": "str", "required": True},
    "format": {"type": "str", "choices": ["qcow2", "raw", "vhdx", "vmdk"]},
    "checksum": {"type": "str"},
    "image_ca_path": {"type": "path"},
    "size": {"type": "str"},
    "max_size": {"type": "str", "default": "64TiB"},
    "pool": {"type": "str"},
    "provisioning": {"type": "str", "choices": ["thick", "thin", "dedup"]},
    "array_options": {"type": "dict"},
    "keep_old": {"type": "int", "default": 1},
    "snapshot": {"type": "str"},
    "compress": {"type": "bool", "default": False},
    "checksum_file": {"type": "bool", "default": False},
    "verify": {"type": "bool", "default": True},
    "data_path": {"type": "str", "choices": ["auto", "user_space", "kernel"], "default": "auto"},
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "progress_file": {"type": "path"},
    "copy_timeout": {"type": "float", "default": 21600.0},
    "state_dir": {"type": "path", "default": "~/.cache/openflash/images"},
}

PERMITS = flash_options.policy_options("force", "openstack_owned", "assume_unmapped")


def main() -> None:
    flash_module.run_image(OPTIONS, PERMITS, Task)


if __name__ == "__main__":
    main()
