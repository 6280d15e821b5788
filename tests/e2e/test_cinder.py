# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Cinder, with a backend on each of the five arrays in one service, driven through its REST API.

It runs on green threads; the slow tests run it on native threads, which its programs can use too.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import DRIVERS, FC, connector, section
from tests.e2e.services import Cinder
from tests.module.playbooks import Player
from tests.openstack.conftest import CLIENTS
from tests.support.clients import client_python
from tests.support.running import join
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

GIB = 1 << 30
WRONG = "Not-The-Right-One-77"
ARRAYS: list[dict[str, Any]] = [
    {"name": "xtremio", "vendor": "xtremio", "chap": True},
    {"name": "xtremiofc", "vendor": "xtremio"},
    {"name": "flashsystem", "vendor": "flashsystem", "protocol": "both"},
    {"name": "violin", "vendor": "violin", "protocol": "both", "version": "7.5.6"},
    {
        "name": "dsware",
        "vendor": "dsware",
        "agents": ["127.0.0.1", "127.0.0.2"],
        "assume": {"dsware.socket.extensions": True},
    },
    {"name": "datera", "vendor": "datera"},
    {"name": "locked", "vendor": "xtremio"},
    {"name": "violin-old", "vendor": "violin", "version": "7.5.3"},
    # Whose copies do not end within a test
    {"name": "slow-violin", "vendor": "violin", "version": "7.5.6", "limits": {"copy_speed": 1}},
    {
        "name": "slow-dsware",
        "vendor": "dsware",
        "agents": ["127.0.0.1", "127.0.0.2"],
        "copy_seconds": 3600,
        "assume": {"dsware.socket.extensions": True},
    },
]
SLOW = ("violin", "dsware")
BACKENDS = list(DRIVERS)
# One of each array
VENDORS = ("xtremio", "flashsystem", "violin", "dsware", "datera")
# The host of cinder-volume makes all copies of these arrays; test_images.py tests them with disks
COPIED_BY_HOST = ("flashsystem", "flashsystemiscsi")
TYPES = {"violin": {"thin": "<is> False"}, "violiniscsi": {"thin": "<is> False"}}
# Invalid sections: array, driver, the wrong option, and the message in the log
BROKEN: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "locked": ("locked", "xtremio", {"san_password": WRONG}, "did not accept the user name and password"),
    "nopool": ("dsware", "dsware", {"dsware_storage_pools": "nowhere"}, "the array has no pool nowhere"),
    "noiscsi": ("violin-old", "violiniscsi", {}, "this array has no iSCSI"),
    "other": (
        "flashsystem",
        "flashsystem",
        {"flashsystem_connection_protocol": "iSCSI"},
        "flashsystem_connection_protocol is iSCSI and the driver's class is for FC",
    ),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


@pytest.fixture(scope="module", params=["green", pytest.param("native", marks=pytest.mark.slow)])
def cinder(
    request: pytest.FixtureRequest, simulator: Simulator, distribution: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cinder]:
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    backends = {name: section(name, simulator.array(array)) for name, (array, _driver) in DRIVERS.items()}
    for name, (array, driver, wrong, _reason) in BROKEN.items():
        backends[name] = section(driver, simulator.array(array), volume_backend_name=name, **wrong)
    slow = {f"slow-{name}": section(name, simulator.array(f"slow-{name}")) for name in SLOW}
    backends |= {name: {**found, "volume_backend_name": name} for name, found in slow.items()}
    running = Cinder(
        python, distribution, tmp_path_factory.mktemp("cinder"), backends, native=request.param == "native"
    )
    try:
        running.start()
        wanted = dict.fromkeys((*BACKENDS, *slow), "up up")
        running.wait_for("every backend", lambda: wanted.items() <= running.backend_states().items())
        yield running
    finally:
        running.stop()


class Array(SimulatedArray):
    """The simulated array of a backend."""

    def __init__(self, simulator: Simulator, backend: str) -> None:
        super().__init__(simulator, DRIVERS[backend][0])

    def find(self, number: str) -> dict[str, Any]:
        """The only volume whose name contains this id, with or without dashes."""
        (found,) = [one for one in self.state()["volumes"] if number in one["name"].replace("-", "") + one["name"]]
        return dict(found)

    def maps(self, number: str) -> list[dict[str, Any]]:
        return [one for one in self.state()["mappings"] if number in one["volume"]]

    def changes_of_volumes(self, since: int) -> list[str]:
        """The creations, extensions and deletions of volumes in the journal."""
        kinds = ("volume.create", "volume.extend", "volume.delete")
        return [one["change"] for one in self.changes(since) if one["change"] in kinds]


