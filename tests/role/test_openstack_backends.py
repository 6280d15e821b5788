# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook openstack_backends: several backends of several vendors on several controllers, and a compute host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.role.cinder_host import Host, backend, cinder_python
from tests.role.service_host import playbook
from tests.support.simulator import Simulator


def variables(host: Host, backends: list[dict[str, Any]]) -> dict[str, Any]:
    found = {
        "backends": backends,
        "python": str(host.python),
        "config_file": str(host.conf),
        "rootwrap_config": str(host.folder / "rootwrap.conf"),
        "services": [],
        "health_timeout": 0,
    }
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {f"cinder_backend_{key}": value for key, value in found.items()} | local


@pytest.mark.slow
def test_the_playbook_configures_two_controllers_and_a_compute_host(tmp_path: Path) -> None:
    """Each controller gets its own backends, and the second run changes nothing."""
    with Simulator([{"vendor": name} for name in ("xtremio", "violin", "datera")]) as simulator:
        hosts = [Host(tmp_path / name, cinder_python(tmp_path / f"{name}-venv")) for name in ("one", "two")]
        shared, own = backend(simulator, "xtremio"), [backend(simulator, name) for name in ("violin", "datera")]
        subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "nova")], check=True, timeout=600)
        inventory = {
            "cinder_volume": {
                "hosts": {
                    f"controller{number}": variables(host, [shared, own[number]]) for number, host in enumerate(hosts)
                }
            },
            "nova_compute": {
                "hosts": {
                    "compute0": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
                },
            },
        }
        path = tmp_path / "inventory.json"
        path.write_text(json.dumps(inventory), encoding="utf-8")
        given = tmp_path / "variables.json"
        more = {
            "openstack_backends_become": False,
            "openstack_backends_nova_python": str(tmp_path / "nova/bin/python"),
            "openstack_backends_nova_services": [],
        }
        given.write_text(json.dumps(more), encoding="utf-8")
        first = playbook("openflash.storage.openstack_backends", given, "--inventory", str(path))
        again = playbook("openflash.storage.openstack_backends", given, "--inventory", str(path))
    for name in ("controller0", "controller1", "compute0"):
        assert f"{name} " in first
    assert again.count("changed=0") == 3
    for host, names in zip(hosts, ("xtremio, violin", "xtremio, datera"), strict=True):
        assert f"enabled_backends = {names}\n" in host.conf.read_text(encoding="utf-8")
    hook = list((tmp_path / "nova/lib").glob("python3*/site-packages/openflash.pth"))
    assert len(hook) == 1, "nova-compute learns of the connector when it starts"
