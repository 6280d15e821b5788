# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of Cinder for a test: a Python that Cinder is installed in, a cinder.conf, and the role applied to it.

The Python is a virtual environment of the host's own, so that the role really installs into it; Cinder itself it has
from the cached environment of the driver tests, by a path file.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from tests.e2e.services import PROJECT, Cinder
from tests.openstack.conftest import CLIENTS, ROOT
from tests.role.service_host import playbook, service_python, write_service
from tests.support.clients import client_python
from tests.support.simulator import Simulator

SERVICE = ROOT / "tests/e2e/one_process.py"
REQUIREMENTS = CLIENTS / "requirements-cinder29.txt"


def backend(simulator: Simulator, name: str, **more: Any) -> dict[str, Any]:
    """An entry of cinder_backend_backends for a simulated array."""
    entry = simulator.array(name)
    found: dict[str, Any] = {"name": name}
    found |= {key: entry[key] for key in ("vendor", "address", "port", "username", "password")}
    if entry.get("ca_path"):
        found["ca_path"] = entry["ca_path"]
    if entry["vendor"] == "flashsystem":
        found |= {"host_key": entry["host_key"], "protocol": "fc"}
    if entry["vendor"] == "dsware":
        found["port"] = entry["rest_port"]
        found["pools"] = [pool["name"] for pool in entry["pools"]]
        found["agents"] = {f"compute-{n}": one["address"] for n, one in enumerate(entry["agents"], 1)}
    return {**found, **more}


class Host:
    """A Cinder whose configuration only the role changes, apart from what is in it at first."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        folder.mkdir(exist_ok=True)
        # What the role is told, which is no part of the host
        self.given = folder.with_name(f"{folder.name}-given")
        self.given.mkdir(exist_ok=True)
        self.cinder = Cinder(python, folder / "nothing", folder, {})
        self.conf = self.cinder.configure()
        text = self.conf.read_text(encoding="utf-8").replace("enabled_backends = \n", "")
        self.conf.write_text(f"# The operator's own words\n{text}", encoding="utf-8")
        self.conf.chmod(0o640)
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
        manage = [str(python), str(python.parent / "cinder-manage"), "--config-file", str(self.conf), "db", "sync"]
        subprocess.run(manage, env=env, check=True, capture_output=True, timeout=600)
        command = [str(python), str(SERVICE), str(self.conf), str(self.cinder.port)]
        self.restart_command = write_service(folder, command, env)
        self.api = {"url": f"http://127.0.0.1:{self.cinder.port}/v3/{PROJECT}", "token": f"admin:{PROJECT}"}

    def only_volume_service(self) -> None:
        """From now on the service is cinder-volume alone, in a process of its own: in the one process of the others the
        scheduler's heartbeat stands for everybody's."""
        program = client_python(REQUIREMENTS).parent / "cinder-volume"
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
        write_service(self.folder, [str(self.python), str(program), "--config-file", str(self.conf)], env)

    def start(self) -> None:
        subprocess.run(self.restart_command, check=True, timeout=600)
        self.cinder.wait_for("the API", self._answers)

    def _answers(self) -> bool:
        try:
            return bool(self.cinder.ask("GET", "/types"))
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        subprocess.run([*self.restart_command, "stop"], check=True, timeout=600)

    def run(
        self,
        backends: Sequence[Mapping[str, Any]],
        *arguments: str,
        fails: bool = False,
        before: Sequence[str] = (),
        **options: Any,
    ) -> str:
        """What ansible-playbook prints."""
        variables: dict[str, Any] = {
            "backends": list(backends),
            "python": str(self.python),
            "config_file": str(self.conf),
            "rootwrap_config": str(self.folder / "rootwrap.conf"),
            "rootwrap_filters": str(self.folder / "rootwrap.d" / "openflash.filters"),
            "log_file": str(self.cinder.log),
            "services": [],
            "health_timeout": 0,
            **options,
        }
        # As a file, since Ansible shows its own command line
        given = self.given / "variables.json"
        given.write_text(json.dumps({f"cinder_backend_{key}": value for key, value in variables.items()}))
        play = self.given / "play.yml"
        document = [{"hosts": "localhost", "gather_facts": False, "roles": ["openflash.storage.cinder_backend"]}]
        play.write_text(json.dumps(document), encoding="utf-8")
        return playbook(play, given, *arguments, fails=fails, before=before)


def cinder_python(folder: Path) -> Path:
    return service_python(folder, REQUIREMENTS, "cinder-manage")
