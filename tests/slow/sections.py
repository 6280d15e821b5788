# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of configuration files for the simulated arrays with real bytes."""

from __future__ import annotations

from typing import Any

from tests.support.simulator import Simulator


def store_section(simulator: Simulator, **more: Any) -> dict[str, Any]:
    """Of the image store, on the Datera array."""
    entry = simulator.array("datera")
    return {
        "datera_san_ip": entry["address"],
        "datera_san_port": entry["port"],
        "datera_san_login": entry["username"],
        "datera_san_password": entry["password"],
        "datera_ca_file": entry["ca_path"],
        **more,
    }


def backend_sections(simulator: Simulator) -> dict[str, dict[str, Any]]:
    """Of Cinder, with a backend on each array."""
    found = {}
    for name, driver in (("xtremio", "xtremio.XtremIOISCSIDriver"), ("datera", "datera.DateraDriver")):
        entry = simulator.array(name)
        found[name] = {
            "volume_driver": f"openflash_openstack.cinder.{driver}",
            "volume_backend_name": name,
            "san_ip": entry["address"],
            "san_api_port": entry["port"],
            "san_login": entry["username"],
            "san_password": entry["password"],
            "driver_ssl_cert_verify": True,
            "driver_ssl_cert_path": entry["ca_path"],
            "use_multipath_for_image_xfer": True,
            "enforce_multipath_for_image_xfer": True,
        }
    return found
