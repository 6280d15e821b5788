# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Cinder, with a backend on each of the five arrays in one service, driven through its REST API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.services import Cinder
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.simulator import Simulator

GIB = 1 << 30
ARRAYS: list[dict[str, Any]] = [
    {"name": "xtremio", "vendor": "xtremio", "chap": True},
    {"name": "xtremiofc", "vendor": "xtremio"},
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "both"},
    {"name": "violin", "vendor": "violin", "protocol": "both", "version": "7.5.6"},
    {"name": "dsware", "vendor": "dsware", "agents": ["127.0.0.1", "127.0.0.2"]},
    {"name": "datera", "vendor": "datera"},
    {"name": "locked", "vendor": "xtremio"},
]
DRIVERS = {
    "xtremio": "xtremio.XtremIOISCSIDriver",
    "xtremiofc": "xtremio.XtremIOFCDriver",
    "flashsystem": "flashsystem.FlashSystemFCDriver",
    "violin": "violin.V7000FCPDriver",
    "dsware": "dsware.DSWAREDriver",
    "datera": "datera.DateraDriver",
    "locked": "xtremio.XtremIOISCSIDriver",
}
FC = ("xtremiofc", "flashsystem", "violin")
# FlashSystem's copies go through disks of the service's host, which tests/openstack has and this service has not
BACKENDS = [name for name in DRIVERS if name != "locked"]
TYPES = {"violin": {"thin": "<is> False"}}


def section(simulator: Simulator, name: str) -> dict[str, Any]:
    entry = simulator.array(name)
    found: dict[str, Any] = {
        "volume_driver": f"openflash_openstack.cinder.{DRIVERS[name]}",
        "volume_backend_name": name,
        "san_ip": entry["address"],
        "san_login": entry["username"],
        "san_password": entry["password"] if name != "locked" else "wrong",
    }
    if entry.get("ca_path"):
        found |= {"driver_ssl_cert_verify": True, "driver_ssl_cert_path": entry["ca_path"]}
    if name == "flashsystem":
        found |= {"san_ssh_port": entry["port"], "flashsystem_connection_protocol": "FC"}
    elif name == "dsware":
        pools = ";".join(pool["name"] for pool in entry["pools"])
        agents = ",".join(f"compute-{n}:{one['address']}" for n, one in enumerate(entry["agents"], 1))
        url = f"https://{entry['address']}:{entry['rest_port']}"
        found |= {"dsware_rest_url": url, "dsware_storage_pools": pools, "manager_ips": agents}
    else:
        found["san_api_port"] = entry["port"]
    return found


def connector(number: int) -> dict[str, Any]:
    return {
        "host": f"compute-{number}",
        "ip": "127.0.0.1",
        "multipath": True,
        "initiator": f"iqn.1994-05.com.example:compute{number}",
        "wwpns": [f"1000000000{number:02x}000{port}" for port in (1, 2)],
        "wwnns": [f"2000000000{number:02x}000{port}" for port in (1, 2)],
    }


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture(scope="module")
def cinder(simulator: Simulator, distribution: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cinder]:
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    backends = {name: section(simulator, name) for name in DRIVERS}
    running = Cinder(python, distribution, tmp_path_factory.mktemp("cinder"), backends)
    try:
        running.start()
        wanted = dict.fromkeys(BACKENDS, "up up")
        running.wait_for("every backend", lambda: wanted.items() <= running.backend_states().items())
        yield running
    finally:
        running.stop()


def on_array(simulator: Simulator, name: str, number: str) -> list[dict[str, Any]]:
    """What has this id, or its digits, in its name on the array."""
    return [
        one
        for one in simulator.state(name)["volumes"]
        if number in one["name"] or number.replace("-", "") in one["name"]
    ]


@pytest.mark.parametrize("name", BACKENDS)
def test_life_of_a_volume(cinder: Cinder, simulator: Simulator, name: str) -> None:
    kind = cinder.type_of(name, **TYPES.get(name, {}))
    one = cinder.create(1, kind)
    assert [item["size"] for item in on_array(simulator, name, one["id"])] == [GIB]
    cinder.ask("POST", f"/volumes/{one['id']}/action", {"os-extend": {"new_size": 2}})
    cinder.become("volume", one["id"], "available")
    assert [item["size"] for item in on_array(simulator, name, one["id"])] == [2 * GIB]
    two = cinder.create(1, kind)
    check_attachments(cinder, simulator, name, one["id"], two["id"])
    if name != "flashsystem":
        check_copies(cinder, simulator, name, one["id"], kind)
    for volume in (one, two):
        cinder.delete("volume", volume["id"])
    assert simulator.state(name)["volumes"] == []
    secrets = [simulator.array(each)["password"] for each in BACKENDS]
    assert not [secret for secret in secrets if secret in cinder.log.read_text(encoding="utf-8")]


