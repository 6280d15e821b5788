# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder in three processes with RabbitMQ, with backends on two different arrays in one cinder-volume."""

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
BACKEND_UP, BACKEND_DOWN = "up up", "up down"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with MariaDB(tmp_path_factory.mktemp("db")) as running:
        yield running


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
    with Deployment(python, distribution, folder, backends, broker.url, database.url("one")) as running:
        running.wait_for("both backends", lambda: running.backend_states() == dict.fromkeys(BACKENDS, BACKEND_UP))
        yield running


@pytest.mark.parametrize("name", BACKENDS)
def test_a_volume_is_created_attached_copied_and_deleted(cinder: Deployment, simulator: Simulator, name: str) -> None:
    kind = cinder.type_of(name)
    array = Array(simulator, name)
    first, second = cinder.create(1, kind)["id"], cinder.create(1, kind)["id"]
    cinder.extend(first, 2)
    assert array.find(first)["size"] == 2 * GIB
    check_attachments(cinder, array, name, first, second)
    check_copies(cinder, array, name, first, kind)
    for volume in (first, second):
        cinder.delete("volume", volume)
    assert simulator.state(name)["volumes"] == []
    assert simulator.array(name)["password"] not in cinder.said()


def test_the_scheduler_knows_the_pools_of_both_arrays(cinder: Deployment, simulator: Simulator) -> None:
    """The scheduler reads the pools through the broker."""

    def pools() -> dict[str, Any]:
        rows = cinder.ask("GET", "/scheduler-stats/get_pools?detail=true")["pools"]
        return {row["name"]: row["capabilities"] for row in rows}

    known_pools = cinder.wait_for("two pools", lambda: (known := pools()) and len(known) == 2 and known)
    for name in BACKENDS:
        (full_name,) = [pool_name for pool_name in known_pools if pool_name.startswith(f"control@{name}#")]
        capabilities = known_pools[full_name]
        assert (capabilities["volume_backend_name"], capabilities["storage_protocol"].lower()) == (name, "iscsi")
        (pool,) = simulator.state(name)["pools"]
        assert capabilities["total_capacity_gb"] == pytest.approx(pool["size"] / GIB, rel=0.01)
        assert 0 < capabilities["free_capacity_gb"] <= capabilities["total_capacity_gb"]
        assert capabilities["thin_provisioning_support"] is True


def test_twenty_volumes_on_two_backends_do_not_disturb_each_other(cinder: Deployment, simulator: Simulator) -> None:
    """They are created, attached, detached and deleted at the same time, and each is on its own array."""
    kinds = {name: cinder.type_of(name) for name in BACKENDS}

    def life(number: int) -> tuple[str, int]:
        name = BACKENDS[number % 2]
        volume = cinder.create(1, kinds[name])["id"]
        size = Array(simulator, name).find(volume)["size"]
        attachment, info = cinder.attach(volume, connector(1 + number % 4))
        assert info["driver_volume_type"] == "iscsi"
        cinder.detach(attachment, volume)
        cinder.delete("volume", volume)
        return name, size

    with ThreadPoolExecutor(10) as threads:
        results = list(threads.map(life, range(20)))
    assert results == [(BACKENDS[number % 2], GIB) for number in range(20)]
    for name in BACKENDS:
        state = simulator.state(name)
        assert (state["volumes"], state["mappings"]) == ([], [])


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("hard", [False, True], ids=["stopped", "killed"])
def test_an_attachment_survives_restarts_of_the_volume_service(
    cinder: Deployment, simulator: Simulator, name: str, hard: bool
) -> None:
    """The volume service is restarted between reserving, mapping, completing and detaching."""

    def restart() -> None:
        cinder.stop_one(VOLUME, hard)
        cinder.start_one(VOLUME)
        mark = len(cinder.said())
        ready = "Driver post RPC initialization completed successfully."
        cinder.wait_for("the volume service", lambda: cinder.said()[mark:].count(ready) >= len(BACKENDS))
        cinder.wait_for("both backends", lambda: cinder.backend_states() == dict.fromkeys(BACKENDS, BACKEND_UP))

    volume = cinder.create(1, cinder.type_of(name))["id"]
    attachment = cinder.ask("POST", "/attachments", {"attachment": {"volume_uuid": volume}})["attachment"]["id"]
    restart()
    body = {"attachment": {"connector": connector(1)}}
    first = cinder.ask("PUT", f"/attachments/{attachment}", body)["attachment"]["connection_info"]
    (mapping,) = simulator.state(name)["mappings"]
    restart()
    assert simulator.state(name)["mappings"] == [mapping]
    # A service whose answer was lost repeats the request and gets the same answer
    again = cinder.ask("PUT", f"/attachments/{attachment}", body)["attachment"]["connection_info"]
    same = ("target_lun", "target_iqns", "target_portals", "auth_password")
    assert [again.get(key) for key in same] == [first.get(key) for key in same]
    assert len(simulator.state(name)["mappings"]) == 1
    cinder.ask("POST", f"/attachments/{attachment}/action", {"os-complete": {}})
    cinder.become("volume", volume, "in-use")
    restart()
    cinder.detach(attachment, volume)
    assert simulator.state(name)["mappings"] == []
    cinder.delete("volume", volume)
    assert simulator.state(name)["volumes"] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_comes_up_when_its_array_does(
    database: MariaDB, distribution: Path, tmp_path: Path, name: str
) -> None:
    """Until then its backend is down, and the other backend works."""
    running_array = BACKENDS[1 - BACKENDS.index(name)]
    late: dict[str, Any] = {"vendor": name, "password": "long-enough-and-fixed-1", "state_dir": str(tmp_path / "state")}
    with Simulator([late]) as first:
        backend = section(name, first.array(name))
        late["port"] = first.array(name)["port"]
    # Every start of a simulator makes new certificates
    for key in ("driver_ssl_cert_verify", "driver_ssl_cert_path"):
        backend.pop(key, None)
    python = client_python(REQUIREMENTS)
    # Two deployments with one broker would receive each other's messages.
    broker = RabbitMQ(tmp_path / "rabbitmq")
    with Simulator([{"vendor": running_array}]) as running_simulator:
        folder = tmp_path / "cinder"
        folder.mkdir()
        sections = {
            name: backend | {"openflash_timeout": 5},
            running_array: section(running_array, running_simulator.array(running_array)),
        }
        running = Deployment(python, distribution, folder, sections, broker.url, database.url(f"without_{name}"))
        try:
            broker.start()
            running.start()
            running.wait_for(
                "one of two", lambda: running.backend_states() == {name: BACKEND_DOWN, running_array: BACKEND_UP}
            )
            volume = running.create(1, running.type_of(running_array))["id"]
            assert Array(running_simulator, running_array).find(volume)["size"] == GIB
            with Simulator([late]) as simulator:
                running.wait_for(
                    "the array", lambda: running.backend_states() == {name: BACKEND_UP, running_array: BACKEND_UP}
                )
                late_volume = running.create(1, running.type_of(name))["id"]
                assert Array(simulator, name).find(late_volume)["size"] == GIB
                running.delete("volume", late_volume)
            running.delete("volume", volume)
        finally:
            running.stop()
            broker.stop()
