#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_volume
short_description: Volumes of an all-flash array
version_added: 0.1.0
description:
  - Creates, clones, extends, renames and deletes volumes, one or many in a task.
  - An existing volume is compared with what is requested. It is extended when it is smaller, and never made smaller.
    Another pool or provisioning is an error.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
  - openflash.storage.attributes.progress
  - openflash.storage.policy
  - openflash.storage.policy.unmap
  - openflash.storage.policy.while_mapped
  - openflash.storage.policy.assume_unmapped
  - openflash.storage.policy.allow_empty
  - openflash.storage.policy.list
options:
  name:
    description: Name of the volume. Either this, O(id), O(serial) or O(volumes).
    type: str
  id: &id
    description:
      - The array's own identifier of a volume that exists, as RV(volume.id) shows it, instead of its name.
      - With O(name), the volume must have that name, or O(rename_from). Otherwise the task is refused.
      - All volumes of the array are listed to find it.
    type: str
  serial: &serial
    description:
      - The identity as a disk of a volume that exists, as RV(volume.serial) or a host shows it, instead of its name.
        C(naa.6001...), C(0x6001...), C(36001...) and colons are understood.
      - With O(name) as with O(id). Where an array does not report it (Violin, Datera, the socket of a Dsware), the task
        is refused.
    type: str
  state:
    description: Whether the volume shall exist.
    type: str
    choices: [present, absent]
    default: present
  size: &size
    description:
      - Size as a number and a unit, such as V(10GiB). All units are powers of 1024, so V(10G), V(10GB) and V(10GiB)
        are the same. A bare number is bytes.
      - Needed to create a volume that is not made of another. Rounded up to what the array can make.
    type: str
  pool: &pool
    description: Storage pool to create the volume in. By default the array, or its client, chooses.
    type: str
  provisioning: &provisioning
    description: How space is given to the volume. The default is what the array makes by itself.
    type: str
    choices: [thick, thin, dedup]
  source_volume: &source_volume
    description:
      - Create the volume as a clone of this one.
      - With O(source_snapshot), the volume whose snapshot is meant.
    type: str
  source_snapshot: &source_snapshot
    description: Create the volume from this snapshot.
    type: str
  overwrite: &overwrite
    description:
      - The volume takes the content of O(source_snapshot) or O(source_volume), also when it exists, once for each
        O(refresh_id). It keeps its name, its identity as a disk and its mappings. What it held before is kept as the
        snapshot O(backup). See R(the guide, ansible_collections.openflash.storage.docsite.guide_refresh).
      - Without it, a volume that exists keeps its content, whatever its source is.
    type: bool
  refresh_id: &refresh_id
    description:
      - With O(overwrite=true), the name of the state of the source, such as a date.
      - Needed where the content of O(source_volume) is taken. By default the name of O(source_snapshot).
    type: str
  backup: &backup
    description:
      - With O(overwrite=true), the name of the snapshot that keeps what the volume held before. It stays until it is
        deleted.
      - It is what shows on the array that the volume was refreshed, so its name ends with C(-) and O(refresh_id). By
        default C(NAME-before-REFRESH_ID). While it is there, the task refreshes nothing. A volume that this task makes
        gets it too.
    type: str
  rename_from: &rename_from
    description: When there is no volume O(name) but one of this name, rename it.
    type: str
  group: &group
    description: Consistency group that the volume shall be in; created when it does not exist.
    type: str
  qos: &qos
    description:
      - Limits of what hosts do with the volume, which the array enforces. What is left out or null stays as it is on
        the array, and is no limit of a new volume.
      - V(0) removes one limit, and O(qos.unlimited) all of them. An empty dictionary is an error, because it may be a
        look-up that found nothing.
      - An array that has no limits, or not one of these, refuses the task before it changes anything. The page of each
        array says which it has.
    type: dict
    suboptions: &qos_options
      max_iops:
        description: Requests per second, reads and writes together.
        type: int
      max_read_iops:
        description: Reads per second.
        type: int
      max_write_iops:
        description: Writes per second.
        type: int
      max_bytes_per_second:
        description:
          - Bytes per second, reads and writes together, such as V(100MiB), in the same units as O(size).
          - It must be a multiple of what the array counts in.
        type: str
      max_read_bytes_per_second:
        description: Bytes per second of reads.
        type: str
      max_write_bytes_per_second:
        description: Bytes per second of writes.
        type: str
      unlimited:
        description: V(true) removes every limit. It excludes the other options. V(false) means nothing.
        type: bool
  replicas: &replicas
    description:
      - How many copies of the data the array keeps. An array that does not let them be chosen refuses it.
    type: int
  placement: &placement
    description:
      - Where the array places the data. An array that does not let it be chosen refuses it. What is left out or null
        stays as it is.
    type: dict
    suboptions: &placement_options
      mode:
        description: The array's name for a kind of placement, such as V(hybrid), V(single_flash) or V(all_flash).
        type: str
      policy:
        description: Name of a placement policy on the array.
        type: str
  description: &description
    description:
      - A text that the array keeps with the volume. An array that keeps none refuses it. An empty text is an error.
    type: str
  array_options: &array_options
    description:
      - Further properties that only some arrays have. The page of each array lists those that it takes; an unknown one
        is an error.
      - They may also be those of O(qos), O(replicas), O(placement) and O(description), by the names of the array.
    type: dict
  delete_snapshots:
    description: Delete a volume together with its snapshots, which is refused otherwise.
    type: bool
    default: false
  volumes:
    description:
      - Several volumes in one task, instead of O(name). What an item leaves out is taken from the option of the same
        name outside the list.
      - A name may have a range of numbers, such as C(vol{001..100}), and then stands for one item of each of them.
        Where several options of an item have a range, it must be the same one. Each of the items then has the same
        number in all of them.
      - A range with zeros in front has the same number of digits at both ends. A list has at most 10000 items.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the volume. This, O(volumes[].id) or O(volumes[].serial) is required.
        type: str
      id: *id
      serial: *serial
      state:
        description: Whether the volume shall exist.
        type: str
        choices: [present, absent]
      size: *size
      pool: *pool
      provisioning: *provisioning
      source_volume: *source_volume
      source_snapshot: *source_snapshot
      overwrite: *overwrite
      refresh_id: *refresh_id
      backup: *backup
      rename_from: *rename_from
      group: *group
      qos: *qos
      replicas: *replicas
      placement: *placement
      description: *description
      array_options: *array_options
