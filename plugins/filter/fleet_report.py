# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_report
short_description: The content of several arrays as one report
version_added: 0.1.0
description:
  - Turns what M(openflash.storage.flash_info) returned for several arrays into the report that the playbook
    C(openflash.storage.fleet_report) writes as JSON, CSV and HTML.
  - An array that was not read is in the report with the reason.
  - With earlier reports, it adds a trend, and the date when a pool is full, if the trend allows one. The date is that
    of a straight line (least squares) through the used space of the last 90 days, and only of the time since the pool
    had its present size. It needs at least 5 points over at least 14 days that lie near the line
    (coefficient of determination at least 0.6). It is a week when the pool is full within 60 days, else a month. There
    is none when the pool does not fill up, or not within three times the observed time.
author:
  - The openflash.storage contributors (@openflash)
positional: now, history, drift, title
options:
  _input:
    description:
      - For each array a dictionary with C(array) (its name), C(content) (the registered result of
        M(openflash.storage.flash_info), or null) and C(plan) (the registered result of
        M(openflash.storage.flash_array) in check mode and with a difference, or null).
    type: list
    elements: dict
    required: true
  now:
    description: The time of the report in UTC, such as V(2026-12-01T07:30:00Z).
    type: str
    required: true
  history:
    description: Files with earlier reports. One that cannot be read is named in C(warnings).
    type: list
    elements: path
    default: []
  drift:
    description:
      - The report of the playbook C(openflash.storage.drift) as data, or null. One of another version is left out, and
        C(warnings) says so.
    type: dict
  title:
    description: The title of the report.
    type: str
    default: Flash arrays
"""

EXAMPLES = r"""
- name: Report on the arrays of a play
  ansible.builtin.copy:
    content: "{{ reads | openflash.storage.fleet_report('2026-12-01T07:30:00Z') | to_nice_json }}"
    dest: /srv/reports/fleet_report.json
    mode: "0644"
"""

RETURN = r"""
_value:
  description:
    - C(schema) and C(version), which is raised when a field is removed or changes its meaning; C(generated) and
      C(title); the lists C(arrays), C(volumes), C(snapshots), C(hosts), C(mappings), C(trends), C(plans),
      C(unreadable) and C(warnings); and C(drift).
    - A report with C(schema), C(version), C(generated) and C(arrays) alone is enough for O(history).
    - Sizes are in bytes. A value that the array does not report is null.
  type: dict