@pytest.mark.parametrize("name", BACKENDS)
def test_life_of_a_volume(cinder: Cinder, simulator: Simulator, name: str) -> None:
    array = Array(simulator, name)
    kind = cinder.type_of(name, **TYPES.get(name, {}))
    mark = array.mark()
    one = cinder.create(1, kind)["id"]
    assert array.changes_of_volumes(mark) == ["volume.create"]
    assert array.find(one)["size"] == GIB
    mark = array.mark()
    cinder.extend(one, 2)
    assert array.changes_of_volumes(mark) == ["volume.extend"]
    assert array.find(one)["size"] == 2 * GIB
    two = cinder.create(1, kind)["id"]
    check_attachments(cinder, array, name, one, two)
    if name not in COPIED_BY_HOST:
        check_copies(cinder, array, name, one, kind)
    for volume in (one, two):
        mark = array.mark()
        cinder.delete("volume", volume)
        assert array.changes_of_volumes(mark) == ["volume.delete"]
    assert array.state()["volumes"] == []
    secrets = [simulator.array(each["name"])["password"] for each in ARRAYS]
    assert not [secret for secret in [*secrets, WRONG] if secret in cinder.said()]


def check_attachments(cinder: Cinder, array: Array, name: str, one: str, two: str) -> None:
    first, info = cinder.attach(one, connector(1))
    second, other = cinder.attach(two, connector(1))
    if name == "dswaresocket":
        # The host's own tool attaches it later, so the array has no mapping yet.
        reported = (info["driver_volume_type"], info["volume_name"], info["dsw_manager_ip"])
        assert reported == ("dsware", array.find(one)["name"], "127.0.0.1")
        assert array.state()["mappings"] == []
    elif name == "dsware":
        wwn = array.find(one)["wwn"]
        assert (info["driver_volume_type"], info["device_path"]) == ("local", f"/dev/disk/by-id/wwn-0x{wwn}")
    else:
        assert info["driver_volume_type"] == ("fibre_channel" if name in FC else "iscsi")
        assert (info["target_lun"], other["target_lun"]) == (array.maps(one)[0]["lun"], array.maps(two)[0]["lun"])
    if name != "dswaresocket":
        assert (len(array.maps(one)), len(array.maps(two))) == (1, 1)
    if name in FC:
        assert sorted(info["initiator_target_map"]) == sorted(connector(1)["wwpns"])
    elif info["driver_volume_type"] == "iscsi":
        paths = list(zip(info["target_portals"], info["target_iqns"], info["target_luns"], strict=True))
        assert len(set(paths)) == len(paths) >= 2, "every path once, and more than one"
        assert (info["target_portal"], info["target_iqn"], info["target_lun"]) in paths
    if name == "xtremio":
        (host,) = array.state()["hosts"]
        (initiator,) = host["initiators"]
        assert (info["auth_username"], len(info["auth_password"])) == ("chap_user", 12)
        assert info["auth_password"] not in cinder.said()
        assert initiator["address"] == connector(1)["initiator"]
        assert info["auth_password"] == other["auth_password"]
    cinder.detach(first, one)
    assert array.maps(one) == []
    assert len(array.maps(two)) == (0 if name == "dswaresocket" else 1)
    cinder.detach(second, two)
    assert array.state()["mappings"] == []


def check_copies(cinder: Cinder, array: Array, name: str, one: str, kind: str) -> None:
    snap = cinder.snapshot(one)
    # A copy over the text socket has the size of its source (wire sheet, section 2.1).
    larger = 2 if name == "dswaresocket" else 3
    copy = cinder.create(larger, kind, snapshot_id=snap)["id"]
    clone = cinder.create(2, kind, source_volid=one)["id"]
    (source,) = [item for item in array.state()["volumes"] if one in item["name"] and item["kind"] != "snapshot"]
    for made, size in ((copy, larger), (clone, 2)):
        found = array.find(made)
        assert (found["size"], found["content"]) == (size * GIB, source["content"])
    cinder.delete("snapshot", snap)
    for made in (copy, clone):
        cinder.delete("volume", made)


