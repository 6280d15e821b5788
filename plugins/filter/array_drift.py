# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: array_drift
short_description: How an array differs from what is declared for it
version_added: 0.1.0
description:
  - Compares a declared document with what M(openflash.storage.flash_array) reads and plans. The role array_drift calls
    it for each array.
  - What the plan leaves as it is, is as declared. So a size in another unit, or a WWN in another form, is no
    difference.
  - Of a host and of a group the complete list counts. An initiator that is not declared is a difference, unless the
    declared host has C(exclusive_initiators=false), and a volume of a group unless it has C(exclusive_volumes=false).
author:
  - The openflash.storage contributors (@openflash)
positional: gathered, plan
options:
  _input:
    description:
      - The declared document, with the sections of M(openflash.storage.flash_array).
      - A section that it does not have is not compared. With an empty one, everything of that kind is added.
    type: dict
    required: true
  gathered:
    description:
      - The result of M(openflash.storage.flash_array) with O(openflash.storage.flash_array#module:state=gathered) and
        O(openflash.storage.flash_array#module:exclude_openstack=false).
    type: dict
    required: true
  plan:
    description: The result of M(openflash.storage.flash_array) with the document, in check mode. May be left out.
    type: dict
    default: {}
  name:
    description: How the report calls the array.
    type: str
    default: ""
  prefix:
    description: Only an object whose name begins with this counts as added.
    type: str
    default: ""
  openstack:
    description: Whether what belongs to OpenStack by its name counts as added.
    type: bool
    default: false
  ignore:
    description:
      - What is not reported. Each entry has at least one of C(kind) (V(volume), V(snapshot), V(group), V(host) or
        V(mapping)), C(name) (with the wildcards V(*) and V(?)) and C(field).
      - An entry without a C(field) is about complete objects, also those that are missing or added.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Compare
  ansible.builtin.set_fact:
    drift: "{{ document | openflash.storage.array_drift(gathered, plan, name=inventory_hostname, prefix='web-') }}"
"""

RETURN = r"""
_value:
  description: One entry of RV(openflash.storage.drift_report#filter:_value) in C(arrays), which describes it.
  type: dict
"""

from fnmatch import fnmatchcase
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.module_utils.openflash import properties
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.plan.ranges import expanded, names_of
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import (
    format_size,
    is_openstack_name,
    parse_size,
)

Data = Dict[str, Any]
Key = Tuple[str, ...]

KINDS = {"volumes": "volume", "snapshots": "snapshot", "groups": "group", "hosts": "host", "mappings": "mapping"}
"""Section of a document -> what one entry of it is."""
_OF_A_TASK = ("prune", "prune_kinds", "prune_prefix", "prune_limit")
_BESIDE = ("array", "pools", "not_declared")
"""What a file of the playbook export has besides."""


def array_drift(
    declared: Any,
    gathered: Mapping[str, Any],
    plan: Optional[Mapping[str, Any]] = None,
    name: str = "",
    prefix: str = "",
    openstack: bool = False,
    ignore: Sequence[Mapping[str, Any]] = (),
) -> Data:
    """The entry of the report for one array.

    :raises AnsibleFilterError: the document or an entry of ``ignore`` has a key that it cannot have.
    """
    _check_document(declared)
    for entry in ignore:
        _check_ignored(entry)
    declared = _with_names(declared)
    about = gathered.get("array") or {}
    row: Data = {
        "name": name or about.get("name") or "",
        "status": "unreadable",
        "array": {key: about.get(key) for key in ("vendor", "name", "model", "version")},
        "error": None,
        "missing": [],
        "changed": [],
        "added": [],
        "not_compared": [],
        "ignored": 0,
        "plan": list((plan or {}).get("plan") or []),
    }
    failed = gathered if not gathered.get("gathered") else plan or {}
    if not gathered.get("gathered") or _not_planned(declared, failed):
        row["error"] = _error(failed)
        if row["error"]["kind"] == "invalid":
            row["status"] = "invalid"
        return row
    comparison = _Comparison(declared, gathered["gathered"], plan or {}, ignore)
    comparison.compare(row)
    row["added"] = comparison.added(prefix, openstack)
    row["not_compared"] = comparison.not_compared(gathered.get("not_declared") or [], prefix, openstack)
    row["ignored"] = comparison.ignored
    row["status"] = "drift" if row["missing"] or row["changed"] or row["added"] else "in_sync"
    unreadable = [entry for entry in row["not_compared"] if entry["unreadable"]]
    if unreadable:
        # What it holds is not known, so the array cannot be said to be as declared
        row["status"], row["error"] = "unreadable", _of_unreadable(unreadable)
    return row


def _of_unreadable(entries: Sequence[Data]) -> Data:
    first = "%s %s: %s" % (entries[0]["kind"], entries[0]["name"], entries[0]["reason"])
    more = " (and %d more)" % (len(entries) - 1) if len(entries) > 1 else ""
    return {"kind": "unreadable", "message": first + more}


def _not_planned(declared: Mapping[str, Any], plan: Mapping[str, Any]) -> bool:
    """Whether the plan failed as a whole. A plan in which single objects are refused has the sections."""
    planned = [section for section in KINDS if declared.get(section)]
    return bool(plan) and any(section not in plan for section in planned)


def _error(result: Mapping[str, Any]) -> Data:
    error = result.get("error") or {}
    message = error.get("msg") or result.get("msg") or "the array was not read"
    return {"kind": error.get("kind") or "unreadable", "message": str(message)}


def _check_document(declared: Any) -> None:
    if not isinstance(declared, Mapping):
        raise AnsibleFilterError("array_drift: the declared document is not a mapping with the sections of flash_array")
    known = list(KINDS) + list(_OF_A_TASK) + list(_BESIDE)
    unknown = sorted(str(key) for key in declared if key not in known)
    if unknown:
        raise AnsibleFilterError(
            "array_drift: the declared document has no section %s; it has %s" % (unknown[0], ", ".join(KINDS))
        )


def _with_names(declared: Mapping[str, Any]) -> Data:
    """The document with an entry for each name of its ranges, as the module reads it."""
    found: Data = dict(declared)
    try:
        for section in KINDS:
            if declared.get(section) is not None:
                found[section] = expanded(declared[section], section)
        if declared.get("groups") is not None:
            found["groups"] = [dict(group, volumes=names_of(group, "volumes")) for group in found["groups"]]
    except Invalid as error:
        raise AnsibleFilterError("array_drift: %s" % error) from error
    return found


def _check_ignored(entry: Any) -> None:
    keys = ("kind", "name", "field")
    if not isinstance(entry, Mapping) or not entry or set(entry) - set(keys):
        raise AnsibleFilterError("array_drift: an entry of ignore has kind, name or field, not %s" % (entry,))
    if "kind" in entry and entry["kind"] not in KINDS.values():
        raise AnsibleFilterError(
            "array_drift: ignore: kind %s is not one of %s" % (entry["kind"], ", ".join(KINDS.values()))
        )


class _Comparison:
    """A declared document, what was gathered, and what the module plans for each declared object."""

    def __init__(
        self,
        declared: Mapping[str, Any],
        gathered: Mapping[str, Any],
        plan: Mapping[str, Any],
        ignore: Sequence[Mapping[str, Any]],
    ) -> None:
        self._declared = declared
        self._gathered = gathered
        self._plan = plan
        self._ignore = ignore
        self.ignored = 0

    def compare(self, row: Data) -> None:
        """Fill ``missing`` and ``changed``."""
        for section, kind in KINDS.items():
            found = {_key(section, item): item for item in self._gathered.get(section) or []}
            outcomes = list(self._plan.get(section) or [])
            for position, item in enumerate(self._declared.get(section) or []):
                shown = _shown(kind, item)
                if self._is_ignored(shown):
                    continue
                outcome = outcomes[position] if position < len(outcomes) else None
                refused = _refusal(outcome)
                present = found.get(_key(section, item))
                if item.get("state") == "absent":
                    if present is not None and not self._is_ignored(shown, "state"):
                        fields = [{"field": "state", "declared": "absent", "actual": "present"}]
                        row["changed"].append(dict(shown, fields=fields, refused=refused))
                    continue
                if present is None:
                    if outcome is None or outcome.get("changed") or refused:
                        row["missing"].append(dict(shown, refused=refused))
                    continue
                differences = list(self._differences(kind, item, present, outcome))
                fields = [one for one in differences if not self._is_ignored(shown, one["field"])]
                is_other = bool(outcome and (outcome.get("changed") or refused))
                if fields or (is_other and not differences):
                    row["changed"].append(dict(shown, fields=fields, refused=refused))

    def _differences(self, kind: str, declared: Data, present: Data, outcome: Optional[Data]) -> Iterator[Data]:
        """Each declared field that differs, for an object that the module would change or refuses.

        A list in which the array has more than is declared differs too, though a task leaves it unless told otherwise.
        """
        as_planned = outcome is not None and not outcome.get("changed") and not outcome.get("error")
        for field, read in _FIELDS[kind].items():
            wanted, actual = read(declared), read(present)
            is_exact = field in _EXACT and declared.get(_EXACT[field]) is not False
            if wanted is not None and wanted != actual and (is_exact or not as_planned):
                yield {"field": field, "declared": wanted, "actual": actual}
        if as_planned:
            return
        options, existing = _properties(declared), _properties(present)
        if options.pop(properties.UNLIMITED, False):
            options.update({name: 0 for name in existing if name.startswith(properties.QOS + ".")})
        for option in sorted(options):
            actual = existing.get(option)
            # What is gathered has no limits of 0.
            if options[option] != actual and (options[option], actual) != (0, None):
                yield {"field": option, "declared": options[option], "actual": actual}

    def added(self, prefix: str, openstack: bool) -> List[Data]:
        """What exists and is not declared, of the kinds that are. Mappings and snapshots go by their volume's name."""
        found = []
        for section, kind in KINDS.items():
            if self._declared.get(section) is None:
                continue
            known = {_key(section, item) for item in self._declared[section]}
            for item in self._gathered.get(section) or []:
                owner = str(item.get("volume") or item.get("name"))
                own = str(item.get("name") or owner)
                if _key(section, item) in known or not owner.startswith(prefix):
                    continue
                if not openstack and (is_openstack_name(owner) or is_openstack_name(own)):
                    continue
                shown = _shown(kind, item)
                if not self._is_ignored(shown):
                    found.append(shown)
        return found

    def not_compared(self, entries: Sequence[Data], prefix: str, openstack: bool) -> List[Data]:
        """What exists and no document can declare, such as an object that could not be read. Names as in ``added``."""
        found = []
        for entry in entries:
            names = str(entry["name"] or "").split("/")
            # What could not be read may have a name that is not known
            is_selected = entry["name"] in (None, "?") or any(name.startswith(prefix) for name in names)
            if not is_selected or (not openstack and any(is_openstack_name(name) for name in names)):
                continue
            shown = {key: entry[key] for key in ("kind", "name", "reason")}
            if not self._is_ignored(dict(shown, name=str(entry["name"]))):
                found.append(dict(shown, unreadable=bool(entry.get("unreadable"))))
        return found

    def _is_ignored(self, shown: Data, field: Optional[str] = None) -> bool:
        for entry in self._ignore:
            if entry.get("kind", shown["kind"]) != shown["kind"]:
                continue
            if not fnmatchcase(shown["name"], str(entry.get("name", "*"))):
                continue
            of_field = entry.get("field")
            if of_field is None or (field is not None and fnmatchcase(field, str(of_field))):
                self.ignored += 1
                return True
        return False


def _key(section: str, item: Mapping[str, Any]) -> Key:
    names = {"snapshots": ("volume", "name"), "mappings": ("host", "volume")}.get(section, ("name",))
    return tuple(str(item.get(name)) for name in names)


def _shown(kind: str, item: Mapping[str, Any]) -> Data:
    """How the report names an object. A mapping has no name of its own."""
    name = "%s/%s" % (item.get("host"), item.get("volume")) if kind == "mapping" else str(item.get("name"))
    shown: Data = {"kind": kind, "name": name}
    if kind in ("mapping", "snapshot"):
        shown["volume"] = item.get("volume")
    if kind == "mapping":
        shown["host"] = item.get("host")
    return shown


def _refusal(outcome: Optional[Data]) -> Optional[str]:
    error = (outcome or {}).get("error")
    return str(error["msg"]) if error else None


def _size(item: Mapping[str, Any]) -> Optional[str]:
    """In one form, so that 1024MiB is 1GiB."""
    if item.get("size") is None:
        return None
    try:
        return format_size(parse_size(item["size"]))
    except Invalid:
        return str(item["size"])


def _plain(address: Any) -> str:
    """An initiator in the form of results: a WWN with colons, an iSCSI name in lower case."""
    text = str(address).lower()
    if text.startswith(("iqn.", "eui.")):
        return text
    digits = text.replace(":", "").replace("-", "")
    digits = digits[2:] if digits.startswith("0x") else digits
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _initiators(item: Mapping[str, Any]) -> Optional[List[str]]:
    return None if item.get("initiators") is None else sorted(_plain(address) for address in item["initiators"])


def _properties(item: Mapping[str, Any]) -> Data:
    """Its properties by their names in a document, whichever of the two names declares them, and its other options."""
    found: Data = {}
    for option, value in (item.get("array_options") or {}).items():
        if value is not None:
            name = properties.name_of(option)
            found[name or "array_options." + option] = properties.in_task(name, value) if name else value
    for kind in (properties.QOS, properties.PLACEMENT):
        for key, value in (item.get(kind) or {}).items():
            if value is not None:
                found["%s.%s" % (kind, key)] = _rate(value) if key.endswith("_per_second") else value
    for kind in (properties.REPLICAS, properties.DESCRIPTION):
        if item.get(kind) is not None:
            found[kind] = item[kind]
    return found


def _rate(text: Any) -> Any:
    """In one form, so that 1024KiB is 1MiB."""
    if str(text).strip() == "0":
        return 0
    try:
        return format_size(parse_size(text))
    except Invalid:
        return str(text)


def _field(name: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda item: item.get(name)


_FIELDS: Dict[str, Dict[str, Callable[[Mapping[str, Any]], Any]]] = {
    "volume": {"size": _size, "pool": _field("pool"), "provisioning": _field("provisioning")},
    "snapshot": {},
    "group": {"volumes": lambda item: None if item.get("volumes") is None else sorted(item["volumes"])},
    "host": {"initiators": _initiators, "os": _field("os")},
    "mapping": {"lun": _field("lun")},
}
"""The fields that a document declares, read in one form for a declared object and for one that was gathered."""

_EXACT = {"initiators": "exclusive_initiators", "volumes": "exclusive_volumes"}
"""Lists that are compared completely, unless the declared object has this option and it is false."""


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"array_drift": array_drift}
