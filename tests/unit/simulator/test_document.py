# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a simulated array begins with what a file declares, and whether a file that no array can have is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from openflash_simulator import config, document
from openflash_simulator.__main__ import main
from openflash_simulator.errors import ConfigError
from openflash_simulator.vendors import VENDORS, wire_class
from openflash_simulator.wires.base import Wire

GIB, TIB = 1 << 30, 1 << 40
FC = ["10:00:00:00:c9:00:00:07", "10:00:00:00:c9:00:00:08"]
ISCSI = ["iqn.2026-01.org.example:host1"]

PROVISIONING = {"flashsystem": "thick"}
VERSIONS = {"xtremio": "4.2.0-33", "violin": "7.5.5", "flashsystem": "1.5.2.6", "dsware": None, "datera": "3.3.5.0"}
SPOKEN = {"violin": FC, "flashsystem": FC}
NO_LUNS = ("dsware", "datera")
NO_SNAPSHOTS = ("flashsystem",)


def friday(vendor: str) -> dict[str, Any]:
    """What an array of the vendor may hold, as playbooks/export.yml writes it."""
    provisioning = PROVISIONING.get(vendor, "thin")
    luns: list[int | None] = [None, None] if vendor in NO_LUNS else [7, 3]
    pool = {"name": "prod1", "size": 10 * TIB, "used": 3 * TIB, "free": 7 * TIB, "provisioned": 12 * TIB}
    content: dict[str, Any] = {
        "array": {
            "vendor": vendor,
            "name": "prod1",
            "model": {"violin": "7300"}.get(vendor),
            "version": VERSIONS[vendor],
            "pools": [pool],
        },
        "volumes": [
            {"name": "db1", "size": "500GiB", "provisioning": provisioning},
            {"name": "web1", "size": "40GiB", "provisioning": provisioning},
        ],
        "groups": [],
        "hosts": [{"name": "host1", "initiators": SPOKEN.get(vendor, ISCSI)}, {"name": "host2", "initiators": []}],
        "mappings": [
            {"volume": name, "host": "host1", **({} if lun is None else {"lun": lun})}
            for name, lun in zip(("db1", "web1"), luns, strict=True)
        ],
        "not_declared": [{"kind": "host", "name": "node1", "reason": "it is an agent"}],
    }
    if vendor not in NO_SNAPSHOTS:
        content["snapshots"] = [{"name": "db1-monday", "volume": "db1"}]
    if vendor in ("violin", "flashsystem"):
        content["hosts"].pop()
    return content


def written(folder: Path, content: object, name: str = "friday.yml") -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def begun(folder: Path, content: object, **keys: Any) -> Wire:
    """The array that begins with this, without its ports."""
    (array,) = config.parse([{"from": str(written(folder, content)), **keys}])
    wire = wire_class(array.vendor)(array, folder, None)  # type: ignore[arg-type] # it does not listen
    assert array.document is not None
    wire.assumptions_changed()
    wire.load(wire.from_document(array.document))
    return wire


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_array_begins_with_what_the_file_declares(vendor: str, tmp_path: Path) -> None:
    content = friday(vendor)
    wire = begun(tmp_path, content)
    assert (wire.config.name, wire.config.vendor) == ("friday", vendor)
    shown = wire.state()
    assert [(row["name"], row["size"], row["used"]) for row in shown["pools"]] == [("prod1", 10 * TIB, 3 * TIB)]
    volumes = [row for row in shown["volumes"] if row["kind"] == "volume"]
    assert [(row["name"], row["size"], row["provisioning"]) for row in volumes] == [
        ("db1", 500 * GIB, PROVISIONING.get(vendor, "thin")),
        ("web1", 40 * GIB, PROVISIONING.get(vendor, "thin")),
    ]
    snapshots = [(row["name"], row["parent"]) for row in shown["volumes"] if row["kind"] == "snapshot"]
    assert snapshots == [("db1-monday", "db1")] * (vendor not in NO_SNAPSHOTS)
    addresses = {row["name"]: [one["address"].replace(":", "") for one in row["initiators"]] for row in shown["hosts"]}
    assert addresses == {
        row["name"]: [address.replace(":", "") for address in row["initiators"]] for row in content["hosts"]
    }
    mapped = {(row["volume"], row["host"]): row["lun"] for row in shown["mappings"]}
    assert set(mapped) == {("db1", "host1"), ("web1", "host1")}
    if vendor not in NO_LUNS:
        assert mapped == {("db1", "host1"): 7, ("web1", "host1"): 3}


