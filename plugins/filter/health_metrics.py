# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: health_metrics
short_description: A report on the health of arrays as metrics for Prometheus
version_added: 0.1.0
description:
  - Writes a report of P(openflash.storage.health_report#filter) in the text format of Prometheus, such as the textfile
    collector of node_exporter reads it.
  - Every metric is a gauge in base units, bytes and seconds. What an array does not report has no sample.
  - A control character in a label, such as of the name of a volume, is shown as an escape.
author:
  - The openflash.storage contributors (@openflash)
options:
  _input:
    description: The report.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Write the metrics where node_exporter collects them
  ansible.builtin.copy:
    content: "{{ report | openflash.storage.health_metrics }}"
    dest: /var/lib/node_exporter/textfile_collector/openflash.prom
    mode: "0644"
"""

RETURN = r"""
_value:
  description:
    - The metrics, all with the label C(array), the name of the array in the inventory.
    - C(openflash_up) is 1 when the array was read; C(openflash_health_status) is 1 for its C(status) and 0 for each
      other one; C(openflash_part_state) is 0 (ok), 1 (warning) or 2 (critical) by C(kind) and C(name);
      C(openflash_alerts) counts the alerts that nobody has acknowledged by C(severity).
    - C(openflash_capacity_size_bytes), C(openflash_capacity_used_bytes), C(openflash_capacity_free_bytes),
      C(openflash_capacity_provisioned_bytes).
    - C(openflash_iops), C(openflash_bandwidth_bytes_per_second), C(openflash_latency_seconds) by C(operation), V(read)
      or V(write), and the same of volumes, C(openflash_volume_iops) and so on, with the label C(volume).
    - C(openflash_generated_timestamp_seconds), without a label, is when the arrays were read.
  type: str
"""

from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.health_report import SCHEMA, STATUSES
from ansible_collections.openflash.storage.plugins.module_utils.openflash.printable import in_line

Labels = Tuple[Tuple[str, str], ...]
Sample = Tuple[Labels, float]

_STATES = {"ok": 0, "warning": 1, "critical": 2}
_SEVERITIES = ("info", "warning", "critical")
_OPERATIONS = ("read", "write")
_FIGURES = (
    ("iops", "Operations per second.", 1.0),
    ("bandwidth_bytes_per_second", "Bytes per second.", 1.0),
    ("latency_seconds", "Mean time of an operation.", 1e-6),
)


def health_metrics(report: Mapping[str, Any]) -> str:
    """See DOCUMENTATION.

    :raises AnsibleFilterError: it is no such report.
    """
    if not isinstance(report, Mapping) or report.get("schema") != SCHEMA:
        raise AnsibleFilterError("health_metrics: this is no report of the filter health_report")
    lines: List[str] = []
    for name, description, samples in _metrics(report):
        if samples:
            lines += ["# HELP %s %s" % (name, description), "# TYPE %s gauge" % name]
            lines += ["%s%s %s" % (name, _labels(labels), _number(value)) for labels, value in samples]
    return "\n".join(lines) + "\n"


def _metrics(report: Mapping[str, Any]) -> Iterator[Tuple[str, str, List[Sample]]]:
    arrays = report["arrays"]
    generated = datetime.strptime(report["generated"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    yield "openflash_generated_timestamp_seconds", "When the arrays were read.", [((), generated.timestamp())]
    yield (
        "openflash_up",
        "Whether the array was read.",
        [(_of(array), float(array["status"] != "unreadable")) for array in arrays],
    )
    yield (
        "openflash_health_status",
        "1 for the status that the array has.",
        [(_of(array, ("status", status)), float(array["status"] == status)) for array in arrays for status in STATUSES],
    )
    yield "openflash_part_state", "0 ok, 1 warning, 2 critical.", _parts(arrays)
    yield (
        "openflash_alerts",
        "Alerts that nobody has acknowledged.",
        [
            (_of(array, ("severity", severity)), float(_count(array["health"]["alerts"], severity)))
            for array in arrays
            if array["health"] and array["health"]["alerts"] is not None
            for severity in _SEVERITIES
        ],
    )
    for kind in ("size", "used", "free", "provisioned"):
        yield (
            "openflash_capacity_%s_bytes" % kind,
            "Bytes of the array: %s." % kind,
            [
                (_of(array), float(array["capacity"][kind]))
                for array in arrays
                if array["capacity"] and array["capacity"].get(kind) is not None
            ],
        )
    for figure, description, unit in _FIGURES:
        loads = [(_of(array), array["performance"]["array"]) for array in arrays if array["performance"]]
        yield "openflash_%s" % figure, description, _figures(loads, figure, unit)
    for figure, description, unit in _FIGURES:
        loads = [
            (_of(array, ("volume", volume["name"])), volume)
            for array in arrays
            if array["performance"]
            for volume in array["performance"]["volumes"] or ()
        ]
        yield "openflash_volume_%s" % figure, description, _figures(loads, figure, unit)


def _of(array: Mapping[str, Any], *labels: Tuple[str, str]) -> Labels:
    return (("array", array["name"]),) + labels


def _parts(arrays: List[Mapping[str, Any]]) -> List[Sample]:
    found: Dict[Labels, float] = {}
    for array in arrays:
        health = array["health"]
        if not health:
            continue
        kinds = [("array", [health["array"]])] + [(kind, health[kind + "s"] or []) for kind in ("node", "port", "disk")]
        for kind, parts in kinds:
            for part in parts:
                if part["state"] in _STATES:
                    # One sample for one set of labels: of two parts of one name the worse
                    labels = _of(array, ("kind", kind), ("name", part["name"]))
                    found[labels] = max(found.get(labels, 0.0), float(_STATES[part["state"]]))
    return list(found.items())


def _count(alerts: List[Mapping[str, Any]], severity: str) -> int:
    return sum(alert["severity"] == severity and not alert["acknowledged"] for alert in alerts)


def _figures(loads: List[Tuple[Labels, Mapping[str, Any]]], figure: str, unit: float) -> List[Sample]:
    field = figure.partition("_")[0]
    return [
        (labels + (("operation", operation),), load["%s_%s" % (operation, field)] * unit)
        for labels, load in loads
        for operation in _OPERATIONS
        if load["%s_%s" % (operation, field)] is not None
    ]


def _labels(labels: Labels) -> str:
    return "{%s}" % ",".join('%s="%s"' % (name, _escaped(value)) for name, value in labels) if labels else ""


def _escaped(value: Any) -> str:
    return in_line(str(value)).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return "%d" % value if float(value).is_integer() else repr(float(value))


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"health_metrics": health_metrics}