seealso:
  - module: openflash.storage.flash_snapshot
  - module: openflash.storage.flash_host_map
  - module: openflash.storage.flash_array
"""

EXAMPLES = r"""
- name: Connect to the same array in all tasks of the play
  hosts: xms1
  gather_facts: false
  module_defaults:
    group/openflash.storage.flash:
      vendor: xtremio
      address: "{{ inventory_hostname }}"
      username: ansible
      password: "{{ vault_xms_password }}"
      ca_path: /etc/ssl/certs/storage-ca.pem
  tasks:
    - name: A volume of 100 GiB
      openflash.storage.flash_volume:
        name: db1
        size: 100GiB

    - name: Three volumes in one task
      openflash.storage.flash_volume:
        size: 50GiB
        volumes:
          - name: web1
          - name: web2
          - name: web3
            size: 80GiB

    - name: A hundred volumes
      openflash.storage.flash_volume:
        size: 50GiB
        volumes:
          - name: vmfs{001..100}

    - name: Extend the disk that multipath shows on a host
      openflash.storage.flash_volume:
        serial: 36001e6790000000000000000deadbeef
        size: 200GiB

    - name: A clone, larger than its source
      openflash.storage.flash_volume:
        name: db1-test
        source_volume: db1
        size: 200GiB

    - name: Give the test database what the productive one holds now, once a day
      openflash.storage.flash_volume:
        name: db1-test
        source_volume: db1
        overwrite: true
        refresh_id: "{{ now(utc=true, fmt='%Y-%m-%d') }}"
        while_mapped: true # no host has it mounted

    - name: A volume of which hosts read and write at most 5000 blocks and 200 MiB in a second, on an array with limits
      openflash.storage.flash_volume:
        name: db1-test
        qos:
          max_iops: 5000
          max_bytes_per_second: 200MiB

    - name: The same volume without limits
      openflash.storage.flash_volume:
        name: db1-test
        qos:
          unlimited: true

    - name: Delete a volume that is still mapped
      openflash.storage.flash_volume:
        name: db1-test
        state: absent
        unmap: true
"""

RETURN = r"""
volume:
  description: The volume as it is now, or as it would be in check mode. Every field is always present.
  returned: when O(name) is given
  type: dict
  contains: &volume_fields
    name:
      description: Its name.
      type: str
      sample: db1
    state:
      description: V(ready), V(copying), V(deleting), V(offline), V(error), or V(absent) when there is no such volume.
      type: str
      sample: ready
    size:
      description: Size in bytes.
      type: int
      sample: 107374182400
    size_text:
      description: The same in the largest unit in which it is a whole number.
      type: str
      sample: 100GiB
    provisioning:
      description: V(thick), V(thin) or V(dedup).
      type: str
      sample: thin
    pool:
      description: Its pool, where the array has pools.
      type: str
    id:
      description: The array's own identifier.
      type: str
      sample: "17"
    serial:
      description:
        - What a host finds as the identity of the disk (page 0x83), in lower-case hex. Some arrays give it only once
          the volume is mapped.
      type: str
      sample: 514f0c5e3ba00011
    used:
      description: Bytes in use; null where the array does not report it.
      type: int
    created:
      description: When it was made, as the array writes it.
      type: str
    progress:
      description: Per cent, while the array copies into it.
      type: int
    source:
      description: The volume or snapshot that it was made of, where the array remembers.
      type: str
    independent:
      description: Whether its source can be deleted.
      type: bool
    resumed:
      description:
        - When this run finished a copy that an earlier run had begun, the time at which that run began it, in UTC. The
          content is that of then.
        - Null otherwise. Only copies that take the array long are resumed, for the same request, and within six hours.
      type: str
      sample: "2026-11-21T03:20:18Z"
    mappings:
      description: The hosts that it is mapped to; null when the array was not asked for them.
      type: list
      elements: dict
      contains:
        host:
          description: Name of the host.
          type: str
        volume:
          description: Name of the volume.
          type: str
        lun:
          description: The LUN that the host sees it as.
          type: int
        device:
          description: The device on the host, where the array attaches by an agent there.
          type: str
    snapshots:
      description: Its snapshots, by name; null when the array was not asked for them.
      type: list
      elements: str
    groups:
      description: Its consistency groups.
      type: list
      elements: str
    qos:
      description:
        - Its limits. V(0) is no limit. Null is one that the array does not have, or that was not read. A Dsware reports
          limits of one volume at a time, so they are read when a task has O(qos).
      type: dict
      contains:
        max_iops:
          description: Requests per second, reads and writes together.
          type: int
        max_read_iops:
          description: Reads per second.
          type: int
        max_write_iops:
          description: Writes per second.
          type: int
        max_bytes_per_second:
          description: Bytes per second, reads and writes together.
          type: int
        max_read_bytes_per_second:
          description: Bytes per second of reads.
          type: int
        max_write_bytes_per_second:
          description: Bytes per second of writes.
          type: int
    replicas:
      description: How many copies of the data the array keeps; null where it does not report it.
      type: int
    placement:
      description: Where the array places the data; null where it does not report it.
      type: dict
      contains:
        mode:
          description: The array's name for the kind of placement.
          type: str
        policy:
          description: Name of the placement policy.
          type: str
    description:
      description: The text that the array keeps with it; null where it keeps none.
      type: str
    array_options:
      description:
        - Properties that only some arrays have, by the names of the array. Those that have a field of their own are
          among them.
      type: dict
