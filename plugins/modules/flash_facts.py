#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_facts
short_description: What an all-flash array holds
version_added: 0.1.0
description:
  - Reads the volumes, snapshots, hosts, mappings, ports, pools and figures of an array into C(ansible_facts.flash).
  - What cannot be read is left out and listed under C(ansible_facts.flash.unreadable). All other facts are returned.
  - The facts describe one array, so a fleet has one inventory host per array.
  - Ansible keeps facts for the whole play, and in a fact cache for longer. To read many thousands of volumes, use
    M(openflash.storage.flash_info), which returns the same as a plain result.
seealso:
  - module: openflash.storage.flash_info
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.subsets
  - openflash.storage.attributes.facts
  - openflash.storage.attributes.info
  - openflash.storage.attributes
"""

EXAMPLES = r"""
- name: Read the content of an array
  openflash.storage.flash_facts:

- name: Show how full it is
  ansible.builtin.debug:
    msg: "{{ ansible_facts.flash.capacity.used / ansible_facts.flash.capacity.size * 100 }} %"

- name: Read two volumes and their mappings
  openflash.storage.flash_facts:
    gather_subset: [volumes, mappings]
    filters:
      volumes: [db1, db2]

- name: Find the volumes of more than 1 TiB
  openflash.storage.flash_facts:
    gather_subset: [volumes]
    query: "volumes[?size > `1099511627776`].name"
"""

RETURN = r"""
ansible_facts:
  description: The facts, all under C(flash).
  returned: success
  type: dict
  contains:
    flash:
      description:
        - The content of the array. A subset that was not requested is missing. One that the array has no request for
          is null.
        - A subset whose answer cannot be understood, or that the array refuses to report, is missing too, with a
          warning and an entry in C(unreadable), so that it is not mistaken for an empty one. When the array does not
          answer in time, is busy or does not accept the account, the task fails.
      returned: success
      type: dict
      contains:
        array:
          description: C(vendor), C(name), C(model), C(serial), C(version), C(api_version), C(state) and C(protocols).
          type: dict
        capacity:
          description:
            - C(size), C(used), C(free) and C(provisioned) in bytes, and C(data_reduction_ratio), C(dedup_ratio),
              C(compression_ratio) and C(thin_ratio) as N in N:1, null where the array does not report it.
          type: dict
        pools:
          description:
            - Each with C(name), C(id), C(state), C(size), C(free), C(used), C(provisioned) and
              C(provisioning).
          type: list
          elements: dict
        volumes:
          description:
            - As RV(openflash.storage.flash_volume#module:volume).
            - Volumes that O(filters) names may have more in C(qos) and C(array_options), where an array reports that
              for one volume at a time only.
          type: list
          elements: dict
        snapshots:
          description: As RV(openflash.storage.flash_snapshot#module:snapshot).
          type: list
          elements: dict
        hosts:
          description: Each with C(name), C(id), C(kind), C(os) and C(initiators).
          type: list
          elements: dict
        mappings:
          description: Each with C(host), C(volume), C(lun) and C(device).
          type: list
          elements: dict
        ports:
          description: As RV(openflash.storage.flash_host_map#module:ports).
          type: list
          elements: dict
        groups:
          description: Consistency groups, each with C(name), C(id) and C(volumes).
          type: list
          elements: dict
        connections:
          description:
            - Who is logged in. Read only when O(gather_subset) names it. Null on Dsware and Violin, which have no
              request for it.
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
            - The health of the array now. Read only when O(gather_subset) names it. A list that the array has no
              request for is null. Null on Dsware over its text socket.
            - States are V(ok), V(warning), V(critical), and V(unknown) where the array does not report it. A word of
              the array that is not known counts as V(warning).
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
          type: raw
        unreadable:
          description:
            - Objects that exist and could not be read, each with C(kind), C(name) and C(reason). For a complete subset
              C(kind) is its name and C(name) is null.
          type: list
          elements: dict
        api:
          description: The number of requests, with the fields of RV(openflash.storage.flash_volume#module:api).
          type: dict
        calls:
          description: Every request and its outcome, with secrets masked. Only with C(-vv).
          type: list
          elements: dict
api:
  description: The number of requests until then, with the fields of RV(openflash.storage.flash_volume#module:api).
  returned: on failure
  type: dict
calls:
  description: Every request until then.
  returned: on failure with C(-vv)
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
    flash_module.run_facts(OPTIONS)


if __name__ == "__main__":
    main()
