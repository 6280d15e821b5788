# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Cinder whose arrays are unreachable for a time, and which is killed during an operation."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import requests

from tests.e2e.backends import DRIVERS, connector, section
from tests.e2e.services import Cinder
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.simulator import Simulator

BACKENDS = ("xtremio", "flashsystem", "violin", "dsware", "datera")
PORTS = ("port", "rest_port", "socket_port", "http_port")
ARRAYS: list[dict[str, Any]] = [
    {"name": "xtremio", "vendor": "xtremio"},
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "both"},
    {"name": "violin", "vendor": "violin", "version": "7.5.6"},
    {"name": "dsware", "vendor": "dsware", "agents": ["127.0.0.1", "127.0.0.2"]},
    {"name": "datera", "vendor": "datera"},
]


def test_cinder_survives_unreachable_arrays_and_being_killed(distribution: Path, tmp_path: Path) -> None:
    """While the arrays are unreachable, the service runs and its backends are down; they come up with the arrays.

    Another process continues and ends an attachment that a killed one began.
    """
    arrays = [{**row, "state_dir": str(tmp_path / row["name"]), "password": "long_and_fixed_1"} for row in ARRAYS]
    with Simulator(arrays) as first:
        entries = {row["name"]: first.array(row["name"]) for row in arrays}
    for row in arrays:
        row |= {port: entries[row["name"]][port] for port in PORTS if entries[row["name"]].get(port)}
    # Every start of a simulator makes new certificates.
    loose = {"driver_ssl_cert_verify": False, "driver_ssl_cert_path": "", "openflash_timeout": 5}
    sections = {name: section(name, entries[DRIVERS[name][0]], **loose) for name in BACKENDS}
    running = Cinder(client_python(CLIENTS / "requirements-cinder29.txt"), distribution, tmp_path / "cinder", sections)
    up, down = dict.fromkeys(BACKENDS, "up up"), dict.fromkeys(BACKENDS, "up down")
    try:
        running.start()
        running.wait_for("the services without arrays", lambda: running.backend_states() == down)
        with Simulator(arrays) as simulator:
            running.wait_for("the arrays", lambda: running.backend_states() == up)
            volumes = {name: running.create(1, running.type_of(name))["id"] for name in BACKENDS}
            halves = {name: running.reserve(volume) for name, volume in volumes.items()}
            killed_while_it_maps(running, simulator, halves["xtremio"])
            running.start()
            running.wait_for("the services again", lambda: running.backend_states() == up)
            infos = {name: running.connect(half, connector(1)) for name, half in halves.items()}
            running.kill()
            running.start()
            for name, half in halves.items():
                assert len(simulator.state(name)["mappings"]) == 1
                again = running.connect(half, connector(1))
                assert again.get("target_lun") == infos[name].get("target_lun")
                assert len(simulator.state(name)["mappings"]) == 1
                running.complete(half, volumes[name])
        running.wait_for("the arrays to be away", lambda: running.backend_states() == down)
        # The next simulator has other host keys, as an array after an upgrade: the administrator removes the old one.
        (tmp_path / "cinder" / "ssh_known_hosts").write_text("")
        with Simulator(arrays) as simulator:
            running.wait_for("the arrays once more", lambda: running.backend_states() == up)
            for name, half in halves.items():
                assert len(simulator.state(name)["mappings"]) == 1
                running.detach(half, volumes[name])
                running.delete("volume", volumes[name])
                state = simulator.state(name)
                assert (state["volumes"], state["mappings"]) == ([], [])
    finally:
        running.stop()


def killed_while_it_maps(running: Cinder, simulator: Simulator, half: str) -> None:
    """Kill the service after the array has made the mapping and before its answer."""
    simulator.fault("xtremio", kind="latency", seconds=20, match={"method": "POST", "path": "lun-maps"})

    def connect() -> None:
        try:
            running.connect(half, connector(1))
        except (requests.ConnectionError, AssertionError):
            pass

    caller = threading.Thread(target=connect)
    caller.start()
    running.wait_for("the request", lambda: simulator.state("xtremio")["hosts"])
    running.kill()
    caller.join(30)
    simulator.clear_faults("xtremio")