volumes:
  description: One such object for each item of O(volumes), in the same order, with what became of it.
  returned: when O(volumes) is given
  type: list
  elements: dict
  contains:
    changed:
      description: Whether something was, or would be, changed for this volume.
      type: bool
    error:
      description: Why it failed, with the fields of RV(error), or null.
      type: dict
plan:
  description: The steps that were carried out, or would be in check mode, one line each.
  returned: when the array answered
  type: list
  elements: str
  sample: ["create volume db1 of 100GiB"]
assumes:
  description:
    - What is missing on the array, and what check mode assumes an earlier task of the play to make, such as
      C(volume db1). The lines of RV(plan) that depend on it say so.
    - A task that is not in check mode assumes nothing, and fails with C(error.kind) V(not_found).
  returned: in check mode, when something is missing
  type: list
  elements: str
not_done:
  description:
    - The steps that were planned and not carried out, because something failed.
    - In check mode also those that take something away, when RV(assumes) is not empty.
  returned: when there are some
  type: list
  elements: str
api:
  description: What the task cost.
  returned: always
  type: dict
  contains:
    requests:
      description: Requests to the array, without those of the session.
      type: int
    writes:
      description: Those among them that can change the array. 0 in check mode and when there was nothing to do.
      type: int
    session_requests:
      description: Requests for login, logout and finding out version and cluster.
      type: int
calls:
  description: Every request and its outcome, with secrets masked.
  returned: with C(-vv)
  type: list
  elements: dict
error:
  description: What failed.
  returned: on failure
  type: dict
  contains:
    kind:
      description:
        - V(invalid), V(not_found), V(conflict), V(in_use), V(busy), V(no_space), V(unsupported), V(unauthorized),
          V(unreachable), V(timeout), V(bad_reply), V(refused), V(not_done), V(missing_program) or V(missing_library).
      type: str
    msg:
      description: The complete message.
      type: str
    reason:
      description: What is wrong.
      type: str
    doing:
      description: What was being done.
      type: str
    target:
      description: The object concerned.
      type: str
    array:
      description: The array concerned.
      type: str
    code:
      description: The array's error code.
      type: str
    said:
      description: The message of the array.
      type: str
    hint:
      description: What to do about it.
      type: str
    assumption:
      description:
        - What is assumed of the array without a proof, if that may be why the task failed.
        - It is the id of an entry in the table I(What is assumed) on the page of the array.
      type: str
"""

from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.module_utils import flash_module, flash_options
from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired

OPTIONS: Dict[str, Dict[str, Any]] = {
    "name": {"type": "str"},
    "id": {"type": "str"},
    "serial": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "size": {"type": "str"},
    "pool": {"type": "str"},
    "provisioning": {"type": "str", "choices": ["thick", "thin", "dedup"]},
    "source_volume": {"type": "str"},
    "source_snapshot": {"type": "str"},
    "overwrite": {"type": "bool"},
    "refresh_id": {"type": "str"},
    "backup": {"type": "str"},
    "rename_from": {"type": "str"},
    "group": {"type": "str"},
    **flash_options.PROPERTIES,
    "array_options": {"type": "dict"},
}

PERMITS = flash_options.policy_options(
    "unmap", "while_mapped", "delete_snapshots", "force", "openstack_owned", "assume_unmapped", "allow_empty"
)


def main() -> None:
    flash_module.run_objects("name", "volumes", OPTIONS, PERMITS, desired.volumes, report.volumes, result="volume")


if __name__ == "__main__":
    main()
