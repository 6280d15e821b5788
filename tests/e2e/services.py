# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Cinder for a test, driven through its REST API."""

from __future__ import annotations

import configparser
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from tests.support.ports import free_port

HERE = Path(__file__).parent
DEADLINE = 90.0
# Cinder wants a project that looks like one of Keystone's
PROJECT = uuid.uuid4().hex


class Cinder:
    """One process with all services, and its API."""

    deadline = DEADLINE
    """Seconds that anything may take."""
    interval = 0.1
    """Seconds between two looks at it."""

    def __init__(self, python: Path, path: Path, folder: Path, backends: Mapping[str, Mapping[str, Any]]) -> None:
        self._python, self._path, self.folder = python, path, folder
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.log = folder / "cinder.log"
        # Where the services find their files, and Cinder's own
        self.state, self.etc = folder, python.parent.parent / "etc" / "cinder"
        self._backends = dict(backends)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(
            {"X-Auth-Token": f"admin:{PROJECT}", "OpenStack-API-Version": "volume 3.70", "X-Service-Roles": "service"}
        )

    # -- life --------------------------------------------------------------------------------------------------------

    def sections(self) -> dict[str, dict[str, Any]]:
        """The configuration, without the backends."""
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
                # All services of one process send their heartbeats in the name of the last one (Service.service_id).
                "service_down_time": 3600,
                "graceful_shutdown_timeout": 2,
                "log_file": self.log,
                "host": "control",
                "default_volume_type": "__DEFAULT__",
                "rootwrap_config": self.etc / "rootwrap.conf",
            },
            "database": {"connection": f"sqlite:///{self.state}/cinder.sqlite"},
            "oslo_concurrency": {"lock_path": self.state / "locks"},
            "coordination": {"backend_url": f"file://{self.state}/coordination"},
        }

    def configure(self) -> Path:
        parser = configparser.RawConfigParser()
        parser.read_dict(
            {
                name: {key: str(value) for key, value in found.items()}
                for name, found in {**self.sections(), **self._backends}.items()
            }
        )
        path = self.folder / "cinder.conf"
        with path.open("w", encoding="utf-8") as output:
            parser.write(output)
        path.chmod(0o600)
        return path

    def start(self) -> None:
        config = self.configure()
        env = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": str(self._path),
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if not (self.folder / "cinder.sqlite").exists():
            manage = [str(self._python), str(self._python.parent / "cinder-manage")]
            done = subprocess.run(
                [*manage, "--config-file", str(config), "db", "sync"],
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [str(self._python), str(HERE / "one_process.py"), str(config), str(self.port)],
                env=env,
                stdout=output,
                stderr=output,
            )
        self.wait_for("the API", lambda: self._answers())

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "output").read_text()[-3000:]
        try:
            return self._session.get(f"http://127.0.0.1:{self.port}/v3/{PROJECT}/types", timeout=10).ok
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    # -- the API -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: Any = None, status: tuple[int, ...] = (200, 201, 202, 204)) -> Any:
        answer = self._session.request(
            method, f"http://127.0.0.1:{self.port}/v3/{PROJECT}{path}", json=body, timeout=60
        )
        assert answer.status_code in status, f"{method} {path}: {answer.status_code} {answer.text}\n{self.errors()}"
        return answer.json() if answer.content else None

    def errors(self, most: int = 25) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join([line for line in text.splitlines() if " ERROR " in line][-most:])

    def wait_for(self, what: str, ready: Callable[[], Any]) -> Any:
        end = time.monotonic() + self.deadline
        while True:
            found = ready()
            if found:
                return found
            assert time.monotonic() < end, f"{what} is not there after {self.deadline:g} s\n{self.errors()}"
            time.sleep(self.interval)

    def become(self, kind: str, number: str, status: str, bad: str = "error") -> dict[str, Any]:
        """Wait for a volume or snapshot to get there."""

        def ready() -> Any:
            found = self.ask("GET", f"/{kind}s/{number}")[kind]
            assert not found["status"].startswith(bad) or found["status"] == status, f"{found}\n{self.errors()}"
            return found if found["status"] == status else None

        found: dict[str, Any] = self.wait_for(f"{kind} {number} {status}", ready)
        return found

    def gone(self, kind: str, number: str) -> None:
        def ready() -> bool:
            answer = self._session.get(f"http://127.0.0.1:{self.port}/v3/{PROJECT}/{kind}s/{number}", timeout=30)
            if answer.status_code == 404:
                return True
            status = answer.json()[kind]["status"]
            assert not status.startswith("error"), f"{status}\n{self.errors()}"
            return False

        self.wait_for(f"{kind} {number} gone", ready)

    def backend_states(self) -> dict[str, str]:
        """What the services say of their arrays, by backend."""
        found = self.ask("GET", "/os-services?binary=cinder-volume")["services"]
        return {one["host"].split("@")[1]: f"{one['state']} {one.get('backend_state')}" for one in found}

    def type_of(self, backend: str, **extra_specs: str) -> str:
        name = f"{backend}-{uuid.uuid4().hex[:6]}"
        specs = {
            "volume_backend_name": backend,
            **{key.replace("__", ":"): value for key, value in extra_specs.items()},
        }
        made = self.ask("POST", "/types", {"volume_type": {"name": name, "extra_specs": specs}})
        return str(made["volume_type"]["id"])

    def create(self, size: int, type_id: str | None = None, **more: Any) -> dict[str, Any]:
        body = {"size": size, "name": "a volume", **({"volume_type": type_id} if type_id else {}), **more}
        made = self.ask("POST", "/volumes", {"volume": body})["volume"]
        return self.become("volume", made["id"], "available")

    def delete(self, kind: str, number: str) -> None:
        self.ask("DELETE", f"/{kind}s/{number}")
        self.gone(kind, number)

    def attach(self, volume: str, connector: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """The attachment and its connection_info."""
        made = self.ask("POST", "/attachments", {"attachment": {"volume_uuid": volume}})["attachment"]
        body = {"attachment": {"connector": dict(connector)}}
        found = self.ask("PUT", f"/attachments/{made['id']}", body)["attachment"]
        self.ask("POST", f"/attachments/{made['id']}/action", {"os-complete": {}})
        self.become("volume", volume, "in-use")
        return made["id"], found["connection_info"]

    def detach(self, attachment: str, volume: str) -> None:
        self.ask("DELETE", f"/attachments/{attachment}")
        self.become("volume", volume, "available")
