# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_host_map on every array."""

from __future__ import annotations

from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest
from tests.support.diffs import after, plan_lines

pytestmark = pytest.mark.hosts

CHAP = {"chap_username": "of-user", "chap_password": "chap-Secret-0123"}


@pytest.fixture
def db1(array: ArrayUnderTest) -> ArrayUnderTest:
    """The array with the volumes db1 and db2."""
    array.done("flash_volume", volumes=[{"name": "db1"}, {"name": "db2"}], size="10GiB")
    return array


def server(array: ArrayUnderTest, **options: Any) -> dict[str, Any]:
    """A host with its first initiator."""
    return {"host": "server", "initiators": [array.row.initiators[0]], **options}


# ---- hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.every_row
def test_a_host_is_created_with_its_initiators(array: ArrayUnderTest) -> None:
    expected = list(array.row.initiators[:2])
    result = array.converges("flash_host_map", host="server", initiators=expected)
    assert array.hosts() == {"server": sorted(expected)}
    assert result["map"]["host_state"] == "present"
    assert result["map"]["volume"] is None
    assert [initiator["address"] for initiator in result["map"]["initiators"]] == expected
    assert after(result["diff"])["host server"]["initiators"] == expected


@pytest.mark.common
def test_an_initiator_is_the_same_in_every_notation(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    address = array.row.initiators[0]
    notations = (
        [address.upper(), address.replace(":", ""), f"0x{address.replace(':', '')}"]
        if address[0] == "1"
        else [address.upper()]
    )
    for notation in notations:
        assert not array.done("flash_host_map", host="server", initiators=[notation]).changed


def test_an_initiator_is_added(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    array.converges("flash_host_map", host="server", initiators=[array.row.initiators[1]])
    assert array.hosts() == {"server": sorted(array.row.initiators[:2])}


@pytest.mark.common
def test_initiators_that_are_not_named_are_removed_only_with_exclusive_initiators(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators))
    assert not array.done("flash_host_map", **server(array)).changed
    array.converges("flash_host_map", **server(array, exclusive_initiators=True))
    assert array.hosts() == {"server": [array.row.initiators[0]]}


@pytest.mark.common
def test_a_host_without_options_is_not_changed(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    assert not array.done("flash_host_map", host="server").changed


def test_a_host_is_deleted(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    result = array.converges("flash_host_map", host="server", state="absent")
    assert array.hosts() == {}
    assert result["map"]["host_state"] == "absent"


SYSTEMS = {"xtremio": ("windows", "linux"), "violin": ("Windows", "Linux")}
"""By vendor, its names of two operating systems; the second is the default of a new host."""


@pytest.mark.every_row
def test_the_operating_system_of_a_host_is_stored_or_refused(array: ArrayUnderTest) -> None:
    systems = SYSTEMS.get(array.endpoint["vendor"])
    if systems is None:
        for module, task in (
            ("flash_host_map", server(array, os="linux")),
            ("flash_array", {"hosts": [{"name": "server", "initiators": [array.row.initiators[0]], "os": "linux"}]}),
        ):
            array.refuses(module, "stores no operating system of a host", "leave os out", kind="unsupported", **task)
        array.done("flash_host_map", **server(array))
        array.refuses("flash_host_map", "leave os out", **server(array, os="linux"), kind="unsupported")
        return
    result = array.converges("flash_host_map", **server(array, os=systems[0]))
    assert result["map"]["host_os"] == after(result["diff"])["host server"]["os"] == systems[0]
    assert result["plan"] == [f"create host server with {array.row.initiators[0]} and os {systems[0]}"]
    with array.library() as client:
        assert client.hosts(["server"]).named("server").os == systems[0]
    assert array.facts(gather_subset=["hosts"])["hosts"][0]["os"] == systems[0]
    assert array.document(hosts=[{"name": "server", "os": systems[0]}])["hosts"][0]["os"] == systems[0]


def test_another_operating_system_of_a_host_is_set_or_refused(array: ArrayUnderTest) -> None:
    systems = SYSTEMS.get(array.endpoint["vendor"])
    if systems is None:
        assert array.cannot("host_os")
        return
    array.done("flash_host_map", **server(array, os=systems[1]))
    assert not array.done("flash_host_map", **server(array, os=systems[1].upper())).changed
    if array.cannot("set_host_os"):
        texts = (f"its os is {systems[1]}, not {systems[0]}", "only be chosen when it is created")
        array.refuses("flash_host_map", *texts, **server(array, os=systems[0]), kind="conflict")
    else:
        result = array.converges("flash_host_map", **server(array, os=systems[0]))
        assert result["map"]["host_os"] == systems[0]


@pytest.mark.parametrize("address", ["", "server", "10:00:00:00:c9", "iqn.2026-13.org.example:x", "00:" * 7 + "00"])
def test_a_malformed_initiator_is_refused(xtremio: ArrayUnderTest, address: str) -> None:
    xtremio.refuses("flash_host_map", repr(address), host="server", initiators=[address], kind="invalid")


# ---- arrays without hosts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"initiators": ["iqn.2026-01.org.example:h"]},
        {"initiators": ["10:00:00:00:c9:00:00:07"], "os": "linux"},
        {"initiators": ["iqn.2026-01.org.example:h"], "exclusive_initiators": True, **CHAP},
        {"initiators": ["iqn.2026-01.org.example:h"], "volume": "db1"},
        {"volume": "db1"},
        {"volume": "db1", "lun": 3},
        {"volume": "db1", "exclusive": True},
    ],
)
@pytest.mark.hosts(False)
def test_an_array_without_hosts_refuses_them_with_its_reason(array: ArrayUnderTest, options: dict[str, Any]) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    reason = str(array.cannot("create_host"))
    array.refuses("flash_host_map", "host server", reason, host="server", **options, kind="unsupported")
    mapping = {"host": "server", **options}
    array.refuses("flash_host_map", reason, maps=[mapping], kind="unsupported")
    host = {"name": "server", "initiators": options.get("initiators", [])}
    array.refuses("flash_array", reason, hosts=[host], kind="unsupported")


@pytest.mark.hosts(False)
def test_on_an_array_without_hosts_every_host_is_absent(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    assert not array.done("flash_host_map", host="server", state="absent").changed
    assert not array.done("flash_host_map", host="server", volume="db2", state="absent").changed
    array.refuses("flash_host_map", "host server", host="server", volume="db1", state="absent", kind="unsupported")


# ---- CHAP ------------------------------------------------------------------------------------------------------------


def iscsi_of(array: ArrayUnderTest) -> list[str]:
    return [address for address in array.row.initiators if address.startswith("iqn")]


def chap_on(array: ArrayUnderTest) -> list[bool]:
    """Whether the array has credentials, for each iSCSI initiator."""
    hosts = [host for host in array.state()["hosts"] if array.row.scope in (None, host["scope"])]
    return [port["chap"] for host in hosts for port in host["initiators"] if port["address"].startswith("iqn")]


@pytest.mark.every_row
def test_a_new_host_gets_its_chap_credentials(array: ArrayUnderTest) -> None:
    result = array.converges_if("chap", "flash_host_map", host="server", initiators=list(array.row.initiators), **CHAP)
    if result is None:
        return
    assert chap_on(array) == [True] * len(iscsi_of(array))
    users = {port["address"]: port["chap_username"] for port in result["map"]["initiators"]}
    assert users == {address: "of-user" if address in iscsi_of(array) else None for address in users}
    assert CHAP["chap_password"] not in result.stdout


def test_an_existing_host_gets_its_chap_credentials(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators))
    if array.refuses_without("chap", "flash_host_map", host="server", **CHAP):
        return
    if not iscsi_of(array):
        assert not array.done("flash_host_map", host="server", **CHAP).changed
        return
    result = array.converges("flash_host_map", host="server", **CHAP)
    assert result["plan"] == ["set the CHAP credentials of host server"]
    assert chap_on(array) == [True] * len(iscsi_of(array))


@pytest.mark.common
def test_another_chap_password_is_sent_only_with_update_secret(array: ArrayUnderTest) -> None:
    task = {"host": "server", "initiators": list(array.row.initiators), "update_secret": "always", **CHAP}
    if array.refuses_without("chap", "flash_host_map", **task):
        return
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators), **CHAP)
    if not iscsi_of(array):
        assert not array.done("flash_host_map", **task).changed
        return
    other: dict[str, Any] = {**CHAP, "chap_password": "another-Secret-45"}
    assert not array.done("flash_host_map", host="server", **other).changed
    for _ in range(2):
        mark = array.mark()
        repeated = array.task("flash_host_map", host="server", update_secret="always", diff=True, **other)
        assert repeated.changed
        assert repeated["plan"] == ["set the CHAP credentials of host server"]
        assert plan_lines(repeated["diff"]) == ["~ set the CHAP credentials of host server"]
        assert len(array.writes(mark)) == len(iscsi_of(array))


