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


def server(array: ArrayUnderTest, **more: Any) -> dict[str, Any]:
    """A host with its first initiator."""
    return {"host": "server", "initiators": [array.row.initiators[0]], **more}


# ---- hosts -----------------------------------------------------------------------------------------------------------


def test_a_host_is_created_with_its_initiators(array: ArrayUnderTest) -> None:
    wanted = list(array.row.initiators[:2])
    made = array.converges("flash_host_map", host="server", initiators=wanted)
    assert array.hosts() == {"server": sorted(wanted)}
    assert made["map"]["host_state"] == "present"
    assert made["map"]["volume"] is None
    assert [one["address"] for one in made["map"]["initiators"]] == wanted
    assert after(made["diff"])["host server"]["initiators"] == wanted


def test_initiators_are_the_same_in_every_way_to_write_them(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    address = array.row.initiators[0]
    ways = (
        [address.upper(), address.replace(":", ""), f"0x{address.replace(':', '')}"]
        if address[0] == "1"
        else [address.upper()]
    )
    for way in ways:
        assert not array.done("flash_host_map", host="server", initiators=[way]).changed


def test_an_initiator_is_added(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    array.converges("flash_host_map", host="server", initiators=[array.row.initiators[1]])
    assert array.hosts() == {"server": sorted(array.row.initiators[:2])}


def test_initiators_that_are_not_named_stay_unless_told_otherwise(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators))
    assert not array.done("flash_host_map", **server(array)).changed
    array.converges("flash_host_map", **server(array, exclusive_initiators=True))
    assert array.hosts() == {"server": [array.row.initiators[0]]}


def test_a_host_without_anything_to_do_is_left_alone(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    assert not array.done("flash_host_map", host="server").changed


def test_a_host_is_deleted(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", **server(array))
    made = array.converges("flash_host_map", host="server", state="absent")
    assert array.hosts() == {}
    assert made["map"]["host_state"] == "absent"


SYSTEMS = {"xtremio": ("windows", "linux"), "violin": ("Windows", "Linux")}
"""What the arrays call two operating systems that store one; the second is what a host has when none is given."""


def test_the_operating_system_of_a_host_is_stored_or_refused_and_never_dropped(array: ArrayUnderTest) -> None:
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
    made = array.converges("flash_host_map", **server(array, os=systems[0]))
    assert made["map"]["host_os"] == after(made["diff"])["host server"]["os"] == systems[0]
    assert made["plan"] == [f"create host server with {array.row.initiators[0]} and os {systems[0]}"]
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
        words = (f"its os is {systems[1]}, not {systems[0]}", "only be chosen when it is created")
        array.refuses("flash_host_map", *words, **server(array, os=systems[0]), kind="conflict")
    else:
        made = array.converges("flash_host_map", **server(array, os=systems[0]))
        assert made["map"]["host_os"] == systems[0]


@pytest.mark.parametrize("address", ["", "server", "10:00:00:00:c9", "iqn.2026-13.org.example:x", "00:" * 7 + "00"])
def test_what_is_no_initiator(xtremio: ArrayUnderTest, address: str) -> None:
    xtremio.refuses("flash_host_map", repr(address), host="server", initiators=[address], kind="invalid")


# ---- an array that knows none ----------------------------------------------------------------------------------------


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
def test_an_array_that_knows_no_hosts_says_so(array: ArrayUnderTest, options: dict[str, Any]) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    why = str(array.cannot("create_host"))
    array.refuses("flash_host_map", "host server", why, host="server", **options, kind="unsupported")
    mapping = {"host": "server", **options}
    array.refuses("flash_host_map", why, maps=[mapping], kind="unsupported")
    host = {"name": "server", "initiators": options.get("initiators", [])}
    array.refuses("flash_array", why, hosts=[host], kind="unsupported")


@pytest.mark.hosts(False)
def test_nothing_of_such_a_host_is_there(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="db1", size="10GiB")
    assert not array.done("flash_host_map", host="server", state="absent").changed
    assert not array.done("flash_host_map", host="server", volume="db2", state="absent").changed
    array.refuses("flash_host_map", "host server", host="server", volume="db1", state="absent", kind="unsupported")


def test_a_row_says_whether_its_array_knows_hosts(array: ArrayUnderTest) -> None:
    assert array.cannot("create_host") is None


# ---- CHAP ------------------------------------------------------------------------------------------------------------


def iscsi_of(array: ArrayUnderTest) -> list[str]:
    return [address for address in array.row.initiators if address.startswith("iqn")]


def chap_on(array: ArrayUnderTest) -> list[bool]:
    """Of each iSCSI initiator, whether the array has credentials for it."""
    hosts = [host for host in array.state()["hosts"] if array.row.scope in (None, host["scope"])]
    return [one["chap"] for host in hosts for one in host["initiators"] if one["address"].startswith("iqn")]


def test_a_host_gets_its_chap_credentials(array: ArrayUnderTest) -> None:
    made = array.converges_if("chap", "flash_host_map", host="server", initiators=list(array.row.initiators), **CHAP)
    if made is None:
        return
    assert chap_on(array) == [True] * len(iscsi_of(array))
    users = {one["address"]: one["chap_username"] for one in made["map"]["initiators"]}
    assert users == {address: "of-user" if address in iscsi_of(array) else None for address in users}
    assert CHAP["chap_password"] not in made.stdout


def test_a_host_that_is_there_gets_chap_credentials(array: ArrayUnderTest) -> None:
    array.done("flash_host_map", host="server", initiators=list(array.row.initiators))
    if array.refuses_without("chap", "flash_host_map", host="server", **CHAP):
        return
    if not iscsi_of(array):
        assert not array.done("flash_host_map", host="server", **CHAP).changed
        return
    made = array.converges("flash_host_map", host="server", **CHAP)
    assert made["plan"] == ["set the CHAP credentials of host server"]
    assert chap_on(array) == [True] * len(iscsi_of(array))


def test_another_secret_is_sent_only_when_asked_for(array: ArrayUnderTest) -> None:
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
        again = array.task("flash_host_map", host="server", update_secret="always", diff=True, **other)
        assert again.changed
        assert again["plan"] == ["set the CHAP credentials of host server"]
        assert plan_lines(again["diff"]) == ["~ set the CHAP credentials of host server"]
        assert len(array.writes(mark)) == len(iscsi_of(array))


def test_discovery_has_credentials_of_its_own(array: ArrayUnderTest) -> None:
    discovery = {"chap_discovery_username": "of-disc", "chap_discovery_password": "disc-Secret-0123"}
    task = {"host": "server", "initiators": list(array.row.initiators), **CHAP, **discovery}
    mark = array.mark()
    made = array.converges_if("chap", "flash_host_map", **task)
    sent = [one["body"] for one in array.writes(mark) if "of-disc" in str(one["body"])]
    assert len(sent) == (0 if made is None else len(iscsi_of(array)))
    assert all("of-user" in str(body) for body in sent)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"chap_username": "of-user"}, "chap_username and chap_password go together"),
        ({"chap_password": "chap-Secret-0123"}, "chap_username and chap_password go together"),
        (
            {"chap_discovery_username": "of-user", "chap_discovery_password": "chap-Secret-0123"},
            "chap_discovery_username needs chap_username",
        ),
    ],
)
def test_half_of_the_credentials(xtremio: ArrayUnderTest, options: dict[str, str], words: str) -> None:
    result = xtremio.refuses("flash_host_map", words, **server(xtremio), **options, kind="invalid")
    assert "chap-Secret" not in result.stdout


