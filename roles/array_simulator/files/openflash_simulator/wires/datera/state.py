# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One array: its tenants and its software version, with the iSCSI portals of its storage instances."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ...array import Array
from ...images import Images
from ...inquiry import Identity, naa_of
from ...iscsi import Portals
from ...objects import Pool
from ...operation import Operation
from ...rules import Rules
from ...tgt import EVERYBODY, Disk, Login, Target
from . import ledger
from .objects import GIB, ROOT, AppInstance, Group, InstanceVolume, StorageInstance, Tenant, new_uuid

Changed = Callable[[str, Mapping[str, Any]], None]


def numbers(version: str) -> tuple[int, ...]:
    """(3, 3, 5, 0) from ``3.3.5.0``."""
    return tuple(int(part) for part in version.split("."))


class EdfState:
    """One array: its tenants, over one pool of space."""

    def __init__(
        self,
        name: str,
        version: str,
        ips: tuple[str, ...],
        pool: Pool,
        rules: Rules,
        clock: Callable[[], float],
        changed: Changed,
        is_full: Callable[[], bool],
        assumed: Callable[[str], Any],
        slowness: float = 1.0,
        portals: Portals | None = None,
        images: Path | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.numbers = numbers(version)
        self.modern = self.numbers >= ledger.MODERN
        self.ips = ips
        self.pool = pool
        self.rules = rules
        self.clock = clock
        self.changed = changed
        self.is_full = is_full
        self.failed: Callable[[str], bool] = lambda object_id: False
        """Whether the array reports the app instance of this name, or the snapshot of this UUID, as failed."""
        self.assumed = assumed
        self.slowness = slowness
        self.portals = portals
        self.images = images
        self.operation = Operation()
        self.uuid = new_uuid()
        self.nodes = [new_uuid() for _node in range(ledger.NODES)]
        self.tenants: dict[str, Tenant] = {}
        # By name, the placement mode of each placement policy.
        self.policies = dict(ledger.POLICIES)
        # Ids of deleted app instances, the last one first, which new ones get where that is assumed.
        self.freed: list[str] = []
        self._last_snapshot = 0.0
        self.make_tenant(ROOT)

    # ---- tenants ---------------------------------------------------------------------------------------------------

    def make_tenant(self, path: str) -> Tenant:
        # tgtd separates its parameters by commas
        images = Images(self.images / path.strip("/").replace("/", "+")) if self.images else None
        array = Array(
            path,
            [self.pool],
            self.rules,
            clock=self.clock,
            datapath=images,
            on_change=lambda change, about: self.changed(change, {"scope": path, **about}),
            is_full=self.is_full,
        )
        tenant = Tenant(path, array, images)
        self._furnish(tenant)
        self.tenants[path] = tenant
        return tenant

    def _furnish(self, tenant: Tenant) -> None:
        """Add what a new array has: the IP pool of /root."""
        if tenant.path == ROOT:
            tenant.pools["default"] = {"name": "default", "descr": "", "network_paths": self._network_paths()}

    def _network_paths(self) -> list[dict[str, Any]]:
        return [
            {
                "name": f"access_{number}",
                "netmask": 24,
                "vlan": 0,
                "start_ip": ip,
                "range": 254,
                "mtu": 1500,
                "gateway": "",
            }
            for number, ip in enumerate(self.ips, 1)
        ]

    def ancestry(self, tenant: Tenant) -> list[Tenant]:
        """The tenant, then the tenants that it inherits from."""
        found = [tenant]
        while found[-1].parent in self.tenants:
            found.append(self.tenants[found[-1].parent])
        return found

    def below(self, tenant: Tenant) -> list[Tenant]:
        """The tenants that inherit from it."""
        return [other for other in self.tenants.values() if other is not tenant and tenant in self.ancestry(other)]

    def empty(self, kept: Collection[str]) -> None:
        """Remove every object, and every tenant but /root and these."""
        if self.portals is not None:
            for name in self.portals.tgtd.names():
                self.portals.withdraw(name)
        for tenant in self.tenants.values():
            tenant.array.reset()
            tenant.clear()
            self._furnish(tenant)
        self.tenants = {path: tenant for path, tenant in self.tenants.items() if path == ROOT or path in kept}
        self.freed.clear()

    # ---- access ----------------------------------------------------------------------------------------------------

    def access_changed(self, tenant: Tenant, instance: AppInstance, storage: StorageInstance) -> None:
        """Serve a storage instance over iSCSI as it is after a change of its access list, CHAP, state or volumes."""
        if self.portals is None or tenant.images is None:
            return
        everybody = storage.access_control_mode == "allow_all"
        names = [EVERYBODY] if everybody else [name.lower() for name in self.initiators_of(tenant, storage)]
        self.portals.serve(
            storage.iqn,
            Target(
                {lun: _disk(tenant, tenant.images, volume) for lun, volume in enumerate(storage.volumes, 1)},
                frozenset(names),
                instance.admin_state == storage.admin_state == "online",
                _login(storage, "target", ("chap", "mchap")),
                _login(storage, "initiator", ("mchap",)),
            ),
        )

    def storage_removed(self, tenant: Tenant, instance: AppInstance, storage: StorageInstance) -> None:
        """Serve a deleted storage instance no longer."""
        if self.portals is not None:
            self.portals.withdraw(storage.iqn)

    def active(self, storage: StorageInstance) -> list[str]:
        """The initiators that have a session: those that tests report, and the sessions of real portals."""
        logged_in = self.portals.sessions(storage.iqn) if self.portals else []
        return list(dict.fromkeys([*storage.active, *logged_in]))

    def initiators_of(self, tenant: Tenant, storage: StorageInstance) -> list[str]:
        """The initiators that the access list permits, members of its groups included."""
        paths = list(storage.initiators)
        for path in storage.initiator_groups:
            group = self.group(tenant, path)
            paths += group.members if group else []
        return list(dict.fromkeys(path.rsplit("/", 1)[1] for path in paths))

    def group(self, tenant: Tenant, path: str) -> Group | None:
        """The initiator group with this path that the tenant has or inherits."""
        name = path.rsplit("/", 1)[1]
        return next((above.groups[name] for above in self.ancestry(tenant) if name in above.groups), None)

    def busy(self, since: float, seconds: float) -> bool:
        """Whether work that takes this many seconds and began then is not finished."""
        return self.lasts(since, seconds * self.slowness)

    def lasts(self, since: float, seconds: float) -> bool:
        """Whether less time has gone by. What began in the future, because the clock was put back, has ended."""
        return 0 <= self.clock() - since < seconds

    # ---- identities ------------------------------------------------------------------------------------------------

    @staticmethod
    def new_iqn() -> str:
        return f"iqn.2013-05.com.daterainc:tc:01:sn:{secrets.token_hex(8)}"

    def new_instance_id(self) -> str:
        return self.freed.pop() if self.freed and self.assumed("array.ids_reused") else new_uuid()

    def new_snapshot_key(self) -> str:
        """Seconds and nanoseconds of the time, unique and increasing (2.5)."""
        now = max(self.clock(), self._last_snapshot + 2e-6)
        self._last_snapshot = now
        return f"{now:.9f}"


def _disk(tenant: Tenant, images: Images, volume: InstanceVolume) -> Disk:
    row = tenant.array_volume(volume)
    return Disk(str(images.image(row)), row.size, Identity(*ledger.DISK, naa_of(ledger.NAA, volume.uuid, 32)))


def _login(storage: StorageInstance, side: str, kinds: tuple[str, ...]) -> Login | None:
    if storage.auth["type"] not in kinds:
        return None
    return Login(storage.auth[f"{side}_user_name"], storage.auth[f"{side}_pswd"])


def gib(size: int) -> int | float:
    """The size as the array reports it: a whole number where it is one."""
    return size / GIB if size % GIB else size // GIB


def from_gib(number: float) -> int:
    return round(number * GIB)
