# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Dsware as the clients of its text socket, its tools and its REST interface have always spoken to it."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.running import wait_until
from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

AGENTS = ["192.0.2.21", "192.0.2.22"]
ARRAYS: list[dict[str, Any]] = [
    {"vendor": "dsware", "name": "new", "agents": AGENTS, "sick_agents": AGENTS[1:]},
    {"vendor": "dsware", "name": "old", "version": "V100R003C02"},
    {"vendor": "dsware", "name": "plain", "extensions": False},
    # A copy that takes much longer than the start of a program, on a busy machine too.
    {"name": "slow", "vendor": "dsware", "agents": AGENTS, "copy_seconds": 5},
]
CREATE = {"vol_name": "v1", "vol_size": 1024, "pool_id": 0, "thin_flag": 0}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


class Peer(SimulatedArray):
    """One array, and the bare protocols that it speaks."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        super().__init__(simulator, name)
        self.clear_faults()
        self.reset()

    def send(self, text: str | bytes) -> bytes:
        """As the historical client does it: one connection, one send, and one receive of at most 1024 bytes."""
        with socket.create_connection((self.endpoint["address"], self.endpoint["socket_port"]), 10) as link:
            link.send(text if isinstance(text, bytes) else text.encode())
            reply = link.recv(1024)
            assert link.recv(1) == b"", "more than one write, or the connection stays open"
        return reply

    def ask(self, title: str, **fields: Any) -> dict[str, str]:
        """The lines of a reply, in the way of that client: split at the first '=', the key not trimmed."""
        lines = [f"[{title}]"]
        for key, value in fields.items():
            lines += [f"{key}={one}" for one in (value if isinstance(value, list) else [value])]
        reply = self.send("\n".join(lines) + "\n").decode()
        return {key: value.strip() for key, _, value in (line.partition("=") for line in reply.split("\n") if line)}

    def run(self, tool: str, *words: str) -> str:
        done = subprocess.run(
            [f"{self.endpoint['bin_dir']}/{tool}", *words],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={},
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def fsc(self, op: str, *words: str, agent: str = AGENTS[0]) -> str:
        return self.run("fsc_cli", "--manage_ip", "192.0.2.1", "--ip", agent, "--op", op, *words)


@pytest.fixture
def new(simulator: Simulator) -> Peer:
    return Peer(simulator, "new")


@pytest.fixture
def old(simulator: Simulator) -> Peer:
    return Peer(simulator, "old")


# ---- the text socket -----------------------------------------------------------------------------------------------


def test_the_order_of_keys_does_not_matter_and_unknown_ones_are_ignored(new: Peer) -> None:
    more = {"iops": 100, "repicate_num": 1, "IOClASSID": 3}
    assert new.ask("CREATE_VOLUME_REQ", **more, **dict(reversed(CREATE.items()))) == {"retcode": "0"}
    assert new.names() == ["v1"]


def test_pools_as_the_client_parses_them(new: Peer) -> None:
    assert new.send("[QUERY_POOLS_CAPABILITY_REQ]\npool_num=1\npool_id=0\n").startswith(b"retcode=0\npool0=[stor_id=0,")
    answer = new.ask("QUERY_POOLS_CAPABILITY_REQ", pool_num=1, pool_id=[0])
    (row,) = [value for key, value in answer.items() if "pool" in key]
    fields = dict(pair.split("=") for pair in row.strip("[]").split(","))
    assert int(fields["total_capacity"]) == 20 << 10 == int(fields["usable_capacity"]), "GB"
    assert new.ask("QUERY_POOLS_CAPABILITY_REQ", pool_num=1, pool_id=[5])["retcode"] == "50150021"


def test_a_volume_is_seen_to_go(new: Peer) -> None:
    new.ask("CREATE_VOLUME_REQ", **CREATE)
    status = re.compile(r"status=(\d+)")
    for wanted in ("1", "1"):
        found = status.search(new.ask("QUERY_VOLUME_REQ", vol_name="v1")["volume0"])
        assert found
        assert found[1] == wanted
    assert new.ask("DELETE_VOLUME_REQ", vol_name="v1") == {"retcode": "0"}
    assert new.ask("CREATE_VOLUME_REQ", **CREATE)["retcode"] == "50151002", "still there"
    found = status.search(new.ask("QUERY_VOLUME_REQ", vol_name="v1")["volume0"])
    assert found
    assert found[1] == "10"
    assert new.ask("QUERY_VOLUME_REQ", vol_name="v1") == {"retcode": "-900079"}
    assert new.ask("DELETE_VOLUME_REQ", vol_name="v1") == {"retcode": "-900079"}


def test_the_dance_of_a_host_side_clone(new: Peer) -> None:
    new.ask("CREATE_VOLUME_REQ", **CREATE)
    assert new.ask("CREATE_SNAPSHOT_REQ", snap_name="s1", vol_name="v1", smartflag=1) == {"retcode": "0"}
    linked = {"vol_name": "v2", "vol_size": 1024, "snap_name_src": "s1", "vol_num": 1}
    assert new.ask("CREATE_VOLUME_FROM_SNAPSHOT_REQ", **linked) == {"retcode": "0"}
    assert new.ask("EXTEND_VOLUME_REQ", vol_name="v2", vol_size=2048) == {"retcode": "0"}
    assert "status=1" in new.ask("QUERY_SNAPSHOT_REQ", snap_name="s1")["snapshot0"]
    assert new.ask("DELETE_SNAPSHOT_REQ", snap_name="s1") == {"retcode": "0"}
    assert new.ask("QUERY_SNAPSHOT_REQ", snap_name="s1") == {"retcode": "-900079"}
    assert new.names() == ["v1", "v2"]


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"hello\n", b"[CREATE_VOLUME_REQ]\nvol_name\n", b"[CREATE_VOLUME_REQ]\nvol_size=x\n", b"\xff\xfe\n"],
)
def test_what_is_no_request_is_refused(new: Peer, text: bytes) -> None:
    if not text.endswith(b"\n"):
        with socket.create_connection((new.endpoint["address"], new.endpoint["socket_port"]), 10) as link:
            link.shutdown(socket.SHUT_WR)
            assert link.recv(1024).startswith(b"retcode=")
    else:
        reply = new.send(text)
        assert reply.startswith(b"retcode=")
        assert not reply.startswith(b"retcode=0\n")
    assert new.names() == []


def test_an_unknown_title_and_names_that_cannot_be(new: Peer) -> None:
    assert new.ask("CLONE_EVERYTHING_REQ")["retcode"] == "50500001"
    for name in ("a,b", "a b", "x" * 96, "ä"):
        assert new.ask("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": name})["retcode"] == "50151001"
    assert new.ask("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": "x" * 95})["retcode"] == "0"


def test_a_reply_has_at_most_1024_bytes(new: Peer) -> None:
    for number in range(9):
        new.ask("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": f"{'x' * 90}{number}"})
    page = new.ask("QUERY_VOLUME_REQ", page_num=1, page_size=3)
    assert page["total_num"] == "9"
    assert {"volume0", "volume1", "volume2"} <= set(page)
    assert new.ask("QUERY_VOLUME_REQ", page_num=1, page_size=9)["retcode"] != "0", "never half an answer"


def test_without_extensions_only_what_is_published(simulator: Simulator) -> None:
    plain = Peer(simulator, "plain")
    plain.ask("CREATE_VOLUME_REQ", **CREATE)
    assert plain.ask("QUERY_VOLUME_REQ", vol_name="v1") == {"retcode": "0", "volume0": "[status=1]"}
    for title, fields in (
        ("QUERY_VOLUME_REQ", {"page_num": 1, "page_size": 3}),
        ("QUERY_POOLS_CAPABILITY_REQ", {"pool_num": 0}),
        ("CREATE_FULLVOLUME_FROM_SNAPSHOT_REQ", {"vol_name": "v1", "snap_name": "s1"}),
    ):
        assert plain.ask(title, **fields)["retcode"] != "0"


# ---- fsc_cli, dialect B --------------------------------------------------------------------------------------------


def test_a_volume_s_life_by_fsc_cli(new: Peer) -> None:
    assert new.fsc("getDSwareIdentifier") == "result=0\n"
    create = ("--volName", "v1", "--poolId", "0", "--volSize", "1024", "--thinFlag", "0")
    assert new.fsc("createVolume", *create) == "result=0\n"
    assert new.fsc("createVolume", *create).startswith("result=50150007\n")
    assert new.fsc("expandVolume", "--volName", "v1", "--volSize", "2048") == "result=0\n"
    first, row = new.fsc("queryVolume", "--volName", "v1").splitlines()
    fields = dict(pair.split("=") for pair in row.split(","))
    assert first == "result=0"
    assert row.startswith("vol_name=v1,")
    assert set(fields) == {"vol_name", "father_name", "status", "vol_size", "real_size", "pool_id", "create_time"}
    assert (fields["vol_size"], fields["status"]) == ("2048", "0")
    assert new.fsc("createSnapshot", "--volName", "v1", "--snapName", "s1", "--smartFlag", "0") == "result=0\n"
    assert new.fsc("querySnapshot", "--snapName", "s1").splitlines()[1].startswith("snap_name=s1,")
    linked = ("--volName", "v2", "--snapNameSrc", "s1", "--volSize", "2048")
    assert new.fsc("createVolumeFromSnap", *linked) == "result=0\n"
    assert new.fsc("deleteSnapshot", "--snapName", "s1") == "result=0\n"
    assert new.fsc("deleteSnapshot", "--snapName", "s1").startswith("result=50150006\n")
    for name in ("v1", "v2"):
        assert new.fsc("deleteVolume", "--volName", name) == "result=0\n"
    assert new.fsc("deleteVolume", "--volName", "v1").startswith("result=50150005\n")


def test_a_full_copy_takes_a_while(simulator: Simulator) -> None:
    new = Peer(simulator, "slow")
    for name in ("v1", "v2"):
        new.fsc("createVolume", "--volName", name, "--poolId", "0", "--volSize", "64", "--thinFlag", "1")
    new.fsc("createSnapshot", "--volName", "v1", "--snapName", "s1", "--smartFlag", "0")
    assert new.fsc("createFullVolumeFromSnap", "--volName", "v2", "--snapName", "s1") == "result=0\n"
    seen: list[str] = []

    def ended() -> bool:
        seen.append(re.findall(r"status=(\d+)", new.fsc("queryVolume", "--volName", "v2"))[0])
        return seen[-1] == "0"

    wait_until(ended, 60, "the copy does not end")
    assert seen[0] == "6"
    assert set(seen) == {"6", "0"}


def test_pools_and_versions(new: Peer, old: Peer) -> None:
    row = new.fsc("queryPoolInfo", "--poolId", "0").splitlines()[1]
    assert row.startswith(f"pool_id=0,total_capacity={20 << 20},used_capacity=0,")
    assert new.fsc("queryPoolType", "--poolType", "default").splitlines()[1:] == [row]
    assert old.fsc("getDSwareIdentifier").startswith("result=50500001\n")
    assert old.fsc("queryPoolType", "--poolType", "default").startswith("result=50500001\n")
    assert old.fsc("queryPoolInfo", "--poolId", "0").startswith("result=0\n")


def test_a_sick_agent_is_passed_over(new: Peer) -> None:
    answers = [new.fsc("getDSwareIdentifier", agent=agent) for agent in reversed(AGENTS)]
    assert answers[0].startswith("result=51")
    assert answers[1] == "result=0\n"


def test_commands_that_are_wrong(new: Peer) -> None:
    assert new.fsc("makeCoffee").startswith("result=50500001\n")
    assert new.run("fsc_cli", "--op", "queryVolume").startswith("result=50510012\n")
    assert new.fsc("createVolume", "--volName", "v1").startswith("result=50510012\n")


# ---- vbs_cli and sds_cli -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tool", "missing"), [("sds_cli", "50155007"), ("vbs_cli", "50151601")])
def test_attach_tools(new: Peer, tool: str, missing: str) -> None:
    new.ask("CREATE_VOLUME_REQ", **CREATE)
    assert f"ret_code={missing}\n" in new.run(tool, "-c", "querydev", "-v", "v1")
    answer = dict(line.split("=", 1) for line in new.run(tool, "-c", "attach", "-v", "v1").splitlines())
    assert answer["ret_code"] == "0"
    assert os.path.getsize(answer["dev_addr"]) == 1 << 30
    assert "ret_code=50151401\n" in new.run(tool, "-c", "attach", "-v", "v1")
    links = list((Path(new.endpoint["device_root"]) / "disk" / "by-id").iterdir())
    assert [str(link.resolve()) for link in links] == [str(Path(answer["dev_addr"]).resolve())]
    assert new.ask("DELETE_VOLUME_REQ", vol_name="v1")["retcode"] == "50157010"
    assert "ret_code=0\n" in new.run(tool, "-c", "detach", "-v", "v1")
    assert not os.path.exists(answer["dev_addr"])
    assert f"ret_code={missing}\n" in new.run(tool, "-c", "detach", "-v", "v1")
    assert "ret_code=50151404\n" in new.run(tool, "-c", "attach", "-v", "none")
    assert "ret_code=50510012\n" in new.run(tool, "-c", "explode", "-v", "v1")


def test_verbs_with_an_address_are_those_of_vbs_cli(new: Peer) -> None:
    new.ask("CREATE_VOLUME_REQ", **CREATE)
    words = ("-c", "attachwithip", "-v", "v1", "-i", "192.0.2.1", "-p", "0")
    assert "ret_code=0\n" in new.run("vbs_cli", *words)
    assert "ret_code=50510012\n" in new.run("sds_cli", *words)


def test_the_tools_are_for_this_user_alone(new: Peer) -> None:
    for name in ("fsc_cli", "vbs_cli", "sds_cli"):
        assert (Path(new.endpoint["bin_dir"]) / name).stat().st_mode & 0o777 == 0o700
    assert new.endpoint["bin_dir"].endswith("/bin")


# ---- REST ----------------------------------------------------------------------------------------------------------


class Rest:
    def __init__(self, peer: Peer) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = peer.endpoint["ca_path"]
        self.root = f"https://{peer.endpoint['address']}:{peer.endpoint['rest_port']}/dsware/service/"
        self.login = {"userName": peer.endpoint["username"], "password": peer.endpoint["password"]}

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.session.request(method, self.root + path, json=body, params=query, timeout=10)
        assert answer.status_code == 200
        if "X-Auth-Token" in answer.headers:
            self.session.headers["x-auth-token"] = answer.headers["X-Auth-Token"]
        found = answer.json()
        assert isinstance(found["result"], int), "a number in every answer"
        return found

    def post(self, path: str, **body: Any) -> Any:
        return self.call("POST", path, body)


@pytest.fixture
def rest(new: Peer) -> Rest:
    made = Rest(new)
    assert made.post("v1.3/sec/login", **made.login)["result"] == 0
    return made


def test_no_session_no_answer(new: Peer) -> None:
    rest = Rest(new)
    assert rest.call("GET", "rest/version") == {"result": 0, "currentVersion": "v1.3"}
    assert rest.call("GET", "v1.3/storagePool")["result"] == 10000003
    assert rest.post("v1.3/sec/login", **{**rest.login, "password": "x"})["errorCode"] == 1077949061
    assert rest.post("v1.3/sec/login", **rest.login)["result"] == 0
    assert rest.call("GET", "v1.3/storagePool")["result"] == 0
    assert rest.call("POST", "v1.3/sec/keepAlive")["result"] == 0
    assert rest.call("POST", "v1.3/sec/logout")["result"] == 0
    assert rest.call("POST", "v1.3/sec/keepAlive")["result"] == 10000003


def test_with_and_without_a_slash_at_the_end_and_in_any_version(rest: Rest) -> None:
    rest.post("v1.2/volume/create", volName="v1", volSize=64, poolId="0")
    for path, body in (
        ("v1.3/snapshot/create/", {"volName": "v1", "snapshotName": "s1"}),
        ("v1.3/snapshot/volume/create", {"src": "s1", "volName": "v2", "volSize": 64}),
        ("v1.2/snapshot/delete", {"snapshotName": "s1"}),
        ("v1.3/volume/detach/", {"volName": ["v1"], "ipList": AGENTS[:1]}),
        ("v1.3/volume/detach", {"volName": ["v1"], "ipList": AGENTS[:1]}),
    ):
        assert rest.post(path, **body)["result"] == 0, path


def test_what_is_missing_has_a_number(rest: Rest) -> None:
    missing = rest.call("GET", "v1.3/volume/queryByName", volName="a b&c")
    assert missing["result"] == 1
    assert missing["errorCode"] == 50150005
    deleted = rest.post("v1.3/volume/delete", volNames=["none"])
    assert deleted["detail"][0]["errorCode"] == 50150005
    assert rest.call("GET", "v1.3/snapshot/queryByName", snapshotName="none")["errorCode"] == 50150006


def test_an_attachment_stands_under_the_volume_s_name(rest: Rest) -> None:
    rest.post("v1.3/volume/create", volName="v1", volSize=64, poolId=0)
    answer = rest.post("v1.3/volume/attach", volName=["v1"], ipList=AGENTS)
    codes = {row["ip"]: row["errorCode"] for row in answer["v1"]}
    assert codes == {AGENTS[0]: "0", AGENTS[1]: "50510011"}, "numbers as text here"
    assert os.path.exists(answer["v1"][0]["devName"])
    assert rest.post("v1.3/volume/attach", volName=["v1"], ipList=AGENTS[:1])["v1"][0]["errorCode"] == "50151401"


def test_the_filter_of_snapshots_is_about_their_names_and_finds_parts(rest: Rest) -> None:
    rest.post("v1.3/volume/create", volName="v1", volSize=64, poolId=0)
    for name in ("monday", "monday-2", "sunday"):
        rest.post("v1.3/snapshot/create", volName="v1", snapshotName=name)
    page = {"poolId": 0, "pageNum": 1, "pageSize": 1000}
    found = rest.post("v1.3/snapshot/list", **page, filters={"volumeName": "monday"})
    assert found["totalNum"] == 2
    assert found["snapshotList"][0]["snapName"] == "monday"
    assert rest.post("v1.3/snapshot/list", **{**page, "pageSize": 2, "pageNum": 2})["totalNum"] == 3


# ---- configuration and state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"version": "eight"}, "version 'eight'"),
        ({"sick_agents": ["10.0.0.1"]}, "is not one of the agents"),
        ({"agents": []}, "list of addresses"),
        ({"agents": ["a", "a"]}, "twice"),
        ({"socket_port": "x"}, "socket_port 'x' is not a whole number from 0 to 65535"),
        ({"port": 1, "rest_port": 2}, "same port"),
        ({"extensions": 1}, "true or false"),
        ({"copy_seconds": -1}, "copy_seconds -1 is not a number of seconds from 0 on"),
        ({"page_limit": 0}, "whole number from 1 on"),
    ],
)
def test_a_configuration_that_cannot_be(more: dict[str, Any], words: str) -> None:
    simulator = Simulator([{"vendor": "dsware", **more}])
    with pytest.raises(RuntimeError, match=words):
        simulator.start()


def test_attachments_outlive_a_restart_and_sessions_do_not(tmp_path: Path) -> None:
    config = [{"vendor": "dsware", "name": "kept", "state_dir": str(tmp_path / "state"), "password": "a-long-password"}]
    with Simulator(config) as simulator:
        peer = Peer(simulator, "kept")
        peer.ask("CREATE_VOLUME_REQ", **CREATE)
        assert "ret_code=0\n" in peer.run("sds_cli", "-c", "attach", "-v", "v1")
        rest = Rest(peer)
        rest.post("v1.3/sec/login", **rest.login)
    with Simulator(config) as simulator:
        entry = simulator.array("kept")
        again = Peer.__new__(Peer)
        again.simulator, again.name, again.endpoint = simulator, "kept", entry
        answer = dict(line.split("=", 1) for line in again.run("sds_cli", "-c", "querydev", "-v", "v1").splitlines())
        assert answer["ret_code"] == "0"
        assert os.path.getsize(answer["dev_addr"]) == 1 << 30
        other = Rest(again)
        other.session.headers.update(rest.session.headers)
        assert other.call("GET", "v1.3/storagePool")["result"] == 10000003


def test_the_tools_refuse_who_does_not_know_their_secret(new: Peer) -> None:
    program = (Path(new.endpoint["bin_dir"]) / "sds_cli").read_text()
    (port,) = re.findall(r"\('127\.0\.0\.1', (\d+)\)", program)
    with socket.create_connection(("127.0.0.1", int(port)), 10) as link:
        link.sendall(json.dumps(["guess", "sds_cli", ["-c", "querydev", "-v", "v1"]]).encode() + b"\n")
        assert link.recv(100) == b""


def test_no_secret_in_journal_or_state(new: Peer, rest: Rest) -> None:
    shown = json.dumps([new.simulator.journal("new"), new.simulator.state("new")])
    assert new.endpoint["password"] not in shown
    assert str(rest.session.headers["x-auth-token"]) not in shown
