#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_info
short_description: What an all-flash array holds, as a plain result
version_added: 0.1.0
description:
  - Reads the same as M(openflash.storage.flash_facts), and returns it as fields of the result. Nothing of it becomes a
    fact of the host, so an array with many thousands of volumes fills no fact cache, and one host can read several
    arrays.
  - What cannot be read is left out and listed under RV(unreadable). Everything else is returned.
author:
  - The openflash.storage contributors (@openflash)
seealso:
  - module: openflash.storage.flash_facts
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.subsets
  - openflash.storage.attributes.info
  - openflash.storage.attributes
"""

EXAMPLES = r"""
- name: Read the volumes of an array
  openflash.storage.flash_info:
    gather_subset: [volumes]
  register: content

- name: Show the largest volumes
  ansible.builtin.debug:
    msg: "{{ (content.volumes | sort(attribute='size', reverse=true))[:10] | map(attribute='name') }}"

- name: Read which hosts are logged in, and over how many paths
  openflash.storage.flash_info:
    gather_subset: [connections]
  register: connected

- name: Name the hosts with one path only
  ansible.builtin.debug:
    msg: "{{ connected.connections.paths | selectattr('paths', 'equalto', 1) | map(attribute='host') | unique }}"

- name: Read what is wrong, and how busy the array and two volumes are
  openflash.storage.flash_info:
    gather_subset: [health, performance]
    filters:
      volumes: [db1, db2]
  register: now

- name: Stop when the array is not well
  ansible.builtin.assert:
    that: now.health.state == 'ok'

- name: Read who has which volume
  openflash.storage.flash_info:
    gather_subset: [mappings]
    filters:
      hosts: [web1, web2]
  register: mapped
"""

RETURN = r"""
array:
  description: C(vendor), C(name), C(model), C(serial), C(version), C(api_version), C(state) and C(protocols).
  returned: when O(gather_subset) has it
  type: dict
capacity:
  description:
    - C(size), C(used), C(free) and C(provisioned) in bytes, and C(data_reduction_ratio), C(dedup_ratio),
      C(compression_ratio) and C(thin_ratio) as N in N:1, null where the array does not report it.
  returned: when O(gather_subset) has it
  type: dict
pools:
  description:
    - Each with C(name), C(id), C(state), C(size), C(free), C(used), C(provisioned) and
      C(provisioning).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
volumes:
  description:
    - As RV(openflash.storage.flash_volume#module:volume).
    - Volumes that O(filters) names may have more in C(qos) and C(array_options), where an array reports
      that for one volume at a time only.
  returned: when O(gather_subset) has it
  type: list
  elements: dict
snapshots:
  description: As RV(openflash.storage.flash_snapshot#module:snapshot).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
hosts:
  description: Each with C(name), C(id), C(kind), C(os) and C(initiators).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
mappings:
  description: Each with C(host), C(volume), C(lun) and C(device).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
ports:
  description: As RV(openflash.storage.flash_host_map#module:ports).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
groups:
  description: Consistency groups, each with C(name), C(id) and C(volumes).
  returned: when O(gather_subset) has it
  type: list
  elements: dict
connections:
  description:
    - Who is logged in. Read only when O(gather_subset) names it. Null on Dsware and Violin, which have no
      request for it.
  returned: when O(gather_subset) has it
  type: dict
  contains:
    logins:
      description:
        - One entry for each initiator of a host at each target port where it is logged in, and one for each
          initiator that is not logged in.
        - C(host), C(initiator), C(protocol); C(logged_in), null where the array does not report it.
        - C(target) is the address of the target port and C(port) its name. Both are null where the array
          reports only to how many ports the initiator is logged in, which is C(paths).
        - C(volume) is the volume that the log-in is for on Datera, where each volume is a target. Else null,
          as a log-in is for every volume of the host.
      type: list
      elements: dict
    paths:
      description:
        - The mappings, each with C(host), C(volume), C(lun), C(device), and C(paths), how many paths the host
          has to the volume; null where the array does not report it.
      type: list
      elements: dict
health:
  description:
    - The health of the array now. Read only when O(gather_subset) names it. A list that the array has no request
      for is null. Null on Dsware over its text socket.
    - States are V(ok), V(warning), V(critical), and V(unknown) where the array does not report it. A word of the
      array that is not known counts as V(warning).
  returned: when O(gather_subset) has it
  type: dict
  contains:
    state:
      description:
        - The worst state of all below, with the severity of each alert that nobody has acknowledged and that is
          more than V(info). What is there and cannot be read counts as V(warning).
      type: str
    array:
      description: >-
        The array itself, with C(name), C(state) and C(reported), its own word. On FlashSystem and Dsware the
        worst of its pools. V(unknown) on Violin.
      type: dict
    nodes:
      description: Its controllers, each with these fields. Null on Dsware and Violin.
      type: list
      elements: dict
    ports:
      description: Its target ports, or on Datera the interfaces of its nodes, each with these fields. Null on
        Dsware.
      type: list
      elements: dict
    disks:
      description: Its disks, each with these fields. Null on Dsware and Violin.
      type: list
      elements: dict
    alerts:
      description:
        - The alerts that are not cleared. Null on Dsware, Violin and XIOS 3.x.
        - C(severity) is V(info), V(warning) or V(critical), C(text) what the array says, C(id), C(code),
          C(object), C(acknowledged), and C(time) in UTC (ISO 8601). C(reported) has the C(severity) and the
          C(time) in the array's own words. Each but the first two may be null.
        - On FlashSystem, whose events have no severity in their list, an alert with an error code is
          V(critical), another one V(warning), and C(time) is null where the array is not set to UTC.
      type: list
      elements: dict
performance:
  description:
    - The load of the array now. Read only when O(gather_subset) names it. Null on Dsware and Violin.
  returned: when O(gather_subset) has it
  type: dict
  contains:
    array:
      description:
        - C(iops), C(read_iops), C(write_iops); C(bandwidth), C(read_bandwidth), C(write_bandwidth) in bytes per
          second; C(latency), C(read_latency), C(write_latency) in microseconds; C(time) of the measurement in
          UTC (ISO 8601). Null where the array does not report it.
      type: dict
    interval:
      description: Seconds over which the figures are the mean. Null where the array does not report it.
      type: float
    volumes:
      description:
        - The same of each volume that O(filters) names, with its C(name). Null on FlashSystem, which reports no
          figures of single volumes.
      type: list
      elements: dict
query:
  description: The result of O(query).
  returned: when O(query) is set
  type: raw
unreadable:
  description:
    - Objects that exist and could not be read, each with C(kind), C(name) and C(reason). For a complete subset
      C(kind) is its name and C(name) is null.
  returned: success
  type: list
  elements: dict
api:
  description: The number of requests, with the fields of RV(openflash.storage.flash_volume#module:api).
  returned: always
  type: dict
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

from ansible_collections.openflash.storage.plugins.module_utils import flash_module, flash_options

OPTIONS = flash_options.SUBSETS


def main() -> None:
    flash_module.run_info(OPTIONS)


if __name__ == "__main__":
    main()
