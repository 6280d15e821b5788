# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a Violin with missing or invalid values, and long answers (wire sheet, sections 1.6, 2 and 3).

The answers of the simulated array are changed before the client reads them, one key at a time. The result must be
complete or an error, and an object that cannot be read is never taken for absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    BadReply,
    FlashError,
    InUse,
    Unauthorized,
    Unsupported,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import Listing, VolumeSpec
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin.wire import LUNS
from tests.arrays.violin import GIB, ViolinArray, empty_array, every_operation, fc, iscsi, shape_of, snapshot, volume
from tests.support.json_values import keys_of, with_value
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "both", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    return empty_array(simulator, "both")


class Answers:
    """Changes the array's answers before the client reads them, by ``change(path, document)``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.change: Callable[[str, Any], Any] = lambda path, document: document
        # For these paths, status and body of an answer that replaces the array's
        self.instead: dict[str, tuple[int, str]] = {}
        once = HttpTransport._once

        def changed(transport: Any, wire: Any, base: str) -> Any:
            reply = once(transport, wire, base)
            if wire.target in self.instead:
                status, body = self.instead[wire.target]
                return replace(reply, status=status, body=body.encode())
            document = reply.json_or_none()
            if document is None:
                return reply
            return replace(reply, body=json.dumps(self.change(wire.target, document)).encode())

        monkeypatch.setattr(HttpTransport, "_once", changed)

    def collect(self, keys: dict[tuple[str, str], set[str]], read: str) -> None:
        """Record every key of every answer from now on with its kind of request, for the operation ``read``."""

        def remember(path: str, document: Any) -> Any:
            for key in keys_of(document):
                keys.setdefault((_kind(path), key), set()).add(read)
            return document

        self.change = remember

    def leave(self) -> None:
        """Change no answer from now on."""
        self.change = lambda path, document: document

    def spoil(self, kind: str, key: str, put: Any) -> None:
        """Replace the value of that key in all answers of the kind from now on; ``...`` leaves the key out."""
        self.change = lambda path, document: with_value(document, key, put) if _kind(path) == kind else document


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


def _kind(path: str) -> str:
    """The path of a request without the ids in it."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path.split("?")[0])


def prepared(array: ViolinArray) -> None:
    """Create mapped volumes, snapshots with and without a thin clone, and hosts of both protocols."""
    with array.client() as client:
        for name, initiator in (("fibre", fc()), ("net", iscsi())):
            client.map_volume(volume(client, f"of-{name}"), client.create_host(name, [initiator]))
        kept = volume(client, "thin", provisioning="thin")
        client.volume_from_snapshot(snapshot(client, kept, "monday"), VolumeSpec("clone"))
        snapshot(client, client.volumes(["thin"]).items[0], "tuesday")


READS = ("info", "capacity", "pools", "ports", "volumes", "snapshots", "hosts", "mappings")
# A port that does not report that it is a target and up may be left out
STRICT = tuple(read for read in READS if read != "ports")
# Mapped over each protocol, or the source of snapshots and a clone: these must never be deleted
KEPT = ("of-fibre", "of-net", "thin")


@pytest.mark.parametrize("put", [..., None, "nonsense", -(10**30)], ids=["left out", "null", "text", "huge"])
def test_a_missing_key_is_an_error_or_not_needed_and_never_taken_for_absence(
    array: ViolinArray, answers: Answers, put: Any
) -> None:
    prepared(array)
    keys: dict[tuple[str, str], set[str]] = {}
    complete: dict[str, Any] = {}
    with array.client() as session:

        def fresh() -> Any:
            """A client without cached facts, in the existing session."""
            return type(session)(session._concerto, session._settings)

        for read in READS:
            answers.collect(keys, read)
            complete[read] = getattr(fresh(), read)()
        kept = {item.name: item for item in complete["volumes"] if item.name in KEPT}
        for name in KEPT:
            answers.collect(keys, name)
            with pytest.raises(InUse):
                fresh().delete_volume(kept[name])
        answers.leave()
        held = set(array.volumes())
        assert len(keys) > 80
        for (kind, key), asked_for in keys.items():
            answers.spoil(kind, key, put)
            for read in asked_for & set(READS):
                result = _outcome(getattr(fresh(), read))
                if read in STRICT and put in (..., None) and isinstance(result, Listing) and result.complete:
                    assert len(result) >= len(complete[read]), f"{read} without {key} of {kind}"
            for name in asked_for & set(KEPT):
                outcome = _outcome(lambda name=name: fresh().delete_volume(kept[name]))
                assert isinstance(outcome, FlashError), f"{name} without {key} of {kind}"
        answers.leave()
    assert set(array.volumes()) == held
    assert {row["volume"] for row in array.state()["mappings"]} == {"of-fibre", "of-net"}


