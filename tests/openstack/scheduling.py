# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler decides by the capabilities of a backend, and what volume types ask for."""

from __future__ import annotations

import lib  # first: it makes the process green

import re  # isort: skip
from functools import partial  # isort: skip
from pathlib import Path  # isort: skip
from typing import Any  # isort: skip

from scenario import FAILS, Scenario  # isort: skip

# By array, of the drivers that limit volumes: QoS specs, these limits in KiB per second, and the scope of extra specs
QOS = {
    "datera": ({"read_bandwidth_max": "7000"}, (7000,), "DF"),
    "dsware": ({"maxMBPS": "7", "total_bytes_sec": "1"}, (7 * 1024,), "dsware"),
}
OF_GROUPS = ("consistent_group_snapshot_enabled",)


def spec_lines(vendor: str) -> list[tuple[str, str]]:
    """The extra specs in the guide's paragraph on the types of this array, as ``key = value``."""
    guide = (Path(__file__).parents[2] / "docs/docsite/rst/guide_cinder.rst").read_text(encoding="utf-8")
    section = re.split(r"\n-{3,}\n", guide.split(f"[{vendor}]\n", 1)[1], maxsplit=1)[0]
    types = section.partition("*Types*")[2]
    return [(key, value) for key, value in re.findall(r"``([\w:]+) = ([^`]+)``", types) if key not in OF_GROUPS]


class Scheduling(Scenario):
    """Extra specs and QoS specs."""

    def schedule(self, stats: dict[str, Any]) -> None:
        """Every extra spec that the guide shows for this array finds the backend, by the filters of the scheduler."""
        from cinder.scheduler import host_manager
        from cinder.scheduler.filters import capabilities_filter

        backend = host_manager.BackendState("control@backend", None)
        backend.update_from_volume_capability({**stats, "timestamp": None})
        decides = capabilities_filter.CapabilitiesFilter()
        shown = spec_lines(self.vendor)
        self.run.expect("the guide shows some", bool(shown), self.vendor != "flashsystem")
        for key, value in shown:
            request = {"resource_type": {"extra_specs": {key: value}}}
            found = [pool for pool in backend.pools.values() if decides.backend_passes(pool, request)]
            self.run.report(f"scheduled with {key} = {value}", bool(found), f"pools: {stats['pools']}")
        self.quality_of_service()

    def quality_of_service(self) -> None:
        """QoS specs of the back end have an effect, or the volume is refused. Others are no matter of the driver."""
        run, driver = self.run, self.driver
        if self.vendor not in QOS:
            limited = self.volume(1, volume_type_id=lib.type_with_qos(total_iops_max="500"))
            run.step("create with QoS of the back end", partial(driver.create_volume, limited), refused=FAILS)
            run.expect("and nothing is made", self.there(limited), {})
            free = self.volume(1, volume_type_id=lib.type_with_qos("front-end", total_iops_sec="500"))
            run.step("create with QoS of the front end", partial(driver.create_volume, free))
            run.step("delete it", partial(driver.delete_volume, free))
            return
        specs, rate, prefix = QOS[self.vendor]
        unknown = self.volume(1, volume_type_id=lib.type_with_qos(bursts="500"))
        run.step("create with an unknown QoS spec", partial(driver.create_volume, unknown), refused=FAILS)
        run.expect("and nothing is made", self.there(unknown), {})
        limited = self.volume(1, volume_type_id=lib.type_with_qos(iops_per_gb="100", **specs))
        run.step("create with QoS of the back end", partial(driver.create_volume, limited))
        run.expect("its limits", self.limits_of(limited), (100, *rate))
        run.step("extend it", partial(driver.extend_volume, limited, 4))
        limited.size = 4
        run.expect("its limits then", self.limits_of(limited), (400, *rate))
        clone = self.volume(4, volume_type_id=limited.volume_type_id)
        run.step("clone it", partial(driver.create_cloned_volume, clone, limited))
        run.expect("the limits of the clone", self.limits_of(clone), (400, *rate))
        run.step("delete the clone", partial(driver.delete_volume, clone))
        run.step("delete it", partial(driver.delete_volume, limited))
        shown, scope = driver._init_vendor_properties()
        names = {key for key, _value in spec_lines(self.vendor) if key.startswith(prefix + ":")}
        complete = scope == prefix and names <= set(shown) and bool(names)
        run.report("all are listed as capabilities", complete, f"{scope}: {sorted(names - set(shown))}")

    def limits_of(self, volume: Any) -> tuple[int, ...]:
        """IOPS, and the rates of QOS."""
        with self.driver._session() as array:
            there = self.driver._find(array, volume)
            found = array.volumes_in_full([there.name]).items[0].options
        rates = ("read_bandwidth_max",) if self.vendor == "datera" else ("total_bandwidth_max",)
        return (found["total_iops_max"], *(found[rate] for rate in rates))
