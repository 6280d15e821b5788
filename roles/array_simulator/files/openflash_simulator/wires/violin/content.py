# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a document on the array, by the requests that Concerto takes."""

from __future__ import annotations

import re
from typing import Any

from ...document import Content, HostRow, MappingRow, SnapshotRow, VolumeRow, is_iscsi
from ...errors import ConfigError
from ...objects import Volume
from ...rules import NotFound
from . import hosts, ledger, snapshots, volumes
from .call import Call
from .refusals import ConcertoError
from .state import AREA, MIB, ConcertoState, object_id

_AREA_SHARE = 10
"""A snapshot resource is this part of its LUN. A document does not say how large it was."""


class ViolinContent(Content):
    provisioning = ("thick", "thin", "dedup")
    granularity = MIB
    options = frozenset({"encrypted"})
    has_os = True

    def __init__(self, state: ConcertoState) -> None:
        super().__init__(state.array)
        self._state = state

    @staticmethod
    def _call(**params: Any) -> Call:
        return Call("POST", "", {}, {"params": {key: value for key, value in params.items() if value is not None}})

    def volume(self, row: VolumeRow) -> None:
        is_thin = row.provisioning in ("thin", "dedup")
        pool = self.own_pool(row.pool)
        params: dict[str, Any] = {"name": row.name, "storagepoolID": pool.id, "sizeMB": row.size // MIB}
        if is_thin:
            params["thinProvisioning"] = {"enabled": True, "fullSizeMB": row.size // MIB}
        # A pool of a 7700 deduplicates by itself.
        params["dedup"] = row.provisioning == "dedup" and not self._state.external
        if row.options.get("encrypted"):
            params["encrypted"] = True
        volumes.create(self._state, self._call(**params))
        made = self._disk(row.name)
        if row.provisioning is not None and made.provisioning != row.provisioning:
            raise ConfigError(
                f"provisioning {row.provisioning}: in pool {pool.name} of a 7700 it is {made.provisioning}; here a "
                f"pool deduplicates when its name has {ledger.DEDUP_MARK!r} in it"
            )

    def _disk(self, name: str) -> Volume:
        found = self.array.find_volume(name, "volume")
        if found is None:
            raise NotFound("volume", name)
        return found

    def snapshot(self, row: SnapshotRow) -> None:
        lun = self._disk(row.volume)
        lun_id = object_id(lun)
        if AREA not in lun.attributes:
            size = max(1, lun.size // MIB // _AREA_SHARE)
            snapshots.create_area(self._state, self._call(sizeMB=size), lun_id)
            snapshots.create_policy(self._state, self._call(), lun_id)
        snapshots.create(self._state, self._call(comment=row.name), lun_id)

    def host(self, row: HostRow) -> None:
        if not row.initiators:
            raise ConfigError("a host of this array has the protocol of its initiators, so it needs at least one")
        kinds = {is_iscsi(address) for address in row.initiators}
        if len(kinds) > 1:
            raise ConfigError("a host of this array has initiators of one protocol only")
        addresses = ",".join(row.initiators)
        if kinds == {True}:
            policy = {"protocolType": "iSCSI", "iSCSIPolicy": {"initiators": addresses}}
        else:
            policy = {"protocolType": "FC", "FCPolicy": {"initiatorWWPNList": addresses}}
        hosts.create(self._state, self._call(name=row.name, OSType=row.os, **policy))

    def mapping(self, row: MappingRow) -> None:
        host = self.array.hosts.find(row.host)
        if host is None:
            raise NotFound("host", row.host)
        params = {"virtualDeviceObjectID": object_id(self._disk(row.volume)), "action": "assign"}
        if not hosts.is_iscsi(host):
            fc = {} if row.lun is None else {"lun": row.lun}
            hosts.change(self._state, self._call(**params, FC=fc), object_id(host))
            return
        found = [target_id for target_id, target in self._state.targets.items() if target["client"] == host.id]
        target_id = found[0] if found else self._new_target(host.id, host.name)
        hosts.change_target(self._state, self._call(**params, lun=row.lun), target_id)

    def _new_target(self, client: int, name: str) -> str:
        """The iSCSI target of a host. A document does not name it."""
        plain = re.sub(r"[^a-z0-9.-]", "-", name.lower())
        call = self._call(
            clientId=client,
            targetName=f"iqn.2004-02.com.vmem:{client}-{plain}",
            ipAddress=" ".join(self._state.portals) or self._state.address,
        )
        return str(hosts.create_target(self._state, call)["object_id"])

    def reason(self, error: Exception) -> str | None:
        return error.message if isinstance(error, ConcertoError) else super().reason(error)