def test_discovery_has_its_own_credentials(array: ArrayUnderTest) -> None:
    discovery = {"chap_discovery_username": "of-disc", "chap_discovery_password": "disc-Secret-0123"}
    task = {"host": "server", "initiators": list(array.row.initiators), **CHAP, **discovery}
    mark = array.mark()
    result = array.converges_if("chap", "flash_host_map", **task)
    sent = [request["body"] for request in array.writes(mark) if "of-disc" in str(request["body"])]
    assert len(sent) == (0 if result is None else len(iscsi_of(array)))
    assert all("of-user" in str(body) for body in sent)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chap_username": "of-user"}, "chap_username and chap_password go together"),
        ({"chap_password": "chap-Secret-0123"}, "chap_username and chap_password go together"),
        (
            {"chap_discovery_username": "of-user", "chap_discovery_password": "chap-Secret-0123"},
            "chap_discovery_username needs chap_username",
        ),
    ],
)
def test_incomplete_chap_credentials_are_refused(
    xtremio: ArrayUnderTest, options: dict[str, str], message: str
) -> None:
    result = xtremio.refuses("flash_host_map", message, **server(xtremio), **options, kind="invalid")
    assert "chap-Secret" not in result.stdout


# ---- mappings --------------------------------------------------------------------------------------------------------


