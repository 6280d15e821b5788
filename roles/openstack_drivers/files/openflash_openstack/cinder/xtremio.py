# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dell EMC XtremIO over iSCSI and Fibre Channel."""

from __future__ import annotations

import secrets
import string
from typing import Any, Optional

from cinder import context, exception, interface

from openflash import model
from openflash.array import Array, HostChap

from .base import FC, ISCSI
from .connections import Connections, with_only
from .groups import ConsistencyGroupsOfArray
from .management import SnapshotManagement
from .names import BareIds

# What the drivers of this array call themselves to it (sheet, section 6).
CHAP_USER = "chap_user"
CHAP_LENGTH = 12


class XtremIO(BareIds, Connections, SnapshotManagement, ConsistencyGroupsOfArray):
    """Names on the array are the bare ids, those of snapshots too (sheet, section 12)."""

    VENDOR = "xtremio"
    VENDOR_NAME = "Dell EMC"
    BACKEND_NAME = "XtremIO"

    def _snapshot_name(self, snapshot: Any) -> str:
        return str(snapshot["id"])

    def _vendor_options(self) -> dict[str, Any]:
        return {
            "cluster": self._setting("xtremio_cluster_name") or None,
            "target_ports": [one.strip() for one in self._setting("xtremio_ports") or () if one.strip()],
        }

    def _patience(self) -> float:
        return float(
            self._setting("xtremio_array_busy_retry_count") * self._setting("xtremio_array_busy_retry_interval")
        )

    def _dedups(self, pool: model.Pool) -> bool:
        return True

    def _dedups_always(self, pool: model.Pool) -> bool:
        return True

    # -- copies ------------------------------------------------------------------------------------------------------

    def _check_clone(self, array: Array, source: Any) -> None:
        """A cached image is copied anew once so many volumes depend on it; the read is for cached images only."""
        limit = self._setting("xtremio_volumes_per_glance_cache")
        if not limit or limit < 0:
            return
        admin = context.get_admin_context()
        if not self.db.image_volume_cache_get_by_volume_id(admin, source["id"]):
            return
        existing = self._find(array, source)
        if existing is not None and len(existing.snapshots or ()) >= limit:
            raise exception.SnapshotLimitReached(set_limit=limit)

    # -- hosts -------------------------------------------------------------------------------------------------------

    def _host_is_empty(self, array: Array, last: model.Mapping, connector: Optional[dict[str, Any]]) -> None:
        if self._setting("xtremio_clean_unused_ig"):
            self._remove_host(array, last.host, None)


@interface.volumedriver
class XtremIOISCSIDriver(XtremIO):
    """Cinder volume driver for XtremIO over iSCSI, with CHAP where the cluster demands it."""

    BACKEND_NAME = "XtremIO_ISCSI"
    PROTOCOL = ISCSI

    def _host_name(self, connector: dict[str, Any]) -> str:
        return str(connector["initiator"])

    def _hosts_for(
        self, array: Array, volume: model.Volume, connector: dict[str, Any]
    ) -> tuple[list[model.Host], Optional[model.Chap]]:
        host_chap = HostChap.of(array)
        login, discovery = host_chap.wants_chap()
        if not login and not discovery:
            return super()._hosts_for(array, volume, connector)
        initiators = self._initiators(connector)
        addresses = [one.address for one in initiators]
        found = list(array.find_hosts(addresses))
        if not found:
            chap = _credentials(None, discovery)
            return [self._make_host(array, self._host_name(connector), initiators, chap)], chap
        known = host_chap.chap_of(addresses)
        if known is None or (discovery and not known.discovery_password):
            # Those that the host logs in with now stay; only what is missing is added.
            known = _credentials(known, discovery)
            host_chap.set_chap(with_only(found[0], addresses), known)
        if not discovery:
            known = model.Chap(known.username, known.password)
        return found, known


@interface.volumedriver
class XtremIOFCDriver(XtremIO):
    """Cinder volume driver for XtremIO over Fibre Channel."""

    PROTOCOL = FC


def _credentials(known: Optional[model.Chap], discovery: bool) -> model.Chap:
    """Credentials with those that are known; random passwords for what is missing."""
    password = known.password if known is not None else _password()
    user = known.username if known is not None else CHAP_USER
    return model.Chap(user, password, CHAP_USER if discovery else None, _password() if discovery else None)


def _password() -> str:
    return "".join(secrets.choice(string.ascii_uppercase + string.digits) for _index in range(CHAP_LENGTH))
