#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_array
short_description: The content of an all-flash array as one document
version_added: 0.1.0
description:
  - Makes volumes, snapshots, consistency groups, hosts and mappings as a document declares them, in the order that they
    need.
  - With O(state=gathered), returns the content of an array as such a document, and changes nothing.
  - With O(prune), removes what begins with a prefix and is not declared.
  - In check mode the result shows the plan, line by line.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
  - openflash.storage.attributes.progress
  - openflash.storage.policy
  - openflash.storage.policy.unmap
  - openflash.storage.policy.shared
  - openflash.storage.policy.assume_unmapped
  - openflash.storage.policy.allow_empty
  - openflash.storage.policy.list
options:
  state:
    description:
      - V(declared) makes the array hold what the task declares.
      - V(gathered) reads the array and returns RV(gathered), a document that this module takes. It changes nothing, and
        goes with no option that declares or removes.
    type: str
    choices: [declared, gathered]
    default: declared
  gather_prefix:
    description:
      - With O(state=gathered), only objects whose name begins with this. Snapshots and mappings follow their volume.
      - A mapping or a member of a group whose other side has another name is listed in RV(not_declared), so that the
        document refers only to what it declares. A host without the prefix is an example.
    type: str
  gather_snapshots:
    description: With O(state=gathered), also read snapshots.
    type: bool
    default: false
  exclude_openstack:
    description: With O(state=gathered), leave out what belongs to OpenStack by its name, see O(openstack_owned).
    type: bool
    default: true
  volumes:
    description:
      - Volumes that shall exist.
      - In this and the other sections a name may have a range, as in O(openflash.storage.flash_volume#module:volumes).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the volume.
        type: str
        required: true
      state:
        description:
          - V(absent) deletes the volume, which must be unmapped and without snapshots.
          - V(present) is the default.
        type: str
        choices: [present, absent]
      size:
        description:
          - Size as a number and a unit, such as V(10GiB).
          - A size that the array would round up is refused, because the document may come from another array.
        type: str
      pool:
        description: Storage pool to create the volume in.
        type: str
      provisioning:
        description: How space is given to the volume.
        type: str
        choices: [thick, thin, dedup]
      source_volume:
        description: Create the volume as a clone of this one.
        type: str
      source_snapshot:
        description: Create the volume from this snapshot.
        type: str
      rename_from:
        description: When there is no volume of the name but one of this name, rename it.
        type: str
      group:
        description: Consistency group that the volume shall be in.
        type: str
      qos:
        description:
          - Limits of what hosts do with the volume, which the array enforces. What is left out or null stays as it is
            on the array, and is no limit of a new volume.
          - V(0) removes one limit, and O(volumes[].qos.unlimited) all of them. An empty dictionary is an error, because
            it may be a look-up that found nothing.
          - An array that has no limits, or not one of these, refuses the task before it changes anything. The page of
            each array says which it has.
        type: dict
        suboptions:
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
              - Bytes per second, reads and writes together, such as V(100MiB), in the same units as O(volumes[].size).
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
      replicas:
        description:
          - How many copies of the data the array keeps. An array that does not let them be chosen refuses it.
        type: int
      placement:
        description:
          - Where the array places the data. An array that does not let it be chosen refuses it. What is left out or
            null stays as it is.
        type: dict
        suboptions:
          mode:
            description: The array's name for a kind of placement, such as V(hybrid), V(single_flash) or V(all_flash).
            type: str
          policy:
            description: Name of a placement policy on the array.
            type: str
      description:
        description:
          - A text that the array keeps with the volume. An array that keeps none refuses it. An empty text is an error.
        type: str
      array_options:
        description: Further properties that only some arrays have.
        type: dict
  snapshots:
    description: Snapshots that shall exist.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the snapshot.
        type: str
        required: true
      state:
        description: V(absent) deletes the snapshot. V(present) is the default.
        type: str
        choices: [present, absent]
      volume:
        description: The volume that it is a snapshot of.
        type: str
        required: true
  groups:
    description: Consistency groups that shall exist.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      state:
        description: V(absent) deletes the group; its volumes stay. V(present) is the default.
        type: str
        choices: [present, absent]
      volumes:
        description: Volumes that shall be in the group. A name may have a range.
        type: list
        elements: str
      exclusive_volumes:
        description: Remove volumes from the group that O(groups[].volumes) does not name. They stay on the array.
        type: bool
  hosts:
    description: Hosts that shall exist.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the host.
        type: str
        required: true
      state:
        description: V(absent) deletes the host, which must have no volumes. V(present) is the default.
        type: str
        choices: [present, absent]
      rename_from:
        description: When there is no host O(hosts[].name) but one of this name, rename it.
        type: str
      initiators:
        description: World wide port names and iSCSI names of the host.
        type: list
        elements: str
      exclusive_initiators:
        description: Remove initiators of the host that O(hosts[].initiators) does not name.
        type: bool
      os:
        description: Operating system of the host, as O(openflash.storage.flash_host_map#module:os).
        type: str
      chap_username:
        description: Name with which the iSCSI initiators prove themselves.
        type: str
      chap_password:
        description: The secret that goes with it.
        type: str
      chap_discovery_username:
        description: The same for discovery.
        type: str
      chap_discovery_password:
        description: The secret that goes with it.
        type: str
      update_secret:
        description: Send the secret when the CHAP name differs (V(on_create), the default), or every time.
        type: str
        choices: [on_create, always]
  mappings:
    description: Volumes that shall be mapped to hosts.
    type: list
    elements: dict
    suboptions:
      volume:
        description: Name of the volume.
        type: str
        required: true
      host:
        description: Name of the host.
        type: str
        required: true
      lun:
        description: The LUN that the host shall see the volume as.
        type: int
      state:
        description: V(absent) unmaps the volume from the host. V(present) is the default.
        type: str
        choices: [present, absent]
  delete_snapshots:
    description: Delete a volume with O(volumes[].state=absent) together with its snapshots, which is refused otherwise.
    type: bool
    default: false
  prune:
    description:
      - Remove objects of the kinds in O(prune_kinds) whose name begins with O(prune_prefix) and that are not declared.
      - Each of these kinds must be declared, with at least one name that begins with the prefix. Otherwise every object
        of the kind would be removed, which is refused unless O(allow_empty=true).
      - What is mapped, what has dependents that are not declared either to go, what OpenStack owns, and what the
        array does not prove to be a snapshot stays, with a warning.
      - Nothing is removed after a failed step, when something could not be read, or when something declared is refused.
    type: bool
    default: false
  prune_kinds:
    description:
      - What O(prune) looks at. The sections of other kinds may be left out.
      - With V(snapshots), snapshots of volumes that are gone or are not declared are removed. Those of a volume that
        the document names always stay, because other tasks take snapshots of it, such as one with
        O(openflash.storage.flash_snapshot#module:keep).
      - Without V(snapshots), a volume that is not declared and has snapshots stays, with a warning that names them.
      - With V(groups), consistency groups that are not declared are deleted; their volumes stay.
      - With V(mappings), a volume and a host that are both declared, both with the prefix, have the declared mapping or
        none. A mapping of anything else stays, and with it what is mapped.
      - A kind that is named here is replaced by its section, for the names with the prefix. One that is not named is
        only added to.
    type: list
    elements: str
    choices: [volumes, hosts, snapshots, groups, mappings]
    default: [volumes, hosts]
  prune_prefix:
    description: The beginning of the names that may be removed; at least 3 characters. Needed with O(prune=true).
    type: str
  prune_limit:
    description:
      - Remove at most this many objects; when there are more, fail and change nothing.
      - With V(0) the task fails when anything would be removed.
    type: int
    default: 10
seealso:
  - module: openflash.storage.flash_volume
  - module: openflash.storage.flash_snapshot
  - module: openflash.storage.flash_host_map
"""

EXAMPLES = r"""
- name: What the web farm has on this array, and nothing more of it
  openflash.storage.flash_array:
    volumes:
      - {name: web-data, size: 200GiB}
      - {name: web-logs, size: 50GiB}
      - {name: web-test, source_volume: web-data}
    snapshots:
      - {name: web-data-golden, volume: web-data}
    hosts:
      - name: web-server
        initiators: ["iqn.2026-01.org.example:web-server"]
    mappings:
      - {volume: web-data, host: web-server, lun: 1}
      - {volume: web-logs, host: web-server, lun: 2}
    prune: true
    prune_prefix: web-

- name: Read another array as a document
  openflash.storage.flash_array:
    state: gathered
  register: array

- name: Make its volumes and hosts here too
  openflash.storage.flash_array:
    address: new-array.example.com
    volumes: "{{ array.gathered.volumes }}"
    groups: "{{ array.gathered.groups }}"
    hosts: "{{ array.gathered.hosts }}"
    mappings: "{{ array.gathered.mappings }}"
    shared: true # where a volume is mapped to several hosts
"""

RETURN = r"""
gathered:
  description:
    - The content of the array as the options of this module - C(volumes), C(groups), C(hosts), C(mappings), and
      C(snapshots) with O(gather_snapshots=true). Each is a list in the order of the names.
    - Applied to the array that it was read from, it changes nothing. It has no secrets.
    - A document has no content. A clone is a volume of its size, and RV(gathered) does not name its source.
    - A volume has a C(pool) where there are several to choose from, and a mapping a C(lun) where the array takes one.
  returned: success, with O(state=gathered)
  type: dict
  sample:
    volumes: [{"name": "web-data", "size": "200GiB", "provisioning": "thin"}]
    groups: []
    hosts: [{"name": "web-server", "initiators": ["iqn.2026-01.org.example:web-server"], "os": "linux"}]
    mappings: [{"volume": "web-data", "host": "web-server", "lun": 1}]
not_declared:
  description:
    - What exists and is not in RV(gathered), although it was asked for - each with C(kind), C(name), C(reason) and
      C(unreadable), which is true for what could not be read. C(name) is null when the reason is about all of a kind.
    - What O(gather_prefix) and O(exclude_openstack) leave out is not listed, unless something that is declared is
      connected with it.
  returned: success, with O(state=gathered)
  type: list
  elements: dict
  sample:
    - {"kind": "mapping", "name": "*/db1", "reason": "every initiator may use the volume, ...", "unreadable": false}
array:
  description: The array, as C(ansible_facts.flash.array) of M(openflash.storage.flash_facts).
  returned: success, with O(state=gathered)
  type: dict
pools:
  description: Its pools, as C(ansible_facts.flash.pools) of M(openflash.storage.flash_facts).
  returned: success, with O(state=gathered)
  type: list
  elements: dict
volumes:
  description:
    - The declared volumes, each with the fields of RV(openflash.storage.flash_volume#module:volume), C(changed) and
      C(error).
  returned: when the array answered, with O(state=declared)
  type: list
  elements: dict
snapshots:
  description:
    - The declared snapshots, each with the fields of RV(openflash.storage.flash_snapshot#module:snapshot), C(changed)
      and C(error).
  returned: when the array answered, with O(state=declared)
  type: list
  elements: dict
groups:
  description:
    - The declared consistency groups, each with C(name), C(id), C(state), C(volumes), C(changed) and C(error).
  returned: when the array answered, with O(state=declared)
  type: list
  elements: dict
hosts:
  description:
    - The declared hosts, each with those fields of RV(openflash.storage.flash_host_map#module:map) that concern a host,
      C(changed) and C(error).
  returned: when the array answered, with O(state=declared)
  type: list
  elements: dict
mappings:
  description:
    - The declared mappings, each with the fields of RV(openflash.storage.flash_host_map#module:map), C(changed) and
      C(error).
  returned: when the array answered, with O(state=declared)
  type: list
  elements: dict
plan:
  description: The steps that were carried out, or would be in check mode, one line each.
  returned: when the array answered, with O(state=declared)
  type: list
  elements: str
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
  description: The number of requests, with the fields of RV(openflash.storage.flash_volume#module:api).
  returned: always
  type: dict
  sample: {"requests": 2, "writes": 0, "session_requests": 1}
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
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired

STATE = {"type": "str", "choices": [desired.PRESENT, desired.ABSENT]}

VOLUME = {
    "name": {"type": "str", "required": True},
    "state": STATE,
    "size": {"type": "str"},
    "pool": {"type": "str"},
    "provisioning": {"type": "str", "choices": ["thick", "thin", "dedup"]},
    "source_volume": {"type": "str"},
    "source_snapshot": {"type": "str"},
    "rename_from": {"type": "str"},
    "group": {"type": "str"},
    **flash_options.PROPERTIES,
    "array_options": {"type": "dict"},
}

SNAPSHOT = {
    "name": {"type": "str", "required": True},
    "state": STATE,
    "volume": {"type": "str", "required": True},
}

GROUP = {
    "name": {"type": "str", "required": True},
    "state": STATE,
    "volumes": {"type": "list", "elements": "str"},
    "exclusive_volumes": {"type": "bool"},
}

HOST = {
    "name": {"type": "str", "required": True},
    "state": STATE,
    "rename_from": {"type": "str"},
    "initiators": {"type": "list", "elements": "str"},
    "exclusive_initiators": {"type": "bool"},
    "os": {"type": "str"},
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_discovery_username": {"type": "str"},
    "chap_discovery_password": {"type": "str", "no_log": True},
    "update_secret": {"type": "str", "choices": ["on_create", "always"], "no_log": False},
}

MAPPING = {
    "volume": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "lun": {"type": "int"},
    "state": STATE,
}

OPTIONS: Dict[str, Dict[str, Any]] = {
    "state": {"type": "str", "choices": [desired.DECLARED, desired.GATHERED], "default": desired.DECLARED},
    "gather_prefix": {"type": "str"},
    "gather_snapshots": {"type": "bool", "default": False},
    "exclude_openstack": {"type": "bool", "default": True},
    "volumes": {"type": "list", "elements": "dict", "options": VOLUME},
    "snapshots": {"type": "list", "elements": "dict", "options": SNAPSHOT},
    "groups": {"type": "list", "elements": "dict", "options": GROUP},
    "hosts": {"type": "list", "elements": "dict", "options": HOST},
    "mappings": {"type": "list", "elements": "dict", "options": MAPPING},
    "prune": {"type": "bool", "default": False},
    "prune_kinds": {
        "type": "list",
        "elements": "str",
        "choices": ["volumes", "hosts", "snapshots", "groups", "mappings"],
        "default": ["volumes", "hosts"],
    },
    "prune_prefix": {"type": "str"},
    "prune_limit": {"type": "int", "default": 10},
}

PERMITS = flash_options.policy_options(
    "unmap", "delete_snapshots", "shared", "force", "openstack_owned", "assume_unmapped", "allow_empty"
)


def main() -> None:
    flash_module.run_document(OPTIONS, PERMITS, desired.document)


if __name__ == "__main__":
    main()