# -- a playbook on the same array --------------------------------------------------------------------------------------

PLAYED = [
    {
        "name": "The playbook's objects",
        "openflash.storage.flash_array": {
            "volumes": [{"name": f"play-{number}", "size": "1GiB"} for number in range(6)],
            "hosts": [{"name": "play-host", "initiators": ["iqn.2026-01.org.example:play"]}],
            "mappings": [{"volume": f"play-{number}", "host": "play-host"} for number in range(3)],
            "prune": True,
            "prune_prefix": "play-",
        },
    },
    {"name": "Everything", "openflash.storage.flash_facts": {}},
    {
        "name": "A snapshot",
        "openflash.storage.flash_snapshot": {"name": "other-snapshot", "volume": "play-5"},
    },
    {"name": "Another volume", "openflash.storage.flash_volume": {"name": "other-volume", "size": "2GiB"}},
    {"name": "Gone", "openflash.storage.flash_volume": {"name": "other-gone", "state": "absent"}},
]


@pytest.mark.slow
@pytest.mark.parametrize("name", VENDORS)
def test_a_playbook_and_cinder_use_one_array_at_the_same_time(
    cinder: Cinder, simulator: Simulator, tmp_path: Path, name: str
) -> None:
    """Neither changes, loses or hides what belongs to the other, and neither fails because of the other."""
    array = Array(simulator, name)
    entry = simulator.array(name)
    connection = {
        key: entry[key]
        for key in ("vendor", "address", "username", "password", "ca_path", "host_key")
        if entry.get(key)
    }
    connection |= {"port": entry["rest_port" if name == "dsware" else "port"], "wait_timeout": 300}
    player, played = Player(tmp_path), []
    playing = threading.Thread(target=lambda: played.append(player.play(PLAYED, connection)))
    kind = cinder.type_of(name, **TYPES.get(name, {}))
    playing.start()
    volumes = [cinder.create(1, kind)["id"] for _volume in range(3)]
    for number in volumes:
        attachment, _info = cinder.attach(number, connector(1))
        cinder.detach(attachment, number)
        cinder.extend(number, 2)
    if name not in COPIED_BY_HOST:
        cinder.delete("snapshot", cinder.snapshot(volumes[0]))
    join(playing, seconds=600)
    assert played[0].rc == 0, played[0].stdout
    assert [array.find(number)["size"] for number in volumes] == [2 * GIB] * 3
    again = player.play(PLAYED, connection)
    assert again.rc == 0, again.stdout
    assert "changed=0" in again.stdout, again.stdout
    assert [array.find(number)["size"] for number in volumes] == [2 * GIB] * 3
    before = array.state()
    for number in volumes:
        cinder.delete("volume", number)
    after = array.state()
    plain = [number.replace("-", "") for number in volumes]
    kept = [one for one in before["volumes"] if not any(number in one["name"].replace("-", "") for number in plain)]
    assert len(kept) == 8
    assert after["volumes"] == kept
    assert [one for one in after["mappings"] if one["host"] == "play-host"] == before["mappings"]
    array.reset()


# -- volume types and scheduling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key", "value", "provisioning"),
    [
        ("violin", "dedup", "True", "dedup"),
        ("violin", "capabilities__dedup", "<is> True", "dedup"),
        ("violin", "thin", "<is> True", "thin"),
        ("violin", "capabilities__thin", "<is> False", "thick"),
        ("xtremio", "thin", "True", "thin"),
        ("xtremio", "capabilities__dedup", "<is> True", "thin"),
    ],
)
def test_a_volume_has_the_provisioning_of_its_type(
    cinder: Cinder, simulator: Simulator, name: str, key: str, value: str, provisioning: str
) -> None:
    """The filters of the scheduler use the capabilities that the driver reports of its pools."""
    array = Array(simulator, name)
    one = cinder.create(1, cinder.type_of(name, **{key: value}))["id"]
    assert array.find(one)["provisioning"] == provisioning
    cinder.delete("volume", one)


