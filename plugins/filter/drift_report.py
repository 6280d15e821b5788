# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: drift_report
short_description: The report of all arrays, as JSON has it
version_added: 0.1.0
description:
  - Makes one report of what P(openflash.storage.array_drift#filter) returned for each array.
  - C(schema) and C(version) identify the form of the report. Within a version, keys are added and never removed, and
    none gets another meaning.
author:
  - The openflash.storage contributors (@openflash)
positional: generated
options:
  _input:
    description: The entries of the arrays.
    type: list
    elements: dict
    required: true
  generated:
    description: When the arrays were read, as the report has it, such as V(2026-12-04T06:00:00Z).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the report
  ansible.builtin.copy:
    content: "{{ entries | openflash.storage.drift_report(time) | to_nice_json }}"
    dest: drift.json
    mode: "0644"
  vars:
    time: "{{ now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    schema:
      description: V(openflash.storage.drift).
      type: str
    version:
      description: The version of the form, V(1).
      type: int
    generated:
      description: When the arrays were read, in UTC.
      type: str
    status:
      description:
        - V(in_sync), or the first of these that an array has - V(unreadable), V(invalid), V(drift).
      type: str
    summary:
      description:
        - How many C(arrays) there are, how many of them are C(in_sync), C(drift), C(unreadable) and C(invalid), and how
          many objects are C(missing), C(changed) and C(added) on all of them.
      type: dict
    arrays:
      description: The arrays, in the order of their names.
      type: list
      elements: dict
      contains:
        name:
          description: Name of the array in the inventory.
          type: str
        status:
          description:
            - V(in_sync); V(drift), when an object is missing, changed or added; V(unreadable), when the array does not
              answer or cannot be read completely; V(invalid), when no array can have what is declared.
          type: str
        array:
          description: C(vendor), C(name), C(model) and C(version) as the array reports them. Each may be null.
          type: dict
        error:
          description:
            - C(kind) and C(message), for an array that is V(unreadable) or V(invalid). Else null.
            - When single objects could not be read, the lists below have what is known of the others.
          type: dict
        missing:
          description:
            - Objects that are declared and not on the array. Each has C(kind) (V(volume), V(snapshot), V(group),
              V(host), V(mapping)) and C(name), a snapshot C(volume), a mapping C(host) and C(volume).
            - C(refused) is why the array cannot have the object, or null.
          type: list
          elements: dict
        changed:
          description:
            - Objects that are not as declared, named as in C(missing). C(fields) lists what differs, each with
              C(field), C(declared) and C(actual). It is empty where only C(plan) shows what differs.
            - C(refused) is why a task could not make the object as declared, or null.
          type: list
          elements: dict
        added:
          description: Objects that are on the array and not declared, named as in C(missing).
          type: list
          elements: dict
        not_compared:
          description:
            - What exists and no document can declare, each with C(kind), C(name), C(reason) and C(unreadable), as in
              RV(openflash.storage.flash_array#module:not_declared). What could not be read makes the array
              V(unreadable); the others do not change its status.
          type: list
          elements: dict
        ignored:
          description: How many differences and objects were left out because they are to be ignored.
          type: int
        plan:
          description: What a task with the declared document would do, one line for each step.
          type: list
          elements: str
"""

from typing import Any, Dict, Mapping, Sequence

from ansible.errors import AnsibleFilterError

SCHEMA = "openflash.storage.drift"
VERSION = 1
STATUSES = ("unreadable", "invalid", "drift", "in_sync")
"""The status of a report is the first that one of its arrays has."""
DIFFERENCES = ("missing", "changed", "added")


def drift_report(entries: Sequence[Mapping[str, Any]], generated: str) -> Dict[str, Any]:
    """The report, whose form is described above.

    :raises AnsibleFilterError: an entry is not one of array_drift.
    """
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("status") not in STATUSES:
            raise AnsibleFilterError("drift_report: an entry is not a result of the filter array_drift: %s" % (entry,))
    arrays = sorted((dict(entry) for entry in entries), key=lambda entry: str(entry["name"]))
    found = {entry["status"] for entry in arrays}
    summary: Dict[str, int] = {"arrays": len(arrays)}
    summary.update({status: sum(entry["status"] == status for entry in arrays) for status in reversed(STATUSES)})
    summary.update({kind: sum(len(entry[kind]) for entry in arrays) for kind in DIFFERENCES})
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "generated": str(generated),
        "status": next((status for status in STATUSES if status in found), "in_sync"),
        "summary": summary,
        "arrays": arrays,
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"drift_report": drift_report}
