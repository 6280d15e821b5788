# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Violin: answers that lack something, have nonsense in them, or are long (sheet, sections 1.6, 2 and 3).

What another firmware may leave out is left out of the simulated array's answers on their way to the client, a key at a
time: nothing may end in anything but an error that says so, and nothing that could not be read counts as absent.
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
from tests.arrays.violin import GIB, ViolinArray, every_operation, fc, iscsi, shape_of, snapshot, volume
from tests.support.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    fast = {"copy_speed": 1 << 30}
    with Simulator([{"name": "both", "vendor": "violin", "protocol": "both", "limits": fast}]) as running:
        yield running


@pytest.fixture
def array(simulator: Simulator) -> ViolinArray:
    found = ViolinArray(simulator, "both")
    found.reset()
    return found


class Answers:
    """What the array answers, changed on its way by ``change(path, document)``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.change: Callable[[str, Any], Any] = lambda path, document: document
        # Instead of what the array answers, for these paths: status and body
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

    def collect(self, found: dict[tuple[str, str], set[str]], what: str) -> None:
        """Remember every key of every answer from now on, each with the kind of request, and for what it is asked."""

        def remember(path: str, document: Any) -> Any:
            for key in _keys(document):
                found.setdefault((_kind(path), key), set()).add(what)
            return document

        self.change = remember

    def leave(self) -> None:
        """As they are, from now on."""
        self.change = lambda path, document: document

    def spoil(self, kind: str, key: str, put: Any) -> None:
        """From now on that key has another value in all answers of the kind; with ``...`` it is left out."""
        self.change = lambda path, document: _without(document, key, put) if _kind(path) == kind else document


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    return Answers(monkeypatch)


def _kind(path: str) -> str:
    """The path of a request without the ids in it."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", path.split("?")[0])


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _without(value: Any, key: str, put: Any) -> Any:
    if isinstance(value, dict):
        kept = {one: _without(inner, key, put) for one, inner in value.items() if one != key or put is not ...}
        return {**kept, key: put} if key in value and put is not ... else kept
    return [_without(inner, key, put) for inner in value] if isinstance(value, list) else value


def prepared(array: ViolinArray) -> None:
    """Some of everything: a mapped volume, snapshots with and without a thin clone, hosts of both protocols."""
    with array.client() as client:
        for name, initiator in (("fibre", fc()), ("net", iscsi())):
            client.map_volume(volume(client, f"of-{name}"), client.create_host(name, [initiator]))
        kept = volume(client, "thin", provisioning="thin")
        client.volume_from_snapshot(snapshot(client, kept, "monday"), VolumeSpec("clone"))
        snapshot(client, client.volumes(["thin"]).items[0], "tuesday")


READS = ("info", "capacity", "pools", "ports", "volumes", "snapshots", "hosts", "mappings")
# Of a port that does not tell that it is a target and up, nobody would make use
STRICT = tuple(read for read in READS if read != "ports")
# Mapped over either protocol, or a source of snapshots and a clone: whatever is missing, these may not go
KEPT = ("of-fibre", "of-net", "thin")


@pytest.mark.parametrize("put", [..., None, "nonsense", -(10**30)], ids=["left out", "null", "text", "huge"])
def test_what_an_answer_lacks_is_an_error_or_not_needed_and_never_absence(
    array: ViolinArray, answers: Answers, put: Any
) -> None:
    prepared(array)
    keys: dict[tuple[str, str], set[str]] = {}
    complete: dict[str, Any] = {}
    with array.client() as session:

        def fresh() -> Any:
            """A client that knows nothing yet, in the session that is there."""
            return type(session)(session._concerto, session._settings)

        for read in READS:
            answers.collect(keys, read)
            complete[read] = getattr(fresh(), read)()
        kept = {one.name: one for one in complete["volumes"] if one.name in KEPT}
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
                found = _outcome(getattr(fresh(), read))
                if read in STRICT and put in (..., None) and isinstance(found, Listing) and found.complete:
                    assert len(found) >= len(complete[read]), f"{read} without {key} of {kind}"
            for name in asked_for & set(KEPT):
                outcome = _outcome(lambda name=name: fresh().delete_volume(kept[name]))
                assert isinstance(outcome, FlashError), f"{name} without {key} of {kind}"
        answers.leave()
    assert set(array.volumes()) == held
    assert {one["volume"] for one in array.state()["mappings"]} == {"of-fibre", "of-net"}


def _outcome(work: Callable[..., Any]) -> Any:
    """What it returns, or the error that it meets; any other exception is a bug."""
    try:
        return work()
    except FlashError as error:
        return error


