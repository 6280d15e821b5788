# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_array on every array: its complete content as one document."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.module.arrays import GIB, ArrayUnderTest

pytestmark = pytest.mark.wire


def host_sections(array: ArrayUnderTest) -> dict[str, Any]:
    return {
        "hosts": [{"name": "web-server", "initiators": list(array.row.initiators[:2])}],
        "mappings": [
            {"volume": "web-data", "host": "web-server", **array.lun(1)},
            {"volume": "web-logs", "host": "web-server", **array.lun(0)},
        ],
    }


def document(array: ArrayUnderTest, **options: Any) -> dict[str, Any]:
    return {
        "volumes": [
            {"name": "web-test", "source_volume": "web-data", "size": "12GiB"},
            {"name": "web-copy", "source_snapshot": "web-golden"},
            {"name": "web-data", "size": "10GiB"},
            {"name": "web-logs", "size": "2GiB"},
        ],
        "snapshots": [{"name": "web-golden", "volume": "web-data"}],
        **(host_sections(array) if array.row.hosts else {}),
        **options,
    }


def test_a_document_is_carried_out_in_the_order_of_its_dependencies(array: ArrayUnderTest) -> None:
    applied = array.converges("flash_array", **document(array))
    volumes = array.volumes()
    assert {name: volumes[name]["size"] // GIB for name in volumes} == {
        "web-data": 10,
        "web-logs": 2,
        "web-test": 12,
        "web-golden": 10,
        "web-copy": 10,
    }
    if array.row.hosts:
        assert set(array.luns()) == {("web-server", "web-data"), ("web-server", "web-logs")}
        assert array.hosts() == {"web-server": sorted(array.row.initiators[:2])}
    if not array.cannot("explicit_lun"):
        assert array.luns() == {("web-server", "web-data"): 1, ("web-server", "web-logs"): 0}
    assert [volume["name"] for volume in applied["volumes"]] == ["web-test", "web-copy", "web-data", "web-logs"]
    assert all(
        entry["changed"] and entry["error"] is None
        for key in ("volumes", "snapshots", "hosts", "mappings")
        for entry in applied[key]
    )


@pytest.mark.common
def test_check_mode_returns_the_plan_line_by_line(array: ArrayUnderTest) -> None:
    first, second = array.row.initiators[:2]
    plan = array.document(check=True, **document(array))["plan"]
    luns = ("", "") if array.cannot("explicit_lun") else (" as LUN 1", " as LUN 0")
    host_lines = [
        f"create host web-server with {first}, {second}",
        f"map volume web-data to host web-server{luns[0]}",
        f"map volume web-logs to host web-server{luns[1]}",
    ]
    assert plan == [
        "create volume web-data of 10GiB",
        "create volume web-logs of 2GiB",
        "clone volume web-data to web-test of 12GiB",
        "create snapshot web-golden of volume web-data",
        "create volume web-copy from snapshot web-golden",
        *(host_lines if array.row.hosts else []),
    ]


@pytest.mark.common
def test_an_empty_document_does_nothing(array: ArrayUnderTest) -> None:
    result = array.done("flash_array")
    assert not result.changed
    assert result["api"]["requests"] == 0


@pytest.mark.hosts
def test_a_host_of_a_document_has_chap_credentials(array: ArrayUnderTest) -> None:
    host = {
        "name": "web-server",
        "initiators": [array.row.initiators[-1]],
        "chap_username": "of-user",
        "chap_password": "chap-Secret-0123",
    }
    applied = array.converges_if("chap", "flash_array", hosts=[host])
    assert applied is None or "chap-Secret-0123" not in applied.stdout


def test_a_document_renames_extends_and_joins_groups(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="old", size="1GiB")
    renamed = [{"name": "web-data", "rename_from": "old", "size": "2GiB"}]
    if array.converges_if("rename_volume", "flash_array", volumes=renamed) is None:
        array.done("flash_volume", name="web-data", size="2GiB")
    array.converges_if("groups", "flash_array", volumes=[{"name": "web-data", "group": "web"}])


