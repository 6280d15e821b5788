# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Glance for a test: its WSGI application under gunicorn, on sqlite and without Keystone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.e2e.service import HERE, Service, ini
from tests.openstack.conftest import HERE as OPENSTACK
from tests.support.clients import client_python


class Glance(Service):
    """A Glance with named stores of one type, of which the first is the default, and its API."""

    NAME = "glance"
    patience = 120
    """The seconds that an answer may take without sending a byte."""

    def __init__(
        self,
        path: Path,
        folder: Path,
        stores: Mapping[str, Mapping[str, Any]],
        kind: str = "datera",
        python: Path | None = None,
        more: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """:param more: other sections of its configuration."""
        super().__init__(python or client_python(OPENSTACK / "requirements-glance.txt"), path, folder)
        self._stores, self._kind, self._more = dict(stores), kind, dict(more or {})
        self._session = requests.Session()
        self._session.trust_env = False
        # An upload that is refused before it was read completely ends the connection.
        self._session.headers["Connection"] = "close"

    def configure(self) -> Path:
        for name in ("staging", "tasks", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "glance-api-paste.ini").write_text(self._pipeline(), encoding="utf-8")
        sections: dict[str, Mapping[str, Any]] = {
            "DEFAULT": {
                "enabled_backends": ", ".join(f"{name}:{self._kind}" for name in self._stores),
                "worker_self_reference_url": self.url,
                "log_file": self.log,
            },
            "database": {"connection": f"sqlite:///{self.state}/glance.sqlite"},
            "glance_store": {"default_backend": next(iter(self._stores))},
            "os_glance_staging_store": {"filesystem_store_datadir": self.state / "staging"},
            "os_glance_tasks_store": {"filesystem_store_datadir": self.state / "tasks"},
            "oslo_concurrency": {"lock_path": self.state / "locks"},
            "paste_deploy": {"config_file": self.etc / "glance-api-paste.ini"},
        }
        path = self.folder / "glance-api.conf"
        path.touch(mode=0o600)
        path.write_text(ini({**sections, **self._stores, **self._more}), encoding="utf-8")
        return path

    def _pipeline(self) -> str:
        paste = self._python.parent.parent / "etc" / "glance" / "glance-api-paste.ini"
        return paste.read_text(encoding="utf-8").replace("unauthenticated-context rootapp", "context rootapp")

    def _command(self, where: Path) -> list[str]:
        """:param where: the folder of ``no_keystone.py``."""
        options = ["-w", "1", "-k", "gthread", "--threads", "4", "--timeout", "900", "-b", f"127.0.0.1:{self.port}"]
        return [str(self._python), "-m", "gunicorn", *options, "--pythonpath", str(where), "no_keystone:application"]

    def start(self) -> None:
        config = self.configure()
        if not (self.folder / "glance.sqlite").exists():
            self._manage("glance-manage", "--config-file", str(config), "db_sync")
        self._launch(self._command(HERE), self._answers, OS_GLANCE_CONFIG_DIR=str(self.folder))

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/v2/images").ok
        except requests.ConnectionError:
            return False

    # -- the API -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, f"{self.url}{path}", timeout=self.patience, **more)

    def image(self, **more: Any) -> str:
        """The id of a new image without data."""
        properties = {"name": "one", "disk_format": "raw", "container_format": "bare", **more}
        answer = self.ask("POST", "/v2/images", json=properties)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def upload(self, image: str, data: bytes | Iterable[bytes], store: str | None = None) -> requests.Response:
        """Upload data: bytes with their length, an iterable in chunks without a length."""
        headers = {"Content-Type": "application/octet-stream", **({"X-Image-Meta-Store": store} if store else {})}
        return self.ask("PUT", f"/v2/images/{image}/file", data=data, headers=headers)

    def download(self, image: str, **headers: str) -> requests.Response:
        return self.ask("GET", f"/v2/images/{image}/file", headers=headers)

    def about(self, image: str) -> dict[str, Any]:
        image_record: dict[str, Any] = self.ask("GET", f"/v2/images/{image}").json()
        return image_record

    def delete(self, image: str) -> int:
        return self.ask("DELETE", f"/v2/images/{image}").status_code


def section(entry: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """The section of a store on a simulated array with real bytes, used by iSCSI in user space."""
    return {
        "datera_san_ip": entry["address"],
        "datera_san_port": entry["port"],
        "datera_san_login": entry["username"],
        "datera_san_password": entry["password"],
        "datera_ca_file": entry["ca_path"],
        "datera_data_path": "libiscsi",
        **more,
    }
