# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated array that begins with what another array holds, and next quarter's document carried out on it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import parse_size
from tests.module.arrays import ROWS, ArrayUnderTest, Modules
from tests.module.playbooks import Player
from tests.module.test_gathered import build
from tests.support.iscsi import need_tools, portal_address
from tests.support.simulator import Simulator

TIB = 1 << 40
NAMES = ("xtremio-4.2-iscsi", "flashsystem-fc", "datera-2.2", "violin-7.5.5-fc", "dsware-rest")
SECTIONS = ("volumes", "snapshots", "hosts", "mappings")


OF_OPENSTACK = "volume-7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"


def read(array: ArrayUnderTest) -> dict[str, Any]:
    """The array as a file has it, with numbers of bytes."""
    result = array.done("flash_array", state="gathered", gather_snapshots=True)
    return {**result["gathered"], "array": {**result["array"], "pools": result["pools"]}}


def in_bytes(loaded: dict[str, Any]) -> dict[str, Any]:
    """The pools of a file, with numbers of bytes."""
    return {
        pool["name"]: {key: parse_size(pool[key]) for key in ("size", "free", "provisioned") if key in pool}
        for pool in loaded["array"]["pools"]
    }


@pytest.fixture(scope="module")
def friday(arrays: dict[str, ArrayUnderTest], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the files of the playbook export."""
    folder = tmp_path_factory.mktemp("rehearsal")
    hosts = {}
    for name in NAMES:
        original = arrays[name]
        original.reset()
        build(original)
        # What the file leaves out takes space too
        original.done("flash_volume", name=OF_OPENSTACK, size="9GiB")
        hosts[name] = {"export_connection": original.connection}
    player = Player(folder)
    player.write([], {})
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "export_snapshots": True,
        "export_folder": str(folder / "friday"),
    }
    inventory = {"flash_arrays": {"vars": variables, "hosts": hosts}}
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    ended = subprocess.run(
        ["ansible-playbook", "--inventory", "inventory.yml", "openflash.storage.export"],
        cwd=folder,
        env=player.environ(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder / "friday"


@contextmanager
def begun(friday: Path, modules: Modules, datapath: bool) -> Iterator[dict[str, ArrayUnderTest]]:
    """By name of the row, a simulated array that begins with its file."""
    configuration: list[dict[str, Any]] = []
    for name in NAMES:
        own: dict[str, Any] = {"slowness": 0} if name.startswith("datera") else {}
        if datapath:
            own |= {"datapath": True, "address": portal_address()}
        configuration.append({"from": str(friday / f"{name}.yml"), **own})
    rows = {row.name: row for row in ROWS}
    with Simulator(configuration) as simulator:
        yield {name: ArrayUnderTest(rows[name], simulator, modules) for name in NAMES}


@pytest.fixture(scope="module")
def copies(friday: Path, modules: Modules) -> Iterator[dict[str, ArrayUnderTest]]:
    with begun(friday, modules, datapath=False) as arrays:
        yield arrays


def assert_as_in_file(array: ArrayUnderTest, path: Path) -> None:
    loaded, found = yaml.safe_load(path.read_text(encoding="utf-8")), read(array)
    assert loaded["volumes"]
    assert {section: found[section] for section in SECTIONS} == {section: loaded[section] for section in SECTIONS}
    for key in ("vendor", "name", "model", "version", "protocols"):
        assert found["array"][key] == loaded["array"][key], key
    for pool in found["array"]["pools"]:
        told = in_bytes(loaded)[pool["name"]]
        assert {key: pool[key] for key in told} == told
        assert ("provisioned" in told) == (pool["provisioned"] is not None)


@pytest.mark.parametrize("name", NAMES)
def test_an_array_that_begins_with_an_exported_file_is_gathered_as_that_file(
    copies: dict[str, ArrayUnderTest], friday: Path, name: str
) -> None:
    path = friday / f"{name}.yml"
    assert OF_OPENSTACK not in [
        volume["name"] for volume in yaml.safe_load(path.read_text(encoding="utf-8"))["volumes"]
    ]
    assert_as_in_file(copies[name], path)


def test_an_array_with_real_bytes_begins_with_a_file_too(friday: Path, modules: Modules) -> None:
    """Its volumes are empty, and a snapshot of one can be taken, which a FlashSystem needs the bytes for."""
    need_tools()
    with begun(friday, modules, datapath=True) as arrays:
        for name, array in arrays.items():
            assert array.endpoint.get("datapath") or array.endpoint["device_root"], name
            assert_as_in_file(array, friday / f"{name}.yml")
            array.converges("flash_volume", name="web-next", size="2GiB")
            array.done("flash_snapshot", name="web-new", volume="web-next")
            array.done("flash_volume", name="web-clone", source_volume="web-next", source_snapshot="web-new")


@pytest.mark.parametrize("name", NAMES)
def test_next_quarters_document_shows_what_it_leads_to(copies: dict[str, ArrayUnderTest], name: str) -> None:
    copy = copies[name]
    document = read(copy)
    declared = {section: document[section] for section in SECTIONS if document.get(section)}
    assert not copy.done("flash_array", shared=True, **declared).changed
    declared["volumes"] = [*declared["volumes"], {"name": "web-next", "size": "2TiB"}]
    declared["mappings"] = [*declared["mappings"], {"volume": "web-next", "host": "web-server"}]
    done = copy.done("flash_array", shared=True, **declared)
    (mapping,) = [entry for entry in done["mappings"] if entry["volume"] == "web-next"]
    taken = [entry["lun"] for entry in done["mappings"] if entry["volume"] != "web-next"]
    if "explicit_lun" not in copy.row.abilities.refusals:
        assert mapping["lun"] not in taken
    (pool,) = copy.facts(gather_subset=["pools"])["pools"]
    (before,) = document["array"]["pools"]
    if pool["provisioned"] is not None:
        assert pool["provisioned"] == before["provisioned"] + 2 * TIB
    assert pool["free"] <= before["free"]
    too_large = [{"name": "web-huge", "size": "3PiB"}]
    refused = copy.task("flash_array", volumes=too_large)
    assert refused.failed
    assert refused["error"]["target"] == "web-huge"
