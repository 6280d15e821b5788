# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real iSCSI exports of a cluster: each initiator sees the LUNs of its group through every target (section 6)."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...array import Array
from ...images import Images
from ...inquiry import Identity
from ...iscsi import Portals
from ...objects import Host, Initiator, Mapping, Volume
from ...tgt import Disk, Login, Target
from . import ledger
from .state import Cluster, naa_name

Luns = dict[int, tuple[Volume, int]]
"""Volume and size by LUN."""
_ISCSI = ("iqn.", "eui.")


class Exports(Images):
    """The volumes of one cluster as iSCSI targets of tgtd.

    Each initiator has one target at tgtd. It stands for all targets of the simulated array.
    """

    def __init__(self, folder: Path, portals: Portals) -> None:
        super().__init__(folder)
        self._portals = portals
        self._cluster: Cluster | None = None

    def belong(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @property
    def _array(self) -> Array:
        assert self._cluster is not None
        return self._cluster.array

    def show_all(self) -> None:
        """Export everything. Needed after a state file was read, and when the CHAP mode of the cluster has changed."""
        for host in self._array.hosts:
            self._show(host, self._luns(host))

    # ---- which initiator reaches which target ----------------------------------------------------------------------

    def route(self, initiator: str, target: str) -> str | None:
        found = self._array.find_initiator(initiator)
        known = any(target == address for address, _portal in self._targets())
        name = self._name(found) if found else ""
        return name if known and name in self._portals.tgtd.names() else None

    def sessions(self, initiator: Initiator) -> int:
        """How many real sessions the initiator has."""
        return self._portals.count(self._name(initiator))

    def shown(self, name: str) -> list[tuple[str, str]]:
        """The targets of the array, each with its portal, that a target of tgtd stands for; none of another cluster."""
        is_ours = any(self._name(initiator) == name for initiator in self._array.initiators)
        return list(self._targets()) if is_ours else []

    def _targets(self) -> Iterator[tuple[str, str]]:
        assert self._cluster is not None
        for portal in self._cluster.portals:
            yield portal.values["port-address"], portal.values["ip-addr"].partition("/")[0]

    def _name(self, initiator: Initiator) -> str:
        assert self._cluster is not None
        return f"iqn.2008-05.com.xtremio:{self._cluster.index}.{initiator.host}.{initiator.id}"

    # ---- called by the array ---------------------------------------------------------------------------------------

    def extend(self, volume: Volume, size: int) -> None:
        super().extend(volume, size)
        for mapping in self._array.mappings_of(volume):
            host = self._array.hosts[mapping.host]
            self._show(host, {**self._luns(host), mapping.lun: (volume, size)})

    def map(self, volume: Volume, host: Host, initiators: Sequence[Initiator], lun: int) -> None:
        self._show(host, {**self._luns(host), lun: (volume, volume.size)})

    def unmap(self, volume: Volume, host: Host, lun: int) -> None:
        self._show(host, {number: disk for number, disk in self._luns(host).items() if number != lun})

    def host_changed(self, host: Host, initiators: Sequence[Initiator], mappings: Sequence[Mapping]) -> None:
        present = {self._name(initiator) for initiator in initiators}
        prefix = f"{self._name(Initiator(0, '', '', '', host.id)).rpartition('.')[0]}."
        for name in self._portals.tgtd.names():
            if name.startswith(prefix) and name not in present:
                self._portals.withdraw(name)
        self._show(host, self._luns(host))

    def _luns(self, host: Host) -> Luns:
        rows = ((mapping.lun, self._array.volumes[mapping.volume]) for mapping in self._array.mappings_for(host))
        return {lun: (volume, volume.size) for lun, volume in rows}

    def _show(self, host: Host, luns: Luns) -> None:
        for initiator in self._array.initiators_of(host):
            if not initiator.address.startswith(_ISCSI):
                continue
            disks = {
                lun + 1: Disk(str(self.image(volume)), size, Identity(*ledger.DISK, naa_name(volume)))
                for lun, (volume, size) in luns.items()
            }
            target = Target(disks, frozenset([initiator.address]), True, self._login(initiator, "initiator"))
            self._portals.serve(self._name(initiator), target)

    def _login(self, initiator: Initiator, side: str) -> Login | None:
        """The credentials of an initiator; random ones when the cluster requires CHAP and the initiator has none."""
        assert self._cluster is not None
        if self._cluster.chap["chap-authentication-mode"] == "disabled":
            return None
        chap = initiator.attributes.get("chap", {})
        user = chap.get(f"{side}-authentication-user-name")
        secret = chap.get(f"{side}-authentication-password")
        return Login(user, secret) if user and secret else Login("nobody", secrets.token_hex(16))
