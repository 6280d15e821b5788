# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: health_report
short_description: One report on the health and load of several arrays
version_added: 0.1.0
description:
  - Makes one report of what M(openflash.storage.flash_info) has read of each array. The playbook
    C(openflash.storage.health) writes it as JSON.
  - C(schema) and C(version) identify the form of the report. Within a version, keys are added and never removed, and
    none gets another meaning.
author:
  - The openflash.storage contributors (@openflash)
positional: generated, ignore
options:
  _input:
    description:
      - For each array, C(array), its name in the inventory, and C(content), the registered result of
        M(openflash.storage.flash_info) with the subsets V(array), V(capacity), V(health) and V(performance).
    type: list
    elements: dict
    required: true
  generated:
    description: When the arrays were read, as the report has it, such as V(2026-12-04T06:00:00Z).
    type: str
    required: true
  ignore:
    description:
      - What is no trouble. Each is the name of a node, port or disk, or the code or id of an alert, with the wildcards
        C(*) and C(?).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Write the report
  ansible.builtin.copy:
    content: "{{ reads | openflash.storage.health_report(time, ['X1-SC2-*']) | to_nice_json }}"
    dest: health.json
    mode: "0644"
  vars:
    reads: "{{ [{'array': 'flash1', 'content': content_of_flash1}] }}"
    time: "{{ now(utc=true).strftime('%Y-%m-%dT%H:%M:%SZ') }}"
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
  contains:
    schema:
      description: V(openflash.storage.health).
      type: str
    version:
      description: The version of the form, V(1).
      type: int
    generated:
      description: When the arrays were read, in UTC.
      type: str
    status:
      description:
        - The first of these that an array has - V(unreadable), V(critical), V(warning), V(unknown), V(ok).
      type: str
    summary:
      description: How many C(arrays) there are, and how many of them have each status.
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
            - V(unreadable) when it did not answer, or its health could not be read completely. V(unknown) when it
              reports nothing about its health. Else the worst state of its problems, or V(ok).
          type: str
        array:
          description: C(vendor), C(name), C(model) and C(version) as the array reports them. Each may be null.
          type: dict
        error:
          description: Why the array is V(unreadable), or null.
          type: str
        problems:
          description:
            - What is not well, each with C(kind) (V(array), V(node), V(port), V(disk) or V(alert)), C(name), C(state),
              and C(text), what the array says.
          type: list
          elements: dict
        ignored:
          description: How many problems were left out because they are to be ignored.
          type: int
        capacity:
          description: As RV(openflash.storage.flash_info#module:capacity), or null.
          type: dict
        health:
          description: As RV(openflash.storage.flash_info#module:health), or null.
          type: dict
        performance:
          description: As RV(openflash.storage.flash_info#module:performance), or null.
          type: dict
"""

from fnmatch import fnmatchcase
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible.errors import AnsibleFilterError

SCHEMA = "openflash.storage.health"
VERSION = 1
STATUSES = ("unreadable", "critical", "warning", "unknown", "ok")
"""The status of a report is the first that one of its arrays has."""
_PARTS = (("node", "nodes"), ("port", "ports"), ("disk", "disks"))
_TROUBLE = ("warning", "critical")


def health_report(reads: Sequence[Mapping[str, Any]], generated: str, ignore: Sequence[str] = ()) -> Dict[str, Any]:
    """The report, whose form is described above.

    :raises AnsibleFilterError: an entry of the input, or of ``ignore``, has another form.
    """
    if isinstance(ignore, str) or not all(isinstance(pattern, str) for pattern in ignore):
        raise AnsibleFilterError("health_report: ignore is not a list of names: %s" % (ignore,))
    for read in reads:
        if not isinstance(read, Mapping) or "array" not in read or not isinstance(read.get("content"), Mapping):
            raise AnsibleFilterError("health_report: an entry has no array and no content: %s" % (read,))
    arrays = sorted((_array(read, ignore) for read in reads), key=lambda entry: str(entry["name"]))
    summary: Dict[str, int] = {"arrays": len(arrays)}
    summary.update({status: sum(entry["status"] == status for entry in arrays) for status in STATUSES})
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "generated": str(generated),
        "status": next((status for status in STATUSES if summary[status]), "unknown"),
        "summary": summary,
        "arrays": arrays,
    }


def _array(read: Mapping[str, Any], ignore: Sequence[str]) -> Dict[str, Any]:
    content = read["content"]
    about = content.get("array") or {}
    health = content.get("health")
    found = _problems(health) if isinstance(health, Mapping) else []
    kept = [problem for problem in found if not any(_is(problem, pattern) for pattern in ignore)]
    error = _error(content)
    return {
        "name": str(read["array"]),
        "status": "unreadable" if error else _status(health, kept),
        "array": {key: about.get(key) for key in ("vendor", "name", "model", "version")},
        "error": error,
        "problems": [{key: problem[key] for key in ("kind", "name", "state", "text")} for problem in kept],
        "ignored": len(found) - len(kept),
        "capacity": content.get("capacity"),
        "health": health,
        "performance": content.get("performance"),
    }


def _error(content: Mapping[str, Any]) -> Optional[str]:
    """Why it is not known how the array is; None when it is known, or when the array does not report it."""
    if "health" not in content and not content.get("unreadable"):
        return str(content.get("msg") or "the array was not read")
    # What single alerts and parts could not be read is a reason too: they are there
    kinds = ("health", "node", "port", "disk", "alert", "adapter")
    reasons = [str(entry["reason"]) for entry in content.get("unreadable") or () if entry["kind"] in kinds]
    return " ".join(reasons) or None


def _status(health: Optional[Mapping[str, Any]], problems: Sequence[Mapping[str, Any]]) -> str:
    states = {problem["state"] for problem in problems}
    worst = next((state for state in ("critical", "warning") if state in states), None)
    if worst is not None:
        return worst
    # A state without a problem: everything that is not well is ignored
    return "unknown" if health is None or health.get("state") == "unknown" else "ok"


def _problems(health: Mapping[str, Any]) -> List[Dict[str, Any]]:
    found = []
    for kind, parts in [("array", [health["array"]])] + [(kind, health[key] or []) for kind, key in _PARTS]:
        for part in parts:
            if part["state"] in _TROUBLE:
                found.append(_problem(kind, part["name"], part["state"], part["reported"], [part["name"]]))
    for alert in health["alerts"] or ():
        if alert["severity"] in _TROUBLE and not alert["acknowledged"]:
            names = [str(alert[key]) for key in ("code", "id") if alert[key] is not None]
            name = alert["object"] or alert["code"] or alert["id"]
            found.append(_problem("alert", name, alert["severity"], alert["text"], names))
    return found


def _problem(kind: str, name: Any, state: str, text: Any, names: List[str]) -> Dict[str, Any]:
    """:param names: what ``ignore`` may call it."""
    return {"kind": kind, "name": name, "state": state, "text": text, "names": names}


def _is(problem: Mapping[str, Any], pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in problem["names"])


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"health_report": health_report}