@pytest.mark.parametrize("name", ["xtremio", "datera"])
def test_a_type_that_no_backend_can_serve_makes_the_volume_an_error(
    cinder: Cinder, simulator: Simulator, name: str
) -> None:
    made = cinder.create(1, cinder.type_of(name, thin="<is> False"), status="error")["id"]
    assert Array(simulator, name).state()["volumes"] == []
    cinder.delete("volume", made)


def test_an_unknown_pool_is_reported_in_the_log(cinder: Cinder, simulator: Simulator) -> None:
    """The type names the pool. Cinder reports the failure, and the log has the reason."""
    made = cinder.create(1, cinder.type_of("violin", violin__storage_pool="nowhere"), status="error")["id"]
    assert Array(simulator, "violin").state()["volumes"] == []
    (line,) = [text for text in cinder.errors(10_000).splitlines() if f"Cannot create volume {made} on" in text][:1]
    assert "nowhere" in line
    cinder.delete("volume", made)


# -- attachments -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VENDORS)
def test_a_volume_stays_mapped_until_its_last_attachment_ends_or_is_forced_to(
    cinder: Cinder, simulator: Simulator, name: str
) -> None:
    """The mapping stays while another attachment on the same host remains. Detaching by force ends all of them."""
    array = Array(simulator, name)
    one = cinder.create(1, cinder.type_of(name, multiattach="<is> True", **TYPES.get(name, {})))["id"]
    first, info = cinder.attach(one, connector(1))
    second, again = cinder.attach(one, connector(1))
    assert (info.get("target_lun"), info.get("device_path")) == (again.get("target_lun"), again.get("device_path"))
    cinder.ask("DELETE", f"/attachments/{first}")
    assert len(array.maps(one)) == 1
    # An empty connector is none.
    cinder.ask("POST", f"/volumes/{one}/action", {"os-force_detach": {"attachment_id": second, "connector": {}}})
    cinder.become("volume", one, "available")
    assert array.state()["mappings"] == []
    cinder.delete("volume", one)
    # Lock files of volumes that are gone do not pile up.
    cinder.wait_for("no lock", lambda: not [path for path in cinder.state.rglob("*openflash-*") if one in path.name])


