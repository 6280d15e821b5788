# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Cinder for tests, which use its REST API."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from tests.e2e.service import HERE, Service, ini

# Cinder expects a project id in Keystone's form
PROJECT = uuid.uuid4().hex


class Cinder(Service):
    """One process with all services, and its API.

    :param backends: the section of each backend, by name.
    :param more: additional options of the section DEFAULT.
    :param env: environment variables for the disks of its host (see disks.py), or for a comparison (see compared.py).
    :param native: whether it runs on native threads, instead of green ones.
    :param backup: whether it has the backup service, which keeps backups as files.
    """

    NAME = "cinder"
    patience = 300
    """The seconds that an answer of the API may take. On green threads it waits for what another thread computes."""

    def __init__(
        self,
        python: Path,
        path: Path,
        folder: Path,
        backends: Mapping[str, Mapping[str, Any]],
        more: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        *,
        native: bool = False,
        backup: bool = False,
    ) -> None:
        super().__init__(python, path, folder)
        self._backends = dict(backends)
        self._more, self._told = dict(more or {}), dict(env or {})
        self._backup = backup
        if native:
            self._told["OS_CINDER_DISABLE_EVENTLET_PATCHING"] = "true"
        self.etc = python.parent.parent / "etc" / "cinder"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(
            {"X-Auth-Token": f"admin:{PROJECT}", "OpenStack-API-Version": "volume 3.70", "X-Service-Roles": "service"}
        )

    # -- life --------------------------------------------------------------------------------------------------------

    def sections(self) -> dict[str, dict[str, Any]]:
        """The sections of the configuration without those of the backends."""
        return {
            "DEFAULT": {
                "state_path": self.state,
                "auth_strategy": "noauth",
                "api_paste_config": self.etc / "api-paste.ini",
                "resource_query_filters_file": self.etc / "resource_filters.json",
                "transport_url": "fake:/",
                "enabled_backends": ",".join(self._backends),
                "scheduler_driver_init_wait_time": 1,
                "backend_stats_polling_interval": 3,
                "periodic_interval": 1,
                "periodic_fuzzy_delay": 0,
                "report_interval": 2,
                "service_down_time": 60,
                "graceful_shutdown_timeout": 2,
                "log_file": self.log,
                "host": "control",
                "default_volume_type": "__DEFAULT__",
                **dict.fromkeys(("quota_volumes", "quota_snapshots", "quota_gigabytes", "quota_groups"), -1),
                "rootwrap_config": self.etc / "rootwrap.conf",
                "backup_driver": "cinder.backup.drivers.posix.PosixBackupDriver",
                "backup_posix_path": self.state / "backups",
                **self._more,
            },
            "database": {"connection": f"sqlite:///{self.state}/cinder.sqlite?timeout=60"},
            "oslo_concurrency": {"lock_path": self.state / "locks"},
            "coordination": {"backend_url": f"file://{self.state}/coordination"},
        }

    def configure(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        path = self.folder / "cinder.conf"
        path.touch(mode=0o600)
        path.write_text(ini({**self.sections(), **self._backends}), encoding="utf-8")
        return path

    def start(self) -> None:
        config = self.configure()
        if not (self.folder / "cinder.sqlite").exists():
            self._manage("cinder-manage", "--config-file", str(config), "db", "sync")
        command = [str(self._python), str(HERE / "one_process.py"), str(config), str(self.port)]
        command += ["backup"] if self._backup else []
        self._launch(command, self._answers, **self._told)

    def _answers(self) -> bool:
        try:
            return self._session.get(f"{self.url}/v3/{PROJECT}/types", timeout=10).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    # -- the API -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Any = None, status: tuple[int, ...] = (200, 201, 202, 204)) -> Any:
        answer = self._session.request(method, f"{self.url}/v3/{PROJECT}{path}", json=body, timeout=self.patience)
        assert answer.status_code in status, f"{method} {path}: {answer.status_code} {answer.text}\n{self.errors()}"
        return answer.json() if answer.content else None

    def become(self, kind: str, number: str, status: str, bad: str = "error") -> dict[str, Any]:
        """Wait until an object has this status. Returns the object."""

        def ready() -> Any:
            row = self.ask("GET", f"/{kind}s/{number}")[kind]
            assert not row["status"].startswith(bad) or row["status"] == status, f"{row}\n{self.errors()}"
            return row if row["status"] == status else None

        row: dict[str, Any] = self.wait_for(f"{kind} {number} {status}", ready)
        return row

    def gone(self, kind: str, number: str) -> None:
        def ready() -> bool:
            answer = self._session.get(f"{self.url}/v3/{PROJECT}/{kind}s/{number}", timeout=30)
            if answer.status_code == 404:
                return True
            status = answer.json()[kind]["status"]
            assert not status.startswith("error"), f"{status}\n{self.errors()}"
            return False

        self.wait_for(f"{kind} {number} gone", ready)

    def backend_states(self) -> dict[str, str]:
        """The state of each service and of its array, by backend."""
        services = self.ask("GET", "/os-services?binary=cinder-volume")["services"]
        return {row["host"].split("@")[1]: f"{row['state']} {row.get('backend_state')}" for row in services}

    def type_of(self, backend: str, **extra_specs: str) -> str:
        name = f"{backend}-{uuid.uuid4().hex[:6]}"
        specs = {
            "volume_backend_name": backend,
            **{key.replace("__", ":"): value for key, value in extra_specs.items()},
        }
        answer = self.ask("POST", "/types", {"volume_type": {"name": name, "extra_specs": specs}})
        return str(answer["volume_type"]["id"])

    def create(self, size: int, type_id: str | None = None, status: str = "available", **more: Any) -> dict[str, Any]:
        body = {"size": size, "name": "a volume", **({"volume_type": type_id} if type_id else {}), **more}
        volume = self.ask("POST", "/volumes", {"volume": body})["volume"]
        return self.become("volume", volume["id"], status)

    def extend(self, volume: str, size: int) -> None:
        self.ask("POST", f"/volumes/{volume}/action", {"os-extend": {"new_size": size}})
        self.become("volume", volume, "available")

    def retype(self, volume: str, type_id: str) -> None:
        body = {"new_type": type_id, "migration_policy": "never"}
        self.ask("POST", f"/volumes/{volume}/action", {"os-retype": body})
        self.become("volume", volume, "available")

    def snapshot(self, volume: str) -> str:
        snapshot_id: str = self.ask("POST", "/snapshots", {"snapshot": {"volume_id": volume, "name": "one"}})[
            "snapshot"
        ]["id"]
        self.become("snapshot", snapshot_id, "available")
        return snapshot_id

    def delete(self, kind: str, number: str) -> None:
        self.ask("DELETE", f"/{kind}s/{number}")
        self.gone(kind, number)

    def attach(self, volume: str, connector: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Attach a volume completely. Returns the id of the attachment, and its connection_info."""
        attachment = self.reserve(volume)
        info = self.connect(attachment, connector)
        self.complete(attachment, volume)
        return attachment, info

    def reserve(self, volume: str) -> str:
        """The id of a new attachment without a host."""
        return str(self.ask("POST", "/attachments", {"attachment": {"volume_uuid": volume}})["attachment"]["id"])

    def connect(self, attachment: str, connector: Mapping[str, Any]) -> dict[str, Any]:
        body = {"attachment": {"connector": dict(connector)}}
        info: dict[str, Any] = self.ask("PUT", f"/attachments/{attachment}", body)["attachment"]["connection_info"]
        return info

    def complete(self, attachment: str, volume: str) -> None:
        self.ask("POST", f"/attachments/{attachment}/action", {"os-complete": {}})
        self.become("volume", volume, "in-use")

    def detach(self, attachment: str, volume: str) -> None:
        self.ask("DELETE", f"/attachments/{attachment}")
        self.become("volume", volume, "available")
