# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array behind the wire: its tenants, its product version, and one request in the array's own terms."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...array import Array
from ...images import Images
from ...inquiry import Identity, naa_of
from ...iscsi import Portals
from ...objects import Pool
from ...rules import Rules
from ...tgt import EVERYBODY, Disk, Login, Target
from . import guesses
from .content import GIB, ROOT, AppInstance, Group, Member, StorageInstance, Tenant, new_uuid
from .errors import invalid, missing

Changed = Callable[[str, Mapping[str, Any]], None]


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


class Edf:
    """Every tenant's objects, over one pool of space."""

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
        extend_offline: bool,
        slowness: float = 1.0,
        portals: Portals | None = None,
        images: Path | None = None,
        apart: bool = False,
    ) -> None:
        self.name = name
        self.version = version
        self.numbers = numbers(version)
        self.modern = self.numbers >= guesses.MODERN
        self.ips = ips
        self.pool = pool
        self.rules = rules
        self.clock = clock
        self.changed = changed
        self.is_full = is_full
        self.failed: Callable[[str], bool] = lambda object_id: False
        """Whether the array reports the app instance of this name, or the snapshot of this UUID, as failed."""
        self.extend_offline = extend_offline
        self.slowness = slowness
        self.apart = apart
        self.portals = portals
        self.images = images
        self.uuid = new_uuid()
        self.nodes = [new_uuid() for _node in range(guesses.NODES)]
        self.tenants: dict[str, Tenant] = {}
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
        if tenant.path == ROOT:
            tenant.pools["default"] = {"name": "default", "descr": "", "network_paths": self._paths()}

    def _paths(self) -> list[dict[str, Any]]:
        return [
            {"name": f"access_{n}", "netmask": 24, "vlan": 0, "start_ip": ip, "range": 254, "mtu": 1500, "gateway": ""}
            for n, ip in enumerate(self.ips, 1)
        ]

    def line(self, tenant: Tenant) -> list[Tenant]:
        """The tenant, then those that it inherits from."""
        found = [tenant]
        while found[-1].parent in self.tenants:
            found.append(self.tenants[found[-1].parent])
        return found

    def empty(self, kept: Collection[str]) -> None:
        """Forget every object, and every tenant but /root and these."""
        if self.portals is not None:
            for name in self.portals.tgtd.names():
                self.portals.withdraw(name)
        for tenant in self.tenants.values():
            tenant.array.reset()
            tenant.clear()
            self._furnish(tenant)
        self.tenants = {path: one for path, one in self.tenants.items() if path == ROOT or path in kept}

    # ---- who may see what ------------------------------------------------------------------------------------------

    def access_changed(self, tenant: Tenant, ai: AppInstance, si: StorageInstance) -> None:
        """Access list, CHAP, state or volumes of a storage instance are different now."""
        if self.portals is None or tenant.images is None:
            return
        everybody = si.access_control_mode == "allow_all"
        names = [EVERYBODY] if everybody else [name.lower() for name in self.initiators_of(tenant, si)]
        self.portals.serve(
            si.iqn,
            Target(
                {at: _disk(tenant, tenant.images, member) for at, member in enumerate(si.volumes, 1)},
                frozenset(names),
                ai.admin_state == si.admin_state == "online",
                _login(si, "target", ("chap", "mchap")),
                _login(si, "initiator", ("mchap",)),
            ),
        )

    def storage_removed(self, tenant: Tenant, ai: AppInstance, si: StorageInstance) -> None:
        """The storage instance is gone."""
        if self.portals is not None:
            self.portals.withdraw(si.iqn)

    def active(self, si: StorageInstance) -> list[str]:
        """The initiators that have a session."""
        real = self.portals.sessions(si.iqn) if self.portals else []
        return list(dict.fromkeys([*si.active, *real]))

    def initiators_of(self, tenant: Tenant, si: StorageInstance) -> list[str]:
        """The initiators that its access list lets in, its groups' members included."""
        paths = list(si.initiators)
        for path in si.initiator_groups:
            group = self.group(tenant, path)
            paths += group.members if group else []
        return list(dict.fromkeys(path.rsplit("/", 1)[1] for path in paths))

    def group(self, tenant: Tenant, path: str) -> Group | None:
        name = path.rsplit("/", 1)[1]
        return next((one.groups[name] for one in self.line(tenant) if name in one.groups), None)

    def busy(self, since: float, seconds: float) -> bool:
        """Whether the array is still at what it began then in the background."""
        return self.clock() - since < seconds * self.slowness

    # ---- identities ------------------------------------------------------------------------------------------------

    @staticmethod
    def new_iqn() -> str:
        return f"iqn.2013-05.com.daterainc:tc:01:sn:{secrets.token_hex(8)}"

    def new_snapshot_key(self) -> str:
        """Seconds and nanoseconds, unique and growing (2.5)."""
        now = max(self.clock(), self._last_snapshot + 2e-6)
        self._last_snapshot = now
        return f"{now:.9f}"


