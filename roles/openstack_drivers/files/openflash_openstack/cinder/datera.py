# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datera EDF over iSCSI."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

from cinder import interface

from openflash import errors, model
from openflash.array import Array, InitiatorHosts, LookUpById, Scopes, VolumeChanges, VolumeChap
from openflash.units import GIB
from openflash.vendors.datera.names import tenant_path

from . import specs
from .base import ISCSI, not_there
from .connections import Connections
from .groups import Groups
from .inventory import Entry, Inventory
from .management import SnapshotManagement, bad_reference
from .names import identity

# Sheet, section 4.4
PREFIX, UNMANAGED, LONGEST = "OS", "UNMANAGED", 63
_LEGAL = frozenset(string.ascii_letters + string.digits + "-_.")

# Extra specs DF:*, and QoS specs of the same names without DF: (section 4.3), and what the library calls them
TEXTS = {"placement_mode": "placement_mode", "placement_policy": "placement_policy", "template": "template"}
NUMBERS = {
    "%s_%s_max" % (kind, what): "%s_%s_max" % (kind, what)
    for kind in ("total", "read", "write")
    for what in ("iops", "bandwidth")
}
SHARES = {"iops_per_gb": "total_iops_max", "bandwidth_per_gb": "total_bandwidth_max"}


@interface.volumedriver
class DateraDriver(Connections, SnapshotManagement, Groups):
    """Cinder volume driver for Datera. A volume is called ``OS-[its name-]id`` and is known by its id."""

    VENDOR = "datera"
    VENDOR_NAME = "Datera"
    BACKEND_NAME = "DateraDriver"
    PROTOCOL = ISCSI
    READS_FIRST = True
    QOS = True

    def _vendor_options(self) -> dict[str, Any]:
        tenant = self._tenant_of_section()
        return {
            "tenant": tenant if tenant and tenant.lower() != "map" else None,
            "create_tenant": True,
            "ldap_server": self._setting("datera_ldap_server") or None,
            # No host loses its session by that: the library refuses while one is open.
            "offline_changes": True,
        }

    def _patience(self) -> float:
        return float(self._setting("datera_503_timeout"))

    def _tenant_of_section(self) -> Optional[str]:
        found = self._setting("datera_tenant_id")
        return None if not found or str(found).lower() == "none" else str(found)

    def _tenant_of(self, subject: Any) -> Optional[str]:
        """The tenant where a volume of this project is; None for the topmost."""
        tenant = self._tenant_of_section()
        if str(tenant).lower() != "map":
            return tenant
        return "%s-%s" % (PREFIX, subject["project_id"]) if subject and subject.get("project_id") else None

    def _scoped(self, array: Array, subject: Any) -> Array:
        if str(self._tenant_of_section()).lower() != "map":
            return array
        tenant = self._tenant_of(subject)
        return array if tenant is None else Scopes.of(array).scope(tenant)

    # -- names -------------------------------------------------------------------------------------------------------

    def _volume_name(self, volume: Any) -> str:
        """What a new volume is called. A volume is found by its id, because people rename volumes in Cinder."""
        return self._name(identity(volume), volume.get("display_name"))

    @staticmethod
    def _name(number: str, display: Optional[str]) -> str:
        plain = "".join(one for one in display or "" if one in _LEGAL)
        plain = plain[: max(0, LONGEST - len(PREFIX) - len(number) - 2)]
        return "-".join([PREFIX, plain, number] if plain else [PREFIX, number])

    def _snapshot_name(self, snapshot: Any) -> str:
        return str(snapshot["id"])

    def _migrated_name(self, volume: Any) -> str:
        return self._name(str(volume["id"]), volume.get("display_name"))

    def _unmanaged_name(self, volume: Any) -> Optional[str]:
        return "%s-%s" % (UNMANAGED, volume["id"])

    def _find(self, array: Array, volume: Any) -> Optional[model.Volume]:
        return LookUpById.of(array).volume_with_id(identity(volume))

    def _name_on_array(self, array: Array, volume: Optional[model.Volume], subject: Any) -> Optional[str]:
        found = volume or self._find(array, subject)
        return None if found is None else found.name

    def _known_snapshot(self, array: Array, snapshot: Any) -> model.Snapshot:
        """By its UUID, or by the time when it was taken, which is the location of one that Cinder did not take."""
        source = self._find(array, snapshot.volume)
        key = str(snapshot.get("provider_location") or snapshot["id"])
        found = LookUpById.of(array).snapshot_with_id(source, key) if source is not None else None
        if found is None:
            raise not_there("snapshot", key)
        # A copy of it has the size that the volume had then, which Cinder knows.
        return replace(found, size=int(snapshot.volume_size) * GIB)

    # -- what is made ------------------------------------------------------------------------------------------------

    def _check_qos(self, type_specs: Mapping[str, str]) -> None:
        unknown = sorted(set(specs.qos(type_specs)) - set(NUMBERS) - set(SHARES))
        if unknown:
            raise errors.Invalid(
                "the volume type has QoS specs for the back end that this array does not have: %s" % ", ".join(unknown),
                hint="It has %s." % ", ".join(sorted([*NUMBERS, *SHARES])),
            )

    def _options(self, volume: Any, type_specs: Mapping[str, str]) -> dict[str, Any]:
        """QoS specs count before extra specs, and these before the defaults of the section."""
        found = self._placement(self._requested(type_specs))
        found.update(self._limits(self._requested(type_specs), int(volume.size)))
        return found

    def _requested(self, type_specs: Mapping[str, str]) -> dict[str, str]:
        requested = {key: str(value) for key, value in (self._setting("datera_volume_type_defaults") or {}).items()}
        requested.update({key[3:]: value for key, value in type_specs.items() if key.startswith("DF:")})
        requested.update(specs.qos(type_specs))
        return requested

    def _placement(self, requested: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {library: requested[key] for key, library in TEXTS.items() if requested.get(key)}
        pools = [one.strip() for one in requested.get("ip_pool", "").split(",") if one.strip()]
        if pools and pools != ["default"]:
            found["ip_pool"] = pools[0]
        found["replica_count"] = 1 if self._setting("datera_debug_replica_count_override") else 3
        if requested.get("replica_count") and not self._setting("datera_debug_replica_count_override"):
            found["replica_count"] = _number("DF:replica_count", requested["replica_count"])
        return found

    @staticmethod
    def _limits(requested: Mapping[str, str], size: int) -> dict[str, Any]:
        """:param size: GiB, for what a type gives to each."""
        found: dict[str, Any] = {}
        for key, library in NUMBERS.items():
            if _number(key, requested.get(key) or "0"):
                found[library] = _number(key, requested[key])
        for key, most in SHARES.items():
            share = _number(key, requested.get(key) or "0") * size
            if share:
                found[most] = min(share, found[most]) if found.get(most) else share
        return found

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """With the limits of its type for the new size, which are set first: they do no harm to the smaller volume."""
        requested = self._requested(specs.specs_of(volume))
        before, after = (self._limits(requested, int(size)) for size in (volume.size, new_size))
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        if changed:
            doing = "set the limits of volume %s for %s GiB" % (volume.id, new_size)
            with self._on_array(doing, volume, volume=volume.id) as array:
                VolumeChanges.of(array).set_volume(self._read(array, volume), changed)
        super().extend_volume(volume, new_size)

    def _init_vendor_properties(self) -> tuple[dict[str, Any], str]:
        """The extra specs, for whoever makes a volume type by what Cinder lists of a backend's capabilities."""
        found: dict[str, Any] = {}
        for name in TEXTS:
            self._set_property(found, "DF:" + name, _title(name), "Of the array: %s" % name, "string")
        self._set_property(found, "DF:ip_pool", "IP pool", "The access network IP pool", "string", default="default")
        self._set_property(
            found, "DF:replica_count", "Replicas", "Copies of the data", "integer", minimum=1, maximum=5, default=3
        )
        for name in (*NUMBERS, *SHARES):
            unit = "KiB per second" if "bandwidth" in name else "requests per second"
            what = "%s, for each GiB" % unit if name in SHARES else unit
            self._set_property(
                found, "DF:" + name, _title(name), "%s, 0 for no limit" % what, "integer", minimum=0, default=0
            )
        return found, "DF"

    def _spec(self, volume: Any, type_specs: Optional[Mapping[str, str]] = None) -> model.VolumeSpec:
        found = super()._spec(volume, type_specs)
        return replace(found, options=dict(found.options, uuid=str(volume["id"])))

    def _copy_spec(self, volume: Any) -> model.VolumeSpec:
        """A copy has the replicas and the placement of its source, as in Cinder's own driver, and limits of its own."""
        found = super()._copy_spec(volume)
        kept = {key: value for key, value in found.options.items() if key in NUMBERS.values() or key == "uuid"}
        return replace(found, options=kept)

    def _changed(self, now: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
        """Limits that the new type does not have are removed."""
        removed = {key: 0 for key in NUMBERS.values() if key in now and key not in requested}
        return dict(super()._changed(now, requested), **removed)

    # -- managing ----------------------------------------------------------------------------------------------------

    def _name_of_reference(self, volume: Any, reference: dict[str, Any]) -> str:
        """The app instance of ``[tenant:]app-instance[:storage-instance:volume]``.

        Only in the tenant where Cinder would look for the volume later.
        """
        parts = str(reference.get("source-name") or "").split(":")
        if len(parts) in (2, 4):
            own = self._tenant_of(volume) or "/root"
            if tenant_path(parts[0]) != tenant_path(own):
                reason = "the volumes of this backend are in tenant %s, not in %s" % (own, parts[0])
                raise bad_reference(reference, reason)
            del parts[0]
        if len(parts) not in (1, 3):
            raise bad_reference(reference, "source-name is not like [tenant:]app-instance[:storage-instance:volume]")
        return parts[0]

    def _owner_of_snapshot(
        self,
        there: model.Snapshot,
        inventory: Inventory,
        volume_id: Optional[str],
        apart_from: Optional[str] = None,
    ) -> Optional[Entry]:
        """The time when it was taken may be that of a snapshot of another volume too."""
        if volume_id is None:
            return None
        return inventory.snapshot_of(volume_id, there.name, self._snapshot_reference(there), apart_from=apart_from)

    def _adopt_snapshot(self, array: Array, snapshot: Any, there: model.Snapshot) -> Optional[dict[str, Any]]:
        """Nothing is renamed: the time at which it was taken is noted by Cinder."""
        return {"provider_location": there.id.rsplit("/", 1)[-1]}

    def _referenced_snapshot(self, array: Array, snapshot: Any, name: str) -> Optional[model.Snapshot]:
        source = self._find(array, snapshot.volume)
        return LookUpById.of(array).snapshot_with_id(source, name) if source is not None else None

    def _snapshot_reference(self, snapshot: model.Snapshot) -> str:
        return snapshot.id.rsplit("/", 1)[-1]

    def _release_snapshot(self, array: Array, snapshot: Any) -> None:
        """It keeps its time, which is all that it has."""

    # -- hosts -------------------------------------------------------------------------------------------------------

    def _hosts_for(
        self, array: Array, volume: model.Volume, connector: dict[str, Any]
    ) -> tuple[list[model.Host], Optional[model.Chap]]:
        """Its single initiator; CHAP belongs to the volume here, with the credentials of the section."""
        host = InitiatorHosts.of(array).single_host("OpenStack-%s" % connector["host"], self._initiators(connector)[0])
        chap = None
        if self._setting("use_chap_auth"):
            chap = model.Chap(self._setting("chap_username"), self._setting("chap_password"))
            VolumeChap.of(array).set_volume_chap(volume, chap)
        return [host], chap

    def _host_name(self, connector: dict[str, Any]) -> str:
        return str(connector["initiator"]).lower()

    def _mappings_of_connector(
        self, array: Array, existing: Sequence[model.Mapping], connector: dict[str, Any]
    ) -> list[model.Mapping]:
        """The entry of the initiator itself; else those of the groups that it is in."""
        single = [one for one in existing if one.host == self._host_name(connector)]
        return single or super()._mappings_of_connector(array, existing, connector)

    def _ports(self, array: Array, volume: model.Volume, hosts: Sequence[model.Host]) -> list[model.Port]:
        return [port for port in super()._ports(array, volume, hosts) if port.name == volume.name]


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _number(name: str, text: str) -> int:
    try:
        return int(float(text))
    except ValueError:
        raise errors.Invalid("%s is %r and no number" % (name, text)) from None
