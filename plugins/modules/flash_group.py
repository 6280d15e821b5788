#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_group
short_description: Consistency groups of an all-flash array
version_added: 0.1.0
description:
  - Creates and deletes consistency groups, one or many in a task, and puts volumes into them or takes them out.
  - The snapshots of a group are those of all its volumes at one instant. M(openflash.storage.flash_snapshot) takes,
    deletes and restores them.
  - Deleting a group, and taking a volume out of it, leaves the volumes and their snapshots on the array.
  - XtremIO from version 4.0 on has consistency groups. On other arrays the task is refused, with the reason.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - openflash.storage.connection
  - openflash.storage.attributes
  - openflash.storage.policy
  - openflash.storage.policy.allow_empty
  - openflash.storage.policy.list
options:
  name:
    description: Name of the group. Either this or O(groups).
    type: str
  state:
    description: Whether the group shall exist.
    type: str
    choices: [present, absent]
    default: present
  volumes: &volumes
    description: Volumes that shall be in the group. Those that are in it already stay.
    type: list
    elements: str
  exclusive_volumes: &exclusive_volumes
    description:
      - The group shall have exactly O(volumes), so all others are taken out of it.
      - With an empty list this is refused, unless O(allow_empty=true).
    type: bool
  remove_volumes: &remove_volumes
    description: Volumes that shall not be in the group, whatever else is in it.
    type: list
    elements: str
  groups:
    description:
      - Several groups in one task, instead of O(name). What an item leaves out is taken from the option of the same
        name outside the list.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      state:
        description: Whether the group shall exist.
        type: str
        choices: [present, absent]
      volumes: *volumes
      exclusive_volumes: *exclusive_volumes
      remove_volumes: *remove_volumes
seealso:
  - module: openflash.storage.flash_snapshot
    description: Takes snapshots of a group.
  - module: openflash.storage.flash_volume
    description: Puts a volume into a group when it is created.
"""

EXAMPLES = r"""
- name: The volumes of a database belong together
  openflash.storage.flash_group:
    name: db1
    volumes: [db1-data, db1-log]

- name: A snapshot of all of them at one instant
  openflash.storage.flash_snapshot:
    name: monday
    group: db1

- name: Exactly these, and no others
  openflash.storage.flash_group:
    name: db1
    volumes: [db1-data, db1-log, db1-index]
    exclusive_volumes: true

- name: One volume leaves the group, and stays on the array
  openflash.storage.flash_group:
    name: db1
    remove_volumes: [db1-index]

- name: Delete the group; its volumes stay
  openflash.storage.flash_group:
    name: db1
    state: absent
"""

RETURN = r"""
group:
  description: The group as it is now, or as it would be in check mode. Every field is always present.
  returned: when O(name) is given
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: db1
    state:
      description: V(present), or V(absent) when there is no such group.
      type: str
    id:
      description: The array's own identifier.
      type: str
    volumes:
      description: The names of its volumes.
      type: list
      elements: str
      sample: [db1-data, db1-log]
groups:
  description: One such object for each item of O(groups), in the same order, with C(changed) and C(error).
  returned: when O(groups) is given
  type: list
  elements: dict
plan:
  description: The steps that were carried out, or would be in check mode, one line each.
  returned: when the array answered
  type: list
  elements: str
  sample: ["create consistency group db1", "add volume db1-data to consistency group db1"]
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
  sample: {"requests": 3, "writes": 1, "session_requests": 1}
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
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "volumes": {"type": "list", "elements": "str"},
    "exclusive_volumes": {"type": "bool"},
    "remove_volumes": {"type": "list", "elements": "str"},
}

PERMITS = flash_options.policy_options("force", "openstack_owned", "allow_empty")


def main() -> None:
    flash_module.run_objects("name", "groups", OPTIONS, PERMITS, desired.groups, report.groups, result="group")


if __name__ == "__main__":
    main()