def test_a_document_makes_changes_and_deletes_a_group(xtremio: ArrayUnderTest) -> None:
    volumes = [{"name": "web-data", "size": "2GiB"}, {"name": "web-logs", "size": "1GiB"}]
    group = {"name": "web", "volumes": ["web-data", "web-logs"]}
    xtremio.converges("flash_array", volumes=volumes, groups=[group])
    assert xtremio.groups() == {"web": ["web-data", "web-logs"]}
    fewer = {"name": "web", "volumes": ["web-data"], "exclusive_volumes": True}
    applied = xtremio.converges("flash_array", groups=[fewer])
    assert applied["plan"] == ["remove volume web-logs from consistency group web"]
    assert applied["groups"][0]["volumes"] == ["web-data"]
    xtremio.converges("flash_array", groups=[{"name": "web", "state": "absent"}])
    assert xtremio.groups() == {}
    assert {"web-data", "web-logs"} <= set(xtremio.volumes())


def test_a_document_takes_away_what_is_absent(xtremio: ArrayUnderTest) -> None:
    xtremio.done("flash_array", **document(xtremio))
    applied = xtremio.converges(
        "flash_array",
        mappings=[{"volume": "web-logs", "host": "web-server", "state": "absent"}],
        volumes=[{"name": "web-logs", "state": "absent"}],
    )
    assert applied["plan"] == ["unmap volume web-logs from host web-server", "delete volume web-logs"]
    xtremio.refuses("flash_array", "set unmap: true", volumes=[{"name": "web-data", "state": "absent"}], kind="refused")


@pytest.mark.hosts
@pytest.mark.common
def test_an_initiator_that_is_not_declared_is_removed_only_with_exclusive_initiators(array: ArrayUnderTest) -> None:
    array.done("flash_array", **document(array))
    host = {"name": "web-server", "initiators": [array.row.initiators[0]]}
    assert not array.done("flash_array", hosts=[host]).changed
    array.converges("flash_array", hosts=[{**host, "exclusive_initiators": True}])
    assert array.hosts() == {"web-server": [array.row.initiators[0]]}


@pytest.mark.hosts
@pytest.mark.common
def test_a_document_maps_a_volume_to_two_hosts_only_with_shared(array: ArrayUnderTest) -> None:
    hosts = [{"name": f"web-{number}", "initiators": [array.row.initiators[number]]} for number in range(2)]
    maps = [{"volume": "web-data", "host": host["name"]} for host in hosts]
    content = {"volumes": [{"name": "web-data", "size": "1GiB"}], "hosts": hosts, "mappings": maps}
    array.refuses("flash_array", "set shared: true", **content, kind="refused")
    array.converges("flash_array", **content, shared=True)


# ---- prune -----------------------------------------------------------------------------------------------------------

PRUNE = {"prune": True, "prune_prefix": "web-"}


