#!/usr/bin/python
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: flash_snapshot
short_description: Snapshots of volumes on an all-flash array
version_added: 0.1.0
description:
  - Takes and deletes snapshots, of one volume, of many volumes at one instant, or of a consistency group.
  - Keeps the newest snapshots of a volume and deletes older ones.
  - Puts the content of a snapshot back into its volume, or into another volume.
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
    description: Name of the snapshot. Either this or O(snapshots).
    type: str
  state:
    description:
      - Whether the snapshot shall exist.
      - V(restored) is an action, not a state. It puts the content of the snapshot back into O(volume), after it has
        kept the present content as the snapshot O(backup); when that snapshot is there already, it does nothing.
      - Once the array was asked to restore, the backup stays whatever the array answers. Where an earlier run was cut
        off, and the array does not prove whether it had restored the volume (Datera, Dsware), the next run first keeps
        the present content once more, as a snapshot that is named like O(backup) with V(-2), V(-3) ... at its end.
      - With O(group), V(restored) restores every volume of the group at one instant, and keeps the present content of
        each as C(VOLUME.BACKUP). XtremIO from version 4.0 on does that.
      - V(refreshed) puts the content of the snapshot into the volume O(target), such as a test database, once for each
        O(refresh_id). The volume keeps its name, its identity as a disk and its mappings, and what it held before is
        kept as the snapshot O(backup). XtremIO from version 4.0 on and Dsware over REST do that; what the other arrays
        do instead is in R(the guide, ansible_collections.openflash.storage.docsite.guide_refresh).
    type: str
    choices: [present, absent, restored, refreshed]
    default: present
  volume: &volume
    description: The volume that it is a snapshot of. Needed unless O(state=absent) or O(group) is given.
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
  group: &group
    description:
      - Instead of O(volume), a consistency group. The snapshot is then one of every volume in it, all of one instant,
        each under the name C(VOLUME.NAME).
    type: str
  target: &target
    description:
      - With O(state=refreshed), the volume that takes the content of the snapshot. It must exist, and be as large as
        the snapshot.
      - By default O(volume) itself, which is put back to its own earlier content then.
    type: str
  refresh_id: &refresh_id
    description:
      - With O(state=refreshed), the name of the state that O(target) shall have, such as a date. The volume is
        refreshed once for each.
      - By default the name of the snapshot.
    type: str
  backup: &backup
    description:
      - With O(state=restored) and O(state=refreshed), the name of the snapshot that keeps the present content. It stays
        until it is deleted by its name, or by O(keep).
      - With O(state=refreshed) it is what shows on the array that the volume was refreshed, so its name ends with C(-)
        and O(refresh_id). By default C(TARGET-before-REFRESH_ID). While it is there, the task refreshes nothing.
    type: str
  suffix: &suffix
    description:
      - Added to O(name), with the time of the task in place of C(%Y), C(%m), C(%d), C(%H), C(%M), C(%S), C(%j), C(%G),
        C(%V) and C(%u), as C(strftime) has them.
      - The time is that of the controller, in UTC, when the task begins. A task that is carried out again later has
        another one, and so takes another snapshot.
      - Only with O(state=present).
    type: str
  keep: &keep
    description:
      - Keep this many of the newest snapshots of O(volume) whose name begins with O(prefix), and delete the others.
      - Only what the array itself proves to be a snapshot of that volume is deleted, and only when nothing is mapped
        to it or made of it. Where the array proves nothing, this is refused.
      - With O(state=refreshed), the snapshots of O(target) are counted, so that only the newest backups stay.
      - Only snapshots that are ready count. One that is offline, in error or not complete yet is reported and stays;
        delete it by its name.
    type: int
  quiesced: &quiesced
    description:
      - Nothing writes to the volume while the snapshot is taken, although a host has it mapped.
      - Matters where a snapshot is a copy that takes a while. Without it, RV(snapshot.crash_consistent) is V(false)
        for a volume that is mapped.
    type: bool
  prefix: &prefix
    description:
      - The beginning of the names that O(keep) counts; at least 3 characters.
      - With O(suffix), this is O(name) unless it is given.
    type: str
  atomic:
    description: Take all snapshots of the task at one instant, or none.
    type: bool
    default: false
  snapshots:
    description:
      - Several snapshots in one task, instead of O(name). What an item leaves out is taken from the option of the
        same name outside the list.
      - A name may have a range, as in O(openflash.storage.flash_volume#module:volumes).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the snapshot.
        type: str
        required: true
      state:
        description: Whether the snapshot shall exist, be restored, or refresh another volume.
        type: str
        choices: [present, absent, restored, refreshed]
      volume: *volume
      volume_id: *volume_id
      volume_serial: *volume_serial
      group: *group
      target: *target
      refresh_id: *refresh_id
      backup: *backup
      suffix: *suffix
      keep: *keep
      prefix: *prefix
      quiesced: *quiesced
seealso:
  - module: openflash.storage.flash_volume
    description: Creates a volume from a snapshot.
"""

EXAMPLES = r"""
- name: A snapshot
  openflash.storage.flash_snapshot:
    name: db1-before-upgrade
    volume: db1

- name: Two volumes at one instant
  openflash.storage.flash_snapshot:
    atomic: true
    snapshots:
      - name: db1-data-monday
        volume: db1-data
      - name: db1-log-monday
        volume: db1-log

- name: A snapshot every night, of which a week is kept
  openflash.storage.flash_snapshot:
    name: db1-nightly-
    suffix: "%Y%m%d"
    volume: db1
    keep: 7

- name: The same for a hundred volumes
  openflash.storage.flash_snapshot:
    suffix: "%Y%m%d"
    keep: 7
    snapshots:
      - name: db{001..100}-nightly-
        volume: db{001..100}

- name: Go back to before the upgrade
  openflash.storage.flash_snapshot:
    name: db1-before-upgrade
    volume: db1
    state: restored
    backup: db1-after-failed-upgrade
    unmap: true

- name: All volumes of a consistency group, as they were at one instant
  openflash.storage.flash_snapshot:
    name: monday
    group: db1
    state: restored
    backup: before-restore

- name: Give the test database what the productive one held last night
  openflash.storage.flash_snapshot:
    name: db1-nightly-2026-11-30
    volume: db1
    state: refreshed
    target: db1-test
"""

RETURN = r"""
snapshot:
  description: The snapshot as it is now, or as it would be in check mode. Every field is always present.
  returned: when O(name) is given
  type: dict
  contains:
    name:
      description: Its name.
      type: str
      sample: db1-before-upgrade
    state:
      description: V(ready), V(copying), V(deleting), V(offline), V(error), or V(absent) when there is no such snapshot.
      type: str
    volume:
      description: The volume that it was taken of.
      type: str
    size:
      description: Size in bytes.
      type: int
    size_text:
      description: The same in the largest unit in which it is a whole number.
      type: str
    id:
      description: The array's own identifier.
      type: str
    serial:
      description: Its identity as a disk, when it is mapped.
      type: str
    created:
      description: When it was taken, as the array writes it.
      type: str
    proven:
      description: Whether the array itself reports that this is a snapshot, and not a volume in use.
      type: bool
    group:
      description: The consistency group or set that it was taken with.
      type: str
    mappings:
      description: The hosts that it is mapped to.
      type: list
      elements: dict
    children:
      description: Names of the volumes and snapshots that were made from it.
      type: list
      elements: str
    crash_consistent:
      description: Whether its content is that of one instant.
      type: bool
    members:
      description: For a snapshot of a group, the snapshot of each of its volumes; otherwise empty.
      type: list
      elements: dict
snapshots:
  description: One such object for each item of O(snapshots), in the same order, with C(changed) and C(error).
  returned: when O(snapshots) is given
  type: list
  elements: dict
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
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "restored", "refreshed"], "default": "present"},
    "volume": {"type": "str"},
    "volume_id": {"type": "str"},
    "volume_serial": {"type": "str"},
    "group": {"type": "str"},
    "target": {"type": "str"},
    "refresh_id": {"type": "str"},
    "backup": {"type": "str"},
    "suffix": {"type": "str"},
    "keep": {"type": "int"},
    "prefix": {"type": "str"},
    "quiesced": {"type": "bool"},
}

TASK = dict(
    flash_options.policy_options("unmap", "while_mapped", "force", "openstack_owned", "assume_unmapped", "allow_empty"),
    atomic={"type": "bool", "default": False},
)


def main() -> None:
    flash_module.run_objects("name", "snapshots", OPTIONS, TASK, desired.snapshots, report.snapshots, result="snapshot")


if __name__ == "__main__":
    main()