def _outcome(work: Callable[..., Any]) -> Any:
    """The result of a function, or the FlashError that it raises; any other exception is a bug."""
    try:
        return work()
    except FlashError as error:
        return error


@pytest.mark.parametrize("put", [..., None, "nonsense", -1], ids=["left out", "null", "text", "number"])
def test_a_missing_key_in_the_answers_to_a_login_is_an_error_or_not_needed(
    array: ViolinArray, answers: Answers, put: Any
) -> None:
    keys: dict[tuple[str, str], set[str]] = {}
    answers.collect(keys, "connect")
    with array.client():
        pass
    assert keys
    for kind, key in keys:
        answers.spoil(kind, key, put)
        _outcome(lambda: array.client().__enter__().close())
    answers.leave()


def test_a_change_whose_answer_has_no_id_is_found_by_its_name(array: ViolinArray, answers: Answers) -> None:
    """That the answer to a create has the id of the new object is an assumption (section 2.1)."""
    with array.client() as client:
        every_operation(client)
    expected = shape_of(array)
    array.reset()

    def silent(path: str, document: Any) -> Any:
        return {"success": True, "msg": None} if "data" not in document and "object_id" in document else document

    answers.change = silent
    with array.client() as client:
        every_operation(client)
    answers.leave()
    assert shape_of(array) == expected


@pytest.mark.parametrize(
    ("page", "error", "message"),
    [
        ('<html><meta name="viewport"><a href="concerto/">concerto/</a></html>', Unsupported, "it is Symphony"),
        ("<html>template</html>", Unsupported, "it is a V6000 memory gateway"),
        ("<html>It works!</html>", BadReply, "it does not look like Concerto"),
        ('<html><a href="concerto/">concerto/</a></html>', None, ""),
    ],
)
def test_the_page_at_the_root_identifies_the_array(
    array: ViolinArray, answers: Answers, page: str, error: Any, message: str
) -> None:
    """The password is sent to Concerto only (section 1.1)."""
    answers.instead["/"] = (200, page)
    mark = array.mark()
    outcome = _outcome(lambda: array.client().__enter__().close())
    if error is None:
        assert outcome is None
        return
    assert type(outcome) is error
    assert message in str(outcome)
    assert array.logins(mark) == 0


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, "Forbidden", Unauthorized),
        (500, '{"msg": "locked"}', Unauthorized),
        (200, '{"success": false}', Unauthorized),
        (200, '{"success": false, "code": "failed", "msg": "no"}', Unauthorized),
        (200, "<html>a proxy</html>", BadReply),
    ],
)
def test_an_answer_to_a_login_that_is_not_a_success_is_refused(
    array: ViolinArray, answers: Answers, status: int, body: str, error: Any
) -> None:
    """Another client took an answer without a code for a success (section 1.3)."""
    answers.instead["/concerto/auth/login"] = (status, body)
    outcome = _outcome(lambda: array.client().__enter__())
    assert type(outcome) is error
    assert array.endpoint["password"] not in str(outcome)