@pytest.fixture
def array_with_more(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with the document, and with objects that are not declared."""
    array.done("flash_array", **document(array))
    array.done("flash_volume", volumes=[{"name": "web-old"}, {"name": "other"}], size="1GiB")
    array.done("flash_host_map", host="web-gone", initiators=[array.row.initiators[2]])
    return array


@pytest.mark.hosts
@pytest.mark.common
def test_prune_removes_what_is_not_declared(array_with_more: ArrayUnderTest) -> None:
    applied = array_with_more.converges("flash_array", **document(array_with_more), **PRUNE)
    assert applied["plan"] == ["delete volume web-old", "delete host web-gone"]
    assert {"web-data", "web-logs", "web-test", "web-copy", "web-golden", "other"} == set(array_with_more.volumes())
    assert set(array_with_more.hosts()) == {"web-server"}


@pytest.mark.hosts
def test_prune_removes_a_snapshot_only_where_the_array_proves_that_it_is_a_snapshot(
    array_with_more: ArrayUnderTest,
) -> None:
    array_with_more.done("flash_snapshot", name="web-monday", volume="web-old")
    array_with_more.done("flash_snapshot", name="web-tuesday", volume="web-data")
    result = array_with_more.done("flash_array", **document(array_with_more), **PRUNE)
    assert any(
        "volume web-old is not declared and stays: it has snapshots: web-monday" in text for text in result.warnings
    )
    assert {"web-old", "web-monday", "web-tuesday"} <= set(array_with_more.volumes())
    result = array_with_more.done(
        "flash_array", **document(array_with_more), **PRUNE, prune_kinds=["volumes", "hosts", "snapshots"]
    )
    removed = {"web-old", "web-monday"} - set(array_with_more.volumes())
    assert removed == ({"web-old", "web-monday"} if array_with_more.capabilities.proves_snapshots else set())
    assert "web-tuesday" in array_with_more.volumes(), "its volume is declared"
    if not array_with_more.capabilities.proves_snapshots:
        assert any("web-monday is not declared and stays" in text for text in result.warnings)


NIGHTLY = {"volume": "web-data", "prefix": "web-data-n", "keep": 2}


@pytest.mark.hosts
@pytest.mark.parametrize("kinds", [{}, {"prune_kinds": ["volumes", "hosts", "snapshots"]}])
@pytest.mark.common
def test_prune_keeps_the_nightly_snapshots_of_another_task(array: ArrayUnderTest, kinds: dict[str, Any]) -> None:
    """Two independent tasks: one declares and prunes the array, the other takes a snapshot every night."""
    content = {**document(array), **PRUNE, **kinds}
    nightly = dict(NIGHTLY) if array.capabilities.proves_snapshots else {"volume": "web-data"}
    array.done("flash_array", **content)
    for night in (1, 2, 3):
        array.done("flash_snapshot", name=f"web-data-n{night}", **nightly)
        kept = set(array.volumes())
        assert {f"web-data-n{night}", f"web-data-n{max(1, night - 1)}"} <= kept
        result = array.done("flash_array", **content)
        assert not result.changed
        assert set(array.volumes()) == kept
        assert not any("is not declared" in text for text in result.warnings)


@pytest.mark.hosts
@pytest.mark.common
def test_prune_keeps_what_is_in_use_or_owned_by_openstack(array_with_more: ArrayUnderTest) -> None:
    uuid = "7f3c2f5a-8a2e-4a52-9a0b-3a7d6c1e9f00"
    array_with_more.done(
        "flash_volume", volumes=[{"name": "web-used"}, {"name": f"volume-{uuid}"}, {"name": "web-parent"}], size="1GiB"
    )
    array_with_more.done("flash_snapshot", name="kept", volume="web-parent")
    array_with_more.done("flash_host_map", host="web-gone", volume="web-used")
    result = array_with_more.done("flash_array", **document(array_with_more), **PRUNE)
    assert {"web-used", f"volume-{uuid}", "web-parent", "kept"} <= set(array_with_more.volumes())
    assert "web-gone" in array_with_more.hosts()
    staying = {text.split(" is not declared")[0] for text in result.warnings if "stays" in text}
    assert {"host web-gone", "volume web-parent", "volume web-used"} <= staying
    assert result["plan"] == ["delete volume web-old"]


@pytest.mark.hosts
@pytest.mark.common
def test_prune_removes_nothing_when_there_is_more_than_prune_limit(array_with_more: ArrayUnderTest) -> None:
    array_with_more.refuses(
        "flash_array",
        "2 objects would be removed, and prune_limit is 1",
        "web-old",
        "web-gone",
        **document(array_with_more),
        **PRUNE,
        prune_limit=1,
        kind="refused",
    )
    array_with_more.converges("flash_array", **document(array_with_more), **PRUNE, prune_limit=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prune": True}, "prune is True but all of the following are missing: prune_prefix"),
        ({"prune": True, "prune_prefix": "we"}, "shorter than 3 characters"),
        ({"prune": True, "prune_prefix": ""}, "shorter than 3 characters"),
        ({"prune": True, "prune_prefix": "other"}, "nothing that is declared begins with"),
        ({"prune": True, "prune_prefix": None}, "shorter than 3 characters"),
    ],
)
def test_an_unsuitable_prune_prefix_is_refused(xtremio: ArrayUnderTest, options: dict[str, Any], message: str) -> None:
    xtremio.done("flash_volume", name="other-1", size="1GiB")
    before = xtremio.state()
    result = xtremio.document(volumes=[{"name": "web-data", "size": "1GiB"}], **options)
    assert result.failed
    assert message.lower() in result.msg.lower()
    assert xtremio.state() == before


@pytest.mark.hosts
@pytest.mark.common
def test_nothing_is_pruned_when_something_declared_is_refused(array_with_more: ArrayUnderTest) -> None:
    content = document(array_with_more)
    content["volumes"].append({"name": "web-bad/", "size": "1GiB"})
    result = array_with_more.document(**content, **PRUNE, continue_on_error=True)
    assert result.failed
    assert "web-old" in array_with_more.volumes()
    assert "nothing was pruned, because another part of the task is refused" in result.warnings


@pytest.mark.hosts
@pytest.mark.common
def test_nothing_is_pruned_after_a_failed_step(array_with_more: ArrayUnderTest) -> None:
    content = document(array_with_more)
    content["volumes"].append({"name": "web-new", "size": "1GiB", "pool": "nowhere"})
    result = array_with_more.document(**content, **PRUNE, continue_on_error=True)
    assert result.failed
    assert "web-old" in array_with_more.volumes()
    assert "web-gone" in array_with_more.hosts()
    assert "delete volume web-old" in result["not_done"]


@pytest.mark.hosts
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.common
def test_an_initiator_moves_from_one_host_to_another_in_one_document(array: ArrayUnderTest, reverse: bool) -> None:
    first, second = array.row.initiators[:2]
    array.done("flash_host_map", host="one", initiators=[first, second])
    array.done("flash_volume", name="db1", size="10GiB")
    hosts = [
        {"name": "one", "initiators": [first], "exclusive_initiators": True},
        {"name": "two", "initiators": [second]},
    ]
    content = {
        "hosts": hosts[::-1] if reverse else hosts,
        "mappings": [{"volume": "db1", "host": "two"}],
    }
    applied = array.converges("flash_array", **content)
    assert [line.split()[0] for line in applied["plan"]] == ["remove", "create", "map"]
    assert {name: len(addresses) for name, addresses in array.hosts().items()} == {"one": 1, "two": 1}


@pytest.mark.hosts
@pytest.mark.common
def test_check_mode_accepts_a_document_exactly_when_the_run_does(array: ArrayUnderTest) -> None:
    """Random documents of hosts, each applied to the state that the one before has left."""
    draw = Random(2)
    names, volumes = ["one", "two", "three"], ["db1", "db2"]
    initiators = [array.initiator(number) for number in range(1, 6)]
    array.done("flash_volume", size="1GiB", volumes=[{"name": name} for name in volumes])
    accepted = refused = 0
    for _round in range(8):
        addresses = {
            name: [address] for name, address in zip(draw.sample(names, 3), draw.sample(initiators, 3), strict=True)
        }
        for address in draw.sample(initiators, 2):
            if not any(address in taken for taken in addresses.values()):
                addresses[draw.choice(names)].append(address)
        hosts = [
            {"name": name, "initiators": of_host, "exclusive_initiators": draw.random() < 0.8}
            for name, of_host in addresses.items()
        ]
        mappings = [{"volume": draw.choice(volumes), "host": hosts[0]["name"]}] if draw.random() < 0.4 else []
        task = {"hosts": hosts, "mappings": mappings, "force": draw.random() < 0.7, "shared": True}
        predicted = array.document(check=True, **task)
        result = array.document(**task)
        assert predicted.failed == result.failed, f"{task}: {predicted.get('msg')} {result.get('msg')}"
        if result.failed:
            assert (predicted.msg, result["plan"]) == (result.msg, []), task
            refused += 1
        else:
            assert predicted["plan"] == result["plan"], task
            assert not array.document(**task).changed, task
            accepted += result.changed
    assert accepted >= 3
    assert refused >= 1


@pytest.mark.hosts(False)
def test_nothing_is_pruned_where_the_array_does_not_report_mappings(array: ArrayUnderTest) -> None:
    array.done("flash_array", **document(array))
    array.done("flash_volume", name="web-old", size="1GiB")
    result = array.done("flash_array", **document(array), **PRUNE, prune_kinds=["volumes"])
    assert not result.changed
    assert result.warnings == ["nothing was removed, because this array cannot be asked which volumes hosts have"]
    assert "web-old" in array.volumes()