"""

import calendar
import json
import re
import time
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.module_utils.openflash.printable import printable_data

SCHEMA = "openflash.storage.fleet_report"
VERSION = 1
TIME = "%Y-%m-%dT%H:%M:%SZ"
DAY = 86400
DRIFT = {"schema": "openflash.storage.drift", "version": 1}
"""The form of the reports of the playbook drift that the page can show."""

FORECAST_DAYS = 90
FORECAST_POINTS = 5
FORECAST_SPAN = 14 * DAY
FORECAST_FIT = 0.6
FORECAST_REACH = 3
"""No date further ahead than this many times the observed time."""
BY_WEEK = 60 * DAY
"""A date that is nearer than this is a week, and otherwise a month."""

HISTORY_DAYS = 365
HISTORY_POINTS = 120
"""How many points of the trend are in the report."""

OLDEST_TIME = calendar.timegm((2005, 1, 1, 0, 0, 0))
"""A time stamp of an array before this is none in seconds."""

MOST_WARNINGS = 5
"""How many earlier reports that cannot be read are named."""

FIGURES = ("size", "used", "free", "provisioned", "data_reduction_ratio")

Data = Dict[str, Any]


class Point(NamedTuple):
    """How full something was at a time: seconds since the epoch, and bytes."""

    time: int
    used: int
    size: int


# -- times -------------------------------------------------------------------------------------------------------------


def seconds(text: str) -> int:
    """The time in seconds since the epoch of a text such as 2026-12-01T07:30:00Z.

    :raises ValueError: it is none.
    """
    return calendar.timegm(time.strptime(text, TIME))


def created(text: Optional[str], now: int) -> Optional[int]:
    """When an array says that it made something, in seconds since the epoch; None when that cannot be told.

    Arrays report a date and time, or seconds or milliseconds since the epoch. Which of the two is told by the number of
    digits, because not every array documents it. A date is taken as UTC.
    """
    found = None
    number = re.match(r"^0*([1-9][0-9]{8,12})(?:\.[0-9]+)?$", text or "")
    date = re.match(r"^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})", text or "")
    if number is not None:
        digits = number.group(1)
        found = int(digits) if len(digits) <= 10 else int(digits) // 1000
    elif date is not None:
        try:
            found = calendar.timegm(time.strptime(" ".join(date.groups()), "%Y-%m-%d %H:%M:%S"))
        except ValueError:
            return None
    # The clock of an array may be a little, or a time zone, ahead
    return found if found is not None and OLDEST_TIME <= found <= now + DAY else None


# -- trend -------------------------------------------------------------------------------------------------------------


def forecast(points: Sequence[Point]) -> Data:
    """When the size is used up: ``full`` (a day or a month, or None), ``precision`` (``week``, ``month``), ``reason``.

    :param points: in the order of time; the last one is now.
    """
    now = points[-1]
    start = len(points) - 1
    while start > 0 and points[start - 1].size == now.size and now.time - points[start - 1].time <= FORECAST_DAYS * DAY:
        start -= 1
    used = points[start:]
    span = now.time - used[0].time
    if len(used) < FORECAST_POINTS or span < FORECAST_SPAN:
        return _no_date("too few reports yet")
    if now.used >= now.size:
        return {"full": _utc(now.time, "%Y-%m-%d"), "precision": "week", "reason": None}
    slope, fit = _line(used)
    if slope <= 0:
        return _no_date("not growing")
    if fit < FORECAST_FIT:
        return _no_date("no steady trend")
    left = (now.size - now.used) / slope
    if left > FORECAST_REACH * span:
        return _no_date("not within %d days" % (FORECAST_REACH * span // DAY))
    full = int(now.time + left)
    if left > BY_WEEK:
        return {"full": _utc(full, "%Y-%m"), "precision": "month", "reason": None}
    monday = full - time.gmtime(full).tm_wday * DAY
    return {"full": _utc(monday, "%Y-%m-%d"), "precision": "week", "reason": None}


def _no_date(reason: str) -> Data:
    return {"full": None, "precision": None, "reason": reason}


def _line(points: Sequence[Point]) -> Tuple[float, float]:
    """The slope of the straight line through the used space in bytes a second, and its coefficient of determination."""
    mean_time = sum(point.time for point in points) / len(points)
    mean_used = sum(point.used for point in points) / len(points)
    times = sum((point.time - mean_time) ** 2 for point in points)
    uses = sum((point.used - mean_used) ** 2 for point in points)
    both = sum((point.time - mean_time) * (point.used - mean_used) for point in points)
    if not times or not uses:
        return 0.0, 0.0
    return both / times, both**2 / (times * uses)


def _utc(moment: int, form: str) -> str:
    return time.strftime(form, time.gmtime(moment))


def _thinned(points: Sequence[Point]) -> List[Data]:
    """At most HISTORY_POINTS of them, the first and the last included, as data."""
    if len(points) > HISTORY_POINTS:
        step = (len(points) - 1) / (HISTORY_POINTS - 1)
        points = [points[round(number * step)] for number in range(HISTORY_POINTS)]
    return [{"time": _utc(point.time, TIME), "used": point.used, "size": point.size} for point in points]


class History:
    """The arrays of earlier reports."""

    def __init__(self, paths: Iterable[str], now: int) -> None:
        self.warnings: List[str] = []
        self._reports: List[Tuple[int, List[Data]]] = []
        for path in sorted(paths):
            try:
                moment, arrays = self._read(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                reason = "%s: %s" % (type(error).__name__, error)
                self.warnings.append(
                    "The earlier report %s is left out, because it cannot be read: %s" % (path, reason)
                )
                continue
            if now - HISTORY_DAYS * DAY <= moment < now:
                self._reports.append((moment, arrays))
        if len(self.warnings) > MOST_WARNINGS:
            left = len(self.warnings) - MOST_WARNINGS
            self.warnings[MOST_WARNINGS:] = [
                "%d more earlier reports are left out, because they cannot be read." % left
            ]
        self._reports.sort(key=lambda report: report[0])

    def _read(self, path: str) -> Tuple[int, List[Data]]:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        if report.get("schema") != SCHEMA or report.get("version") != VERSION:
            raise ValueError("it is not a report of version %d" % VERSION)
        for array in report["arrays"]:
            self._point(0, array["capacity"])
            for pool in array["pools"] or ():
                self._point(0, pool)
        return seconds(report["generated"]), report["arrays"]

    @staticmethod
    def _point(moment: int, figures: Optional[Mapping[str, Any]]) -> Optional[Point]:
        """None when the size or the used space was not reported."""
        if not figures or figures["size"] is None or figures["used"] is None:
            return None
        return Point(moment, int(figures["used"]), int(figures["size"]))

    def points(self, array: Mapping[str, Any], pool: Optional[str], now: int) -> List[Point]:
        """How full an array, or a pool of it, was and is; empty when it is not known now.

        :param array: it in the present report. An array with another serial number is another one.
        """
        found: List[Point] = []
        for moment, arrays in [*self._reports, (now, [dict(array)])]:
            for earlier in arrays:
                if earlier.get("name") == array["name"] and earlier.get("serial") == array["serial"]:
                    figures = earlier["capacity"] if pool is None else _named(earlier["pools"], pool)
                    point = self._point(moment, figures)
                    if point is not None:
                        found.append(point)
        return found if found and found[-1].time == now else []


def _named(rows: Optional[Iterable[Data]], name: str) -> Optional[Data]:
    return next((row for row in rows or () if row.get("name") == name), None)


# -- arrays ------------------------------------------------------------------------------------------------------------


def ratio(part: Optional[float], whole: Optional[float]) -> Optional[float]:
    """None when one of them is not known, or there is no whole."""
    return None if part is None or not whole else round(part / whole, 6)


class _Report:
    def __init__(self, now: int, history: History) -> None:
        self.now = now
        self.history = history
        self.lists: Dict[str, List[Data]] = {
            name: []
            for name in ("arrays", "volumes", "snapshots", "hosts", "mappings", "trends", "plans", "unreadable")
        }

    def add(self, name: str, read: Mapping[str, Any]) -> None:
        facts = read.get("content") or {}
        if "unreadable" not in facts:
            error = facts.get("msg") or "It was not asked, because an earlier task of the play failed."
            self.lists["arrays"].append(self._array(name, {}, str(error)))
        else:
            self.lists["arrays"].append(self._array(name, facts, None))
            for kind, make in (("volumes", self._volumes), ("snapshots", self._snapshots)):
                self.lists[kind].extend(dict(row, array=name) for row in make(facts))
            for host in facts.get("hosts") or ():
                addresses = [initiator["address"] for initiator in host["initiators"]]
                self.lists["hosts"].append(
                    {"array": name, "name": host["name"], "os": host["os"], "initiators": addresses}
                )
            for mapping in facts.get("mappings") or ():
                row = {key: mapping[key] for key in ("host", "volume", "lun")}
                self.lists["mappings"].append(dict(row, array=name))
            self.lists["unreadable"].extend(dict(row, array=name) for row in facts.get("unreadable") or ())
        if read.get("plan"):
            self.lists["plans"].append(dict(_plan(read["plan"]), array=name))

    def _array(self, name: str, facts: Mapping[str, Any], error: Optional[str]) -> Data:
        info = facts.get("array") or {}
        found: Data = {"name": name, "readable": error is None, "error": error}
        found.update({key: info.get(key) for key in ("vendor", "model", "serial", "version", "state")})
        found["capacity"] = self._capacity(facts)
        pools = facts.get("pools")
        found["pools"] = None if pools is None else [self._pool(pool) for pool in pools]
        found["counts"] = {
            kind: None if facts.get(kind) is None else len(facts[kind])
            for kind in ("volumes", "snapshots", "hosts", "mappings")
        }
        self._trend(found, None)
        for pool in found["pools"] or ():
            points = self._trend(found, pool["name"])
            pool["forecast"] = forecast(points) if points else _no_date("not known")
        return found

    def _trend(self, array: Mapping[str, Any], pool: Optional[str]) -> List[Point]:
        points = self.history.points(array, pool, self.now)
        self.lists["trends"].append({"array": array["name"], "pool": pool, "points": _thinned(points)})
        return points

    def _capacity(self, facts: Mapping[str, Any]) -> Optional[Data]:
        figures = facts.get("capacity")
        if figures is None:
            return None
        found: Data = {name: figures.get(name) for name in FIGURES}
        found["provisioned_from"] = "array"
        if found["provisioned"] is None:
            found["provisioned"] = self._promised(facts)
            found["provisioned_from"] = None if found["provisioned"] is None else "volumes"
        found["used_ratio"] = ratio(found["used"], found["size"])
        found["oversubscription"] = ratio(found["provisioned"], found["size"])
        return found

    @staticmethod
    def _promised(facts: Mapping[str, Any]) -> Optional[int]:
        """The sum of the sizes of all volumes; None when one of them is not known."""
        volumes = facts.get("volumes")
        unread = any(row.get("kind") in ("volume", "volumes") for row in facts.get("unreadable") or ())
        if volumes is None or unread or any(row["size"] is None for row in volumes):
            return None
        return sum(int(row["size"]) for row in volumes)

    @staticmethod
    def _pool(pool: Mapping[str, Any]) -> Data:
        found: Data = {key: pool.get(key) for key in ("name", "state", "size", "used", "free", "provisioned")}
        found["used_ratio"] = ratio(found["used"], found["size"])
        found["oversubscription"] = ratio(found["provisioned"], found["size"])
        return found

    @staticmethod
    def _volumes(facts: Mapping[str, Any]) -> Iterable[Data]:
        mappings = facts.get("mappings")
        unread = any(row.get("kind") in ("mapping", "mappings") for row in facts.get("unreadable") or ())
        hosts: Dict[str, List[str]] = {}
        for mapping in mappings or ():
            hosts.setdefault(mapping["volume"], []).append(mapping["host"])
        of_volume: Dict[str, int] = {}
        for snapshot in facts.get("snapshots") or ():
            of_volume[snapshot["volume"]] = of_volume.get(snapshot["volume"], 0) + 1
        for volume in facts.get("volumes") or ():
            row = {key: volume[key] for key in ("name", "size", "used", "pool", "provisioning", "state", "source")}
            found = sorted(set(hosts.get(volume["name"], ())))
            row["hosts"] = None if mappings is None or (unread and not found) else found
            row["snapshots"] = None if facts.get("snapshots") is None else of_volume.get(volume["name"], 0)
            yield row

    def _snapshots(self, facts: Mapping[str, Any]) -> Iterable[Data]:
        for snapshot in facts.get("snapshots") or ():
            row = {key: snapshot[key] for key in ("name", "volume", "size", "state")}
            moment = created(snapshot["created"], self.now)
            row["created"] = None if moment is None else _utc(moment, TIME)
            row["age_days"] = None if moment is None else round(max(0, self.now - moment) / DAY, 2)
            yield row


# -- the pending change ------------------------------------------------------------------------------------------------

STEP = re.compile(r"^  ([-+~!]) (.*?)(  \[destructive\])?$")
NOT_DONE = "not done:"
REFUSED = "refused:"


def _plan(result: Mapping[str, Any]) -> Data:
    """The steps of a result of flash_array, as its difference shows them, and why it failed, if it did."""
    differences = result.get("diff") or ()
    if isinstance(differences, Mapping):
        differences = [differences]
    text = next((part["prepared"] for part in differences if part.get("prepared")), "")
    section = None
    steps: List[Data] = []
    for line in text.splitlines():
        match = STEP.match(line)
        if line in (NOT_DONE, REFUSED):
            section = line
        elif match is not None:
            sign, step, destructive = match.groups()
            done = section is None
            steps.append({"sign": sign, "step": step, "destructive": bool(destructive), "planned": done})
    return {
        "steps": steps,
        "assumes": list(result.get("assumes") or ()),
        "error": str(result.get("msg") or "it failed") if "error" in result or "plan" not in result else None,
    }


def fleet_report(
    reads: Sequence[Mapping[str, Any]],
    now: str,
    history: Sequence[str] = (),
    drift: Optional[Mapping[str, Any]] = None,
    title: str = "Flash arrays",
) -> Data:
    """See DOCUMENTATION."""
    try:
        moment = seconds(now)
    except ValueError as error:
        raise AnsibleFilterError("fleet_report: now is no time such as 2026-12-01T07:30:00Z: %s" % error) from error
    earlier = History(history, moment)
    report = _Report(moment, earlier)
    for read in sorted(reads, key=lambda read: str(read["array"])):
        report.add(str(read["array"]), read)
    found: Data = {"schema": SCHEMA, "version": VERSION, "generated": now, "title": title}
    found.update(report.lists)
    found["warnings"] = earlier.warnings
    found["drift"] = dict(drift) if drift else None
    if drift and any(drift.get(key) != value for key, value in DRIFT.items()):
        found["drift"] = None
        found["warnings"].append("The drift report is left out, because it is not one of version %s" % DRIFT["version"])
    printable: Data = printable_data(found)
    return printable


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"fleet_report": fleet_report}