@pytest.mark.parametrize(
    "name", ["xtremio", *(pytest.param(name, marks=pytest.mark.slow) for name in VENDORS if name != "xtremio")]
)
def test_two_hosts_have_a_volume_until_each_is_detached(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """Without a connector both would lose it, so that is refused while both have it."""
    array = Array(simulator, name)
    one = cinder.create(1, cinder.type_of(name, multiattach="<is> True", **TYPES.get(name, {})))["id"]
    # The second agent of the Dsware is that of the host control.
    hosts = connector(1), {**connector(2), "host": "control"}
    (first, _info), (second, _other) = (cinder.attach(one, host) for host in hosts)
    both = array.maps(one)
    assert len(both) == 2
    for body in ({"attachment_id": first}, {"attachment_id": first, "connector": {}}):
        cinder.ask("POST", f"/volumes/{one}/action", {"os-force_detach": body}, (400, 500))
        assert array.maps(one) == both
    assert "all of them would lose it. Give the connector of the host" in cinder.said()
    forced = {"attachment_id": first, "connector": hosts[0]}
    cinder.ask("POST", f"/volumes/{one}/action", {"os-force_detach": forced})
    cinder.become("volume", one, "in-use")
    (left,) = array.maps(one)
    assert left in both
    cinder.detach(second, one)
    assert array.state()["mappings"] == []
    cinder.delete("volume", one)


@pytest.mark.parametrize("name", ["violin", "dsware"])
def test_a_group_that_must_be_consistent_is_refused(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """Where the array cannot take snapshots of one instant they are not taken one by one instead."""
    made = cinder.ask("POST", "/group_types", {"group_type": {"name": uuid.uuid4().hex}})["group_type"]["id"]
    specs = {"group_specs": {"consistent_group_snapshot_enabled": "<is> True"}}
    cinder.ask("POST", f"/group_types/{made}/group_specs", specs)
    body = {"group_type": made, "volume_types": [cinder.type_of(name)], "name": "g"}
    group = cinder.ask("POST", "/groups", {"group": body})["group"]["id"]
    cinder.become("group", group, "error")
    cinder.ask("POST", f"/groups/{group}/action", {"delete": {"delete-volumes": True}})
    cinder.gone("group", group)


@pytest.mark.parametrize("name", SLOW)
def test_copies_of_the_array_do_not_hold_up_other_work(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """While twice as many copies are under way as the backend has sessions, it attaches and reads statistics."""
    array, kind = SimulatedArray(simulator, f"slow-{name}"), cinder.type_of(f"slow-{name}", **TYPES.get(name, {}))
    full = cinder.type_of(f"slow-{name}", full_clone="<is> True") if name == "dsware" else kind
    # Cinder itself makes one clone of a source after the other.
    sources = [cinder.create(1, kind)["id"] for _number in range(8)]
    free = cinder.create(1, kind)["id"]
    copies = []
    for source in sources:
        body = {"size": 1, "name": "copy", "volume_type": full, "source_volid": source}
        copies.append(cinder.ask("POST", "/volumes", {"volume": body})["volume"]["id"])

    def begun() -> bool:
        volumes = [row for row in array.state()["volumes"] if row["kind"] != "snapshot"]
        return len(volumes) == len(sources) + 1 + len(copies)

    cinder.wait_for("the copies", begun)
    mark = array.mark()
    attachment, _info = cinder.attach(free, connector(1))
    assert len(array.state()["mappings"]) == 1
    cinder.detach(attachment, free)
    cinder.wait_for("statistics", lambda: [one for one in array.requests(mark) if "storagepool" in one["path"].lower()])
    assert {cinder.ask("GET", f"/volumes/{one}")["volume"]["status"] for one in copies} == {"creating"}
    # The copies are gone with all that the array has, and so they fail.
    array.reset()
    for volume in copies:
        cinder.become("volume", volume, "error")
    for volume in (*copies, *sources, free):
        cinder.ask("DELETE", f"/volumes/{volume}")
    for volume in (*copies, *sources, free):
        cinder.gone("volume", volume)


# -- managing, reverting, retyping and groups --------------------------------------------------------------------------


@pytest.mark.parametrize("name", VENDORS)
def test_a_volume_is_unmanaged_listed_and_managed_again(cinder: Cinder, simulator: Simulator, name: str) -> None:
    array, kind = Array(simulator, name), cinder.type_of(name, **TYPES.get(name, {}))
    one = cinder.create(1, kind)
    cinder.ask("POST", f"/volumes/{one['id']}/action", {"os-unmanage": {}})
    cinder.gone("volume", one["id"])
    (left,) = array.state()["volumes"]
    host = one["os-vol-host-attr:host"]
    listed = cinder.ask("GET", f"/manageable_volumes/detail?host={host.replace('#', '%23')}")["manageable-volumes"]
    found = [entry for entry in listed if entry["reference"]["source-name"] == left["name"]]
    assert [(entry["size"], entry["safe_to_manage"]) for entry in found] == [(1, True)]
    body = {"host": host, "ref": found[0]["reference"], "volume_type": kind, "name": "again"}
    again = cinder.ask("POST", "/manageable_volumes", {"volume": body})["volume"]["id"]
    cinder.become("volume", again, "available")
    # Dsware renames nothing, so there the same name would be found again.
    reason = refused_to_manage(cinder, body)
    assert (f"it is volume {again}" if name == "dsware" else "the array has no volume") in reason
    cinder.extend(again, 2)
    (volume,) = array.state()["volumes"]
    assert volume["size"] == 2 * GIB
    cinder.delete("volume", again)
    assert array.state()["volumes"] == []


def refused_to_manage(cinder: Cinder, body: dict[str, Any]) -> str:
    """The reason in the log; the API's message where the name alone shows that Cinder has the volume."""
    before = len(cinder.said())
    answer = cinder.ask("POST", "/manageable_volumes", {"volume": body}, (202, 400))
    if "badRequest" in answer:
        return str(answer["badRequest"]["message"])
    made = answer["volume"]["id"]
    cinder.become("volume", made, "error")
    cinder.delete("volume", made)
    reasons = re.findall(r"invalid backend reference (?:\{.*?\}): (.*)", cinder.said()[before:])
    assert reasons, cinder.errors()
    return str(reasons[-1])


# The other backend on the same array, if there is one
BESIDE = {"flashsystem": "flashsystemiscsi", "violin": "violiniscsi", "dsware": "dswaresocket"}
WITH_POOLS = ("violin", "violiniscsi", "dsware", "dswaresocket")


@pytest.mark.parametrize("name", VENDORS)
def test_a_volume_that_cinder_has_is_not_managed_again(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """No backend on that array manages it: deleting the second volume would destroy the first."""
    array, kind = Array(simulator, name), cinder.type_of(name, **TYPES.get(name, {}))
    one = cinder.create(1, kind)
    there = array.find(one["id"])
    pool = one["os-vol-host-attr:host"].split("#")[1]
    for backend in (name, BESIDE.get(name)):
        if backend is None:
            continue
        host = f"control@{backend}#{pool if backend in WITH_POOLS else backend}"
        listed = cinder.ask("GET", f"/manageable_volumes/detail?host={host.replace('#', '%23')}")["manageable-volumes"]
        found = [each for each in listed if each["reference"]["source-name"] == there["name"]]
        # Dsware's text socket has no list of volumes.
        assert len(found) == (0 if backend == "dswaresocket" else 1)
        for each in found:
            assert (each["safe_to_manage"], each["cinder_id"]) == (False, one["id"])
            assert each["reason_not_safe"].startswith("already managed by Cinder")
        reason = refused_to_manage(cinder, {"host": host, "ref": {"source-name": there["name"]}, "name": "second"})
        assert "already managed" in reason
    assert array.state()["volumes"] == [there]
    if name in ("xtremio", "datera"):
        check_snapshot_is_not_managed_again(cinder, one)
    cinder.delete("volume", one["id"])
    assert array.state()["volumes"] == []


def check_snapshot_is_not_managed_again(cinder: Cinder, one: dict[str, Any]) -> None:
    snap = cinder.snapshot(one["id"])
    host = one["os-vol-host-attr:host"].replace("#", "%23")
    (found,) = cinder.ask("GET", f"/manageable_snapshots/detail?host={host}")["manageable-snapshots"]
    assert (found["safe_to_manage"], found["cinder_id"]) == (False, snap)
    body = {"volume_id": one["id"], "ref": found["reference"], "name": "second"}
    made = cinder.ask("POST", "/manageable_snapshots", {"snapshot": body})["snapshot"]["id"]
    cinder.become("snapshot", made, "error")
    cinder.ask("DELETE", f"/snapshots/{made}")
    cinder.delete("snapshot", snap)


@pytest.mark.parametrize("name", ["xtremio", "dsware", "datera"])
def test_a_volume_is_reverted_to_a_snapshot(cinder: Cinder, simulator: Simulator, name: str) -> None:
    array = Array(simulator, name)
    one = cinder.create(1, cinder.type_of(name))["id"]
    before = array.find(one)["content"]
    snap = cinder.snapshot(one)
    (volume,) = [item for item in array.state()["volumes"] if one in item["name"] and item["kind"] != "snapshot"]
    simulator.write(volume["name"], GIB, array.name)
    cinder.ask("POST", f"/volumes/{one}/action", {"revert": {"snapshot_id": snap}})
    cinder.become("volume", one, "available")
    cinder.become("snapshot", snap, "available")
    cinder.delete("snapshot", snap)
    assert array.find(one)["content"] == before
    cinder.delete("volume", one)
    assert array.state()["volumes"] == []


def test_retype_changes_what_the_array_can_change_in_place(cinder: Cinder, simulator: Simulator) -> None:
    """Where the array cannot change it, the volume keeps its type."""
    one = cinder.create(1, cinder.type_of("datera"))["id"]
    mark = simulator.mark("datera")
    slow = cinder.type_of("datera", DF__total_iops_max="500")
    cinder.retype(one, slow)
    sent = [entry["body"] for entry in simulator.writes("datera", since=mark) if "performance_policy" in entry["path"]]
    assert {body["total_iops_max"] for body in sent} == {500}
    assert cinder.ask("GET", f"/volumes/{one}")["volume"]["volume_type"].startswith("datera-")
    cinder.delete("volume", one)
    kind = cinder.type_of("violin", thin="<is> False")
    two = cinder.create(1, kind)
    cinder.retype(two["id"], cinder.type_of("violin", thin="<is> True"))
    assert cinder.ask("GET", f"/volumes/{two['id']}")["volume"]["volume_type"] == two["volume_type"]
    assert Array(simulator, "violin").find(two["id"])["provisioning"] == "thick"
    cinder.delete("volume", two["id"])


def test_a_consistency_group_is_created_snapshotted_and_copied(cinder: Cinder, simulator: Simulator) -> None:
    """A consistency group of the array, its snapshot of one instant, and a group that is made of the snapshot."""
    array, kind = Array(simulator, "xtremio"), cinder.type_of("xtremio")
    made = cinder.ask("POST", "/group_types", {"group_type": {"name": uuid.uuid4().hex}})["group_type"]["id"]
    specs = {"group_specs": {"consistent_group_snapshot_enabled": "<is> True"}}
    cinder.ask("POST", f"/group_types/{made}/group_specs", specs)
    body = {"group_type": made, "volume_types": [kind], "name": "g"}
    group = cinder.ask("POST", "/groups", {"group": body})["group"]["id"]
    cinder.become("group", group, "available")
    members = [cinder.create(size, kind, group_id=group)["id"] for size in (1, 2)]

    def of_array(number: str) -> list[str]:
        groups = [one for one in array.state()["groups"] if one["kind"] == "consistency-group"]
        return [name for one in groups if one["name"] == number for name in one["members"]]

    assert of_array(group) == members
    taken = cinder.ask("POST", "/group_snapshots", {"group_snapshot": {"group_id": group, "name": "s"}})
    snap = taken["group_snapshot"]["id"]
    cinder.become("group_snapshot", snap, "available")
    parents = sorted(one["parent"] for one in array.state()["volumes"] if one["kind"] == "snapshot")
    assert parents == sorted(members)
    source = {"create-from-src": {"group_snapshot_id": snap, "name": "h"}}
    other = cinder.ask("POST", "/groups/action", source)["group"]["id"]
    cinder.become("group", other, "available")
    copies = of_array(other)
    assert sorted(array.find(number)["size"] for number in copies) == [GIB, 2 * GIB]
    cinder.delete("group_snapshot", snap)
    for number in (other, group):
        cinder.ask("POST", f"/groups/{number}/action", {"delete": {"delete-volumes": True}})
        cinder.gone("group", number)
    state = array.state()
    assert (state["volumes"], state["groups"]) == ([], [])


# -- invalid sections, expired sessions --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_section_leaves_the_others_up(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """The backend is not started, reports the reason, and does not repeat logins without end, which locks accounts."""
    array, _driver, _wrong, reason = BROKEN[name]
    states = cinder.backend_states()
    assert {states[each] for each in BACKENDS} == {"up up"}
    made = cinder.create(1, cinder.type_of(name), status="error")["id"]
    cinder.delete("volume", made)
    assert [line for line in cinder.errors(10_000).splitlines() if reason in line and name in line]
    if name == "locked":
        logins = [entry for entry in simulator.requests(array) if entry.get("status") == 401]
        assert 0 < len(logins) <= 8


@pytest.mark.parametrize("name", ["violin", "dsware", "datera"])
def test_an_expired_session_fails_and_repeats_no_operation(cinder: Cinder, simulator: Simulator, name: str) -> None:
    """The session expires before the first request of an operation, or between two of them."""
    array, kind = Array(simulator, name), cinder.type_of(name, **TYPES.get(name, {}))
    simulator.fault(name, kind="expired", skip=1)
    mark = array.mark()
    one = cinder.create(1, kind)["id"]
    assert array.changes_of_volumes(mark) == ["volume.create"]
    # A fault that struck nothing yet would expire two logins in a row, which counts as a wrong password
    simulator.clear_faults(name)
    simulator.fault(name, kind="expired")
    attachment, _info = cinder.attach(one, connector(1))
    assert len(array.maps(one)) == 1
    simulator.clear_faults(name)
    simulator.fault(name, kind="expired", skip=1)
    cinder.detach(attachment, one)
    cinder.delete("volume", one)
    simulator.clear_faults(name)
    assert (array.state()["volumes"], array.state()["mappings"]) == ([], [])