@pytest.mark.parametrize("put", [..., None, "nonsense", -1], ids=["left out", "null", "text", "number"])
def test_what_the_session_begins_with_may_lack_something_too(array: ViolinArray, answers: Answers, put: Any) -> None:
    keys: dict[tuple[str, str], set[str]] = {}
    answers.collect(keys, "connect")
    with array.client():
        pass
    assert keys
    for kind, key in keys:
        answers.spoil(kind, key, put)
        _outcome(lambda: array.client().__enter__().close())
    answers.leave()


def test_nothing_depends_on_what_a_change_answers_beyond_its_success(array: ViolinArray, answers: Answers) -> None:
    """Section 2.1: that the answer to a create has the id of what was made is a guess; then it is looked up."""
    with array.client() as client:
        every_operation(client)
    want = shape_of(array)
    array.reset()

    def silent(path: str, document: Any) -> Any:
        return {"success": True, "msg": None} if "data" not in document and "object_id" in document else document

    answers.change = silent
    with array.client() as client:
        every_operation(client)
    answers.leave()
    assert shape_of(array) == want


@pytest.mark.parametrize(
    ("page", "error", "message"),
    [
        ('<html><meta name="viewport"><a href="concerto/">concerto/</a></html>', Unsupported, "it is Symphony"),
        ("<html>template</html>", Unsupported, "it is a V6000 memory gateway"),
        ("<html>It works!</html>", BadReply, "it does not look like Concerto"),
        ('<html><a href="concerto/">concerto/</a></html>', None, ""),
    ],
)
def test_the_page_at_the_root_tells_what_it_is(
    array: ViolinArray, answers: Answers, page: str, error: Any, message: str
) -> None:
    """Sheet, section 1.1: the password is sent to Concerto and to nothing else."""
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
def test_a_login_that_is_none(array: ViolinArray, answers: Answers, status: int, body: str, error: Any) -> None:
    """Sheet, section 1.3: an answer without a code counted as a success."""
    answers.instead["/concerto/auth/login"] = (status, body)
    outcome = _outcome(lambda: array.client().__enter__())
    assert type(outcome) is error
    assert array.endpoint["password"] not in str(outcome)


def test_a_session_that_has_ended_may_be_told_by_code_alone(array: ViolinArray, answers: Answers) -> None:
    """Sheet, section 1.4: by HTTP status 403 whatever the body, or by the code whatever the status."""
    with array.client() as client:
        made = volume(client, "db1")
        for status, body in ((200, '{"code": "Unauthorized", "msg": null}'), (403, "<html>Forbidden</html>")):
            path = "/concerto/logicalresource/sanresource"
            answers.instead[path] = (status, body)
            mark = array.mark()

            def only_once(where: str, document: Any, path: str = path) -> Any:
                if where.endswith("/auth/login"):
                    answers.instead.pop(path, None)
                return document

            answers.change = only_once
            assert [one.id for one in client.volumes()] == [made.id]
            assert array.logins(mark) == 1


def test_with_failover_the_portals_are_the_other_addresses(array: ViolinArray, answers: Answers) -> None:
    """Sheet, section 2.8: isc0 is the primary address, isc0:0 that which moves to the other gateway."""
    names = {"eth0": "10.9.9.9", "isc0": "10.1.1.1", "isc0:0": "10.1.1.2", "isc1": "10.1.2.1", "isc1:0": "10.1.2.2"}
    rows = [{"name": name, "ipAddresses": [{"ipAddress": ip}]} for name, ip in names.items()]
    network = json.dumps({"success": True, "data": {"interfaces": rows}})
    answers.instead["/concerto/server/networkconfiguration"] = (200, network)
    for failover, portals in ((False, ["10.1.1.1", "10.1.2.1"]), (True, ["10.1.1.2", "10.1.2.2"])):
        answers.instead["/concerto/monitor/status/failover"] = (200, json.dumps({"success": failover, "msg": None}))
        with array.client() as client:
            found = [port.portal for port in client.ports() if port.protocol == "iscsi"]
            assert found == [f"{ip}:3260" for ip in portals]


def test_a_gateway_is_a_client_too_and_keeps_no_volume_from_being_deleted(array: ViolinArray, answers: Answers) -> None:
    """Sheet, section 2.7: each gateway lists the other as a client that speaks neither protocol."""

    def gateway(path: str, document: Any) -> Any:
        if path.endswith("/sanclient"):
            row = {"name": "mg-b", "object_id": "peer", "sanclient_id": 99, "type": "Undefined"}
            row |= {"isfibrechannel_enabled": False, "isiscsi_enabled": False, "issanip_enabled": True}
            document["data"]["san_clients"].append(row)
        elif path.endswith("/sanclient/peer"):
            return {"success": True, "data": {"name": "mg-b", "sanclient_id": 99, "issanip_enabled": True}}
        return document

    with array.client() as client:
        made = volume(client, "db1")
        answers.change = gateway
        assert [one.name for one in client.hosts()] == ["mg-b"]
        assert client.hosts().complete
        assert client.mappings().complete
        client.delete_volume(made)
        answers.leave()
    assert array.volumes() == {}


