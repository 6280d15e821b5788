# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated Dsware for the tests of its client, over REST and over the text socket."""

from __future__ import annotations

from typing import Any

from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.support.one_array import OneArray
from tests.support.simulator import Simulator

AGENTS = ["192.0.2.21", "192.0.2.22", "192.0.2.23"]
"""The last one fails."""
POOLS = [{"name": "fast", "size": "100TiB"}, {"name": "slow", "size": "50TiB"}]
EXTENDED = {"dsware.socket.extensions": True}
"""The text socket answers what no published client of it sends."""
ARRAYS: list[dict[str, Any]] = [
    {
        "name": "new",
        "vendor": "dsware",
        "pools": POOLS,
        "agents": AGENTS,
        "sick_agents": AGENTS[2:],
        "assume": EXTENDED,
    },
    {"name": "old", "vendor": "dsware", "version": "6.3.0", "pools": POOLS[:1], "assume": EXTENDED},
    {"name": "plain", "vendor": "dsware"},
    {"name": "quick", "vendor": "dsware", "pools": POOLS, "agents": AGENTS, "copy_seconds": 0.02, "assume": EXTENDED},
    {
        "name": "pages",
        "vendor": "dsware",
        "pools": POOLS,
        "assume": {**EXTENDED, "dsware.rest.page_size": 2, "dsware.socket.page_size": 2},
    },
    {"name": "slow", "vendor": "dsware", "pools": POOLS, "agents": AGENTS, "copy_seconds": 3, "assume": EXTENDED},
]

REST = {"transport": "rest", "storage_pools": ["fast"]}
SOCKET = {"transport": "socket", "storage_pools": ["0"], "wire_extensions": True}
WIRES: dict[str, dict[str, Any]] = {"rest": REST, "socket": SOCKET}


class SimulatedDsware(OneArray[Dsware]):
    """One simulated array over one of its protocols, and clients of it."""

    vendor = "dsware"
    client = Dsware
    wait_timeout = 10.0

    def __init__(self, simulator: Simulator, name: str = "new", options: dict[str, Any] | None = None) -> None:
        super().__init__(simulator, name)
        self.options = options or REST

    @property
    def rest(self) -> bool:
        return bool(self.options["transport"] == "rest")

    def settings(self, options: dict[str, Any]) -> dict[str, Any]:
        merged = {**self.options, **options}
        merged_settings = super().settings({key: value for key, value in merged.items() if value is not None})
        merged_settings["max_concurrency"] = 1
        if merged["transport"] == "rest":
            return merged_settings | {"port": self.endpoint["rest_port"]}
        return merged_settings | {"port": self.endpoint["socket_port"], "username": None, "password": None}