# ---- mappings --------------------------------------------------------------------------------------------------------


def test_a_volume_is_mapped_and_the_array_chooses_the_lun(db1: ArrayUnderTest) -> None:
    made = db1.converges("flash_host_map", **server(db1, volume="db1"))
    (lun,) = db1.luns().values()
    assert made["map"]["lun"] == lun
    assert made["map"]["state"] == "present"
    assert made["map"]["serial"] == (db1.volumes()["db1"]["wwn"] or None)
    assert made["plan"][-1] == "map volume db1 to host server"


@pytest.mark.parametrize("lun", [0, 1, 200])
def test_a_volume_is_mapped_with_this_lun(db1: ArrayUnderTest, lun: int) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=lun)):
        return
    made = db1.converges("flash_host_map", **server(db1, volume="db1", lun=lun))
    assert db1.luns() == {("server", "db1"): lun}
    assert made["map"]["lun"] == lun


@pytest.mark.parametrize(("before", "after"), [(3, 0), (0, 3)])
def test_a_mapping_with_another_lun_is_made_again(db1: ArrayUnderTest, before: int, after: int) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=before)):
        return
    db1.done("flash_host_map", **server(db1, volume="db1", lun=before))
    made = db1.converges("flash_host_map", host="server", volume="db1", lun=after)
    assert db1.luns() == {("server", "db1"): after}
    assert made["plan"] == ["unmap volume db1 from host server", f"map volume db1 to host server as LUN {after}"]


