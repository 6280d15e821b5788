# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Keystone for tests: its WSGI application with SQLite and one administrator."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import requests

from tests.e2e.service import Service, ini
from tests.openstack.conftest import ROOT


class Keystone(Service):
    NAME = "keystone"

    def __init__(self, python: Path, folder: Path) -> None:
        super().__init__(python, folder, folder)
        self.password = f"Admin-{secrets.token_hex(12)}"

    @property
    def account(self) -> dict[str, Any]:
        """The administrator's account, as the roles expect it."""
        names = {"username": "admin", "project_name": "admin", "password": self.password}
        return {"auth_url": self.url, **names}

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "keystone.conf"
        sections: dict[str, dict[str, Any]] = {
            "DEFAULT": {"log_file": self.log},
            "database": {"connection": f"sqlite:///{self.folder}/keystone.sqlite"},
            "fernet_tokens": {"key_repository": self.folder / "keys"},
            "credential": {"key_repository": self.folder / "credentials"},
            "oslo_concurrency": {"lock_path": self.folder},
        }
        config.write_text(ini(sections), encoding="utf-8")
        urls = [f"--bootstrap-{kind}-url={self.url}/v3" for kind in ("public", "internal", "admin")]
        for command in (
            ["db_sync"],
            ["fernet_setup", "--keystone-user", "root", "--keystone-group", "root"],
            ["bootstrap", "--bootstrap-password", self.password, *urls],
        ):
            self._manage("keystone-manage", "--config-file", str(config), *command)
        serve = [str(self._python), str(ROOT / "tests/role/serve.py"), self.NAME, str(self.folder), str(self.port)]
        self._launch(serve, self._answers)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/v3", timeout=10).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def token(self) -> str:
        """A token of the administrator for the project admin."""
        domain = {"name": "Default"}
        user = {"name": "admin", "domain": domain, "password": self.password}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": domain}},
            }
        }
        answer = requests.post(f"{self.url}/v3/auth/tokens", json=body, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"]