def test_an_ended_session_is_recognised_by_status_or_code(array: ViolinArray, answers: Answers) -> None:
    """HTTP status 403 with any body, or the code with any status (section 1.4)."""
    with array.client() as client:
        created = volume(client, "db1")
        for status, body in ((200, '{"code": "Unauthorized", "msg": null}'), (403, "<html>Forbidden</html>")):
            path = "/concerto/logicalresource/sanresource"
            answers.instead[path] = (status, body)
            mark = array.mark()

            def only_once(target: str, document: Any, path: str = path) -> Any:
                if target.endswith("/auth/login"):
                    answers.instead.pop(path, None)
                return document

            answers.change = only_once
            assert [item.id for item in client.volumes()] == [created.id]
            assert array.logins(mark) == 1


def test_with_failover_the_portals_are_the_moving_addresses(array: ViolinArray, answers: Answers) -> None:
    """isc0 is the primary address, and isc0:0 the one that moves to the other gateway (section 2.8)."""
    names = {"eth0": "10.9.9.9", "isc0": "10.1.1.1", "isc0:0": "10.1.1.2", "isc1": "10.1.2.1", "isc1:0": "10.1.2.2"}
    rows = [{"name": name, "ipAddresses": [{"ipAddress": address}]} for name, address in names.items()]
    network = json.dumps({"success": True, "data": {"interfaces": rows}})
    answers.instead["/concerto/server/networkconfiguration"] = (200, network)
    for failover, portals in ((False, ["10.1.1.1", "10.1.2.1"]), (True, ["10.1.1.2", "10.1.2.2"])):
        answers.instead["/concerto/monitor/status/failover"] = (200, json.dumps({"success": failover, "msg": None}))
        with array.client() as client:
            listed_portals = [port.portal for port in client.ports() if port.protocol == "iscsi"]
            assert listed_portals == [f"{address}:3260" for address in portals]


def test_a_gateway_is_a_client_too_and_keeps_no_volume_from_being_deleted(array: ViolinArray, answers: Answers) -> None:
    """Each gateway lists the other as a client without either protocol (section 2.7)."""

    def gateway(path: str, document: Any) -> Any:
        if path.endswith("/sanclient"):
            row = {"name": "mg-b", "object_id": "peer", "sanclient_id": 99, "type": "Undefined"}
            row |= {"isfibrechannel_enabled": False, "isiscsi_enabled": False, "issanip_enabled": True}
            document["data"]["san_clients"].append(row)
        elif path.endswith("/sanclient/peer"):
            return {"success": True, "data": {"name": "mg-b", "sanclient_id": 99, "issanip_enabled": True}}
        return document

    with array.client() as client:
        created = volume(client, "db1")
        answers.change = gateway
        assert [host.name for host in client.hosts()] == ["mg-b"]
        assert client.hosts().complete
        assert client.mappings().complete
        client.delete_volume(created)
        answers.leave()
    assert array.volumes() == {}


def test_a_snapshot_policy_that_cannot_be_understood_is_not_removed(array: ViolinArray, answers: Answers) -> None:
    with array.client() as client:
        created = volume(client, "db1")
        client.delete_snapshot(snapshot(client, created, "monday"))
        answers.change = lambda path, document: (
            {"success": True, "data": {"policies": [1]}} if "/timemarkpolicy/" in path else document
        )
        mark = array.mark()
        with pytest.raises(InUse, match="snapshot policy cannot be understood"):
            client.delete_volume(created)
        assert array.writes(mark) == []
        # A policy that has only our own settings, with text instead of booleans
        answers.change = lambda path, document: (
            {"success": True, "data": {"automatic": {"enabled": "false"}, "CDPOption": {"enabled": "false"}}}
            if "/timemarkpolicy/" in path
            else document
        )
        client.delete_volume(created)
    assert array.volumes() == {}


