# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts (initiator groups), their initiators, and mappings (LUN maps) (section 6 of the sheet)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ...objects import Host, Initiator, Mapping
from ...rules import NameTaken
from . import ledger
from .call import Call
from .folders import join_folder, leave_folders
from .ports import TargetGroups, connected_targets
from .refusals import XmsError
from .resource import IDLE, Field, Links, Resource, Scope, choice, common, required, text
from .state import naa_name, oid
from .tags import drop_object, tag_list, tag_objects
from .volumes import Volumes

_WWN = re.compile(r"(?:0x)?([0-9a-f]{16})\Z")
_COLON_WWN = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){7}\Z")
_IQN = re.compile(r"iqn\.\d{4}-\d{2}\.[^\s:]+(?::\S+)?\Z")
_EUI = re.compile(r"eui\.[0-9a-f]{16}\Z")
_NAA_LATE = 2.0
"""Seconds after the first mapping of a volume for which it has no NAA name yet."""
_SYSTEMS = ("solaris", "aix", "windows", "esx", "linux", "hpux", "other")

# Credentials have other names in an answer than in a request (bug 1518945). Passwords are returned in clear.
_CHAP_KEYS = {
    f"{side}-{use}-{item}": f"chap-{use}-{side}-{item}"
    for side in ("initiator", "cluster")
    for use in ("authentication", "discovery")
    for item in ("user-name", "password")
}
_CHAP_REMOVALS = {
    f"remove-{side}-{use}-credentials": f"{side}-{use}-"
    for side in ("initiator", "cluster")
    for use in ("authentication", "discovery")
}


def canonical_address(value: Any) -> str:
    """A port address as the XMS stores it: a WWN in lower case with colons, or a lower-case IQN or EUI."""
    if isinstance(value, str) and len(value) <= 223:
        address = value.lower()
        if plain := _WWN.match(address):
            return ":".join(plain[1][start : start + 2] for start in range(0, 16, 2))
        if _COLON_WWN.match(address) or _IQN.match(address) or _EUI.match(address):
            return address
    raise XmsError(ledger.INVALID_PORT_ADDRESS)


def _chap(name: str) -> Field:
    return lambda scope, row: row.attributes.get("chap", {}).get(name)


class InitiatorGroups(Resource):
    type = "initiator-groups"
    fields = {
        **common("ig-id"),
        "num-of-initiators": lambda scope, row: len(scope.cluster.array.initiators_of(row)),
        "num-of-vols": lambda scope, row: len(scope.cluster.array.mappings_for(row)),
        **IDLE,
    }
    fields_v2 = {"tag-list": lambda scope, row: tag_list(scope, "initiator-groups", row)}
    creates = frozenset({"ig-name", "initiator-list", "tag-list"})
    updates = frozenset({"new-name", "operating-system"})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Host]:
        return scope.cluster.array.hosts

    def by_index(self, scope: Scope, index: int) -> Host | None:
        return scope.cluster.array.hosts.get(index)

    def by_name(self, scope: Scope, name: str) -> Host | None:
        return scope.cluster.array.hosts.find(name)

    def create(self, scope: Scope, call: Call) -> Links:
        array = scope.cluster.array
        name = text(call, "ig-name")
        ports: list[tuple[str, str]] = []
        for entry in call.body.get("initiator-list") or []:
            if not isinstance(entry, dict):
                raise XmsError(ledger.INVALID_VALUE.format("initiator-list"))
            address = canonical_address(entry.get("port-address"))
            ports.append((address, entry.get("initiator-name") or address))
        folder = join_folder(scope, call, "ig")
        tags = tag_objects(scope, call) if "tag-list" in call.body else []
        host = array.create_host(name, ports)
        if folder is not None:
            folder.members.append(host.id)
        for tag in tags:
            tag.members.append((scope.cluster.index, self.type, host.id))
        return [(self.type, host.id)]

    def update(self, scope: Scope, call: Call, row: Host) -> None:
        array = scope.cluster.array
        system = choice(call, "operating-system", _SYSTEMS, "other") if "operating-system" in call.body else None
        if "new-name" in call.body:
            array.rename_host(row, text(call, "new-name"))
        if system is not None:
            for initiator in array.initiators_of(row):
                initiator.attributes["operating-system"] = system
                array.touched("initiator.change", initiator)

    def delete(self, scope: Scope, call: Call, row: Host) -> None:
        """Delete the group with its initiators; refused while it has mappings."""
        initiators = scope.cluster.array.initiators_of(row)
        scope.cluster.array.delete_host(row)
        leave_folders(scope.cluster, "ig", row.id)
        drop_object(scope, self.type, row.id)
        for initiator in initiators:
            drop_object(scope, Initiators.type, initiator.id)


