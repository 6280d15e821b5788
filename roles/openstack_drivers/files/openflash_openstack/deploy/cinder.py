# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Cinder's own database knows of the backends of this host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from cinder import context, objects
from cinder.common import config
from oslo_config import cfg
from oslo_utils import timeutils

# With the options that are read here
CONF = config.CONF


def backends(path: str, folder: Optional[str], names: Sequence[str], before: Mapping[str, Any]) -> dict[str, Any]:
    """For each backend its host as Cinder knows it, its number of volumes, and whether its service is alive.

    :param before: the answer of an earlier call; reports of the service from before that call do not count.
    """
    CONF([], project="cinder", default_config_files=[path], default_config_dirs=[folder] if folder else [])
    objects.register_all()
    admin = context.get_admin_context()
    return {name: _backend(admin, name, before.get(name) or {}) for name in names}


def _backend(admin: Any, name: str, before: Mapping[str, Any]) -> dict[str, Any]:
    CONF.register_opt(cfg.StrOpt("backend_host"), group=name)
    host = "%s@%s" % (CONF[name].backend_host or CONF.host, name)
    found = objects.VolumeList.get_all_by_host(admin, host)
    volumes = [one for one in found if str(one.host).partition("#")[0] == host]
    services = objects.ServiceList.get_all(admin, {"host": host, "binary": "cinder-volume"})
    beat = max((one.updated_at or one.created_at for one in services), default=None)
    beat = beat.replace(tzinfo=None) if beat is not None else None
    age = timeutils.delta_seconds(beat, timeutils.utcnow()) if beat is not None else None
    # The record is also written when a service starts; only reports show that its driver has started.
    reports = sum(one.report_count or 0 for one in services)
    return {
        "host": host,
        "volumes": len(volumes),
        "reports": reports,
        "alive": age is not None and age <= CONF.service_down_time and reports > before.get("reports", 0),
        "disabled": any(one.disabled for one in services),
    }
