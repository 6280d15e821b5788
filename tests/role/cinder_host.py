# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of Cinder for tests of the role: a Python with Cinder, a cinder.conf, and runs of the role.

The Python is a separate virtual environment, so that the role really installs into it. Cinder itself comes from the
cached environment of the driver tests, by a path file.
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
    options: dict[str, Any] = {"name": name}
    options |= {key: entry[key] for key in ("vendor", "address", "port", "username", "password")}
    if entry.get("ca_path"):
        options["ca_path"] = entry["ca_path"]
    if entry["vendor"] == "flashsystem":
        options |= {"host_key": entry["host_key"], "protocol": "fc"}
    if entry["vendor"] == "dsware":
        options["port"] = entry["rest_port"]
        options["pools"] = [pool["name"] for pool in entry["pools"]]
        options["agents"] = {f"compute-{n}": agent["address"] for n, agent in enumerate(entry["agents"], 1)}
    return {**options, **more}


class Host:
    """A Cinder with an initial configuration, which only the role changes."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        folder.mkdir(exist_ok=True)
        # The variables of the role, which are not on the host
        self.given = folder.with_name(f"{folder.name}-given")
        self.given.mkdir(exist_ok=True)
        self.cinder = Cinder(python, folder / "nothing", folder, {})
        self.conf = self.cinder.configure()
        text = self.conf.read_text(encoding="utf-8").replace("enabled_backends = \n", "")
        self.conf.write_text(f"# A comment of the operator\n{text}", encoding="utf-8")
        self.conf.chmod(0o640)
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
        manage = [str(python), str(python.parent / "cinder-manage"), "--config-file", str(self.conf), "db", "sync"]
        subprocess.run(manage, env=env, check=True, capture_output=True, timeout=600)
        command = [str(python), str(SERVICE), str(self.conf), str(self.cinder.port)]
        self.restart_command = write_service(folder, command, env)
        self.api = {"url": f"http://127.0.0.1:{self.cinder.port}/v3/{PROJECT}", "token": f"admin:{PROJECT}"}

    def only_volume_service(self) -> None:
        """Run only cinder-volume from now on: in the common process, one heartbeat counts for all services."""
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
        """Run the role. Returns the output of ansible-playbook."""
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
        variables_file = self.given / "variables.json"
        variables_file.write_text(json.dumps({f"cinder_backend_{key}": value for key, value in variables.items()}))
        play = self.given / "play.yml"
        document = [{"hosts": "localhost", "gather_facts": False, "roles": ["openflash.storage.cinder_backend"]}]
        play.write_text(json.dumps(document), encoding="utf-8")
        return playbook(play, variables_file, *arguments, fails=fails, before=before)


def cinder_python(folder: Path) -> Path:
    return service_python(folder, REQUIREMENTS, "cinder-manage")
