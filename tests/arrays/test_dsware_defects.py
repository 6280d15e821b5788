# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defects of other clients of Dsware that this one does not have, with their numbers in the wire sheet (section 8).

Numbers 1 and 10, about the device and the processes of an attachment, are in test_dsware_attach.py.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors, model
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    AGENT,
    Host,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import GIB
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware import codes
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.client import Dsware
from tests.arrays.dsware import AGENTS, SimulatedDsware
from tests.support.one_array import make_volume

HERE = socket.gethostname()


def test_2_deleting_a_deleted_object_succeeds(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    volume = make_volume(array, "v1")
    (snapshot,) = array.create_snapshots([SnapshotSpec("s1", volume)])
    for _turn in range(2):
        array.delete_snapshot(snapshot)
    assert any_wire.names() == ["v1"]
    for _turn in range(2):
        array.delete_volume(volume)
    assert any_wire.names() == []


def test_3_a_volume_of_that_name_is_compared_and_not_adopted(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    make_volume(array, "v1", 2 * GIB)
    assert array.create_volume(VolumeSpec("v1", 2 * GIB)).size == 2 * GIB
    with pytest.raises(errors.Conflict, match="2GiB instead of 1GiB"):
        array.create_volume(VolumeSpec("v1", GIB))
    if any_wire.rest:
        with pytest.raises(errors.Conflict, match="pool fast instead of slow"):
            array.create_volume(VolumeSpec("v1", 2 * GIB, pool="slow"))
    source = make_volume(array, "v2", 2 * GIB)
    with pytest.raises(errors.Conflict, match="does not report whether it is this copy"):
        array.clone_volume(source, VolumeSpec("v1", 2 * GIB))
    assert any_wire.names() == ["v1", "v2"], "no temporary snapshot is left"


@pytest.mark.parametrize("full", [False, True])
def test_4_no_snapshot_leaks_when_a_clone_fails(any_wire: SimulatedDsware, full: bool) -> None:
    array = any_wire.connect()
    source = make_volume(array, "v1")
    array.pools()
    any_wire.fault("pool_full", skip=1)  # after the snapshot
    with pytest.raises(errors.NoSpace):
        array.clone_volume(source, VolumeSpec("c1", options={"full_clone": True} if full else {}))
    any_wire.clear_faults()
    assert any_wire.names() == ["v1"]


@pytest.mark.parametrize("answer", [b"retcode=0\nvolume0=[vol_name=v1,status=10,vol_size=1]\n", None])
def test_5_every_wait_ends(answer: bytes | None, server: Callable[..., Any]) -> None:
    """A volume that is never deleted, and a server that never answers."""
    array, _ = server(lambda request: b"retcode=0\n" if b"DELETE" in request else answer)
    with pytest.raises(errors.Timeout, match="within 0.5 s"):
        array.delete_volume(model.Volume("v1", GIB))


def test_6_the_session_may_end_at_any_time(dsware_rest: SimulatedDsware) -> None:
    """It is renewed for any request, not only for statistics. Several managers are tried, and certificates verified."""
    array = dsware_rest.connect()
    dsware_rest.fault("expired", match={"path": "volume/create"})
    array.create_volume(VolumeSpec("v1", GIB))
    assert [row["name"] for row in dsware_rest.state()["volumes"]] == ["v1"]
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        first = f"127.0.0.1:{dead.getsockname()[1]}"
        with dsware_rest.connect(address=(first, "127.0.0.1")) as other:
            assert other.volumes(["v1"]).items
    with pytest.raises(errors.Unreachable, match="certificate is not trusted"):
        dsware_rest.connect(ca_path=None)


def test_7_codes_become_reasons(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect()
    dsware_rest.fault("pool_full")
    with pytest.raises(errors.NoSpace) as caught:
        array.create_volume(VolumeSpec("v1", GIB))
    assert "the pool has no room for it" in str(caught.value)
    assert "50150009" in str(caught.value)
    for code, (kind, title, _hint) in codes.TABLE.items():
        error = codes.error_of(code)
        assert isinstance(error, kind)
        assert error.code == code
        assert len(title.split()) > 2
    assert "has failed" in str(codes.error_of("51999999"))
    assert "refused" in str(codes.error_of("12345"))


def test_8_a_clone_has_the_size_that_was_asked_for(
    dsware_rest: SimulatedDsware, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some firmware ignores the size of a linked volume; here the request goes without it."""
    array = dsware_rest.connect()
    source = make_volume(array, "v1")
    link = type(array._wire).link
    monkeypatch.setattr(type(array._wire), "link", lambda wire, name, mib, snap: link(wire, name, 1024, snap))
    assert array.clone_volume(source, VolumeSpec("c1", 3 * GIB)).size == 3 * GIB
    state = dsware_rest.volume("c1")
    assert state
    assert state["size"] == 3 * GIB


def test_9_complete_names_are_compared(any_wire: SimulatedDsware) -> None:
    array = any_wire.connect()
    make_volume(array, "vol1-longer")
    (snapshot,) = array.create_snapshots([SnapshotSpec("snap1-longer", array.volumes(["vol1-longer"]).items[0])])
    assert array.volumes(["vol1"]).items == () == array.snapshots(["snap1"]).items
    array.delete_volume(model.Volume("vol1", GIB))
    array.delete_snapshot(model.Snapshot("snap1", "vol1-longer", GIB))
    assert any_wire.names() == ["snap1-longer", "vol1-longer"]


def test_11_the_device_is_waited_for(dsware_rest: SimulatedDsware) -> None:
    """The agent attached it, and the host does not see it: that is an error, and no missing device is returned."""
    agents = {HERE: AGENTS[1]}
    array = dsware_rest.connect(
        {"agents": agents, "device_root": dsware_rest.endpoint["device_root"]}, wait_timeout=0.3
    )
    volume = make_volume(array, "v1")
    with pytest.raises(errors.Timeout, match="the device .*wwn-0x6"):
        array.map_volume(volume, array.hosts([HERE]).items[0])


def test_12_a_host_without_an_agent_is_named(dsware_rest: SimulatedDsware) -> None:
    array = dsware_rest.connect({"agents": {"node1": AGENTS[0]}})
    with pytest.raises(errors.NotFound, match="no agent for host Node1") as caught:
        array.map_volume(make_volume(array, "v1"), Host("Node1", kind=AGENT))
    assert "node1" in str(caught.value)


# -- the text socket and bad replies -----------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Callable[..., tuple[Dsware, list[bytes]]]]:
    """A controller that answers each request by a function. For None it sends nothing and keeps the connection open."""
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect

    listeners: list[socket.socket] = []
    kept: list[socket.socket] = []

    def start(answer: Callable[[bytes], bytes | None], first: tuple[str, ...] = ()) -> tuple[Dsware, list[bytes]]:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listeners.append(listener)
        received: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    link, _peer = listener.accept()
                except OSError:
                    return
                request = link.recv(65536)
                received.append(request)
                reply = answer(request)
                if reply is None:
                    kept.append(link)
                    continue
                # In two parts, which a client that reads only once would take for a short answer
                half = len(reply) // 2
                link.sendall(reply[:half])
                link.sendall(reply[half:])
                link.close()

        threading.Thread(target=serve, daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        # Without storage_pools, the client sends no request when it connects.
        options = {"transport": "socket"}
        array = connect(model.Connection("dsware", (*first, address), timeout=0.5, wait_timeout=0.5, options=options))
        assert isinstance(array, Dsware)
        return array, received

    yield start
    for link_or_listener in (*listeners, *kept):
        link_or_listener.close()


def test_a_controller_that_does_not_answer_is_tried_once(server: Callable[..., Any]) -> None:
    with socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))
        first = f"127.0.0.1:{dead.getsockname()[1]}"
        array, _ = server(lambda request: b"retcode=-900079\n", (first,))
        for _turn in range(3):
            assert array.volumes(["v1"]).items == ()
    tried = [call for call in array.calls if not call.sent]
    assert len(tried) == 1, "three requests, and one attempt at the first controller"
    assert len(array.calls) == 4, "three requests, and one attempt at the first controller"


def test_a_reply_of_more_than_five_kilobytes_is_read_completely(server: Callable[..., Any]) -> None:
    many = "".join(f"unknown{number}={'x' * 40}\n" for number in range(100))
    reply = f"retcode=0\n{many}volume0=[vol_name=v1,status=1,vol_size=1024]\n"
    array, _ = server(lambda request: b"retcode=-900079\n" if b"SNAPSHOT" in request else reply.encode())
    assert len(reply) > 5000
    assert array.volumes(["v1"]).items[0].size == GIB


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"ret",
        b"retcode=",
        b"retcode=0\nvolume0=[vol_name=v1,vol_si",
        b"retcode=0\n",
        b"hello",
        b"volume0=[vol_name=v1,status=1,vol_size=1]\n",
        b"retcode=0\nretcode=1\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_a_reply_that_is_cut_off_or_missing_is_never_taken_for_absence(
    server: Callable[..., Any], reply: bytes
) -> None:
    array, _ = server(lambda request: reply)
    with pytest.raises(errors.BadReply):
        array.volumes(["v1"])
    # A deletion that no reply confirms is waited for
    with pytest.raises((errors.BadReply, errors.Timeout)):
        array.delete_volume(model.Volume("v1", GIB))


def test_a_change_whose_reply_is_cut_off_is_confirmed(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect()
    mark = dsware_socket.mark()
    dsware_socket.fault("truncated", match={"method": "CREATE_VOLUME_REQ"})
    assert array.create_volume(VolumeSpec("v1", GIB)).name == "v1"
    created = [request for request in dsware_socket.requests(mark) if request["method"] == "CREATE_VOLUME_REQ"]
    assert len(created) == 1
    assert dsware_socket.names() == ["v1"]


@pytest.mark.parametrize("name", ["a,b", "a]", "[a", "a\nvol_size=1", " a", "a\0b", ""])
def test_a_value_that_the_grammar_cannot_hold_is_not_sent(server: Callable[..., Any], name: str) -> None:
    pools = b"retcode=0\npool0=[stor_id=0,total_capacity=9,usable_capacity=9]\n"
    array, received = server(lambda request: pools)
    with pytest.raises(errors.Invalid, match="cannot be sent"):
        array.create_volume(VolumeSpec(name, GIB, pool="0"))
    assert not [request for request in received if b"CREATE" in request]


def test_a_reply_about_another_volume_is_not_taken_for_the_requested_one(server: Callable[..., Any]) -> None:
    """The name in the reply is compared with the requested one."""
    array, _ = server(lambda request: b"retcode=0\nvolume0=[vol_name=v1-longer,status=1,vol_size=1]\n")
    assert array.volumes(["v1"]).items == ()


def test_a_password_is_never_sent_over_the_socket(dsware_socket: SimulatedDsware) -> None:
    array = dsware_socket.connect(username="admin", password="a-secret-of-mine")
    make_volume(array, "v1")
    assert "a-secret-of-mine" not in repr([call.as_dict() for call in array.calls]) + repr(dsware_socket.requests())
