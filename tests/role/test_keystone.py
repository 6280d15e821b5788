# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles with a real Keystone, and with a Cinder that authenticates by it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.e2e.service import ini
from tests.openstack.conftest import HERE
from tests.role.cinder_host import Host, backend, cinder_python
from tests.role.glance_host import WHO, Host as GlanceHost
from tests.role.keystone_host import Keystone
from tests.role.service_host import changed, failure
from tests.support.clients import client_python
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow
WRONG = "Not-The-Right-One-77"


@pytest.fixture(scope="module")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    python = client_python(HERE / "requirements-keystone.txt")
    with Keystone(python, tmp_path_factory.mktemp("keystone")) as server:
        yield server


@pytest.fixture
def host(keystone: Keystone, tmp_path: Path) -> Iterator[Host]:
    cinder_host = Host(tmp_path / "cinder", cinder_python(tmp_path / "venv"))
    text = cinder_host.conf.read_text(encoding="utf-8").replace("auth_strategy = noauth", "auth_strategy = keystone")
    account = {
        "auth_type": "password",
        "auth_url": keystone.url,
        "www_authenticate_uri": keystone.url,
        "username": "admin",
        "password": keystone.password,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    cinder_host.conf.write_text(text + ini({"keystone_authtoken": account}), encoding="utf-8")
    subprocess.run(cinder_host.restart_command, check=True, timeout=600)
    cinder_host.cinder.wait_for("the API", lambda: _listens(cinder_host.cinder.url))
    yield cinder_host
    cinder_host.stop()


def _listens(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code > 0
    except (requests.ConnectionError, requests.Timeout):
        return False


class Cinder:
    """The administrator's requests to Cinder, with a token of Keystone."""

    def __init__(self, url: str, keystone: Keystone) -> None:
        self._url = f"{url}/v3"
        self._headers = {"X-Auth-Token": keystone.token(), "OpenStack-API-Version": "volume 3.70"}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, self._url + path, json=body, headers=self._headers, timeout=60)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def types(self) -> dict[str, dict[str, str]]:
        """The extra specs of each volume type, by its name."""
        rows = self.ask("GET", "/types?is_public=None")["volume_types"]
        return {row["name"]: row["extra_specs"] for row in rows if row["name"] != "__DEFAULT__"}


def test_volume_types_are_created_and_removed_with_an_account_of_keystone(host: Host, keystone: Keystone) -> None:
    """They are removed with the backend, except those that a volume has and those of other backends."""
    with Simulator([{"vendor": "xtremio"}]) as simulator:
        before = host.conf.read_bytes()
        account = {"url": f"{host.cinder.url}/v3", **keystone.account}
        service: dict[str, Any] = {"restart_command": host.restart_command, "health_timeout": 120, "api": account}
        kinds = [{"name": "gold"}, {"name": "silver", "extra_specs": {"volume_backend_name": "another"}}]
        requested = backend(simulator, "xtremio", volume_types=kinds)
        output = host.run([requested], "--diff", "-vvvv", **service)
        assert keystone.password not in output
        cinder = Cinder(host.cinder.url, keystone)
        expected_types = {"gold": {"volume_backend_name": "xtremio"}, "silver": {"volume_backend_name": "another"}}
        assert cinder.types() == expected_types
        assert changed(host.run([requested], **service)) == 0

        body = {"volume": {"size": 1, "volume_type": "gold"}}
        volume = cinder.ask("POST", "/volumes", body)["volume"]["id"]
        path = f"/volumes/{volume}"
        host.cinder.wait_for("volume", lambda: cinder.ask("GET", path)["volume"]["status"] == "available")
        absent = {"name": "xtremio", "state": "absent", "volume_types": [{"name": "gold"}]}
        removal = {**service, "remove_types": True, "force": True}
        conf = host.conf.read_bytes()
        message = failure(host.run([absent], fails=True, **removal))
        assert "Removing volume type gold: Target volume type is still in use." in message
        absent_of_others = {**absent, "volume_types": [{"name": "silver"}]}
        message = failure(host.run([absent_of_others], fails=True, **removal))
        assert "Removing volume type silver: its volume_backend_name is another and not xtremio" in message
        assert (cinder.types(), host.conf.read_bytes()) == (expected_types, conf)

        cinder.ask("DELETE", path)
        listed = "/volumes?all_tenants=1"
        host.cinder.wait_for("no volume", lambda: cinder.ask("GET", listed)["volumes"] == [])
        assert changed(host.run([absent], "--check", **removal)) > 0
        assert cinder.types() == expected_types
        host.run([absent], **removal)
        host.cinder.wait_for("the API", lambda: _listens(host.cinder.url))
        assert sorted(cinder.types()) == ["silver"]
        assert host.conf.read_bytes() == before
        assert changed(host.run([absent], **removal)) == 0


def test_a_wrong_account_is_reported(host: Host, keystone: Keystone) -> None:
    with Simulator([{"vendor": "xtremio"}]) as simulator:
        requested = backend(simulator, "xtremio", volume_types=[{"name": "gold"}])
        account = {"url": f"{host.cinder.url}/v3", **keystone.account}
        service: dict[str, Any] = {"restart_command": ["true"], "verify_array": False}
        output = host.run([requested], fails=True, api={**account, "password": WRONG}, **service)
        assert f"Logging in to {keystone.url} as admin: Status code was 401 and not [201]" in failure(output)
        assert WRONG not in output
        output = host.run([requested], fails=True, api={**account, "project_name": "nowhere"}, **service)
        assert "Status code was 401 and not [201]" in failure(output)
        output = host.run([requested], fails=True, api={"url": account["url"], "username": "admin"}, **service)
        assert "cinder_backend_api has no auth_url, no password, no project_name, and no token either" in failure(
            output
        )
        absent = {"name": "xtremio", "state": "absent", "volume_types": [{"name": "gold"}]}
        output = host.run([absent], fails=True, remove_types=True, **service)
        assert "the volume types gold can only be removed through Cinder's API" in failure(output)


@pytest.mark.parametrize("glance", ["multiple"], indirect=True)
def test_an_image_is_verified_with_an_account_of_keystone(
    keystone: Keystone, glance: GlanceHost, entry: dict[str, Any]
) -> None:
    """The verification logs in to Keystone; this Glance itself does not authenticate."""
    api = {"url": f"http://127.0.0.1:{glance.port}", "headers": WHO, **keystone.account}
    options: dict[str, Any] = {"data_path": "libiscsi", "verify_image": True}
    output = glance.run(entry, "-vvvv", api=api, **options)
    assert keystone.password not in output
    output = glance.run(entry, fails=True, api={**api, "password": WRONG}, **options)
    assert f"Logging in to {keystone.url} as admin: Status code was 401" in failure(output)
    assert WRONG not in output