def check_attachments(cinder: Cinder, simulator: Simulator, name: str, one: str, two: str) -> None:
    def maps(number: str) -> list[dict[str, Any]]:
        return [item for item in simulator.state(name)["mappings"] if number in item["volume"]]

    first, info = cinder.attach(one, connector(1))
    second, other = cinder.attach(two, connector(1))
    assert (len(maps(one)), len(maps(two))) == (1, 1)
    if name == "dsware":
        wwn = on_array(simulator, name, one)[0]["wwn"]
        assert (info["driver_volume_type"], info["device_path"]) == ("local", f"/dev/disk/by-id/wwn-0x{wwn}")
    else:
        assert info["driver_volume_type"] == ("fibre_channel" if name in FC else "iscsi")
        assert (info["target_lun"], other["target_lun"]) == (maps(one)[0]["lun"], maps(two)[0]["lun"])
    if name in FC:
        assert sorted(info["initiator_target_map"]) == sorted(connector(1)["wwpns"])
    if name == "xtremio":
        (host,) = simulator.state(name)["hosts"]
        (initiator,) = host["initiators"]
        assert (info["auth_username"], len(info["auth_password"])) == ("chap_user", 12)
        assert info["auth_password"] not in cinder.log.read_text(encoding="utf-8")
        assert initiator["address"] == connector(1)["initiator"]
        assert info["auth_password"] == other["auth_password"]
    cinder.detach(first, one)
    assert (maps(one), len(maps(two))) == ([], 1)
    cinder.detach(second, two)
    assert simulator.state(name)["mappings"] == []


def check_copies(cinder: Cinder, simulator: Simulator, name: str, one: str, kind: str) -> None:
    body = {"snapshot": {"volume_id": one, "name": "a snapshot"}}
    snap = cinder.ask("POST", "/snapshots", body)["snapshot"]["id"]
    cinder.become("snapshot", snap, "available")
    copy = cinder.create(3, kind, snapshot_id=snap)
    clone = cinder.create(2, kind, source_volid=one)
    (source,) = [item for item in on_array(simulator, name, one) if item["kind"] != "snapshot"]
    for made, size in ((copy, 3), (clone, 2)):
        (found,) = on_array(simulator, name, made["id"])
        assert (found["size"], found["content"]) == (size * GIB, source["content"])
    cinder.delete("snapshot", snap)
    for made in (copy, clone):
        cinder.delete("volume", made["id"])


def test_multiattach(cinder: Cinder, simulator: Simulator) -> None:
    """The mapping stays while another attachment on the same host remains."""
    kind = cinder.type_of("xtremio", multiattach="<is> True")
    one = cinder.create(1, kind)["id"]
    first, info = cinder.attach(one, connector(1))
    second, again = cinder.attach(one, connector(1))
    assert info["target_lun"] == again["target_lun"]
    cinder.ask("DELETE", f"/attachments/{first}")
    assert len(simulator.state("xtremio")["mappings"]) == 1
    cinder.detach(second, one)
    assert simulator.state("xtremio")["mappings"] == []
    cinder.delete("volume", one)


def test_a_wrong_password_leaves_the_others_up(cinder: Cinder, simulator: Simulator) -> None:
    """The backend itself is not started, says why, and does not ask its array without end: accounts get locked."""
    states = cinder.backend_states()
    assert {states[name] for name in BACKENDS} == {"up up"}
    body = {"volume": {"size": 1, "volume_type": cinder.type_of("locked")}}
    made = cinder.ask("POST", "/volumes", body)["volume"]["id"]
    cinder.wait_for("the volume", lambda: cinder.ask("GET", f"/volumes/{made}")["volume"]["status"] == "error")
    cinder.delete("volume", made)
    assert "did not accept the user name and password" in cinder.errors(10_000)
    logins = [entry for entry in simulator.requests("locked") if entry.get("status") == 401]
    assert 0 < len(logins) <= 8


def test_a_dead_array_comes_back(
    distribution: Path,
    tmp_path: Path,
) -> None:
    """Away at the start, and again later: the service is there, the backend down, and it comes up with the array.

    An attachment that one service began another one ends.
    """
    state = tmp_path / "state"
    port = 0
    array: dict[str, Any] = {"vendor": "xtremio", "state_dir": str(state), "password": "long-enough-and-fixed-1"}
    with Simulator([array]) as first:
        port = first.array()["port"]
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    options = {
        "volume_driver": "openflash_openstack.cinder.xtremio.XtremIOISCSIDriver",
        "volume_backend_name": "xtremio",
        "san_ip": "127.0.0.1",
        "san_api_port": port,
        "san_login": first.array()["username"],
        "san_password": array["password"],
        "openflash_timeout": 5,
    }
    running = Cinder(python, distribution, tmp_path / "cinder", {"xtremio": options})
    running.folder.mkdir()
    try:
        running.start()
        running.wait_for("the service", lambda: running.backend_states().get("xtremio") == "up down")
        with Simulator([{**array, "port": port}]):
            running.wait_for("the array", lambda: running.backend_states().get("xtremio") == "up up")
            one = running.create(1)["id"]
            attachment, _info = running.attach(one, connector(1))
        running.wait_for("the array to be away", lambda: running.backend_states().get("xtremio") == "up down")
        with Simulator([{**array, "port": port}]) as simulator:
            running.wait_for("the array once more", lambda: running.backend_states().get("xtremio") == "up up")
            two = running.create(1)["id"]
            running.stop()
            time.sleep(0.1)
            running.start()
            running.wait_for("the service again", lambda: running.backend_states().get("xtremio") == "up up")
            assert len(simulator.state()["mappings"]) == 1
            running.detach(attachment, one)
            assert simulator.state()["mappings"] == []
            for number in (one, two):
                running.delete("volume", number)
    finally:
        running.stop()