class Initiators(Resource):
    type = "initiators"
    fields = {
        **common("initiator-id"),
        "ig-id": lambda scope, row: oid(scope.cluster.array.hosts[row.host]),
        "port-address": lambda scope, row: row.address,
        "port-type": lambda scope, row: "fc" if _COLON_WWN.match(row.address) else "iscsi",
        "initiator-conn-state": lambda scope, row: (
            scope.xms.assumed("initiators.connected_state") if connected_targets(scope, row) else "disconnected"
        ),
        "num-of-conn-tars": lambda scope, row: len(connected_targets(scope, row)),
        "operating-system": lambda scope, row: row.attributes.get("operating-system", "other"),
        **{answer_key: _chap(request_key) for request_key, answer_key in _CHAP_KEYS.items()},
        **IDLE,
    }
    fields_v2 = {
        "ig-name": lambda scope, row: scope.cluster.array.hosts[row.host].name,
        "tag-list": lambda scope, row: tag_list(scope, "initiators", row),
    }
    creates = frozenset({"initiator-name", "ig-id", "port-address", "operating-system", *_CHAP_KEYS})
    updates = frozenset({"initiator-name", "port-address", "operating-system", *_CHAP_KEYS, *_CHAP_REMOVALS})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Initiator]:
        return scope.cluster.array.initiators

    def by_index(self, scope: Scope, index: int) -> Initiator | None:
        return scope.cluster.array.initiators.get(index)

    def by_name(self, scope: Scope, name: str) -> Initiator | None:
        return scope.cluster.array.initiators.find(name)

    def create(self, scope: Scope, call: Call) -> Links:
        host = InitiatorGroups().refer(scope, required(call, "ig-id"), "ig")
        address = canonical_address(required(call, "port-address"))
        name = text(call, "initiator-name") if "initiator-name" in call.body else address
        attributes = {
            "operating-system": choice(call, "operating-system", _SYSTEMS, "other"),
            "chap": {key: text(call, key) for key in _CHAP_KEYS if key in call.body},
        }
        initiator = scope.cluster.array.add_initiator(host, address, name, attributes)
        return [(self.type, initiator.id)]

    def update(self, scope: Scope, call: Call, row: Initiator) -> None:
        array = scope.cluster.array
        chap = {key: text(call, key) for key in _CHAP_KEYS if key in call.body}
        removals = [prefix for key, prefix in _CHAP_REMOVALS.items() if call.body.get(key) == "enabled"]
        name = text(call, "initiator-name") if "initiator-name" in call.body else row.name
        if name != row.name and array.initiators.find(name):
            raise NameTaken("initiator", name)
        if "operating-system" in call.body:
            row.attributes["operating-system"] = choice(call, "operating-system", _SYSTEMS, "other")
        if "port-address" in call.body:
            array.readdress_initiator(row, canonical_address(call.body["port-address"]))
        array.rename_initiator(row, name)
        unchanged = {
            key: value
            for key, value in row.attributes.get("chap", {}).items()
            if not any(key.startswith(prefix) for prefix in removals)
        }
        row.attributes["chap"] = {**unchanged, **chap}
        array.initiator_changed(row)

    def delete(self, scope: Scope, call: Call, row: Initiator) -> None:
        scope.cluster.array.remove_initiator(row)
        drop_object(scope, self.type, row.id)


class LunMaps(Resource):
    """Mappings. The name of one is ``<volume>_<initiator group>_<target group>``, by their indexes."""

    type = "lun-maps"
    fields = {
        **common("mapping-id"),
        "mapping-index": lambda scope, row: row.id,
        "lun": lambda scope, row: row.lun,
        "vol-name": lambda scope, row: scope.cluster.array.volumes[row.volume].name,
        "vol-index": lambda scope, row: row.volume,
        "ig-name": lambda scope, row: scope.cluster.array.hosts[row.host].name,
        "ig-index": lambda scope, row: row.host,
        "tg-name": lambda scope, row: scope.cluster.target_groups[1].name,
        "tg-index": lambda scope, row: 1,
    }
    creates = frozenset({"vol-id", "ig-id", "tg-id", "lun"})
    deletes = frozenset()

    def rows(self, scope: Scope) -> Iterable[Mapping]:
        return scope.cluster.array.mappings

    def by_index(self, scope: Scope, index: int) -> Mapping | None:
        return scope.cluster.array.mappings.get(index)

    def by_name(self, scope: Scope, name: str) -> Mapping | None:
        return scope.cluster.array.mappings.find(name)

    def create(self, scope: Scope, call: Call) -> Links:
        cluster = scope.cluster
        # goxtremio names the references vol-name and tg-name.
        v1_body = call.body if call.api == 1 else {}
        volume_reference = call.body.get("vol-id", v1_body.get("vol-name")) or required(call, "vol-id")
        volume = Volumes().refer(scope, volume_reference, "vol")
        host = InitiatorGroups().refer(scope, required(call, "ig-id"), "ig")
        group = TargetGroups().refer(scope, call.body.get("tg-id", v1_body.get("tg-name")) or 1, "tg")
        lun = _lun(call)
        if lun is not None and lun < scope.xms.assumed("luns.range")[0]:
            raise XmsError(ledger.INVALID_LUN)
        mapping = cluster.array.map(volume, host, lun, f"{volume.id}_{host.id}_{group.id}")
        if not volume.wwn:
            volume.wwn = naa_name(volume)
            if scope.xms.assumed("volumes.naa_given") == "late":
                volume.attributes["naa_from"] = scope.xms.clock() + _NAA_LATE
        return [(self.type, mapping.id)]

    def delete(self, scope: Scope, call: Call, row: Mapping) -> None:
        scope.cluster.array.unmap(row)


def _lun(call: Call) -> int | None:
    """The requested LUN; None when the array chooses. CoprHD sends the number as text."""
    value: object = call.body.get("lun")
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise XmsError(ledger.INVALID_LUN)
    return value
