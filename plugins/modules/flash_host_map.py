#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_host_map
short_description: Hosts of an all-flash array, and the volumes mapped to them
version_added: 0.1.0
description:
  - Creates hosts with their initiators, maps volumes to them, and removes both again.
  - Returns what the host needs next, the LUN, the identity of the disk and the target ports to log in to.
  - Where the array attaches volumes by a program on the host (O(attach_tool), O(agents)), the task runs on that host,
    and returns the path of the device once it is there with the size of the volume.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
  - openflash.storage.policy
  - openflash.storage.policy.shared
  - openflash.storage.policy.allow_empty
  - openflash.storage.policy.list
options:
  host: &host
    description:
      - Name of the host on the array. Needed, here or in every item of O(maps).
      - On Datera, V(*) stands for every initiator, of a volume whose access control mode lets all of them in.
        O(state=absent) ends that.
    type: str
  state:
    description:
      - With O(volume), whether it shall be mapped to the host. V(absent) removes only the mapping.
      - Without O(volume), whether the host itself shall exist. A host with mappings is never deleted.
      - Without means left out. When O(volume) is null or empty the task is refused, so that a look-up that found
        nothing does not delete the host.
    type: str
    choices: [present, absent]
    default: present
  rename_from: &rename_from
    description:
      - When there is no host O(host) but one of this name, rename it. Its initiators and mappings stay.
      - Where an array cannot rename a host, the task is refused.
    type: str
  initiators: &initiators
    description:
      - World wide port names (with or without colons) and iSCSI names of the host, in upper or lower case.
      - The host is created with them, and those that are missing are added. One that belongs to another host is an
        error.
    type: list
    elements: str
  exclusive_initiators: &exclusive_initiators
    description:
      - Remove initiators of the host that O(initiators) does not name.
      - Refused, unless O(force=true), when the host has volumes and would keep none of its initiators.
      - Refused, unless O(allow_empty=true), when O(initiators) is an empty list.
    type: bool
  volume: &volume
    description: The volume to map. Without it, the task is about the host alone. Either this or O(maps).
    type: str
  volume_id: &volume_id
    description:
      - The array's own identifier of the volume, instead of its name. With O(volume), it must have that name.
      - All volumes of the array are listed to find it.
    type: str
  volume_serial: &volume_serial
    description: >-
      The identity of the volume as a disk, as for O(volume_id). See
      O(openflash.storage.flash_volume#module:serial).
    type: str
  lun: &lun
    description:
      - The LUN that the host shall see the volume as, from V(0). By default the array chooses a free one, and a mapping
        that exists keeps its own.
      - A mapping with another LUN is removed and made again with this one.
    type: int
  exclusive: &exclusive
    description:
      - Unmap from the host what the task does not map to it.
      - Refused, unless O(allow_empty=true), when the task maps nothing to it.
    type: bool
  os: &os
    description:
      - Operating system of the host, by the name that the array has for it. Used when the host is created.
      - Refused on an array that stores none (Datera, Dsware, FlashSystem), and on Violin when the host is there with
        another one.
      - On XtremIO a host that is there gets it too.
    type: str
  require_paths: &require_paths
    description:
      - How many paths the host shall have to its volume, at least 1. A path is an initiator of the host that is logged
        in at a target port of the array. It is checked when everything else has been done, in check mode too.
      - Without O(volume), the paths of the host are checked, where each volume is a target of its own those of the
        volume that has the fewest.
      - On Datera, each volume is a target of its own, so the host can only log in after the mapping exists. Require
        paths in a later task. The array names an initiator once, however many portals it uses, so there a path is an
        initiator.
      - Dsware and Violin do not report it, and refuse the task before anything is changed.
      - Costs up to 3 requests on XtremIO, 2 on Datera, and on FlashSystem 1 and one for each host.
    type: int
  paths_policy:
    description:
      - What happens when a host has fewer paths than O(require_paths). V(fail) fails the task with C(error.kind)
        V(conflict), and what it has changed stays. V(warn) warns.
      - What check mode cannot know, because the host or the mapping does not exist yet, is a warning.
    type: str
    choices: [fail, warn]
    default: fail
  chap_username: &chap_username
    description: Name with which the iSCSI initiators prove themselves.
    type: str
  chap_password: &chap_password
    description: The secret that goes with it.
    type: str
  chap_discovery_username: &chap_discovery_username
    description: The same for discovery, where the array asks for it.
    type: str
  chap_discovery_password: &chap_discovery_password
    description: The secret that goes with it.
    type: str
  update_secret: &update_secret
    description:
      - A secret cannot be read back and compared. V(on_create) sends it when an initiator has no CHAP name or another
        one.
      - V(always) sends it every time, which is a change every time.
      - The default is V(on_create).
    type: str
    choices: [on_create, always]
  maps:
    description:
      - Several mappings, or hosts, in one task, instead of O(volume). What an item leaves out is taken from the
        option of the same name outside the list.
      - A name may have a range, as in O(openflash.storage.flash_volume#module:volumes). A host and a volume of one
        item have the same number. To map all volumes to all hosts, give an item for each host.
    type: list
    elements: dict
    suboptions:
      host: *host
      state:
        description: Whether the mapping, or without a volume the host, shall exist.
        type: str
        choices: [present, absent]
      rename_from: *rename_from
      initiators: *initiators
      exclusive_initiators: *exclusive_initiators
      volume: *volume
      volume_id: *volume_id
      volume_serial: *volume_serial
      lun: *lun
      exclusive: *exclusive
      os: *os
      require_paths: *require_paths
      chap_username: *chap_username
      chap_password: *chap_password
      chap_discovery_username: *chap_discovery_username
      chap_discovery_password: *chap_discovery_password
      update_secret: *update_secret
seealso:
  - module: openflash.storage.flash_volume
"""

EXAMPLES = r"""
- name: A host, and a volume on it
  openflash.storage.flash_host_map:
    host: db-server
    initiators:
      - "10:00:00:00:c9:00:00:07"
      - "10:00:00:00:c9:00:00:08"
    volume: db1
    lun: 5
  register: mapped

- name: The host finds the disk by its identity
  ansible.builtin.debug:
    msg: "/dev/disk/by-id/wwn-0x{{ mapped.map.serial }}"

- name: The same volumes on both nodes of a cluster
  openflash.storage.flash_host_map:
    shared: true
    maps:
      - {host: node1, volume: quorum, lun: 0}
      - {host: node2, volume: quorum, lun: 0}
      - {host: node1, volume: data, lun: 1}
      - {host: node2, volume: data, lun: 1}

- name: Twenty volumes for each of two hosts of a cluster
  openflash.storage.flash_host_map:
    shared: true
    maps:
      - {host: node1, volume: "vmfs{01..20}"}
      - {host: node2, volume: "vmfs{01..20}"}

- name: Stop before the host uses a volume that it has only one path to
  openflash.storage.flash_host_map:
    host: db-server
    volume: db1
    require_paths: 2

- name: Take a volume away from a host
  openflash.storage.flash_host_map:
    host: db-server
    volume: db1
    state: absent

- name: Attach a volume to this very host, by the array's program there
  openflash.storage.flash_host_map:
    host: db-server
    volume: db1
    attach_tool: /usr/bin/vbs_cli
  become: true
  register: attached

- name: Delete the host
  openflash.storage.flash_host_map:
    host: db-server
    state: absent
"""

RETURN = r"""
map:
  description: The mapping as it is now, or as it would be in check mode. Every field is always present.
  returned: when O(maps) is not given
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
      sample: db-server
    volume:
      description: Name of the volume; null when the task concerns the host only.
      type: str
      sample: db1
    state:
      description: Whether the mapping is V(present) or V(absent).
      type: str
      sample: present
    lun:
      description: The LUN; null in check mode where the array will choose it.
      type: int
      sample: 5
    serial:
      description: The identity of the disk on the host (VPD page 0x83), in lower-case hexadecimal digits.
      type: str
      sample: 514f0c5e3ba00011
    device:
      description: The device on the host, where a program on the host attaches the volume.
      type: str
      sample: /dev/sdb
    initiators:
      description: The initiators of the host; null when only a mapping was removed.
      type: list
      elements: dict
      contains:
        address:
          description: WWN with colons, or iSCSI name.
          type: str
        protocol:
          description: V(fc) or V(iscsi).
          type: str
        chap_username:
          description: Its CHAP user name.
          type: str
        logged_in:
          description: Whether it is logged in to the array; null where the array does not report it.
          type: bool
    host_state:
      description: Whether the host is V(present) or V(absent); null when only a mapping was removed.
      type: str
    host_os:
      description: Operating system of the host, as the array reports it; null where the array stores none.
      type: str
    paths:
      description:
        - How many paths the host has to the volume; null without O(require_paths), and in check mode where it is not
          known yet.
      type: int
      sample: 4
maps:
  description:
    - For each mapping of O(maps), and for each host that has none there, the fields of RV(map), C(changed) and
      C(error).
  returned: when O(maps) is given
  type: list
  elements: dict
ports:
  description: The target ports of the array that hosts can log in to.
  returned: when something is, or would be, mapped
  type: list
  elements: dict
  contains:
    name:
      description: The array's name of the port.
      type: str
    protocol:
      description: V(fc) or V(iscsi).
      type: str
    address:
      description: WWN with colons, or the iSCSI name of the target.
      type: str
    portal:
      description: IP address and port of an iSCSI portal.
      type: str
    up:
      description: Whether the link is up; null where the array does not report it.
      type: bool
plan:
  description: The steps that were carried out, or would be in check mode, one line each.
  returned: when the array answered
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
from ansible_collections.openflash.storage.plugins.module_utils.openflash import report
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan import desired

OPTIONS: Dict[str, Dict[str, Any]] = {
    "host": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "rename_from": {"type": "str"},
    "initiators": {"type": "list", "elements": "str"},
    "exclusive_initiators": {"type": "bool"},
    "volume": {"type": "str"},
    "volume_id": {"type": "str"},
    "volume_serial": {"type": "str"},
    "lun": {"type": "int"},
    "exclusive": {"type": "bool"},
    "os": {"type": "str"},
    "require_paths": {"type": "int"},
    "chap_username": {"type": "str"},
    "chap_password": {"type": "str", "no_log": True},
    "chap_discovery_username": {"type": "str"},
    "chap_discovery_password": {"type": "str", "no_log": True},
    "update_secret": {"type": "str", "choices": ["on_create", "always"], "no_log": False},
}

TASK = {
    **flash_options.policy_options("shared", "force", "openstack_owned", "allow_empty"),
    "paths_policy": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
}


def main() -> None:
    flash_module.run_objects(
        "volume",
        "maps",
        OPTIONS,
        TASK,
        desired.host_maps,
        report.host_maps,
        result="map",
        needs="host",
        add_details=report.for_hosts,
    )


if __name__ == "__main__":
    main()
