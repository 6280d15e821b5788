# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin flash, read by ansible-inventory: arrays in, the hosts that they know out."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.arrays import ONE_OF_EACH_WIRE, ArrayUnderTest
from tests.module.playbooks import Player

SECRETS = {"password", "private_key_passphrase"}


class Inventory:
    """A source of the plugin, in a folder of its own."""

    def __init__(self, folder: Path, arrays: dict[str, ArrayUnderTest]) -> None:
        self.player, self.folder = Player(folder), folder
        self.player.write([], {})
        self.arrays = arrays
        self.env: dict[str, str] = {}

    def entry(self, name: str) -> dict[str, Any]:
        """The array's entry, with its password from the environment."""
        options = {"name": name, **self.arrays[name].connection}
        if "password" in options:
            variable = f"PASSWORD_{len(self.env)}"
            self.env[variable] = options["password"]
            options["password"] = f"{{{{ lookup('ansible.builtin.env', '{variable}') }}}}"
        return options

    def run(self, entries: list[dict[str, Any]] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        given = [self.entry(name) for name in self.arrays] if entries is None else entries
        source = {"plugin": "openflash.storage.flash", "arrays": given, **options}
        (self.folder / "my.flash.yml").write_text(yaml.safe_dump(source), encoding="utf-8")
        return subprocess.run(
            ["ansible-inventory", "-i", "my.flash.yml", "--list"],
            cwd=self.folder,
            env=self.player.environ(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true", **self.env),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def read(self, entries: list[dict[str, Any]] | None = None, **options: Any) -> Any:
        completed = self.run(entries, **options)
        assert completed.returncode == 0, completed.stderr
        for secret in self.env.values():
            assert secret not in completed.stdout + completed.stderr
        return json.loads(completed.stdout)

    def fails(self, *texts: str, **options: Any) -> None:
        completed = self.run(**options)
        assert completed.returncode != 0, completed.stdout
        output = " ".join(completed.stderr.split())
        for text in texts:
            assert text in output, output
        assert "Traceback" not in output


def variables(found: Any, host: str) -> dict[str, Any]:
    hostvars: dict[str, Any] = found["_meta"]["hostvars"][host]
    return hostvars


def members(found: Any, group: str) -> set[str]:
    return set(found.get(group, {}).get("hosts", ()))


@pytest.fixture
def everything(arrays: dict[str, ArrayUnderTest]) -> dict[str, ArrayUnderTest]:
    """An array of each wire, emptied."""
    chosen = {row.name: arrays[row.name] for row in ONE_OF_EACH_WIRE}
    for array in chosen.values():
        array.reset()
    return chosen


def test_hosts_of_every_array_are_in_the_inventory(everything: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    """The host web is on every array that has hosts, and one with an awkward name on XtremIO."""
    having = {name: array for name, array in everything.items() if array.row.hosts}
    for array in having.values():
        array.done("flash_volume", name="data", size="1GiB")
        array.done("flash_host_map", host="web", initiators=list(array.row.initiators[:1]), volume="data")
    xtremio = everything["xtremio-4.2-iscsi"]
    for number, name in enumerate(("db-1.example", "db_1.example", "localhost"), 5):
        xtremio.done("flash_host_map", host=name, initiators=[xtremio.initiator(number)])
    found = Inventory(tmp_path, everything).read(
        compose={"serials": "flash_luns | default([]) | map(attribute='serial') | list"},
        keyed_groups=[{"key": "flash_host_arrays | length | string", "prefix": "on"}],
        groups={"mapped": "flash_volumes | default([], true) | length > 0"},
    )
    assert members(found, "flash_arrays") == set(everything)
    for name, array in everything.items():
        shown = variables(found, name)
        assert shown["ansible_connection"] == "local"
        assert shown["flash_connection"].keys() == array.connection.keys() - SECRETS
        assert shown["flash_array"]["vendor"] == array.connection["vendor"]
    web = variables(found, "web")
    assert web["flash_host_arrays"] == list(having)
    assert {lun["array"] for lun in web["flash_luns"]} == set(having)
    assert set(web["flash_volumes"]) == {"data"}
    assert web["serials"] == [lun["serial"] for lun in web["flash_luns"]]
    assert {lun["size"] for lun in web["flash_luns"]} == {1 << 30}
    for array in having.values():
        assert array.row.initiators[0] in web["flash_initiators"]
    for name in having:
        group = "flash_array_" + "".join(letter if letter.isalnum() else "_" for letter in name)
        assert "web" in members(found, group), group
    assert members(found, "flash_hosts") == {"web", "db-1.example", "db_1.example", "localhost@xtremio-4.2-iscsi"}
    assert "web" in members(found, f"on_{len(having)}")
    assert members(found, "mapped") == {"web"}
    assert variables(found, "localhost@xtremio-4.2-iscsi")["ansible_host"] == "localhost"


def test_the_same_name_on_two_arrays_can_be_two_hosts(everything: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    names = ("xtremio-4.2-iscsi", "datera-2.2")
    two = {name: everything[name] for name in names}
    for array in two.values():
        array.done("flash_volume", name="data", size="1GiB")
        array.done("flash_host_map", host="web", initiators=list(array.row.initiators[:1]), volume="data")
    inventory = Inventory(tmp_path, two)
    found = inventory.read(qualified_names=True)
    assert members(found, "flash_hosts") == {f"web@{name}" for name in names}
    for name in names:
        assert variables(found, f"web@{name}")["flash_host_arrays"] == [name]
        assert variables(found, f"web@{name}")["ansible_host"] == "web"


def test_the_cache_is_used_and_has_no_secret(everything: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    name = "xtremio-4.2-iscsi"
    array = everything[name]
    inventory = Inventory(tmp_path, {name: array})
    array.done("flash_host_map", host="web", initiators=[array.initiator(1)])
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = inventory.read([inventory.entry(name)], **cache)
    array.done("flash_host_map", host="db", initiators=[array.initiator(2)])
    mark = array.mark()
    assert inventory.read([inventory.entry(name)], **cache) == first
    assert array.requests(mark) == []
    files = list((tmp_path / "cache").iterdir())
    assert files
    assert array.connection["password"] not in "".join(path.read_text(encoding="utf-8") for path in files)
    assert members(inventory.read([inventory.entry(name)]), "flash_hosts") == {"web", "db"}


def test_an_array_that_does_not_answer_is_an_error_or_a_warning(
    everything: dict[str, ArrayUnderTest], tmp_path: Path
) -> None:
    name = "xtremio-4.2-iscsi"
    array = everything[name]
    array.done("flash_host_map", host="web", initiators=[array.initiator(1)])
    inventory = Inventory(tmp_path, {name: array})
    away = {**inventory.entry(name), "name": "away", "port": 9, "timeout": 2.0}
    both = [inventory.entry(name), away]
    inventory.fails("array away", entries=both)
    completed = inventory.run(both, strict_arrays=False)
    assert completed.returncode == 0, completed.stderr
    assert "array away" in completed.stderr
    found = json.loads(completed.stdout)
    assert members(found, "flash_arrays") == {name, "away"}
    assert members(found, "flash_hosts") == {"web"}
    assert variables(found, "away")["flash_array"] is None
    inventory.fails("no array can be read", entries=[away], strict_arrays=False)
    assert members(inventory.read([away], read_hosts=False), "flash_arrays") == {"away"}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"entries": []}, "is not a list of arrays, or an empty one"),
    ({"entries": [{"name": "a", "vendor": "xtremio"}]}, "has no address"),
    ({"entries": [{"name": "a", "vendor": "acme", "address": "192.0.2.1"}]}, "wrong connection options: vendor"),
    ({"entries": [{"name": "a", "vendor": "xtremio", "address": "x", "pasword": "canary"}]}, "no connection option"),
    ({"entries": [dict.fromkeys(("name", "vendor", "address"), "a")] * 2}, "the name a twice"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message for _options, message in WRONG])
def test_a_wrong_source_is_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    inventory = Inventory(tmp_path, {})
    inventory.fails(message, **options)
    assert "canary" not in inventory.run(**options).stderr


@pytest.mark.slow
def test_a_host_with_the_name_of_an_array_is_refused(everything: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    name = "xtremio-4.2-iscsi"
    array = everything[name]
    array.done("flash_host_map", host=name, initiators=[array.initiator(1)])
    inventory = Inventory(tmp_path, {name: array})
    inventory.fails("has the name of an array: set qualified_names")
    assert members(inventory.read(qualified_names=True), "flash_hosts") == {f"{name}@{name}"}


@pytest.mark.slow
def test_the_fleet_can_be_a_file(everything: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    name = "xtremio-4.2-iscsi"
    array = everything[name]
    (tmp_path / "fleet.yml").write_text(yaml.safe_dump([{"name": name, **array.connection}]), encoding="utf-8")
    inventory = Inventory(tmp_path, {name: array})
    inventory.env = {"FLASH_FLEET": str(tmp_path / "fleet.yml")}
    source = tmp_path / "my.flash.yml"
    source.write_text("plugin: openflash.storage.flash\n", encoding="utf-8")
    completed = subprocess.run(
        ["ansible-inventory", "-i", source.name, "--list"],
        cwd=tmp_path,
        env=inventory.player.environ(**inventory.env),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    assert members(json.loads(completed.stdout), "flash_arrays") == {name}
    assert array.connection["password"] not in completed.stdout + completed.stderr