@dataclass
class Call:
    """One request: its route's parameters, the tenant that it is about (None: all of them), query and body."""

    edf: Edf
    method: str
    path: str
    version: str
    tenant: Tenant | None
    params: dict[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def second(self) -> bool:
        """Whether the client speaks 2.2."""
        return self.version != "v2.1"

    @property
    def scope(self) -> Tenant:
        """The tenant that a write is about."""
        if self.tenant is None:
            raise invalid("Tenant all is for reading")
        return self.tenant

    @property
    def visible(self) -> list[Tenant]:
        return list(self.edf.tenants.values()) if self.tenant is None else [self.tenant]

    @property
    def inherited(self) -> list[Tenant]:
        """Where names are looked up that a tenant inherits: initiators, groups, pools, templates."""
        return list(self.edf.tenants.values()) if self.tenant is None else self.edf.line(self.tenant)

    def instance(self) -> tuple[Tenant, AppInstance]:
        for tenant in self.visible:
            found = tenant.find(self.params["ai"])
            if found is not None:
                return tenant, found
        raise missing(self.path)

    def storage(self) -> tuple[Tenant, AppInstance, StorageInstance]:
        tenant, ai = self.instance()
        si = ai.storage(self.params["si"])
        if si is None:
            raise missing(self.path)
        return tenant, ai, si

    def member(self) -> tuple[Tenant, AppInstance, StorageInstance, Member]:
        tenant, ai, si = self.storage()
        found = si.volume(self.params["volume"])
        if found is None:
            raise missing(self.path)
        return tenant, ai, si, found

    def resolve(self, path: str) -> tuple[Tenant, AppInstance, StorageInstance, Member, str | None]:
        """What a full path of a volume or of a snapshot means."""
        parts = path.strip("/").split("/")
        names = dict(zip(parts[::2], parts[1::2], strict=False))
        for tenant in self.visible:
            ai = tenant.find(names.get("app_instances", ""))
            si = ai.storage(names.get("storage_instances", "")) if ai else None
            member = si.volume(names.get("volumes", "")) if si else None
            if ai and si and member:
                return tenant, ai, si, member, names.get("snapshots")
        raise missing(path)


def _disk(tenant: Tenant, images: Images, member: Member) -> Disk:
    row = tenant.volume(member)
    return Disk(str(images.image(row)), row.size, Identity(*guesses.DISK, naa_of(guesses.NAA, member.uuid, 32)))


def _login(si: StorageInstance, side: str, kinds: tuple[str, ...]) -> Login | None:
    if si.auth["type"] not in kinds:
        return None
    return Login(si.auth[f"{side}_user_name"], si.auth[f"{side}_pswd"])


def offline_only(ai: AppInstance, si: StorageInstance | None = None) -> None:
    """What the array does only while nobody can have the volume open."""
    if ai.admin_state == "online" and (si is None or si.admin_state == "online"):
        raise invalid(guesses.ONLINE)


def gib(size: int) -> int | float:
    whole, rest = divmod(size, GIB)
    return whole if not rest else size / GIB


def from_gib(number: float) -> int:
    return round(number * GIB)
