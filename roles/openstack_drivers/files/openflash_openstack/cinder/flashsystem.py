# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IBM FlashSystem 840 and 900 over Fibre Channel and iSCSI."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Optional

from cinder import interface, ssh_utils

from openflash import errors, model
from openflash.array import Array
from openflash.units import GIB

from .base import FC, ISCSI, existing
from .connections import Connections
from .groups import Groups
from .inventory import Entry, Inventory
from .management import Management

# With the options of known host keys
CONF = ssh_utils.CONF

# Section 4: what an earlier driver keeps of a host's name, and the digits that it adds.
PREFIX_LONGEST, DIGITS = 55, 8
UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"


class FlashSystem(Connections, Management, Groups):
    """Snapshots are volumes, and this host copies: the array has neither snapshots nor copies (sheet, 2.5)."""

    VENDOR = "flashsystem"
    VENDOR_NAME = "IBM"

    def _connection(self) -> model.Connection:
        found = replace(
            super()._connection(),
            port=self._setting("san_ssh_port"),
            host_key=self._setting("openflash_host_key") or None,
            known_hosts=self._setting("openflash_known_hosts") or CONF.ssh_hosts_key_file,
            host_key_policy=self._setting("openflash_host_key_policy")
            or ("strict" if CONF.strict_ssh_host_key_policy else "accept_new"),
        )
        # Where both are set the password counts, as it did in the driver of Cinder.
        if not found.password and self._setting("san_private_key"):
            found = replace(found, private_key_file=self._setting("san_private_key"))
        return found

    def _check(self, array: Array) -> None:
        protocol = self._setting("flashsystem_connection_protocol")
        if str(protocol).lower() != self.PROTOCOL.lower():
            raise errors.Invalid(
                "the value of flashsystem_connection_protocol is %s and the driver's class is for %s"
                % (protocol, self.PROTOCOL),
                hint="Set both to the same protocol, in the section of the backend.",
            )
        super()._check(array)

    def _multiattach(self) -> bool:
        return bool(self._setting("flashsystem_multihostmap_enabled"))

    def _map_one(self, array: Array, volume: model.Volume, host: model.Host, lun: Optional[int]) -> model.Mapping:
        return array.map_shared(volume, host, lun) if self._multiattach() else array.map_volume(volume, host, lun)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def _known_snapshot(self, array: Array, snapshot: Any) -> Any:
        """A volume like any other."""
        return model.Volume(self._snapshot_name(snapshot), int(snapshot.volume_size) * GIB)

    def _needs_host(self, operation: str, array: Array, source: Any, spec: model.VolumeSpec, volume: Any) -> bool:
        return True

    @contextmanager
    def _readable_source(self, volume: Any, source: Any) -> Iterator[model.Volume]:
        """With the size that it really has, which need not be whole GiB."""
        with self._on_array("copy volume %s" % source.name, volume) as array:
            known = existing(array, source.name)
        yield known

    def create_snapshot(self, snapshot: Any) -> Optional[dict[str, Any]]:
        doing = "take snapshot %s of volume %s" % (snapshot.id, snapshot.volume_id)
        with self._on_array(doing, snapshot.volume, volume=snapshot.volume_id) as array:
            source = self._read(array, snapshot.volume)
        spec = model.VolumeSpec(self._snapshot_name(snapshot), source.size, pool=source.pool)
        self._copy_by_host(snapshot.volume, spec, source)
        return None

    def delete_snapshot(self, snapshot: Any) -> None:
        with self._on_array("delete snapshot %s" % snapshot.id, snapshot=snapshot.id) as array:
            array.delete_volume(self._known_snapshot(array, snapshot))

    def _belongs_to(
        self, volume: model.Volume, inventory: Inventory, apart_from: Optional[str] = None
    ) -> tuple[Optional[Entry], Optional[str]]:
        """A snapshot of another Cinder is no volume to manage either."""
        owner, reason = super()._belongs_to(volume, inventory, apart_from)
        if reason is None and re.fullmatch(re.escape(CONF.snapshot_name_template) % UUID, volume.name):
            reason = "it has the name of a snapshot of Cinder; if it is none, rename it on the array first"
        return owner, reason

    # -- hosts -------------------------------------------------------------------------------------------------------

    def _host_name(self, connector: dict[str, Any]) -> str:
        """As Cinder's earlier driver names it, so that a host is found again; and always the same for one machine."""
        number = zlib.crc32(str(connector["host"]).encode()) % 10**DIGITS
        return "%s-%0*d" % (self._prefix(connector), DIGITS, number)

    @staticmethod
    def _prefix(connector: dict[str, Any]) -> str:
        plain = re.sub(r"[^A-Za-z0-9._-]", "-", str(connector["host"]))
        return (plain if plain[:1].isalpha() else "_" + plain)[:PREFIX_LONGEST]

    def _host_is_empty(self, array: Array, last: model.Mapping, connector: Optional[dict[str, Any]]) -> None:
        """A host that a driver made is deleted with its last mapping; a host with any other name stays."""
        made = r".+-[0-9]{%d}\Z" % DIGITS
        if connector is not None:
            made = re.escape(self._prefix(connector)) + made[2:]
        if re.match(made, last.host):
            self._remove_host(array, last.host, last.host_id)


@interface.volumedriver
class FlashSystemFCDriver(FlashSystem):
    """Cinder volume driver for FlashSystem 840 and 900 over Fibre Channel."""

    BACKEND_NAME = "FlashSystemFCDriver"
    PROTOCOL = FC


@interface.volumedriver
class FlashSystemISCSIDriver(FlashSystem):
    """Cinder volume driver for FlashSystem 840 and 900 over iSCSI."""

    BACKEND_NAME = "FlashSystemISCSIDriver"
    PROTOCOL = ISCSI

    def _first_portal(self, ports: Sequence[model.Port]) -> model.Port:
        """The one that the section names, if it names one."""
        named = self._setting("target_ip_address")
        for port in ports:
            if named and port.portal and port.portal.rsplit(":", 1)[0].strip("[]") == named:
                return port
        return super()._first_portal(ports)
