# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder by three processes and RabbitMQ, with backends on two arrays of different kinds in one cinder-volume."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import connector, section
from tests.e2e.test_cinder import GIB, Array, check_attachments, check_copies
from tests.slow.deployment import REQUIREMENTS, VOLUME, Deployment
from tests.slow.mariadb import MariaDB
from tests.slow.rabbitmq import RabbitMQ
from tests.support.clients import client_python
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

BACKENDS = ("xtremio", "datera")
UP, DOWN = "up up", "up down"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    running = RabbitMQ(tmp_path_factory.mktemp("rabbitmq"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    running = MariaDB(tmp_path_factory.mktemp("db"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator([{"vendor": "xtremio", "chap": True}, {"vendor": "datera"}]) as running:
        yield running


@pytest.fixture(scope="module")
def cinder(
    broker: RabbitMQ,
    database: MariaDB,
    simulator: Simulator,
    distribution: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    python = client_python(REQUIREMENTS)
    backends = {name: section(name, simulator.array(name)) for name in BACKENDS}
    folder = tmp_path_factory.mktemp("cinder")
    running = Deployment(python, distribution, folder, backends, broker.url, database.url("one"))
    try:
        running.start()
        running.wait_for("both backends", lambda: running.backend_states() == dict.fromkeys(BACKENDS, UP))
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("name", BACKENDS)
def test_life_of_a_volume(cinder: Deployment, simulator: Simulator, name: str) -> None:
    kind = cinder.type_of(name)
    array = Array(simulator, name)
    one, two = cinder.create(1, kind)["id"], cinder.create(1, kind)["id"]
    cinder.extend(one, 2)
    assert array.find(one)["size"] == 2 * GIB
    check_attachments(cinder, array, name, one, two)
    check_copies(cinder, array, name, one, kind)
    for volume in (one, two):
        cinder.delete("volume", volume)
    assert simulator.state(name)["volumes"] == []
    assert simulator.array(name)["password"] not in cinder.said()


def test_pools(cinder: Deployment, simulator: Simulator) -> None:
    """What the scheduler knows of every pool, which is asked through the broker."""

    def pools() -> dict[str, Any]:
        found = cinder.ask("GET", "/scheduler-stats/get_pools?detail=true")["pools"]
        return {one["name"]: one["capabilities"] for one in found}

    found = cinder.wait_for("two pools", lambda: (known := pools()) and len(known) == 2 and known)
    for name in BACKENDS:
        (full_name,) = [one for one in found if one.startswith(f"control@{name}#")]
        told = found[full_name]
        assert (told["volume_backend_name"], told["storage_protocol"].lower()) == (name, "iscsi")
        (pool,) = simulator.state(name)["pools"]
        assert told["total_capacity_gb"] == pytest.approx(pool["size"] / GIB, rel=0.01)
        assert 0 < told["free_capacity_gb"] <= told["total_capacity_gb"]
        assert told["thin_provisioning_support"] is True


def test_two_backends_at_once(cinder: Deployment, simulator: Simulator) -> None:
    """Twenty volumes are made, attached, detached and deleted side by side, and each is on its own array."""
    kinds = {name: cinder.type_of(name) for name in BACKENDS}

    def life(number: int) -> tuple[str, int]:
        name = BACKENDS[number % 2]
        volume = cinder.create(1, kinds[name])["id"]
        found = Array(simulator, name).find(volume)["size"]
        attachment, info = cinder.attach(volume, connector(1 + number % 4))
        assert info["driver_volume_type"] == "iscsi"
        cinder.detach(attachment, volume)
        cinder.delete("volume", volume)
        return name, found

    with ThreadPoolExecutor(10) as threads:
        done = list(threads.map(life, range(20)))
    assert done == [(BACKENDS[number % 2], GIB) for number in range(20)]
    for name in BACKENDS:
        state = simulator.state(name)
        assert (state["volumes"], state["mappings"]) == ([], [])


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_a_restart_amid_an_attach(cinder: Deployment, simulator: Simulator, name: str, hard: bool) -> None:
    """Between reserving, mapping, completing and detaching, the volume service is another one each time."""

    def restart() -> None:
        cinder.stop_one(VOLUME, hard)
        cinder.start_one(VOLUME)
        mark = len(cinder.said())
        ready = "Driver post RPC initialization completed successfully."
        cinder.wait_for("the volume service", lambda: cinder.said()[mark:].count(ready) >= len(BACKENDS))
        cinder.wait_for("both backends", lambda: cinder.backend_states() == dict.fromkeys(BACKENDS, UP))

    volume = cinder.create(1, cinder.type_of(name))["id"]
    made = cinder.ask("POST", "/attachments", {"attachment": {"volume_uuid": volume}})["attachment"]["id"]
    restart()
    body = {"attachment": {"connector": connector(1)}}
    first = cinder.ask("PUT", f"/attachments/{made}", body)["attachment"]["connection_info"]
    (mapping,) = simulator.state(name)["mappings"]
    restart()
    assert simulator.state(name)["mappings"] == [mapping]
    # A service that asks again, since it did not hear the answer, is told the same.
    again = cinder.ask("PUT", f"/attachments/{made}", body)["attachment"]["connection_info"]
    same = ("target_lun", "target_iqns", "target_portals", "auth_password")
    assert [again.get(key) for key in same] == [first.get(key) for key in same]
    assert len(simulator.state(name)["mappings"]) == 1
    cinder.ask("POST", f"/attachments/{made}/action", {"os-complete": {}})
    cinder.become("volume", volume, "in-use")
    restart()
    cinder.detach(made, volume)
    assert simulator.state(name)["mappings"] == []
    cinder.delete("volume", volume)
    assert simulator.state(name)["volumes"] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_an_array_is_down_at_the_start(database: MariaDB, distribution: Path, tmp_path: Path, name: str) -> None:
    """Its backend is down, the other one works, and it comes up by itself when the array does."""
    other = BACKENDS[1 - BACKENDS.index(name)]
    late: dict[str, Any] = {"vendor": name, "password": "long-enough-and-fixed-1", "state_dir": str(tmp_path / "state")}
    with Simulator([late]) as first:
        backend = section(name, first.array(name))
        late["port"] = first.array(name)["port"]
    # Each run of the simulator signs anew.
    for key in ("driver_ssl_cert_verify", "driver_ssl_cert_path"):
        backend.pop(key, None)
    python = client_python(REQUIREMENTS)
    # Two deployments at one broker would take each other's messages.
    broker = RabbitMQ(tmp_path / "rabbitmq")
    with Simulator([{"vendor": other}]) as there:
        folder = tmp_path / "cinder"
        folder.mkdir()
        sections = {name: backend | {"openflash_timeout": 5}, other: section(other, there.array(other))}
        running = Deployment(python, distribution, folder, sections, broker.url, database.url(f"without_{name}"))
        try:
            broker.start()
            running.start()
            running.wait_for("one of two", lambda: running.backend_states() == {name: DOWN, other: UP})
            one = running.create(1, running.type_of(other))["id"]
            assert Array(there, other).find(one)["size"] == GIB
            with Simulator([late]) as simulator:
                running.wait_for("the array", lambda: running.backend_states() == {name: UP, other: UP})
                two = running.create(1, running.type_of(name))["id"]
                assert Array(simulator, name).find(two)["size"] == GIB
                running.delete("volume", two)
            running.delete("volume", one)
        finally:
            running.stop()
            broker.stop()