def test_what_one_array_alone_has_is_kept(tmp_path: Path) -> None:
    content = friday("xtremio")
    content["groups"] = [{"name": "cg1", "volumes": ["db1", "web1"]}, {"name": "cg2", "volumes": []}]
    content["hosts"][0]["os"] = "esx"
    wire = begun(tmp_path, content)
    groups = [(row["name"], row["members"]) for row in wire.state()["groups"] if row["kind"] == "consistency-group"]
    assert groups == [("cg1", ["db1", "web1"]), ("cg2", [])]
    (array,) = wire.arrays()
    assert [one.attributes["operating-system"] for one in array.initiators] == ["esx"]
    assert array.promised == 12 * TIB


def test_a_snapshot_on_a_flashsystem_is_a_copy_that_its_clients_know_by_its_name(tmp_path: Path) -> None:
    content = friday("flashsystem") | {"snapshots": [{"name": "db1-monday", "volume": "db1"}]}
    db1, _web1, copy = begun(tmp_path, content).state()["volumes"]
    assert (copy["name"], copy["size"]) == (f"db1-monday.snap-{db1['wwn'][-12:]}", 500 * GIB)


def test_what_the_file_declares_absent_is_not_there(tmp_path: Path) -> None:
    content = friday("dsware")
    content["mappings"][1]["state"] = content["volumes"][1]["state"] = "absent"
    content["volumes"][0]["state"] = "present"
    assert [row["name"] for row in begun(tmp_path, content).state()["volumes"]] == ["db1", "db1-monday"]


def test_a_volume_can_name_its_group(tmp_path: Path) -> None:
    content = friday("xtremio")
    content["volumes"][1]["group"] = "cg1"
    groups = [row for row in begun(tmp_path, content).state()["groups"] if row["kind"] == "consistency-group"]
    assert [(row["name"], row["members"]) for row in groups] == [("cg1", ["web1"])]


def test_several_volumes_of_a_datera_app_instance_stay_together(tmp_path: Path) -> None:
    content = friday("datera")
    content["volumes"] = [
        {"name": f"db1/{path}", "size": "3GiB"} for path in ("storage-1/data", "storage-1/logs", "storage-2/data")
    ]
    content["snapshots"], content["mappings"] = [], [{"volume": "db1/storage-1/logs", "host": "host1"}]
    shown = begun(tmp_path, content).state()
    assert [row["name"] for row in shown["volumes"]] == [row["name"] for row in content["volumes"]]
    # A host has all volumes of a storage instance.
    assert [row["volume"] for row in shown["mappings"]] == ["db1/storage-1/data", "db1/storage-1/logs"]


def test_a_placement_policy_that_only_the_file_has_exists_on_a_datera_too(tmp_path: Path) -> None:
    content = friday("datera")
    for volume, mode in zip(content["volumes"], ("all_flash", "hybrid"), strict=True):
        volume["array_options"] = {"placement_policy": "gold", "placement_mode": mode}
    wire = begun(tmp_path, content)
    found = [
        (volume.placement_policy, volume.placement_mode)
        for tenant in wire.edf.tenants.values()  # type: ignore[attr-defined]
        for instance in tenant.instances.values()
        for _storage, volume in instance.volumes
    ]
    assert found == [("gold", "all_flash"), ("gold", "hybrid")]