@pytest.mark.every_row
def test_a_volume_is_mapped_and_the_array_chooses_the_lun(db1: ArrayUnderTest) -> None:
    result = db1.converges("flash_host_map", **server(db1, volume="db1"))
    (lun,) = db1.luns().values()
    assert result["map"]["lun"] == lun
    assert result["map"]["state"] == "present"
    assert result["map"]["serial"] == (db1.volumes()["db1"]["wwn"] or None)
    assert result["plan"][-1] == "map volume db1 to host server"


@pytest.mark.parametrize("lun", [0, 1, 200])
def test_a_volume_is_mapped_at_the_requested_lun(db1: ArrayUnderTest, lun: int) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=lun)):
        return
    result = db1.converges("flash_host_map", **server(db1, volume="db1", lun=lun))
    assert db1.luns() == {("server", "db1"): lun}
    assert result["map"]["lun"] == lun


@pytest.mark.every_row
@pytest.mark.parametrize(("before", "after"), [(3, 0), (0, 3)])
def test_a_mapping_with_another_lun_is_replaced(db1: ArrayUnderTest, before: int, after: int) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=before)):
        return
    db1.done("flash_host_map", **server(db1, volume="db1", lun=before))
    result = db1.converges("flash_host_map", host="server", volume="db1", lun=after)
    assert db1.luns() == {("server", "db1"): after}
    assert result["plan"] == ["unmap volume db1 from host server", f"map volume db1 to host server as LUN {after}"]


@pytest.mark.common
def test_a_mapping_keeps_its_lun_when_the_task_names_none(db1: ArrayUnderTest) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=9)):
        return
    db1.done("flash_host_map", **server(db1, volume="db1", lun=9))
    repeated = db1.done("flash_host_map", host="server", volume="db1")
    assert not repeated.changed
    assert repeated["map"]["lun"] == 9


@pytest.mark.common
def test_a_lun_that_another_volume_has_is_a_conflict(db1: ArrayUnderTest) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=5)):
        return
    db1.done("flash_host_map", **server(db1, volume="db1", lun=5))
    db1.refuses(
        "flash_host_map",
        "db2",
        "volume db1 has LUN 5",
        "choose another",
        host="server",
        volume="db2",
        lun=5,
        kind="conflict",
    )


def test_a_lun_outside_the_range_of_the_array_is_refused(db1: ArrayUnderTest) -> None:
    last = db1.capabilities.luns[1]
    db1.done("flash_host_map", **server(db1))
    for lun in (-1, last + 1):
        if lun > last and db1.refuses_without("explicit_lun", "flash_host_map", host="server", volume="db1", lun=lun):
            continue
        db1.refuses("flash_host_map", f"LUN {lun}", host="server", volume="db1", lun=lun, kind="invalid")


