# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Huawei Dsware / FusionStorage block: attached by the block client on each host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Optional
from urllib.parse import urlsplit

from cinder import context, exception, interface

from openflash import errors, model
from openflash.array import Array
from openflash.units import KIB, MIB

from . import specs
from .attachments import Attachments
from .base import either, existing
from .errors import cinder_errors
from .groups import Groups
from .inventory import location
from .limits import Limit, Limits
from .management import Management

# The link that udev makes of a volume's identity (sheet, section 2.3).
BY_ID = "/dev/disk/by-id/wwn-0x%s"
# Served by the connector of this collection, where the host attaches by its own command-line tool.
CONNECTOR = "dsware"
COPY_SPEC = "full_clone"


def _whole_mib(most: int) -> int:
    """KiB per second, as Huawei's driver takes the bytes per second of a QoS spec: whole MiB, at least one."""
    return max(1, most // MIB) * MIB // KIB if most > 0 else 0


class Dsware(Limits, Attachments, Management, Groups):
    """Names on the array are those of Cinder, or what provider_location remembers: nothing can be renamed."""

    VENDOR = "dsware"
    VENDOR_NAME = "Huawei"
    BACKEND_NAME = "DSWAREDriver"
    PROTOCOL = "SCSI"
    POOLS = True
    SCOPE = "dsware"
    LIMITS: ClassVar = {
        "maxIOPS": Limit("total_iops_max"),
        "total_iops_sec": Limit("total_iops_max"),
        "maxMBPS": Limit("total_bandwidth_max", lambda most: most * MIB // KIB, "MiB per second"),
        "total_bytes_sec": Limit("total_bandwidth_max", _whole_mib, "bytes per second, rounded down to whole MiB"),
    }
    SHARES: ClassVar = {"iops_per_gb": Limit("total_iops_max")}

    # -- configuration -----------------------------------------------------------------------------------------------

    @property
    def _rest(self) -> bool:
        return bool(self._setting("dsware_rest_url"))

    def _limits_volumes(self) -> bool:
        """Not over the text socket."""
        return self._rest

    def _options(self, volume: Any, type_specs: Mapping[str, str]) -> dict[str, Any]:
        return self._limits(self._requested(type_specs), int(volume.size))

    def _patience(self) -> float:
        return float(self._setting("clone_volume_timeout"))

    def _addresses(self) -> tuple[tuple[str, ...], Optional[int]]:
        """REST by dsware_rest_url, else the text socket at the addresses of fusionstorageagent."""
        if self._rest:
            url = urlsplit(self._setting("dsware_rest_url"))
            if url.scheme != "https" or not url.hostname:
                raise errors.Invalid("the value of dsware_rest_url is not like https://192.0.2.10:28443")
            return (url.hostname,), url.port
        agents = tuple(one.strip() for one in self._setting("fusionstorageagent").split(",") if one.strip())
        if not agents:
            raise errors.Invalid(
                "neither dsware_rest_url nor fusionstorageagent is set",
                hint="Set the first for a release with REST, else the second.",
            )
        return agents, None

    @property
    def _agents(self) -> dict[str, str]:
        """Addresses of the agents by host; empty where hosts attach by their own tool, as over the text socket."""
        return dict(self._setting("manager_ips") or {}) if self._rest else {}

    def _vendor_options(self) -> dict[str, Any]:
        return {
            "transport": "rest" if self._rest else "socket",
            "storage_pools": self._pools_of_section(),
            "agents": self._agents or None,
        }

    def _pools_of_section(self) -> list[str]:
        if self._rest:
            return [one.strip() for one in self._setting("dsware_storage_pools").split(";") if one.strip()]
        return [str(one).strip() for one in self._setting("pool_id_filter") or ()]

    def _check(self, array: Array) -> None:
        """Every pool of the section must be there."""
        known = array.pools()
        names = {name for pool in known for name in (pool.name, pool.id)}
        missing = [one for one in self._pools_of_section() if one not in names]
        if known.known and missing:
            raise errors.Invalid(
                "the array has no pool %s" % ", ".join(missing),
                hint="It has %s; name them in %s."
                % (
                    ", ".join(sorted(pool.name for pool in known)) or "none",
                    "dsware_storage_pools" if self._rest else "pool_id_filter",
                ),
            )

    def _pools_to_schedule(self, pools: model.Listing[model.Pool]) -> tuple[model.Pool, ...]:
        named = self._pools_of_section()
        return tuple(one for one in pools if not named or one.name in named or one.id in named)

    # -- names -------------------------------------------------------------------------------------------------------

    def _more_capabilities(self, known: Optional[model.Capabilities]) -> dict[str, Any]:
        full_clones = known is not None and COPY_SPEC in known.volume_options
        return {COPY_SPEC: either(full_clones, True)}

    def _volume_name(self, volume: Any) -> str:
        return _name_of(volume)

    def _snapshot_name(self, snapshot: Any) -> str:
        return _name_of(snapshot)

    def _copy_spec(self, volume: Any) -> model.VolumeSpec:
        """full_clone in the type: a full copy by the array, instead of a clone that shares data with its source."""
        found = super()._copy_spec(volume)
        full = bool(specs.flag(specs.specs_of(volume), COPY_SPEC))
        pool = found.pool if full else None
        options = dict(found.options, full_clone=True) if full else found.options
        return model.VolumeSpec(found.name, found.size, pool=pool, options=options)

    def _take_over(self, array: Array, volume: Any, existing: model.Volume) -> Optional[dict[str, Any]]:
        """Its name is noted by Cinder, at once, so that the next request to manage the same volume is refused.

        The serial distinguishes it from a volume of the same name on another array.
        """
        known = {"name": existing.name, "serial": existing.serial}
        update = {"provider_location": json.dumps({key: value for key, value in known.items() if value})}
        self.db.volume_update(context.get_admin_context(), volume.id, update)
        return update

    # -- attach and detach: by the host's agent, as a local disk; or by the host's tool, which the connector calls -----

    def validate_connector(self, connector: dict[str, Any]) -> None:
        if not connector.get("host"):
            raise exception.InvalidConnectorException(missing="host")

    def _attach(self, subject: Any, volume: Optional[model.Volume], connector: dict[str, Any]) -> dict[str, Any]:
        agents = self._agents
        name = volume.name if volume is not None else self._volume_name(subject)
        if not agents:
            return self._for_tool(name)
        host = str(connector["host"])
        doing = "attach volume %s to %s" % (name, host)
        if host not in agents:
            with cinder_errors(), errors.context(doing=doing):
                raise errors.Invalid(
                    "manager_ips has no agent of that host, only of %s" % ", ".join(sorted(agents)),
                    hint="Add it under the very name that the host has in Nova, and restart cinder-volume.",
                )
        with self._on_array(doing, subject, volume=subject.id) as array:
            there = existing(array, name)
            mapping = array.map_volume(there, model.Host(host, kind=model.AGENT))
            path = BY_ID % there.serial if there.serial else mapping.device
        return {"driver_volume_type": "local", "data": {"device_path": path}}

    def _for_tool(self, name: str) -> dict[str, Any]:
        data = {"volume_id": name, "volume_name": name, "dsw_manager_ip": self._setting("dsware_manager") or None}
        return {"driver_volume_type": CONNECTOR, "data": data}

    def _detach(self, subject: Any, volume: Optional[model.Volume], connector: Optional[dict[str, Any]]) -> None:
        """Without a connector from every host that has an agent: detaching what is not attached does no harm."""
        hosts = [host for host in sorted(self._agents) if connector is None or host == connector.get("host")]
        name = volume.name if volume is not None else self._volume_name(subject)
        if not hosts:
            # Of a host without an agent nothing was asked when it attached.
            return
        with self._on_array("detach volume %s from %s" % (name, ", ".join(hosts)), subject) as array:
            for host in hosts:
                array.unmap_volume(model.Mapping(name, host))

    def _is_exposed(self, array: Array, volume: model.Volume, connector: dict[str, Any]) -> bool:
        """As far as this host knows: the array keeps no list of what its agents attached."""
        host = str(connector.get("host"))
        there = array.mappings(volumes=[volume.name], hosts=[host])
        return any((one.volume, one.host) == (volume.name, host) for one in there)


@interface.volumedriver
class DSWAREDriver(Dsware):
    """Cinder volume driver for Huawei Dsware."""


def _name_of(thing: Any) -> str:
    """provider_location has a name where the object was there before Cinder (sheet, section 2.3)."""
    return location(thing, "name") or str(thing.name)