def test_limits_and_other_properties_are_those_of_the_file(tmp_path: Path) -> None:
    content = friday("dsware")
    content["volumes"][0]["qos"] = {"max_iops": 500, "max_bytes_per_second": "100MiB"}
    (policy,) = [group for group in begun(tmp_path, content).state()["groups"] if group["kind"] == "qos"]
    assert policy["members"] == [content["volumes"][0]["name"]]
    assert policy["limits"] == {"maxIOPS": 500, "maxMBPS": 100}
    content = friday("datera")
    content["volumes"][0].update(qos={"max_write_iops": 5}, replicas=2, placement={"mode": "hybrid"}, description="web")
    wire = begun(tmp_path, content)
    (tenant,) = [tenant for tenant in wire.edf.tenants.values() if tenant.instances]  # type: ignore[attr-defined]
    instance = next(one for one in tenant.instances.values() if one.name == content["volumes"][0]["name"])
    ((_storage, volume),) = instance.volumes
    assert (volume.replica_count, volume.placement_mode, instance.descr) == (2, "hybrid", "web")


def test_a_pool_is_as_full_as_it_was_and_never_fuller(tmp_path: Path) -> None:
    content = friday("violin")
    content["array"]["pools"][0].update(used=GIB, free=10 * TIB - GIB)
    (pool,) = begun(tmp_path, content).state()["pools"]
    assert pool["used"] == GIB  # less than the array gives new thin volumes at once


def test_keys_of_the_configuration_win_over_the_file(tmp_path: Path) -> None:
    """What if the pool were larger, and the software older?"""
    pools = [{"name": "prod1", "size": "20TiB"}]
    wire = begun(tmp_path, friday("xtremio"), name="next", version="4.0.2-80", pools=pools, limits={"volumes": 5})
    assert (wire.config.name, wire.config.version) == ("next", "4.0.2-80")
    assert [(row["size"], row["used"]) for row in wire.state()["pools"]] == [(20 * TIB, 3 * TIB)]
    with pytest.raises(ConfigError, match="volume web1: the array refuses it: it would be more than the limit volumes"):
        begun(tmp_path, friday("xtremio"), limits={"volumes": 1})


def test_an_emptied_array_keeps_what_the_file_does_not_show(tmp_path: Path) -> None:
    wire = begun(tmp_path, friday("flashsystem"))
    wire.reset()
    shown = wire.state()
    assert shown["volumes"] == []
    assert shown["pools"][0]["used"] == 3 * TIB - 540 * GIB


def changed(vendor: str, **sections: Any) -> dict[str, Any]:
    return {**friday(vendor), **sections}


