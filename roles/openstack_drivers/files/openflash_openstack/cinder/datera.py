# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Datera EDF over iSCSI."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Optional

from cinder import interface

from openflash import model
from openflash.array import Array, InitiatorHosts, LookUpById, Scopes, VolumeChap
from openflash.units import GIB
from openflash.vendors.datera.names import tenant_path

from .base import ISCSI, not_there
from .connections import Connections
from .groups import Groups
from .inventory import Entry, Inventory
from .limits import Limit, Limits, number, title
from .management import SnapshotManagement, bad_reference
from .names import identity

# Sheet, section 4.4
PREFIX, UNMANAGED, LONGEST = "OS", "UNMANAGED", 63
_LEGAL = frozenset(string.ascii_letters + string.digits + "-_.")

# Extra specs DF:*, and QoS specs of the same names without DF: (section 4.3), and what the library calls them
TEXTS = {"placement_mode": "placement_mode", "placement_policy": "placement_policy", "template": "template"}
_RATE = "KiB per second"
NUMBERS = {
    "%s_%s_max" % (kind, what): Limit("%s_%s_max" % (kind, what), unit=unit)
    for kind in ("total", "read", "write")
    for what, unit in (("iops", "requests per second"), ("bandwidth", _RATE))
}


@interface.volumedriver
class DateraDriver(Limits, Connections, SnapshotManagement, Groups):
    """Cinder volume driver for Datera. A volume is called ``OS-[its name-]id`` and is known by its id."""

    VENDOR = "datera"
    VENDOR_NAME = "Datera"
    BACKEND_NAME = "DateraDriver"
    PROTOCOL = ISCSI
    READS_FIRST = True
    SCOPE = "DF"
    LIMITS = NUMBERS
    SHARES: ClassVar = {
        "iops_per_gb": Limit("total_iops_max"),
        "bandwidth_per_gb": Limit("total_bandwidth_max", unit=_RATE),
    }

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

    def _options(self, volume: Any, type_specs: Mapping[str, str]) -> dict[str, Any]:
        found = self._placement(self._requested(type_specs))
        found.update(self._limits(self._requested(type_specs), int(volume.size)))
        return found

    def _requested(self, type_specs: Mapping[str, str]) -> dict[str, str]:
        """The defaults of the section count last."""
        requested = {key: str(value) for key, value in (self._setting("datera_volume_type_defaults") or {}).items()}
        requested.update(super()._requested(type_specs))
        return requested

    def _placement(self, requested: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {library: requested[key] for key, library in TEXTS.items() if requested.get(key)}
        pools = [one.strip() for one in requested.get("ip_pool", "").split(",") if one.strip()]
        if pools and pools != ["default"]:
            found["ip_pool"] = pools[0]
        found["replica_count"] = 1 if self._setting("datera_debug_replica_count_override") else 3
        if requested.get("replica_count") and not self._setting("datera_debug_replica_count_override"):
            found["replica_count"] = number("DF:replica_count", requested["replica_count"])
        return found

    def _init_vendor_properties(self) -> tuple[dict[str, Any], str]:
        """Those of limits and of placement."""
        found, scope = super()._init_vendor_properties()
        for name in TEXTS:
            self._set_property(found, "DF:" + name, title(name), "Of the array: %s" % name, "string")
        self._set_property(found, "DF:ip_pool", "IP pool", "The access network IP pool", "string", default="default")
        self._set_property(
            found, "DF:replica_count", "Replicas", "Copies of the data", "integer", minimum=1, maximum=5, default=3
        )
        return found, scope

    def _spec(self, volume: Any, type_specs: Optional[Mapping[str, str]] = None) -> model.VolumeSpec:
        found = super()._spec(volume, type_specs)
        return replace(found, options=dict(found.options, uuid=str(volume["id"])))

    def _copy_spec(self, volume: Any) -> model.VolumeSpec:
        """A copy has the replicas and the placement of its source, as in Cinder's own driver, and limits of its own."""
        found = super()._copy_spec(volume)
        kept = {key: value for key, value in found.options.items() if key in NUMBERS or key == "uuid"}
        return replace(found, options=kept)

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
