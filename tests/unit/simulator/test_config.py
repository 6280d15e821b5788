# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of the simulator, and the messages about a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openflash_simulator import config
from openflash_simulator.errors import ConfigError
from openflash_simulator.settings import ArrayConfig


def parse_array(**keys: Any) -> ArrayConfig:
    return config.parse([{"vendor": "xtremio", **keys}])[0]


def test_an_array_has_defaults() -> None:
    array = parse_array()
    assert (array.name, array.address, array.port, array.username) == ("xtremio", "127.0.0.1", 0, "admin")
    assert array.version == "4.2.0-33"


def test_default_passwords_are_long_random_and_not_shown() -> None:
    first, second = config.parse([{"vendor": "xtremio"}, {"vendor": "xtremio"}])
    assert len(first.password) >= 24
    assert first.password != second.password
    assert first.password not in repr(first)


def test_arrays_without_a_name_get_one() -> None:
    arrays = config.from_arguments(["xtremio", "xtremio:8443", "xtremio"])
    assert [(array.name, array.port) for array in arrays] == [("xtremio", 0), ("xtremio-2", 8443), ("xtremio-3", 0)]


def test_an_array_may_have_every_key(tmp_path: Path) -> None:
    array = parse_array(
        name="lab_1",
        port=8443,
        username="ansible",
        password="not-so-secret",
        version="4.0.2-80",
        pools=[{"name": "east", "size": "10TiB"}, {"name": "west", "size": 1 << 40}],
        clusters=["east", "west"],
        protocol="fc",
        chap={"authentication": "initiator"},
        limits={"volumes": 3},
        state_dir=str(tmp_path),
        faults=[{"kind": "busy", "count": 2}, "expired"],
    )
    assert [pool.size for pool in array.pools] == [10 << 40, 1 << 40]
    assert array.options["clusters"] == ("east", "west")
    assert array.state_dir == tmp_path
    assert [fault.kind for fault in array.faults] == ["busy", "expired"]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"vendor": "netapp"}, "vendor 'netapp' is not one of"),
        ({"vendor": None}, "vendor None is not one of"),
        ({"colour": "red"}, "array xtremio has no key 'colour'"),
        ({"tenants": 3}, "has no key 'tenants'"),
        ({"port": 70000}, "port 70000 is not a whole number from 0 to 65535"),
        ({"port": "8443"}, "port '8443' is not a whole number"),
        ({"port": True}, "port True is not a whole number"),
        ({"name": "a/b"}, "name 'a/b'"),
        ({"address": "localhost"}, "address 'localhost' is not an IP address"),
        ({"version": 4.2}, "version 4.2 is not text"),
        ({"version": "four"}, "version 'four' is not one such as 4.2.0-33"),
        ({"version": "2.4.1-11"}, "older than 3.0"),
        ({"pools": [{"name": "p"}]}, "pool p: size None is not a size"),
        ({"pools": [{"name": "p", "size": "10"}]}, "size '10' is not a size"),
        ({"pools": [{"name": "p", "size": 10}]}, "size 10 is not a size"),
        ({"pools": [{"name": "p", "size": "1T", "kind": 1}]}, "pool has no key 'kind'"),
        ({"pools": [], "clusters": ["p"]}, "pools is not a list of at least one"),
        ({"pools": [{"name": "p", "size": "1T"}], "clusters": ["q"]}, "there is no cluster 'p'"),
        ({"protocol": "nvme"}, "protocol 'nvme' is not iscsi, fc or both"),
        ({"clusters": "east"}, "clusters 'east' is not a list of names"),
        ({"clusters": ["a", "a"]}, "clusters has a name twice"),
        ({"clusters": ["a", "b"], "version": "3.0.3-11"}, "manages one cluster only"),
        ({"chap": "yes"}, "chap is not true, false, or a mapping"),
        ({"chap": {"discovery": "both"}}, "chap mode is not one of"),
        ({"vendor": "violin", "datapath": True, "protocol": "iscsi"}, "the device tree has Fibre Channel devices only"),
        ({"datapath": "maybe"}, "datapath 'maybe' is not true or false"),
        ({"protocol": ["fc"]}, "protocol ['fc'] is not iscsi, fc or both"),
        ({"vendor": "flashsystem", "offline": [["x"]]}, "offline [['x']] is not a list of some of pool, node1"),
        ({"vendor": "datera", "slowness": "slow"}, "slowness 'slow' is not a number from 0 on"),
        ({"vendor": "flashsystem", "nodes": True}, "nodes True is not a whole number from 1 to 2"),
        ({"vendor": "flashsystem", "offline": "port1"}, "offline 'port1' is not a list of some of pool, node1"),
        ({"vendor": "flashsystem", "portals": ["here"]}, "portals ['here'] is not a list of IP addresses"),
        ({"vendor": "violin", "model": "7500"}, "model 7500 is not 7300 or 7700"),
        ({"vendor": "violin", "version": "seven"}, "version 'seven' is not one such as 7.5.5"),
        ({"limits": {"luck": 1}}, "limits has no key 'luck'"),
        ({"limits": {"volumes": -1}}, "limit volumes -1"),
        ({"faults": [{"kind": "fire"}]}, "fault kind 'fire' is not one of"),
        ({"faults": {"kind": "busy"}}, "faults is not a list"),
        ({"password": 12345}, "password is not text"),
    ],
)
def test_a_bad_key_or_value_is_refused_in_one_line(keys: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_array(**keys)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_password_that_is_not_text_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_array(password=987654321)
    assert "987654321" not in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ([], "arrays is not a list"),
        (None, "arrays is not a list"),
        (["xtremio"], "array 1 is not a mapping"),
        ([{"vendor": "xtremio", "name": "a"}, {"vendor": "xtremio", "name": "a"}], "there are two of that name"),
        ([{"vendor": "xtremio", "port": 8443}, {"vendor": "xtremio", "port": 8443}], "port 8443 is also that of"),
    ],
)
def test_a_bad_list_of_arrays_is_refused(arrays: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        config.parse(arrays)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("arrays: [", "is not YAML"),
        ("- vendor: xtremio", "is not a mapping"),
        ("arrays: []\nport: 1", "has no key 'port'"),
    ],
)
def test_a_bad_configuration_file_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "arrays.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=complaint):
        config.load(path)


def test_the_error_of_malformed_yaml_has_no_password(tmp_path: Path) -> None:
    path = tmp_path / "arrays.yml"
    path.write_text("arrays:\n- vendor: xtremio\n  password: hush: hush\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path)
    assert "hush" not in str(caught.value)
    assert "line 3" in str(caught.value)


def test_a_missing_configuration_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "nothing.yml")
