# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the backends of this host from Cinder's database."""

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
    """For each backend its host in Cinder, its number of volumes, and whether its service is alive.

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
    volumes = [volume for volume in found if str(volume.host).partition("#")[0] == host]
    services = objects.ServiceList.get_all(admin, {"host": host, "binary": "cinder-volume"})
    last_report = max((service.updated_at or service.created_at for service in services), default=None)
    last_report = last_report.replace(tzinfo=None) if last_report is not None else None
    age = timeutils.delta_seconds(last_report, timeutils.utcnow()) if last_report is not None else None
    # The record is also written when a service starts; only reports show that its driver has started.
    reports = sum(service.report_count or 0 for service in services)
    return {
        "host": host,
        "volumes": len(volumes),
        "reports": reports,
        "alive": age is not None and age <= CONF.service_down_time and reports > before.get("reports", 0),
        "disabled": any(service.disabled for service in services),
    }