def test_a_policy_that_cannot_be_understood_may_be_somebody_else_s(array: ViolinArray, answers: Answers) -> None:
    with array.client() as client:
        made = volume(client, "db1")
        client.delete_snapshot(snapshot(client, made, "monday"))
        answers.change = lambda path, document: (
            {"success": True, "data": {"policies": [1]}} if "/timemarkpolicy/" in path else document
        )
        mark = array.mark()
        with pytest.raises(InUse, match="snapshot policy cannot be understood"):
            client.delete_volume(made)
        assert array.writes(mark) == []
        # Nothing but what we set is told, and that in another way: text instead of truth values
        answers.change = lambda path, document: (
            {"success": True, "data": {"automatic": {"enabled": "false"}, "CDPOption": {"enabled": "false"}}}
            if "/timemarkpolicy/" in path
            else document
        )
        client.delete_volume(made)
    assert array.volumes() == {}


def test_what_vanishes_while_it_is_read_is_gone_and_not_unreadable(array: ViolinArray, answers: Answers) -> None:
    """Another run deletes a volume and a host between the list and the detail."""
    with array.client() as client:
        for name in ("db1", "db2"):
            volume(client, name)
        host = client.create_host("server", [fc()])
        deleted = client.volumes(["db2"]).items[0]
        done: list[str] = []

        def vanish(path: str, document: Any) -> Any:
            for end, deleted_path in (
                ("/sanresource", LUNS + "/" + deleted.id),
                ("/sanclient", "/client/sanclient/" + host.id),
            ):
                if path.endswith(end) and deleted_path not in done:
                    done.append(deleted_path)
                    array.raw("DELETE", deleted_path)
            return document

        answers.change = vanish
        volumes, hosts = client.volumes(), client.hosts()
        answers.leave()
    assert len(done) == 2
    assert ([one.name for one in volumes], volumes.complete) == (["db1"], True)
    assert (list(hosts), hosts.complete) == ([], True)


def test_a_session_whose_loss_is_told_in_an_answer_to_a_status(array: ViolinArray, answers: Answers) -> None:
    """The dedup licence is asked for at the login: no licence and no session are two things."""
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


def test_a_list_without_its_rows_is_no_empty_list(array: ViolinArray, answers: Answers) -> None:
    with array.client() as client:
        volume(client, "db1")
        without_rows: tuple[Any, ...] = ({}, [], None, {"virtual_devices": None})
        for data in without_rows:
            answers.change = partial(answer_with, data)
            with pytest.raises(BadReply, match="has no list"):
                client.volumes()
        answers.leave()


def test_more_than_a_thousand_volumes_are_read_whole(array: ViolinArray) -> None:
    """Lists come in one piece; their details are asked for several at a time."""
    count = 1100
    with array.client(max_concurrency=8) as client:
        body = client._create_body(VolumeSpec("x"), "thick", 1, client._choose_pool("thick", 1 << 20))
        names = [f"v{number:04d}" for number in range(count)]
        client._concerto.side_by_side(lambda name: client._concerto.create_lun({**body, "name": name}), names)
        mark = array.mark()
        found = client.volumes()
        requests = array.simulator.requests("both", mark)
        assert found.complete
        assert sorted(one.name for one in found) == [f"v{n:04d}" for n in range(count)]
        assert len(requests) == 1 + count
        assert 1 < len({one["connection"] for one in requests}) <= 8
        assert len(client.volumes(["v0003", "v1099", "w"])) == 2
        assert client.create_volume(VolumeSpec("v0500", 1 << 20)).id == found.named("v0500").id


def test_what_others_named_with_hostile_characters_is_read_as_it_is(array: ViolinArray) -> None:
    names = ["a b", "a/b", "../../x", "a?b=c#d", "q\"uo'te", "k\u00e4se", "\u202etxt", "%2e%2e", "{{ x }}", "-rf"]
    with array.client() as client:
        for name in names:
            params = {"name": name, "sizeMB": 1024, "dedup": False, "thinProvisioning": {"enabled": False}}
            client._concerto.post(LUNS, params)
        assert sorted(one.name for one in client.volumes()) == sorted(names)
        for name in names:
            (one,) = client.volumes([name])
            assert (one.name, one.size) == (name, GIB)
            taken = snapshot(client, one, "monday")
            assert [each.name for each in client.snapshots(volumes=[name])] == ["monday"]
            client.delete_snapshot(taken)
            client.delete_volume(one)
    assert array.volumes() == {}
