# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What diff mode shows of a task: the plan as text, then each object before and after, as far as it differs."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterable, Iterator, List, Mapping as Map, Sequence, Tuple

from . import properties
from .plan.step import CHANGE, MAKE, REMOVE, Line
from .printable import in_line
from .report import Data, Entry

_NOT_SHOWN = ("id", "used", "created", "progress", "serial", "resumed", "proven", "size_text", "kind")
"""What the array chooses, what changes by itself, and what another field shows."""

_AS_USUAL = {"independent": True, "crash_consistent": True}
"""Fields that are shown only with another value."""


def diff(title: str, plan: str, entries: Iterable[Entry]) -> List[Data]:
    """The ``diff`` of a result; empty when nothing was to be done.

    :param title: what the plan is for.
    :param plan: see ``text``.
    """
    found: List[Data] = [{"prepared": "Plan for %s:\n%s\n" % (title, plan)}] if plan else []
    for entry in entries:
        before, after = _shown(entry.before), _shown(entry.after)
        if entry.changed and before != after:
            header = in_line(_header(entry))
            texts = {"before": _as_text(_differing(before, after)), "after": _as_text(_differing(after, before))}
            found.append(dict(texts, before_header=header, after_header=header))
    return found


def text(lines: Sequence[Line], left_out: Sequence[Line] = (), refused: Sequence[str] = ()) -> str:
    """The plan, one step a line, and a summary; empty when there is no step and nothing was refused.

    :param left_out: steps that are in the plan and were not carried out.
    :param refused: what is refused, and why.
    """
    if not lines and not left_out and not refused:
        return ""
    shown = [_line(line) for line in lines]
    if left_out:
        shown += ["not done:"] + [_line(line) for line in left_out]
    if refused:
        shown += ["refused:"] + ["  ! %s" % " ".join(reason.split()) for reason in refused]
    count = {sign: sum(line.sign == sign for line in lines) for sign in (MAKE, CHANGE, REMOVE)}
    shown.append(
        "%d to make, %d to change, %d to delete; %d refused" % (count[MAKE], count[CHANGE], count[REMOVE], len(refused))
    )
    return "".join(line + "\n" for line in shown)


def _line(line: Line) -> str:
    return "  %s %s%s" % (line.sign, in_line(line.text), "  [destructive]" if line.destructive else "")


def _header(entry: Entry) -> str:
    """The kind and the name of the object."""
    known = dict(entry.before)
    known.update({name: value for name, value in entry.after.items() if value is not None})
    if entry.kind == "mapping":
        return "mapping of volume %s to host %s" % (known["volume"], known["host"])
    if entry.kind == "snapshot" and (known["volume"] or known["group"]):
        of = "volume %s" % known["volume"] if known["volume"] else "group %s" % known["group"]
        return "snapshot %s of %s" % (entry.name, of)
    return "%s %s" % (entry.kind, entry.name)


# -- objects in short form ---------------------------------------------------------------------------------------------


def _shown(data: Data) -> Data:
    """The object as a diff compares it. An absent object is empty, and so is what it does not have."""
    if data.get("state") == "absent":
        return {}
    shown = {name: value for name, value in data.items() if name not in _NOT_SHOWN}
    if "size_text" in data:
        shown["size"] = data["size_text"]
    if data.get("mappings") is not None:
        shown["mappings"] = {mapping["host"]: mapping["lun"] for mapping in data["mappings"]}
    for field in (properties.QOS, properties.PLACEMENT):
        if field in data:
            shown[field] = {name: value for name, value in data[field].items() if value}
    if data.get("array_options"):
        # A limit of 0 and an empty name are what a volume has none of
        others = {name: value for name, value in data["array_options"].items() if properties.name_of(name) is None}
        shown["array_options"] = {name: value for name, value in others.items() if value}
    if data.get("members"):
        shown["members"] = [member["name"] for member in data["members"]]
    if "initiators" in data:
        shown["initiators"], shown["chap_usernames"] = _initiators(data["initiators"] or ())
    return {
        name: value
        for name, value in shown.items()
        if value not in (None, [], {}) and value != _AS_USUAL.get(name, _NO_VALUE)
    }


_NO_VALUE = object()


def _initiators(initiators: Iterable[Data]) -> Tuple[List[str], List[str]]:
    addresses = [initiator["address"] for initiator in initiators]
    return addresses, sorted({initiator["chap_username"] for initiator in initiators if initiator["chap_username"]})


def _differing(data: Map[str, Any], other: Map[str, Any]) -> Dict[str, Any]:
    """What differs from the other. An object that is made or removed is named by its header alone."""
    if not other:
        return {name: value for name, value in data.items() if name not in ("name", "host", "volume")}
    found = {}
    for name, value in data.items():
        if isinstance(value, dict) and isinstance(other.get(name), dict):
            value = {key: part for key, part in value.items() if part != other[name].get(key, _NO_VALUE)}
            if not value:
                continue
        if value != other.get(name, _NO_VALUE):
            found[name] = value
    return found


# -- objects as text ---------------------------------------------------------------------------------------------------

_PLAIN = re.compile(
    r"(?!(?:true|false|null|yes|no|on|off|y|n)\Z)(?:[a-z][a-z0-9_.-]*|\d+(?:\.\d+)?[kmgtp]ib)\Z", re.IGNORECASE
)
"""Texts that YAML takes for nothing else without quotes: names and sizes."""


def _as_text(data: Map[str, Any]) -> str:
    """Fields as YAML, one a line, in the order of their names; empty for an object that does not exist."""
    return "".join(line + "\n" for line in _lines(data, ""))


def _lines(data: Map[str, Any], indentation: str) -> Iterator[str]:
    for name in sorted(data):
        start, value = indentation + _scalar(name) + ":", data[name]
        if isinstance(value, dict) and value:
            yield start
            yield from _lines(value, indentation + "  ")
        elif isinstance(value, (list, tuple)) and value:
            yield start
            for item in value:
                yield "%s  - %s" % (indentation, _scalar(item))
        else:
            yield "%s %s" % (start, _scalar(value))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        shown = in_line(value)
        return shown if _PLAIN.match(shown) else json.dumps(shown, ensure_ascii=False)
    return json.dumps(value, sort_keys=True)
