# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_page
short_description: A report on several arrays as a template shows it
version_added: 0.1.0
description:
  - Turns a report of P(openflash.storage.fleet_report#filter) into the texts, lengths and coordinates of the page that
    the playbook C(openflash.storage.fleet_report) writes.
  - Each text is safe to put into HTML, as text and as an attribute in quotation marks. Control characters, and
    characters that change the direction of text, are shown as escapes, such as C(\x1b).
author:
  - The openflash.storage contributors (@openflash)
positional: script, largest
options:
  _input:
    description: The report.
    type: dict
    required: true
  script:
    description: The JavaScript of the page, for C(script_hash).
    type: str
    default: ''
  largest:
    description: How many volumes and snapshots are listed at most.
    type: int
    default: 20
"""

EXAMPLES = r"""
- name: Write a page of one's own
  ansible.builtin.template:
    src: page.html.j2
    dest: /srv/reports/page.html
    mode: "0644"
  vars:
    page: "{{ report | openflash.storage.fleet_page }}"
"""

RETURN = r"""
_value:
  description:
    - The parts of the page. They follow the page, and may change with each release. A program reads the report itself.
    - C(script_hash) is what a C(script-src) of a content security policy permits the script by.
  type: dict
"""

import base64
import hashlib
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from ansible_collections.openflash.storage.plugins.filter.fleet_report import seconds
from ansible_collections.openflash.storage.plugins.plugin_utils.page_texts import (
    NOT_KNOWN,
    count,
    date_text,
    escaped,
    full_text,
    percent,
    ratio_text,
    size_text,
)

Data = Dict[str, Any]

HIGH = 0.8
FULL = 0.9
"""From which part of its size an array is shown as nearly full, and as full."""
TREND_WIDTH = 120
TREND_HEIGHT = 32
AGES: Sequence[Tuple[str, Optional[float]]] = (
    ("under 1 day", 1),
    ("1 to 7 days", 7),
    ("8 to 30 days", 30),
    ("31 to 90 days", 90),
    ("over 90 days", None),
)
MOST_ROWS = 60
MOST_HOSTS = 30
"""The size of the table of volumes and hosts of one array."""
EVERY_HOST = "*"


def _order(forecast: Mapping[str, Any]) -> str:
    """What sorts by date; empty without one. A date that is only a month is later than any that is a week."""
    if forecast["full"] is None:
        return ""
    return "%s %s" % (forecast["precision"] == "month", forecast["full"])


def _level(part: Optional[float]) -> str:
    return "ok" if part is None or part < HIGH else "high" if part < FULL else "full"


# -- arrays and pools --------------------------------------------------------------------------------------------------


def _usage(figures: Optional[Mapping[str, Any]]) -> Data:
    """The columns of how full an array or a pool is."""
    known = figures or {}
    part = known.get("used_ratio")
    return {
        "percent": percent(part),
        "width": 0 if part is None else round(min(1.0, max(0.0, part)) * 100, 1),
        "level": _level(part),
        "part": "" if part is None else part,
        "used": size_text(known.get("used")),
        "size": size_text(known.get("size")),
        "bytes": "" if known.get("size") is None else known["size"],
        "free": size_text(known.get("free")),
        "promised": size_text(known.get("provisioned")),
        "over": ratio_text(known.get("oversubscription")),
        "over_value": "" if known.get("oversubscription") is None else known["oversubscription"],
    }


def _trend(points: Sequence[Mapping[str, Any]], name: str) -> Optional[Data]:
    """The line of the used part of the size; None with fewer than two points."""
    if len(points) < 2:
        return None
    times = [seconds(point["time"]) for point in points]
    parts = [min(1.0, point["used"] / point["size"]) if point["size"] else 0.0 for point in points]
    span = max(1, times[-1] - times[0])
    inner = TREND_HEIGHT - 2
    line = [
        "%.1f,%.1f" % (1 + (TREND_WIDTH - 2) * (moment - times[0]) / span, 1 + inner * (1 - part))
        for moment, part in zip(times, parts)
    ]
    days = span / 86400
    since = "%.0f days" % days if days >= 1.5 else "%.0f hours" % (span / 3600)
    change = "%s to %s, %s" % (percent(parts[0]), percent(parts[-1]), since)
    return {
        "line": " ".join(line),
        "area": "1,%d %s %d,%d" % (TREND_HEIGHT, " ".join(line), TREND_WIDTH - 1, TREND_HEIGHT),
        "change": change,
        "title": "Trend of %s" % name,
        "description": "Used part of the size of %s, from %s. The upper edge is the full size." % (name, change),
    }


def _array(array: Mapping[str, Any], trends: Mapping[Tuple[str, Optional[str]], Any]) -> Data:
    figures = array["capacity"] or {}
    pools = array["pools"] or []
    dates = [pool["forecast"] for pool in pools if pool["forecast"]["full"] is not None]
    first = min(dates, key=_order) if dates else None
    reasons = sorted({pool["forecast"]["reason"] for pool in pools if pool["forecast"]["reason"]})
    about = [array["model"] or array["vendor"], array["version"]]
    found: Data = {
        "name": array["name"],
        "about": " ".join(str(part) for part in about if part),
        "readable": array["readable"],
        "error": array["error"] or "",
        "state": array["state"] or NOT_KNOWN,
        "usage": _usage(array["capacity"]),
        "reduction": ratio_text(figures.get("data_reduction_ratio")),
        "reduction_value": figures.get("data_reduction_ratio") or "",
        "summed": figures.get("provisioned_from") == "volumes",
        "counts": {kind: count(number) for kind, number in array["counts"].items()},
        "trend": _trend(trends[array["name"], None], array["name"]),
        "full": full_text(first) if first else reasons[0] if len(reasons) == 1 else "no date",
        "full_soon": first is not None,
        "full_value": _order(first) if first else "",
    }
    found["pools"] = [_pool(array["name"], pool, trends[array["name"], pool["name"]]) for pool in pools]
    return found


def _pool(array: str, pool: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> Data:
    name = "%s of %s" % (pool["name"], array)
    return {
        "array": array,
        "name": pool["name"],
        "state": pool["state"] or NOT_KNOWN,
        "usage": _usage(pool),
        "trend": _trend(points, name),
        "full": full_text(pool["forecast"]),
        "full_soon": pool["forecast"]["full"] is not None,
        "full_value": _order(pool["forecast"]),
    }


def _sum(rows: Iterable[Mapping[str, Any]], name: str) -> Optional[int]:
    values = [row[name] for row in rows if row.get(name) is not None]
    return sum(values) if values else None


def _tiles(report: Mapping[str, Any], arrays: Sequence[Data]) -> List[Data]:
    known = [array["capacity"] for array in report["arrays"] if array["capacity"]]
    sized = [figures for figures in known if figures["size"] is not None and figures["used"] is not None]
    size, used = _sum(sized, "size"), _sum(sized, "used")
    promising = [figures for figures in sized if figures["provisioned"] is not None]
    promised, behind = _sum(promising, "provisioned"), _sum(promising, "size")
    lost = [array for array in report["arrays"] if not array["readable"]]
    found = [
        {
            "label": "Arrays",
            "value": str(len(arrays)),
            "note": "all were read" if not lost else "%d could not be read" % len(lost),
            "level": "full" if lost else "ok",
        },
        {
            "label": "Used",
            "value": percent(used / size if used is not None and size else None),
            "note": "%s of %s" % (size_text(used), size_text(size)),
            "level": _level(used / size if used is not None and size else None),
        },
        {
            "label": "Promised",
            "value": ratio_text(promised / behind if promised is not None and behind else None),
            "note": "%s on %s" % (size_text(promised), size_text(behind)),
            "level": "ok",
        },
        {
            "label": "Volumes",
            "value": str(len(report["volumes"])),
            "note": "%s, %s"
            % (
                count(len(report["snapshots"]), "snapshot", "snapshots"),
                count(len(report["hosts"]), "host", "hosts"),
            ),
            "level": "ok",
        },
    ]
    soon = [pool for array in arrays for pool in array["pools"] if pool["full_soon"]]
    if soon:
        first = min(soon, key=lambda pool: str(pool["full_value"]))
        note = "%s of %s" % (first["name"], first["array"])
        found.append({"label": "First full", "value": first["full"], "note": note, "level": "high"})
    return found


# -- volumes, hosts and snapshots --------------------------------------------------------------------------------------


def _largest(report: Mapping[str, Any], most: int) -> List[Data]:
    rows = sorted(report["volumes"], key=lambda row: (-(row["size"] or 0), row["array"], row["name"]))[:most]
    top = max([row["size"] or 0 for row in rows] or [0]) or 1
    return [
        {
            "name": row["name"],
            "array": row["array"],
            "size": size_text(row["size"]),
            "bytes": row["size"] or "",
            "width": round((row["size"] or 0) / top * 100, 1),
            "used_width": round(min(row["used"] or 0, row["size"] or 0) / top * 100, 1),
            "used": size_text(row["used"]),
            "used_bytes": "" if row["used"] is None else row["used"],
            "provisioning": row["provisioning"] or NOT_KNOWN,
            "snapshots": count(row["snapshots"]),
            "hosts": _hosts(row["hosts"]),
            "unmapped": row["hosts"] == [],
        }
        for row in rows
    ]


def _hosts(names: Optional[Sequence[str]]) -> str:
    if names is None:
        return NOT_KNOWN
    shown = ["every host" if name == EVERY_HOST else name for name in names]
    return ", ".join(shown[:3]) + (" and %d more" % (len(shown) - 3) if len(shown) > 3 else "") if shown else "none"


def _matrix(report: Mapping[str, Any], array: Mapping[str, Any]) -> Data:
    """Which host has which volume of one array, with the LUN."""
    name = array["name"]
    luns: Dict[Tuple[str, str], Optional[int]] = {}
    for row in report["mappings"]:
        if row["array"] == name:
            luns[row["volume"], row["host"]] = row["lun"]
    volumes = sorted({volume for volume, _host in luns})
    hosts = sorted({host for _volume, host in luns})
    sizes = {row["name"]: row["size"] for row in report["volumes"] if row["array"] == name}
    mapped = set(volumes)
    shown = hosts[:MOST_HOSTS]
    return {
        "array": name,
        "known": array["counts"]["mappings"] is not None,
        "readable": array["readable"],
        "hosts": ["every host" if host == EVERY_HOST else host for host in shown],
        "rows": [
            {
                "volume": volume,
                "size": size_text(sizes.get(volume)),
                "cells": [_cell(luns, volume, host) for host in shown],
            }
            for volume in volumes[:MOST_ROWS]
        ],
        "summary": "%s, %s"
        % (count(len(volumes), "mapped volume", "mapped volumes"), count(len(hosts), "host", "hosts")),
        "more_volumes": max(0, len(volumes) - MOST_ROWS),
        "more_hosts": max(0, len(hosts) - MOST_HOSTS),
        "unmapped": _names(sorted(set(sizes) - mapped)),
        "idle": _names(sorted({row["name"] for row in report["hosts"] if row["array"] == name} - set(hosts))),
    }


def _names(names: Sequence[str]) -> str:
    """At most ten names, and how many more there are."""
    return ", ".join(names[:10]) + (" and %d more" % (len(names) - 10) if len(names) > 10 else "")


def _cell(luns: Mapping[Tuple[str, str], Optional[int]], volume: str, host: str) -> str:
    if (volume, host) not in luns:
        return ""
    lun = luns[volume, host]
    return "mapped" if lun is None else str(lun)


def _bucket(days: float) -> int:
    return next(number for number, (_label, limit) in enumerate(AGES) if limit is None or days < limit)


def _ages(report: Mapping[str, Any]) -> List[Data]:
    """For each array that has snapshots, how many are how old."""
    found = []
    for array in report["arrays"]:
        ages = [row["age_days"] for row in report["snapshots"] if row["array"] == array["name"]]
        if not ages:
            continue
        counts = [0] * (len(AGES) + 1)
        for days in ages:
            counts[len(AGES) if days is None else _bucket(days)] += 1
        start = 0.0
        parts = []
        for number, amount in enumerate(counts):
            width = amount / len(ages) * 100
            parts.append({"x": round(start, 2), "width": round(width, 2), "number": number})
            start += width
        labels = [label for label, _limit in AGES] + ["age not known"]
        words = ", ".join("%d %s" % (amount, label) for amount, label in zip(counts, labels) if amount)
        found.append(
            {"array": array["name"], "counts": counts, "total": len(ages), "parts": parts, "description": words}
        )
    return found


def _oldest(report: Mapping[str, Any], most: int) -> List[Data]:
    aged = [row for row in report["snapshots"] if row["age_days"] is not None]
    return [
        {
            "name": row["name"],
            "volume": row["volume"] or NOT_KNOWN,
            "array": row["array"],
            "age": "%.0f days" % row["age_days"] if row["age_days"] >= 1.5 else "%.0f hours" % (row["age_days"] * 24),
            "days": row["age_days"],
            "created": row["created"].replace("T", " ").replace("Z", ""),
            "size": size_text(row["size"]),
            "bytes": row["size"] or "",
        }
        for row in sorted(aged, key=lambda row: (-row["age_days"], row["array"], row["name"]))[:most]
    ]


# -- changes -----------------------------------------------------------------------------------------------------------

SIGNS = {"+": ("make", "+"), "~": ("change", "~"), "-": ("delete", "\u2212"), "!": ("refused", "!")}


def _plan(plan: Mapping[str, Any]) -> Data:
    steps = [
        {
            "word": SIGNS[step["sign"]][0] if step["planned"] or step["sign"] == "!" else "not done",
            "sign": SIGNS[step["sign"]][1],
            "kind": SIGNS[step["sign"]][0],
            "step": step["step"],
            "destructive": step["destructive"],
        }
        for step in plan["steps"]
    ]
    planned = [step for step in plan["steps"] if step["planned"]]
    numbers = ["%d to %s" % (sum(step["sign"] == sign for step in planned), SIGNS[sign][0]) for sign in "+~-"]
    refused = sum(step["sign"] == "!" for step in plan["steps"])
    return {
        "array": plan["array"],
        "steps": steps,
        "summary": "%s; %d refused" % (", ".join(numbers), refused),
        "assumes": ", ".join(plan["assumes"]),
        "error": plan["error"] or "",
        "nothing": not steps and not plan["error"],
    }


STATUSES = {
    "in_sync": ("as declared", "good"),
    "drift": ("not as declared", "high"),
    "unreadable": ("not read", "full"),
    "invalid": ("declared content is invalid", "full"),
}
DIFFERENCES = (("missing", "missing", "delete"), ("changed", "changed", "change"), ("added", "not declared", "make"))
"""Of a drift report: the list, the word for it, and the colour of the word."""


def _drift(report: Mapping[str, Any]) -> Optional[Data]:
    drift = report["drift"]
    if drift is None:
        return None
    return {"generated": date_text(drift["generated"]), "arrays": [_drift_of(array) for array in drift["arrays"]]}


def _drift_of(array: Mapping[str, Any]) -> Data:
    word, level = STATUSES.get(array["status"], (str(array["status"]), "high"))
    rows = [
        {"word": shown, "colour": colour, "object": _object(row), "details": _details(row)}
        for name, shown, colour in DIFFERENCES
        for row in array[name]
    ]
    error = array.get("error") or {}
    return {"array": array["name"], "status": word, "level": level, "error": error.get("message") or "", "rows": rows}


def _object(row: Mapping[str, Any]) -> str:
    if row["kind"] == "mapping":
        return "mapping of volume %s to host %s" % (row["volume"], row["host"])
    of_volume = " of volume %s" % row["volume"] if row["kind"] == "snapshot" else ""
    return "%s %s%s" % (row["kind"], row["name"], of_volume)


def _details(row: Mapping[str, Any]) -> str:
    found = [
        "%s is %s, declared %s" % (field["field"], _value(field["actual"]), _value(field["declared"]))
        for field in row.get("fields") or ()
    ]
    if row.get("refused"):
        found.append(str(row["refused"]))
    return "; ".join(found)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(member) for member in value) or "empty"
    return "not set" if value is None else str(value)


def _hash(script: str) -> str:
    return "sha256-%s" % base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")


def fleet_page(report: Mapping[str, Any], script: str = "", largest: int = 20) -> Data:
    """See DOCUMENTATION."""
    trends = {(row["array"], row["pool"]): row["points"] for row in report["trends"]}
    arrays = [_array(array, trends) for array in report["arrays"]]
    page = {
        "title": report["title"],
        "generated": date_text(report["generated"]),
        "generated_iso": report["generated"],
        "version": report["version"],
        "script_hash": _hash(script),
        "tiles": _tiles(report, arrays),
        "arrays": arrays,
        "pools": [pool for array in arrays if len(array["pools"]) > 1 for pool in array["pools"]],
        "summed": any(array["summed"] for array in arrays),
        "volumes": _largest(report, largest),
        "volumes_total": len(report["volumes"]),
        "matrices": [_matrix(report, array) for array in report["arrays"]],
        "age_labels": [label for label, _limit in AGES] + ["not known"],
        "ages": _ages(report),
        "snapshots": _oldest(report, largest),
        "snapshots_total": len(report["snapshots"]),
        "drift": _drift(report),
        "plans": [_plan(plan) for plan in report["plans"]],
        "unreadable": [
            {
                "array": row["array"],
                "kind": row["kind"],
                "name": row["name"] or "all of them",
                "reason": row["reason"],
            }
            for row in report["unreadable"]
        ],
        "warnings": report["warnings"],
    }
    found: Data = escaped(page)
    return found


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"fleet_page": fleet_page}
