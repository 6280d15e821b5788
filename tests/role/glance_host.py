# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of Glance for tests of the role: its Python, a glance-api.conf with a file store, and runs of the role."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from requests import Response

from tests.openstack.conftest import ROOT
from tests.role.service_host import playbook, service_python, write_service
from tests.support.ports import answers, free_port
from tests.support.running import wait_until

REQUIREMENTS = ROOT / "tests/openstack/requirements-glance.txt"
WHO = {"X-Identity-Status": "Confirmed", "X-User-Id": "u", "X-Project-Id": "0" * 32, "X-Roles": "admin,member,reader"}
MULTIPLE = ("enabled_backends = files:file", "default_backend = files", "[files]")
SINGLE = ("# one store", "stores = file,http\ndefault_store = file", "")


class Host:
    def __init__(self, folder: Path, python: Path, multiple: bool) -> None:
        self.folder, self.python = folder, python
        folder.mkdir()
        # The variables of the role, which are not on the host
        self.given = folder.with_name(f"{folder.name}-given")
        self.given.mkdir()
        self.port = free_port()
        self.log = folder / "log"
        source = (python.parent.parent / "etc/glance/glance-api-paste.ini").read_text(encoding="utf-8")
        (folder / "glance-api-paste.ini").write_text(
            source.replace("unauthenticated-context rootapp", "context rootapp"), encoding="utf-8"
        )
        for name in ("staging", "tasks", "locks", "files"):
            (folder / name).mkdir()
        backends, default, section = MULTIPLE if multiple else SINGLE
        self.conf = folder / "glance-api.conf"
        self.conf.write_text(
            f"""\
# A comment of the operator
[DEFAULT]
{backends}
worker_self_reference_url = http://127.0.0.1:1
log_file = {self.log}
[database]
connection = sqlite:///{folder}/glance.sqlite
[glance_store]
{default}
{section}
filesystem_store_datadir = {folder}/files
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[oslo_concurrency]
lock_path = {folder}/locks
[paste_deploy]
config_file = {folder}/glance-api-paste.ini
""",
            encoding="utf-8",
        )
        self.conf.chmod(0o640)
        env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "PYTHONWARNINGS": "ignore"}
        manage = [str(python), str(python.parent / "glance-manage"), "--config-file", str(self.conf), "db_sync"]
        subprocess.run(manage, env=env, check=True, capture_output=True, timeout=600)
        serve = [str(python), str(ROOT / "tests/role/serve.py"), "glance", str(folder), str(self.port)]
        self.restart_command = write_service(folder, serve, env)

    def run(
        self,
        entry: dict[str, Any],
        *arguments: str,
        fails: bool = False,
        before: Sequence[str] = (),
        **options: Any,
    ) -> str:
        """Run the role. Returns the output of ansible-playbook."""
        variables: dict[str, Any] = {
            "san_ip": entry["address"],
            "san_port": entry["port"],
            "san_login": entry["username"],
            "san_password": entry["password"],
            "ca_file": entry["ca_path"],
            "python": str(self.python),
            "config_file": str(self.conf),
            "rootwrap_filters": str(self.folder / "rootwrap.d" / "images.filters"),
            "glance_rootwrap_config": str(self.folder / "rootwrap.conf"),
            "sudoers_file": str(self.folder / "sudoers"),
            "user": "root",
            "restart_command": self.restart_command,
            "api": {"url": f"http://127.0.0.1:{self.port}", "headers": WHO},
            **options,
        }
        variables_file = self.given / "variables.json"
        document: dict[str, Any] = {f"glance_datera_{key}": value for key, value in variables.items()}
        document |= {"glance_on_datera_hosts": "localhost", "glance_on_datera_become": False}
        variables_file.write_text(json.dumps(document), encoding="utf-8")
        return playbook("openflash.storage.glance_on_datera", variables_file, *arguments, fails=fails, before=before)

    # ---- its images ------------------------------------------------------------------------------------------------

    def keep(self, content: bytes) -> str:
        """The id of a new image in the default store."""
        body = {"name": "kept", "disk_format": "raw", "container_format": "bare"}
        image: str = self._ask("POST", json=body).json()["id"]
        as_bytes = {"Content-Type": "application/octet-stream"}
        assert self._ask("PUT", f"/{image}/file", data=content, headers=as_bytes).status_code == 204
        return image

    def content(self, image: str) -> bytes:
        return self._ask("GET", f"/{image}/file").content

    def drop(self, image: str) -> None:
        assert self._ask("DELETE", f"/{image}").status_code == 204

    def _ask(self, method: str, path: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> Response:
        url = f"http://127.0.0.1:{self.port}/v2/images{path}"
        return requests.request(method, url, headers={**WHO, **(headers or {})}, timeout=120, **more)

    def start(self) -> None:
        """Start the service, and wait until it answers."""
        subprocess.run(self.restart_command, check=True, timeout=120)
        wait_until(lambda: answers(self.port), 120, "Glance does not answer")

    def stop(self) -> None:
        subprocess.run([*self.restart_command, "stop"], check=True, timeout=600)


def glance_python(folder: Path) -> Path:
    """A Python with Glance and a separate copy of glance_store, since the role may edit it."""
    python = service_python(folder, REQUIREMENTS, "glance-manage")
    own_packages = site_packages(python)
    (shared_packages,) = (own_packages / "service.pth").read_text(encoding="utf-8").split()
    for package in Path(shared_packages).glob("glance_store*"):
        shutil.copytree(package, own_packages / package.name)
    # pip replaces files there too when it replaces glance_store
    etc = python.parent.parent / "etc"
    source = etc.resolve()
    etc.unlink()
    shutil.copytree(source, etc)
    return python


def site_packages(python: Path) -> Path:
    (folder,) = (python.parent.parent / "lib").glob("python3*/site-packages")
    return folder