DB1 = {"name": "db1", "size": "500GiB"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "is not a mapping with the sections volumes"),
        ({"array": {"name": "prod1"}}, "the section array has no vendor"),
        ({"array": {"vendor": "acme"}}, "friday.yml: vendor 'acme' is not one of datera, dsware"),
        (changed("xtremio", luns=[]), "it has no key 'luns'"),
        (changed("xtremio", volumes={}), "volumes is not a list of mappings"),
        (changed("xtremio", volumes=[{"size": "1GiB"}]), "a volume: name None is not text"),
        (changed("xtremio", volumes=[{**DB1, "size": "big"}]), "volume db1: size 'big' is not a size"),
        (changed("xtremio", volumes=[DB1, DB1]), "volume db1 is there twice"),
        (changed("xtremio", volumes=[{**DB1, "pool": "p"}]), "volume db1: there is no pool p in array.pools"),
        (changed("xtremio", volumes=[{**DB1, "colour": "red"}]), "volume db1 has no key 'colour'"),
        (changed("xtremio", volumes=[DB1], mappings=[]) | {"snapshots": [{"name": "s", "volume": "x"}]},
         "snapshot s: there is no volume x in volumes"),
        (changed("xtremio", groups=[{"name": "g", "volumes": ["x"]}]), "group g: there is no volume x in volumes"),
        (changed("xtremio", hosts=[]), "a mapping names host host1, which is not in hosts"),
        (changed("xtremio", mappings=[{"volume": "x", "host": "host1"}]), "there is no volume x in volumes or snap"),
        (changed("xtremio", mappings=[{"volume": "db1", "host": "host1", "lun": -1}]), "lun -1 is not a whole number"),
        (changed("xtremio", mappings=[], hosts=[{"name": name, "initiators": ISCSI} for name in ("a", "b")]),
         f"host b: initiator {ISCSI[0]} is also one of host a"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(content: object, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        config.from_arguments([], [path])
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("vendor", "section", "rows", "message"),
    [
        ("xtremio", "volumes", [{"name": "v", "size": "3PiB"}], "volume v: the array refuses it: it cannot have this"),
        ("xtremio", "volumes", [{"name": "v", "size": "1GiB", "provisioning": "thick"}], "thick is none of this array"),
        ("flashsystem", "volumes", [{"name": "v", "size": "9TiB"}, {"name": "w", "size": "9TiB"}],
         "volume w: the array refuses it: pool prod1 has no room for it"),
        ("datera", "volumes", [{"name": "vol", "size": "1500MiB"}], "size 1572864000 is not a multiple of 1073741824"),
        ("datera", "volumes", [{"name": "v", "size": "1GiB"}], "volume v: the array refuses it: body.name"),
        ("dsware", "volumes", [{"name": "v", "size": "1GiB", "array_options": {"udid": 3}}],
         "it has udid, which volumes of this array do not have"),
        ("violin", "groups", [{"name": "g", "volumes": ["db1"]}], "group g: the array has no groups of volumes"),
        ("dsware", "hosts", [{"name": "host1", "initiators": ISCSI, "os": "linux"}], "stores no operating system"),
        ("violin", "hosts", [{"name": "host1", "initiators": FC + ISCSI}], "initiators of one protocol only"),
        ("xtremio", "mappings", [{"volume": name, "host": "host1", "lun": 4} for name in ("db1", "web1")],
         "mapping of web1 to host1: the array refuses it: LUN 4 of host host1 is taken"),
        ("datera", "mappings", [{"volume": "db1", "host": "host1", "lun": 9}], "this array numbers the volumes"),
    ],
)  # fmt: skip
def test_what_the_array_cannot_have_is_refused(
    vendor: str, section: str, rows: list[Any], message: str, tmp_path: Path
) -> None:
    content = friday(vendor)
    content[section] = rows
    if section == "volumes":
        content.update(snapshots=[], mappings=[])
    with pytest.raises(ConfigError) as caught:
        begun(tmp_path, content)
    assert message in str(caught.value)
    assert str(caught.value).startswith("array friday: document ")


def test_a_pool_that_is_fuller_than_possible_is_refused(tmp_path: Path) -> None:
    content = friday("flashsystem")
    content["array"]["pools"][0]["used"] = GIB
    with pytest.raises(ConfigError, match="pool prod1: 1073741824 bytes are used, and its thick volumes alone take"):
        begun(tmp_path, content)
    content["array"]["pools"][0]["used"] = 11 * TIB
    with pytest.raises(ConfigError, match="pool prod1: .* bytes are used of"):
        begun(tmp_path, content)


def test_a_vendor_beside_a_file_of_another_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vendor 'violin' is not that of .*friday.yml, 'xtremio'"):
        begun(tmp_path, friday("xtremio"), vendor="violin")


def test_a_file_is_found_beside_the_configuration_that_names_it(tmp_path: Path) -> None:
    written(tmp_path, friday("dsware"), "flash1.yml")
    path = written(tmp_path, {"arrays": [{"from": "flash1.yml"}, {"from": "flash1.yml"}]}, "arrays.yml")
    assert [array.name for array in config.load(path)] == ["flash1", "flash1-2"]
    with pytest.raises(ConfigError, match="nothing.yml cannot be read: No such file"):
        document.load(tmp_path / "nothing.yml")


@pytest.mark.parametrize("options", [[], ["--config", "arrays.yml", "--from", "flash1.yml"]])
def test_the_command_line_wants_a_configuration_or_arrays(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["serve", *options])
    assert "give either --config, or any number of --array and --from" in capsys.readouterr().err
