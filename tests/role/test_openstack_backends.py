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


LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
# A control node that remembers what its hosts are
CONFIGURATION = """\
[defaults]
fact_caching = jsonfile
fact_caching_connection = facts
"""


def play(folder: Path, inventory: dict[str, Any], *arguments: str, fails: bool = False, **options: Any) -> str:
    path = folder / "inventory.json"
    path.write_text(json.dumps(inventory), encoding="utf-8")
    given = folder / "variables.json"
    more = {f"openstack_backends_{key}": value for key, value in options.items()}
    given.write_text(json.dumps({"openstack_backends_become": False, **more}), encoding="utf-8")
    return playbook("openflash.storage.openstack_backends", given, "--inventory", str(path), *arguments, fails=fails)


def on_compute_hosts(backends: list[dict[str, Any]], **hosts: dict[str, Any]) -> dict[str, Any]:
    return {
        "cinder_volume": {"hosts": {"controller0": {"cinder_backend_backends": backends}}},
        "nova_compute": {"hosts": hosts},
    }


def test_compute_hosts_are_contacted_only_for_a_dsware(tmp_path: Path) -> None:
    """Where the backends are others, or a Dsware is removed, an unreachable compute host is no failure."""
    away = {"ansible_host": "127.0.0.1", "ansible_port": 1}
    others = [{"name": "a", "vendor": "xtremio"}, {"name": "b", "vendor": "dsware", "state": "absent"}, {"name": "c"}]
    limit = ["--limit", "nova_compute"]
    output = play(tmp_path, on_compute_hosts(others, compute0=away), *limit)
    assert "unreachable=0" in output
    dsware = [*others, {"name": "d", "vendor": "dsware"}]
    output = play(tmp_path, on_compute_hosts(dsware, compute0=away), *limit, fails=True)
    assert "unreachable=1" in output


def test_compute_hosts_are_changed_in_batches_by_their_own_service(tmp_path: Path) -> None:
    """The service that is restarted has the name of the operating system's family."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "nova")], check=True, timeout=600)
    (tmp_path / "ansible.cfg").write_text(CONFIGURATION, encoding="utf-8")
    facts = [{"hosts": name, "gather_facts": False, "tasks": [remembered(family)]} for name, family in FAMILIES.items()]
    (tmp_path / "facts.yml").write_text(json.dumps(facts), encoding="utf-8")
    wanted = on_compute_hosts([{"name": "d", "vendor": "dsware"}], **dict.fromkeys(FAMILIES, LOCAL))
    given = tmp_path / "variables.json"
    given.write_text("{}", encoding="utf-8")
    (tmp_path / "inventory.json").write_text(json.dumps(wanted), encoding="utf-8")
    playbook(tmp_path / "facts.yml", given, "--inventory", "inventory.json")
    options: dict[str, Any] = {"nova_python": str(tmp_path / "nova/bin/python"), "compute_serial": 1}
    for name, service in (("compute0", "nova-compute"), ("compute1", "openstack-nova-compute")):
        output = play(tmp_path, wanted, "--limit", name, "--check", fails=True, **options)
        # This machine has no such service
        assert f"(item={service})" in output
    output = play(tmp_path, wanted, "--limit", "nova_compute", "--check", nova_services=[], **options)
    assert output.count("PLAY [Put the connector into the Python of Nova]") == 2


FAMILIES = {"compute0": "Debian", "compute1": "RedHat"}


def remembered(family: str) -> dict[str, Any]:
    return {"ansible.builtin.set_fact": {"ansible_os_family": family, "cacheable": True}}


@pytest.mark.slow
def test_the_playbook_configures_two_controllers_and_a_compute_host(tmp_path: Path) -> None:
    """Each controller gets its own backends, and the second run changes nothing."""
    with Simulator([{"vendor": name} for name in ("xtremio", "violin", "dsware")]) as simulator:
        hosts = [Host(tmp_path / name, cinder_python(tmp_path / f"{name}-venv")) for name in ("one", "two")]
        shared, own = backend(simulator, "xtremio"), [backend(simulator, name) for name in ("violin", "dsware")]
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
        options: dict[str, Any] = {"nova_python": str(tmp_path / "nova/bin/python"), "nova_services": []}
        first, again = play(tmp_path, inventory, **options), play(tmp_path, inventory, **options)
    for name in ("controller0", "controller1", "compute0"):
        assert f"{name} " in first
    assert again.count("changed=0") == 3
    assert first.count("2 hosts run cinder-volume, and [coordination] backend_url in ") == 2
    assert "without a common coordinator" in first
    for host, names in zip(hosts, ("xtremio, violin", "xtremio, dsware"), strict=True):
        assert f"enabled_backends = {names}\n" in host.conf.read_text(encoding="utf-8")
    hook = list((tmp_path / "nova/lib").glob("python3*/site-packages/openflash.pth"))
    assert len(hook) == 1, "nova-compute learns of the connector of Dsware when it starts"