def test_a_volume_is_unmapped_and_the_host_is_kept(db1: ArrayUnderTest) -> None:
    db1.done("flash_host_map", **server(db1, volume="db1"))
    result = db1.converges("flash_host_map", host="server", volume="db1", state="absent")
    assert db1.luns() == {}
    assert set(db1.hosts()) == {"server"}
    assert result["map"]["state"] == "absent"


@pytest.mark.common
def test_unmapping_an_absent_volume_changes_nothing(array: ArrayUnderTest) -> None:
    assert not array.done("flash_host_map", host="server", volume="db1", state="absent").changed


@pytest.mark.common
def test_exclusive_unmaps_the_other_volumes_of_the_host(db1: ArrayUnderTest) -> None:
    db1.done("flash_host_map", **server(db1), maps=[{"volume": "db1"}, {"volume": "db2"}])
    db1.converges("flash_host_map", host="server", volume="db2", exclusive=True)
    assert set(db1.luns()) == {("server", "db2")}


@pytest.mark.common
def test_one_task_makes_mappings_of_several_hosts(db1: ArrayUnderTest) -> None:
    first, second = db1.row.initiators[:2]
    maps = [
        {"host": "node1", "volume": "db1", "initiators": [first]},
        {"host": "node2", "volume": "db1", "initiators": [second]},
        {"host": "node1", "volume": "db2", "initiators": [first]},
    ]
    result = db1.converges("flash_host_map", maps=maps, shared=True)
    assert set(db1.luns()) == {("node1", "db1"), ("node2", "db1"), ("node1", "db2")}
    assert [(entry["host"], entry["volume"]) for entry in result["maps"]] == [
        ("node1", "db1"),
        ("node2", "db1"),
        ("node1", "db2"),
    ]
    if not db1.cannot("explicit_lun"):
        assert len({entry["lun"] for entry in result["maps"] if entry["host"] == "node1"}) == 2


@pytest.mark.every_row
def test_the_target_ports_of_the_mapped_volume_are_returned(db1: ArrayUnderTest) -> None:
    result = db1.done("flash_host_map", **server(db1, volume="db1"))
    all_ports = db1.facts(gather_subset=["ports"])["ports"]
    assert result["ports"] == [port for port in all_ports if not db1.row.own_targets or port["name"] == "db1"] != []
    protocol = "iscsi" if iscsi_of(db1) else "fc"
    port = next(port for port in result["ports"] if port["protocol"] == protocol)
    assert (port["portal"] is not None) == (protocol == "iscsi")
    assert "ports" not in db1.done("flash_host_map", host="server", volume="db1", state="absent")


def test_only_the_target_ports_of_the_connection_are_returned(db1: ArrayUnderTest) -> None:
    if not db1.has_option("target_ports"):
        db1.refuses("flash_host_map", "target_ports is not one of vendor", host="server", target_ports=["p1"])
        return
    db1.done("flash_host_map", **server(db1, volume="db1"))
    ports = db1.facts(gather_subset=["ports"])["ports"]
    expected = (
        (ports[0]["portal"] or ports[0]["address"]).rsplit(":", 1)[0] if ports[0]["portal"] else ports[0]["address"]
    )
    result = db1.done("flash_host_map", **server(db1, volume="db1"), target_ports=[expected])
    assert 0 < len(result["ports"]) <= len(ports)
    assert ports[0] in result["ports"]
    assert all(expected in (port["portal"] or port["address"]) for port in result["ports"])


@pytest.mark.common
def test_a_missing_volume_cannot_be_mapped(db1: ArrayUnderTest) -> None:
    made = db1.needs("volume db3", "flash_host_map", "there is no volume db3", **server(db1, volume="db3"))
    assert made["plan"][-1] == "if volume db3 is made first: map volume db3 to host server"
    assert (made["map"]["state"], made["map"]["lun"], made["map"]["serial"]) == ("present", None, None)


@pytest.mark.common
def test_a_missing_host_without_initiators_is_reported(db1: ArrayUnderTest) -> None:
    words = ("host server", "there is no such host", "give its initiators")
    made = db1.needs("host server", "flash_host_map", *words, host="server", volume="db1")
    assert made["plan"] == ["if host server is made first: map volume db1 to host server"]
    assert (made["map"]["host_state"], made["map"]["lun"]) == ("absent", None)