def test_an_object_that_is_deleted_while_it_is_read_is_absent_and_not_unreadable(
    array: ViolinArray, answers: Answers
) -> None:
    """Another run deletes a volume and a host after they were listed and before their details are read."""
    with array.client() as client:
        for name in ("db1", "db2"):
            volume(client, name)
        host = client.create_host("server", [fc()])
        deleted = client.volumes(["db2"]).items[0]
        deleted_paths: list[str] = []

        def vanish(path: str, document: Any) -> Any:
            for suffix, deleted_path in (
                ("/sanresource", LUNS + "/" + deleted.id),
                ("/sanclient", "/client/sanclient/" + host.id),
            ):
                if path.endswith(suffix) and deleted_path not in deleted_paths:
                    deleted_paths.append(deleted_path)
                    array.raw("DELETE", deleted_path)
            return document

        answers.change = vanish
        volumes, hosts = client.volumes(), client.hosts()
        answers.leave()
    assert len(deleted_paths) == 2
    assert ([item.name for item in volumes], volumes.complete) == (["db1"], True)
    assert (list(hosts), hosts.complete) == ([], True)


def test_a_refused_status_request_is_a_lost_session_or_a_missing_licence(array: ViolinArray, answers: Answers) -> None:
    """The status of the dedup licence is read at login."""
    answers.change = lambda path, document: (
        {"success": False, "msg": None} if path.endswith("/monitor/status/dedup") else document
    )
    with array.client() as client:
        assert client.capabilities.provisioning == ("thick", "thin")
    answers.change = lambda path, document: (
        {"success": False, "code": "unauthorized"} if path.endswith("/monitor/status/dedup") else document
    )
    with pytest.raises(Unauthorized), array.client():
        pass


def answer_with(data: Any, path: str, document: Any) -> Any:
    return {"success": True, "data": data}


def test_a_list_without_its_rows_is_not_taken_for_empty(array: ViolinArray, answers: Answers) -> None:
    with array.client() as client:
        volume(client, "db1")
        without_rows: tuple[Any, ...] = ({}, [], None, {"virtual_devices": None})
        for data in without_rows:
            answers.change = partial(answer_with, data)
            with pytest.raises(BadReply, match="has no list"):
                client.volumes()
        answers.leave()


def test_more_than_a_thousand_volumes_are_read_completely(array: ViolinArray) -> None:
    """A list is one request; the details are read by several connections at a time."""
    count = 1100
    with array.client(max_concurrency=8) as client:
        body = client._create_body(VolumeSpec("x"), "thick", 1, client._choose_pool("thick", 1 << 20))
        names = [f"v{number:04d}" for number in range(count)]
        client._concerto.side_by_side(lambda name: client._concerto.create_lun({**body, "name": name}), names)
        mark = array.mark()
        volumes = client.volumes()
        requests = array.simulator.requests("both", mark)
        assert volumes.complete
        assert sorted(item.name for item in volumes) == [f"v{n:04d}" for n in range(count)]
        assert len(requests) == 1 + count
        assert 1 < len({request["connection"] for request in requests}) <= 8
        assert len(client.volumes(["v0003", "v1099", "w"])) == 2
        assert client.create_volume(VolumeSpec("v0500", 1 << 20)).id == volumes.named("v0500").id


def test_volumes_with_hostile_characters_in_their_names_are_read(array: ViolinArray) -> None:
    names = ["a b", "a/b", "../../x", "a?b=c#d", "q\"uo'te", "k\u00e4se", "\u202etxt", "%2e%2e", "{{ x }}", "-rf"]
    with array.client() as client:
        for name in names:
            params = {"name": name, "sizeMB": 1024, "dedup": False, "thinProvisioning": {"enabled": False}}
            client._concerto.post(LUNS, params)
        assert sorted(volume.name for volume in client.volumes()) == sorted(names)
        for name in names:
            (listed,) = client.volumes([name])
            assert (listed.name, listed.size) == (name, GIB)
            taken = snapshot(client, listed, "monday")
            assert [item.name for item in client.snapshots(volumes=[name])] == ["monday"]
            client.delete_snapshot(taken)
            client.delete_volume(listed)
    assert array.volumes() == {}