def test_without_a_lun_a_mapping_keeps_its_own(db1: ArrayUnderTest) -> None:
    if db1.refuses_without("explicit_lun", "flash_host_map", **server(db1, volume="db1", lun=9)):
        return
    db1.done("flash_host_map", **server(db1, volume="db1", lun=9))
    again = db1.done("flash_host_map", host="server", volume="db1")
    assert not again.changed
    assert again["map"]["lun"] == 9


def test_a_lun_that_is_taken(db1: ArrayUnderTest) -> None:
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


def test_a_lun_outside_the_array_s_range(db1: ArrayUnderTest) -> None:
    last = db1.capabilities.luns[1]
    db1.done("flash_host_map", **server(db1))
    for lun in (-1, last + 1):
        if lun > last and db1.refuses_without("explicit_lun", "flash_host_map", host="server", volume="db1", lun=lun):
            continue
        db1.refuses("flash_host_map", f"LUN {lun}", host="server", volume="db1", lun=lun, kind="invalid")


def test_a_volume_is_unmapped_and_the_host_stays(db1: ArrayUnderTest) -> None:
    db1.done("flash_host_map", **server(db1, volume="db1"))
    made = db1.converges("flash_host_map", host="server", volume="db1", state="absent")
    assert db1.luns() == {}
    assert set(db1.hosts()) == {"server"}
    assert made["map"]["state"] == "absent"


def test_unmapping_what_is_not_there_is_done_already(array: ArrayUnderTest) -> None:
    assert not array.done("flash_host_map", host="server", volume="db1", state="absent").changed


def test_a_host_is_left_only_the_volumes_of_the_task(db1: ArrayUnderTest) -> None:
    db1.done("flash_host_map", **server(db1), maps=[{"volume": "db1"}, {"volume": "db2"}])
    db1.converges("flash_host_map", host="server", volume="db2", exclusive=True)
    assert set(db1.luns()) == {("server", "db2")}


def test_many_mappings_in_one_task(db1: ArrayUnderTest) -> None:
    one, two = db1.row.initiators[:2]
    maps = [
        {"host": "node1", "volume": "db1", "initiators": [one]},
        {"host": "node2", "volume": "db1", "initiators": [two]},
        {"host": "node1", "volume": "db2", "initiators": [one]},
    ]
    made = db1.converges("flash_host_map", maps=maps, shared=True)
    assert set(db1.luns()) == {("node1", "db1"), ("node2", "db1"), ("node1", "db2")}
    assert [(entry["host"], entry["volume"]) for entry in made["maps"]] == [
        ("node1", "db1"),
        ("node2", "db1"),
        ("node1", "db2"),
    ]
    if not db1.cannot("explicit_lun"):
        assert len({entry["lun"] for entry in made["maps"] if entry["host"] == "node1"}) == 2


def test_the_target_ports_to_log_in_to_are_told(db1: ArrayUnderTest) -> None:
    made = db1.done("flash_host_map", **server(db1, volume="db1"))
    everywhere = db1.facts(gather_subset=["ports"])["ports"]
    assert made["ports"] == [port for port in everywhere if not db1.row.own_targets or port["name"] == "db1"] != []
    protocol = "iscsi" if iscsi_of(db1) else "fc"
    port = next(port for port in made["ports"] if port["protocol"] == protocol)
    assert (port["portal"] is not None) == (protocol == "iscsi")
    assert "ports" not in db1.done("flash_host_map", host="server", volume="db1", state="absent")


def test_only_the_ports_of_the_connection_are_told(db1: ArrayUnderTest) -> None:
    if not db1.takes("target_ports"):
        db1.refuses("flash_host_map", "target_ports is not one of vendor", host="server", target_ports=["p1"])
        return
    db1.done("flash_host_map", **server(db1, volume="db1"))
    ports = db1.facts(gather_subset=["ports"])["ports"]
    wanted = (
        (ports[0]["portal"] or ports[0]["address"]).rsplit(":", 1)[0] if ports[0]["portal"] else ports[0]["address"]
    )
    made = db1.done("flash_host_map", **server(db1, volume="db1"), target_ports=[wanted])
    assert 0 < len(made["ports"]) <= len(ports)
    assert ports[0] in made["ports"]
    assert all(wanted in (port["portal"] or port["address"]) for port in made["ports"])


def test_a_mapping_of_what_is_not_there(db1: ArrayUnderTest) -> None:
    db1.refuses("flash_host_map", "there is no volume db3", **server(db1, volume="db3"), kind="not_found")


def test_a_mapping_to_a_host_that_is_not_there_and_has_no_initiators(db1: ArrayUnderTest) -> None:
    db1.refuses(
        "flash_host_map",
        "host server",
        "there is no such host",
        "give its initiators",
        host="server",
        volume="db1",
        kind="not_found",
    )
