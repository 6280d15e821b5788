# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every simulator can show its changes with a delay."""

from __future__ import annotations

import time

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import VolumeSpec
from tests.module.arrays import GIB, ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.conftest import array, arrays, modules, simulator
from tests.support.running import wait_until

__all__ = ["array", "arrays", "modules", "simulator"]

DELAY = 1.0


@pytest.mark.parametrize("array", ONE_OF_EACH_WIRE, ids=[row.name for row in ONE_OF_EACH_WIRE], indirect=True)
def test_a_new_volume_is_listed_after_the_delay_of_seen_late(array: ArrayUnderTest) -> None:
    with array.library() as client, array.library() as other:
        array.fault(kind="seen_late", seconds=DELAY, count=None)
        created = time.monotonic()
        client.create_volume(VolumeSpec("db1", GIB, pool=array.pool))
        assert set(array.volumes()) == {"db1"}
        wait_until(lambda: other.volumes().items, 60, "the volume is not listed")
        assert time.monotonic() - created >= DELAY * 0.9
        assert [volume.name for volume in other.volumes()] == ["db1"]
