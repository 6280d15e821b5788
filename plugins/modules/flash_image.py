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
  - An import never writes into a volume that has the name already. It makes a new one under a temporary name, copies,
    reads it back and compares, and only then gives it the name. The volume that had the name is kept under another one.
  - The work is done on the host that the task runs on. The volume is mapped to that host for the copy and unmapped
    after it, also after a failure. What a run that was killed leaves, the next run on that host takes away.
  - Images are read and written by C(qemu-img). What an image says of itself is checked before it is opened. An image
    that refers to other files (a backing file, a data file, extents, a parent) is refused, because whoever opens it
    would read those files.
  - It takes one volume for each task, since a copy takes much longer than a task.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
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
      - V(imported) brings the volume to hold the image.
      - V(exported) brings the file to be an image of the volume.
    type: str
    choices: [imported, exported]
    default: imported
  path:
    description:
      - The image, on the host that the task runs on. A C(~) at the beginning is the home of the user of the task there.
      - To import, also a URL that begins with C(http://) or C(https://), which needs a O(checksum). The image is
        fetched into O(state_dir), through the proxy that the environment names, if it names one. Redirects are followed
        to C(http) and C(https), and not from C(https) to C(http).
      - A user and password in the URL are sent to that server only. They, and the query of the URL, are shown as C(***)
        wherever the URL is shown.
      - What is exported is written under another name beside it, and replaces the file when it is whole. A new file is
        this user's alone (mode C(0600)); a file that is replaced keeps its owner and mode.
    type: str
    required: true
  format:
    description:
      - Format of the image. One of another format is refused.
      - By default an image to import is what its first bytes say, V(raw) when they say nothing, and what is exported is
        V(qcow2).
    type: str
    choices: [qcow2, raw, vhdx, vmdk]
  checksum:
    description:
      - Checksum of the image file, as C(sha256:) and its hexadecimal digits; C(sha384:) and C(sha512:) are taken too.
      - The image is compared with it before anything looks at its content. One that is null or empty is refused.
      - Where the array itself keeps a note of the image, a volume whose note has this checksum is taken for done, and
        the image is neither fetched nor read.
      - Used with O(state=imported).
    type: str
  image_ca_path:
    description:
      - File or directory with the certificates of authorities to trust when the image is fetched, instead of those of
        the system.
      - Used with O(state=imported).
    type: path
  size:
    description:
      - Size of the volume, such as V(20GiB), when it is to be larger than the disk that the image describes.
      - A volume that holds the image already is extended to it. A volume never becomes smaller, also when it is made
        anew of a smaller image; a smaller size than it has is refused.
      - Used with O(state=imported).
    type: str
  max_size:
    description:
      - The largest disk that an image may describe, and the most that is fetched. An image of a few bytes can describe
        a disk of petabytes.
    type: str
    default: 64TiB
  pool:
    description:
      - Storage pool to create the volume in. By default that of the volume that has the name, else the array, or its
        client, chooses.
      - When a volume of the name is in another pool, the task is refused.
      - Used with O(state=imported).
    type: str
  provisioning:
    description:
      - How space is given to the volume. The default is what the volume has that has the name, else what the array
        makes by itself.
      - When a volume of the name is of another kind, the task is refused.
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
      - How many of the volumes that had the name before to keep, as C(NAME-old-DATE). V(0) deletes the old volume when
        the new one has its name.
      - One that is mapped, or has snapshots or clones that need it, is never deleted. It stays, with a warning.
      - Used with O(state=imported).
    type: int
    default: 1
  snapshot:
    description:
      - Export this snapshot of the volume instead of the volume. The array makes a temporary volume of it, which is
        read and deleted.
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
      - Write the sha256 of the image beside it, as O(path) followed by C(.sha256), in the form that C(sha256sum) reads.
      - Used with O(state=exported).
    type: bool
    default: false
  verify:
    description: Read back what was written and compare it, before it gets its name.
    type: bool
    default: true
  force:
    description:
      - Copy again although the volume, or the file, is as it should be.
      - It permits nothing else. A volume that is mapped is never replaced.
    type: bool
    default: false
  data_path:
    description:
      - How the host that the task runs on reaches the volume.
      - V(user_space) is the iSCSI initiator of QEMU. It needs no root, and makes no session or device in the kernel.
        Each copy has an initiator name of its own, which the array forgets after it.
      - V(kernel) is Fibre Channel, else the iSCSI initiator of the kernel, and needs C(become). That initiator logs in
        with the CHAP credentials of its own configuration (C(/etc/iscsi/iscsid.conf)), if the array wants any.
      - V(auto) is V(user_space) where the array has iSCSI portals, else V(kernel).
      - With O(vendor=dsware) and O(attach_tool) or O(agents), that way is taken.
    type: str
    choices: [auto, user_space, kernel]
    default: auto
  chap_username:
    description:
      - Name for the iSCSI login of the copy, where the array asks for one.
      - With O(vendor=datera) CHAP belongs to the volume. A volume that has it needs these to be read, and a new volume
        gets them and keeps them.
      - With other arrays they are of the copy alone, and made up where this is left out. The kernel's initiator has
        those of its own configuration, so with O(data_path=kernel) give the same here, if the array does not know this
        host yet.
    type: str
  chap_password:
    description: Secret for O(chap_username). It is in no list of processes and on no disk of this host.
    type: str
  progress_file:
    description:
      - A file that tells how far the task is, as one JSON object with C(volume), C(phase), C(percent), C(bytes) and
        C(updated). It is replaced about twice a second, so another task, or a person, can look at it.
      - Under C(async) with C(poll=0), a task that reads it until the phase is C(done) prints a line for each look.
    type: path
  copy_timeout:
    description: Seconds within which each copy, each comparison, and the download of an image, must end.
    type: float
    default: 21600.0
  state_dir:
    description:
      - Folder on the host that the task runs on for what a run must remember to undo if it is killed, for images that
        are fetched, and for which image a volume was made of where the array cannot note that.
    type: path
    default: ~/.cache/openflash/images
seealso:
  - module: openflash.storage.flash_volume
    description: Clones the volume that an image was imported into.
  - module: openflash.storage.flash_host_map
    description: Maps the clones.
"""

EXAMPLES = r"""
- name: A golden image, from its publisher
  openflash.storage.flash_image:
    name: golden-debian-12
    path: https://images.example.org/debian-12.qcow2
    checksum: sha256:0b2a6a2b5f2c3f52f8f2ae3ad7f7b7a4b1fdcb6a7a2d7ecf6d5a8d3f9a4e2c11
    size: 20GiB

- name: A volume for a host, cloned from it
  openflash.storage.flash_volume:
    name: web1-root
    source_volume: golden-debian-12

- name: A volume as a compressed image, with its checksum
  openflash.storage.flash_image:
    state: exported
    name: web1-root
    snapshot: web1-root-monday
    path: /srv/images/web1-root.qcow2
    compress: true
    checksum_file: true

- name: A long copy that can be watched
  openflash.storage.flash_image:
    name: warehouse
    path: /srv/images/warehouse.raw
    progress_file: /run/warehouse.json
  async: 14400
  poll: 0
  register: copy

- name: Wait for it
  ansible.builtin.async_status:
    jid: "{{ copy.ansible_job_id }}"
  register: job
  until: job is finished
  retries: 720
  delay: 20
"""

RETURN = r"""
volume:
  description:
    - The volume as it is now, or in check mode as it would be, in the fields of
      RV(openflash.storage.flash_volume#module:volume).
    - In check mode the size of a volume for an image from a URL is null, since the image is not fetched.
  returned: when the array answered
  type: dict
image:
  description: The image. Every field is there on every path.
  returned: when the array answered
  type: dict
  contains:
    source:
      description: Where it was imported from. What is secret in a URL is shown as C(***).
      type: str
    dest:
      description: The file that it was exported to.
      type: str
    format:
      description: Its format.
      type: str
      sample: qcow2
    virtual_size:
      description: Size of the disk that it describes, in bytes.
      type: int
    checksums:
      description: Digests of the image file, by algorithm, as far as they are known.
      type: dict
      sample: {"sha256": "0b2a6a2b5f2c3f52f8f2ae3ad7f7b7a4b1fdcb6a7a2d7ecf6d5a8d3f9a4e2c11"}
    seconds:
      description: How long the bytes took, without the comparison.
      type: float
    kept:
      description: The name that the volume has now which had the name before.
      type: str
      sample: golden-debian-12-old-20260301T031500Z
plan:
  description: What was done, or in check mode would be done, line by line.
  returned: when the array answered
  type: list
  elements: str
api:
  description: What the task cost, as RV(openflash.storage.flash_volume#module:api).
  returned: always
  type: dict
  sample: {"requests": 14, "writes": 7, "session_requests": 1}
calls:
  description: Every request, with its outcome; secrets are masked.
  returned: with C(-vv)
  type: list
  elements: dict
error:
  description: What failed, in the fields of RV(openflash.storage.flash_volume#module:error).
  returned: on failure
  type: dict
"""

from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.module_utils import flash_module, flash_options

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
    flash_module.run_image(OPTIONS, PERMITS)


if __name__ == "__main__":
    main()
