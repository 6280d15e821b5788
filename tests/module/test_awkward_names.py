# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that an array may alter, truncate or refuse: refused before any change, or found by every later run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, Result

pytestmark = pytest.mark.wire

NAMES = {
    "a digit first": "01-esx",
    "an IP address": "10.0.0.5",
    "spaces and brackets": "esx (lab)",
    "70 characters": "esx-" + "a" * 66,
    "200 characters": "esx-" + "b" * 196,
    "capitals": "Esx-LAB",
    "a name with dots": "esx.lab.example.org",
    "a colon": "rack:7",
    "a number": "7",
    "letters that are not ASCII": "b\u00fcro",
    "a dash first": "-esx",
    "a dot last": "esx.",
}


@pytest.fixture(params=list(NAMES.values()), ids=list(NAMES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def is_refused(array: ArrayUnderTest, result: Result, before: Any) -> bool:
    """Whether the task was refused, which must be before any change and with a hint."""
    if not result.failed:
        return False
    assert result["error"]["kind"] in ("invalid", "unsupported"), result.msg
    assert result["error"]["hint"], result.msg
    assert result["api"]["writes"] == 0
    assert array.state() == before
    return True


@pytest.mark.hosts
def test_a_host_is_found_by_any_name_that_is_accepted(array: ArrayUnderTest, name: str) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    args: dict[str, Any] = {"host": name, "volume": "db1"}
    initiators: dict[str, Any] = {"initiators": list(array.row.initiators[:2])}
    before = array.state()
    if is_refused(array, array.task("flash_host_map", **args, **initiators), before):
        return
    for options in (initiators, {}):
        repeated = array.task("flash_host_map", **args, **options)
        assert not repeated.failed, repeated.get("msg")
        assert not repeated.changed, repeated.get("msg")
        assert repeated["map"]["host"] == name
    document = {
        "hosts": [{"name": name, **initiators}],
        "volumes": [{"name": "db1", "size": "10GiB"}],
        "mappings": [{"host": name, "volume": "db1"}],
    }
    assert not array.done("flash_array", **document).changed
    removed = array.done("flash_host_map", **args, state="absent")
    assert removed.changed
    assert array.luns() == {}
    assert not array.done("flash_host_map", **args, state="absent").changed
    assert array.done("flash_host_map", host=name, state="absent").changed
    assert array.hosts() == {}
    assert not array.done("flash_host_map", host=name, state="absent").changed


def test_a_volume_is_found_by_any_name_that_is_accepted(array: ArrayUnderTest, name: str) -> None:
    before = array.state()
    if is_refused(array, array.task("flash_volume", name=name, size="10GiB"), before):
        return
    assert set(array.volumes()) == {name}
    repeated = array.done("flash_volume", name=name, size="10GiB")
    assert not repeated.changed
    assert repeated["volume"]["name"] == name
    assert array.done("flash_volume", name=name, state="absent", **array.assume_unmapped).changed
    assert array.volumes() == {}


def test_a_snapshot_is_found_by_any_name_that_is_accepted(array: ArrayUnderTest, name: str) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    before = array.state()
    if is_refused(array, array.task("flash_snapshot", name=name, volume="db1"), before):
        return
    repeated = array.done("flash_snapshot", name=name, volume="db1")
    assert not repeated.changed
    assert repeated["snapshot"]["name"] == name
    assert array.done("flash_snapshot", name=name, volume="db1", state="absent", **array.assume_unmapped).changed
    assert set(array.volumes()) == {"db1"}


@pytest.mark.hosts
@pytest.mark.parametrize("name", ["esx (lab)", "esx-" + "a" * 66])
def test_prune_keeps_a_declared_host_whose_name_the_array_alters(array: ArrayUnderTest, name: str) -> None:
    document: dict[str, Any] = {
        "hosts": [{"name": name, "initiators": list(array.row.initiators[:2])}],
        "volumes": [{"name": "esx-data", "size": "10GiB"}],
        "mappings": [{"host": name, "volume": "esx-data"}],
        "prune": True,
        "prune_prefix": "esx",
    }
    before = array.state()
    if is_refused(array, array.task("flash_array", **document), before):
        return
    repeated = array.done("flash_array", **document)
    assert not repeated.changed
    assert set(array.volumes()) == {"esx-data"}
    assert len(array.hosts()) == len(array.luns()) == 1
