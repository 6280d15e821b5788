# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_array with state: gathered, on every array: its content as a document that the module takes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, Result

pytestmark = pytest.mark.wire


def gather(array: ArrayUnderTest, **options: Any) -> Result:
    """The result of state: gathered, which writes nothing."""
    unchanged, mark = array.state(), array.mark()
    result = array.done("flash_array", state="gathered", **options)
    assert not result.changed
    assert result["api"]["writes"] == 0
    assert array.changes(mark) == []
    assert array.state() == unchanged
    return result


def build(array: ArrayUnderTest) -> None:
    array.done("flash_volume", volumes=[{"name": "web-data", "size": "3GiB"}, {"name": "web-logs", "size": "2GiB"}])
    array.done("flash_snapshot", name="web-golden", volume="web-data")
    if array.row.hosts:
        array.done("flash_host_map", host="web-server", initiators=list(array.row.initiators[:2]))
        array.done(
            "flash_host_map",
            maps=[
                {"volume": "web-logs", "host": "web-server", **array.lun(3)},
                {"volume": "web-data", "host": "web-server", **array.lun(1)},
            ],
        )


def test_an_array_is_gathered_as_a_document_that_the_module_takes(array: ArrayUnderTest) -> None:
    build(array)
    result = gather(array, gather_snapshots=True)
    document = result["gathered"]
    sizes = {volume["name"]: volume["size"] for volume in document["volumes"]}
    # XtremIO 3.0 does not tell snapshots from volumes.
    assert sizes == {"web-data": "3GiB", "web-logs": "2GiB"} | (
        {"web-golden": "3GiB"} if array.row.name == "xtremio-3.0" else {}
    )
    assert list(sizes) == sorted(sizes)
    if array.row.hosts:
        assert [host["name"] for host in document["hosts"]] == ["web-server"]
        assert document["hosts"][0]["initiators"] == sorted(array.row.initiators[:2])
        assert document["mappings"] == [
            {"volume": "web-data", "host": "web-server", **array.lun(1)},
            {"volume": "web-logs", "host": "web-server", **array.lun(3)},
        ]
    else:
        assert [(entry["kind"], entry["name"]) for entry in result["not_declared"]] == [
            ("hosts", None),
            ("mappings", None),
        ]
    facts = array.facts(gather_subset=["array", "pools"])
    assert (result["array"], result["pools"]) == (facts["array"], facts["pools"])
    assert "snapshots" not in gather(array)["gathered"]
