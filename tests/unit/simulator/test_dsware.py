# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Dsware by requests like those of the known clients of its text socket, its tools and its REST API."""

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
EXTENDED = {"dsware.socket.extensions": True}
"""The text socket answers what no published client of it sends."""
ARRAYS: list[dict[str, Any]] = [
    {"vendor": "dsware", "name": "new", "agents": AGENTS, "sick_agents": AGENTS[1:], "assume": EXTENDED},
    {"vendor": "dsware", "name": "old", "version": "V100R003C02", "assume": EXTENDED},
    {"vendor": "dsware", "name": "plain"},
    # A copy takes much longer than the start of a program, even on a busy machine.
    {"name": "slow", "vendor": "dsware", "agents": AGENTS, "copy_seconds": 5, "assume": EXTENDED},
]
CREATE = {"vol_name": "v1", "vol_size": 1024, "pool_id": 0, "thin_flag": 0}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(ARRAYS) as running:
        yield running


class DswareRequests(SimulatedArray):
    """One array, and requests in its own protocols."""

    def __init__(self, simulator: Simulator, name: str) -> None:
        super().__init__(simulator, name)
        self.clear_faults()
        self.reset()

    def send(self, text: str | bytes) -> bytes:
        """The reply, as the known client reads it: one connection, one send, one receive of at most 1024 bytes."""
        with socket.create_connection((self.endpoint["address"], self.endpoint["socket_port"]), 10) as link:
            link.send(text if isinstance(text, bytes) else text.encode())
            reply = link.recv(1024)
            assert link.recv(1) == b"", "more than one write, or the connection stays open"
        return reply

    def request(self, title: str, **fields: Any) -> dict[str, str]:
        """The lines of a reply, split like that client does it: at the first '=', with the key not trimmed."""
        lines = [f"[{title}]"]
        for key, value in fields.items():
            lines += [f"{key}={item}" for item in (value if isinstance(value, list) else [value])]
        reply = self.send("\n".join(lines) + "\n").decode()
        return {key: value.strip() for key, _, value in (line.partition("=") for line in reply.split("\n") if line)}

    def run(self, tool: str, *arguments: str) -> str:
        completed = subprocess.run(
            [f"{self.endpoint['bin_dir']}/{tool}", *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={},
        )
        assert (completed.returncode, completed.stderr) == (0, ""), completed
        return completed.stdout

    def fsc(self, op: str, *arguments: str, agent: str = AGENTS[0]) -> str:
        return self.run("fsc_cli", "--manage_ip", "192.0.2.1", "--ip", agent, "--op", op, *arguments)


@pytest.fixture
def new(simulator: Simulator) -> DswareRequests:
    return DswareRequests(simulator, "new")


@pytest.fixture
def old(simulator: Simulator) -> DswareRequests:
    return DswareRequests(simulator, "old")


# ---- the text socket -----------------------------------------------------------------------------------------------


def test_the_order_of_keys_does_not_matter_and_unknown_keys_are_ignored(new: DswareRequests) -> None:
    unknown = {"iops": 100, "repicate_num": 1, "IOClASSID": 3}
    assert new.request("CREATE_VOLUME_REQ", **unknown, **dict(reversed(CREATE.items()))) == {"retcode": "0"}
    assert new.names() == ["v1"]


def test_the_pools_have_the_format_that_the_client_parses(new: DswareRequests) -> None:
    assert new.send("[QUERY_POOLS_CAPABILITY_REQ]\npool_num=1\npool_id=0\n").startswith(b"retcode=0\npool0=[stor_id=0,")
    answer = new.request("QUERY_POOLS_CAPABILITY_REQ", pool_num=1, pool_id=[0])
    (row,) = [value for key, value in answer.items() if "pool" in key]
    fields = dict(pair.split("=") for pair in row.strip("[]").split(","))
    assert int(fields["total_capacity"]) == 20 << 10 == int(fields["usable_capacity"]), "GB"
    assert new.request("QUERY_POOLS_CAPABILITY_REQ", pool_num=1, pool_id=[5])["retcode"] == "50150021"


def test_a_deleted_volume_is_first_reported_as_deleting(new: DswareRequests) -> None:
    new.request("CREATE_VOLUME_REQ", **CREATE)
    status = re.compile(r"status=(\d+)")
    for expected in ("1", "1"):
        match = status.search(new.request("QUERY_VOLUME_REQ", vol_name="v1")["volume0"])
        assert match
        assert match[1] == expected
    assert new.request("DELETE_VOLUME_REQ", vol_name="v1") == {"retcode": "0"}
    assert new.request("CREATE_VOLUME_REQ", **CREATE)["retcode"] == "50151002", "the volume is still being deleted"
    match = status.search(new.request("QUERY_VOLUME_REQ", vol_name="v1")["volume0"])
    assert match
    assert match[1] == "10"
    assert new.request("QUERY_VOLUME_REQ", vol_name="v1") == {"retcode": "-900079"}
    assert new.request("DELETE_VOLUME_REQ", vol_name="v1") == {"retcode": "-900079"}


def test_the_requests_of_a_clone_by_the_client_are_accepted(new: DswareRequests) -> None:
    new.request("CREATE_VOLUME_REQ", **CREATE)
    assert new.request("CREATE_SNAPSHOT_REQ", snap_name="s1", vol_name="v1", smartflag=1) == {"retcode": "0"}
    linked = {"vol_name": "v2", "vol_size": 1024, "snap_name_src": "s1", "vol_num": 1}
    assert new.request("CREATE_VOLUME_FROM_SNAPSHOT_REQ", **linked) == {"retcode": "0"}
    assert new.request("EXTEND_VOLUME_REQ", vol_name="v2", vol_size=2048) == {"retcode": "0"}
    assert "status=1" in new.request("QUERY_SNAPSHOT_REQ", snap_name="s1")["snapshot0"]
    assert new.request("DELETE_SNAPSHOT_REQ", snap_name="s1") == {"retcode": "0"}
    assert new.request("QUERY_SNAPSHOT_REQ", snap_name="s1") == {"retcode": "-900079"}
    assert new.names() == ["v1", "v2"]


@pytest.mark.parametrize(
    "text",
    [b"", b"\n", b"hello\n", b"[CREATE_VOLUME_REQ]\nvol_name\n", b"[CREATE_VOLUME_REQ]\nvol_size=x\n", b"\xff\xfe\n"],
)
def test_a_malformed_request_is_refused(new: DswareRequests, text: bytes) -> None:
    if not text.endswith(b"\n"):
        with socket.create_connection((new.endpoint["address"], new.endpoint["socket_port"]), 10) as link:
            link.shutdown(socket.SHUT_WR)
            assert link.recv(1024).startswith(b"retcode=")
    else:
        reply = new.send(text)
        assert reply.startswith(b"retcode=")
        assert not reply.startswith(b"retcode=0\n")
    assert new.names() == []


def test_an_unknown_title_and_impossible_names_are_refused(new: DswareRequests) -> None:
    assert new.request("CLONE_EVERYTHING_REQ")["retcode"] == "50500001"
    for name in ("a,b", "a b", "x" * 96, "ä"):
        assert new.request("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": name})["retcode"] == "50151001"
    assert new.request("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": "x" * 95})["retcode"] == "0"


def test_a_reply_has_at_most_1024_bytes(new: DswareRequests) -> None:
    for number in range(9):
        new.request("CREATE_VOLUME_REQ", **{**CREATE, "vol_name": f"{'x' * 90}{number}"})
    page = new.request("QUERY_VOLUME_REQ", page_num=1, page_size=3)
    assert page["total_num"] == "9"
    assert {"volume0", "volume1", "volume2"} <= set(page)
    assert new.request("QUERY_VOLUME_REQ", page_num=1, page_size=9)["retcode"] != "0", (
        "a larger answer is an error and not truncated"
    )


def test_without_extensions_only_the_published_requests_are_accepted(simulator: Simulator) -> None:
    plain = DswareRequests(simulator, "plain")
    plain.request("CREATE_VOLUME_REQ", **CREATE)
    assert plain.request("QUERY_VOLUME_REQ", vol_name="v1") == {"retcode": "0", "volume0": "[status=1]"}
    for title, fields in (
        ("QUERY_VOLUME_REQ", {"page_num": 1, "page_size": 3}),
        ("QUERY_POOLS_CAPABILITY_REQ", {"pool_num": 0}),
        ("CREATE_FULLVOLUME_FROM_SNAPSHOT_REQ", {"vol_name": "v1", "snap_name": "s1"}),
    ):
        assert plain.request(title, **fields)["retcode"] != "0"


# ---- fsc_cli, dialect B --------------------------------------------------------------------------------------------


def test_fsc_cli_creates_extends_copies_and_deletes_volumes(new: DswareRequests) -> None:
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


def test_a_full_copy_is_reported_as_copying_until_it_ends(simulator: Simulator) -> None:
    new = DswareRequests(simulator, "slow")
    for name in ("v1", "v2"):
        new.fsc("createVolume", "--volName", name, "--poolId", "0", "--volSize", "64", "--thinFlag", "1")
    new.fsc("createSnapshot", "--volName", "v1", "--snapName", "s1", "--smartFlag", "0")
    assert new.fsc("createFullVolumeFromSnap", "--volName", "v2", "--snapName", "s1") == "result=0\n"
    states: list[str] = []

    def ended() -> bool:
        states.append(re.findall(r"status=(\d+)", new.fsc("queryVolume", "--volName", "v2"))[0])
        return states[-1] == "0"

    wait_until(ended, 60, "the copy has not ended")
    assert states[0] == "6"
    assert set(states) == {"6", "0"}


def test_fsc_cli_reports_pools_by_version(new: DswareRequests, old: DswareRequests) -> None:
    row = new.fsc("queryPoolInfo", "--poolId", "0").splitlines()[1]
    assert row.startswith(f"pool_id=0,total_capacity={20 << 20},used_capacity=0,")
    assert new.fsc("queryPoolType", "--poolType", "default").splitlines()[1:] == [row]
    assert old.fsc("getDSwareIdentifier").startswith("result=50500001\n")
    assert old.fsc("queryPoolType", "--poolType", "default").startswith("result=50500001\n")
    assert old.fsc("queryPoolInfo", "--poolId", "0").startswith("result=0\n")


def test_a_sick_agent_answers_with_an_error(new: DswareRequests) -> None:
    answers = [new.fsc("getDSwareIdentifier", agent=agent) for agent in reversed(AGENTS)]
    assert answers[0].startswith("result=51")
    assert answers[1] == "result=0\n"


def test_a_wrong_command_is_refused(new: DswareRequests) -> None:
    assert new.fsc("makeCoffee").startswith("result=50500001\n")
    assert new.run("fsc_cli", "--op", "queryVolume").startswith("result=50510012\n")
    assert new.fsc("createVolume", "--volName", "v1").startswith("result=50510012\n")


# ---- vbs_cli and sds_cli -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("tool", "missing"), [("sds_cli", "50155007"), ("vbs_cli", "50151601")])
def test_both_tools_attach_and_detach_a_volume(new: DswareRequests, tool: str, missing: str) -> None:
    new.request("CREATE_VOLUME_REQ", **CREATE)
    assert f"ret_code={missing}\n" in new.run(tool, "-c", "querydev", "-v", "v1")
    answer = dict(line.split("=", 1) for line in new.run(tool, "-c", "attach", "-v", "v1").splitlines())
    assert answer["ret_code"] == "0"
    assert os.path.getsize(answer["dev_addr"]) == 1 << 30
    assert "ret_code=50151401\n" in new.run(tool, "-c", "attach", "-v", "v1")
    links = list((Path(new.endpoint["device_root"]) / "disk" / "by-id").iterdir())
    assert [str(link.resolve()) for link in links] == [str(Path(answer["dev_addr"]).resolve())]
    assert new.request("DELETE_VOLUME_REQ", vol_name="v1")["retcode"] == "50157010"
    assert "ret_code=0\n" in new.run(tool, "-c", "detach", "-v", "v1")
    assert not os.path.exists(answer["dev_addr"])
    assert f"ret_code={missing}\n" in new.run(tool, "-c", "detach", "-v", "v1")
    assert "ret_code=50151404\n" in new.run(tool, "-c", "attach", "-v", "none")
    assert "ret_code=50510012\n" in new.run(tool, "-c", "explode", "-v", "v1")


def test_only_vbs_cli_attaches_with_an_address(new: DswareRequests) -> None:
    new.request("CREATE_VOLUME_REQ", **CREATE)
    words = ("-c", "attachwithip", "-v", "v1", "-i", "192.0.2.1", "-p", "0")
    assert "ret_code=0\n" in new.run("vbs_cli", *words)
    assert "ret_code=50510012\n" in new.run("sds_cli", *words)


def test_only_this_user_may_run_the_tools(new: DswareRequests) -> None:
    for name in ("fsc_cli", "vbs_cli", "sds_cli"):
        assert (Path(new.endpoint["bin_dir"]) / name).stat().st_mode & 0o777 == 0o700
    assert new.endpoint["bin_dir"].endswith("/bin")


# ---- REST ----------------------------------------------------------------------------------------------------------


class Rest:
    def __init__(self, peer: DswareRequests) -> None:
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
        document = answer.json()
        assert isinstance(document["result"], int), "a number in every answer"
        return document

    def post(self, path: str, **body: Any) -> Any:
        return self.call("POST", path, body)


@pytest.fixture
def rest(new: DswareRequests) -> Rest:
    session = Rest(new)
    assert session.post("v1.3/sec/login", **session.login)["result"] == 0
    return session


def test_a_request_without_a_session_is_refused(new: DswareRequests) -> None:
    rest = Rest(new)
    assert rest.call("GET", "rest/version") == {"result": 0, "currentVersion": "v1.3"}
    assert rest.call("GET", "v1.3/storagePool")["result"] == 10000003
    assert rest.post("v1.3/sec/login", **{**rest.login, "password": "x"})["errorCode"] == 1077949061
    assert rest.post("v1.3/sec/login", **rest.login)["result"] == 0
    assert rest.call("GET", "v1.3/storagePool")["result"] == 0
    assert rest.call("POST", "v1.3/sec/keepAlive")["result"] == 0
    assert rest.call("POST", "v1.3/sec/logout")["result"] == 0
    assert rest.call("POST", "v1.3/sec/keepAlive")["result"] == 10000003


def test_a_path_may_have_a_slash_at_its_end_and_any_version(rest: Rest) -> None:
    rest.post("v1.2/volume/create", volName="v1", volSize=64, poolId="0")
    for path, body in (
        ("v1.3/snapshot/create/", {"volName": "v1", "snapshotName": "s1"}),
        ("v1.3/snapshot/volume/create", {"src": "s1", "volName": "v2", "volSize": 64}),
        ("v1.2/snapshot/delete", {"snapshotName": "s1"}),
        ("v1.3/volume/detach/", {"volName": ["v1"], "ipList": AGENTS[:1]}),
        ("v1.3/volume/detach", {"volName": ["v1"], "ipList": AGENTS[:1]}),
    ):
        assert rest.post(path, **body)["result"] == 0, path


def test_a_missing_object_has_its_error_code(rest: Rest) -> None:
    missing = rest.call("GET", "v1.3/volume/queryByName", volName="a b&c")
    assert missing["result"] == 1
    assert missing["errorCode"] == 50150005
    deleted = rest.post("v1.3/volume/delete", volNames=["none"])
    assert deleted["detail"][0]["errorCode"] == 50150005
    assert rest.call("GET", "v1.3/snapshot/queryByName", snapshotName="none")["errorCode"] == 50150006


def test_the_answer_to_an_attachment_is_under_the_name_of_the_volume(rest: Rest) -> None:
    rest.post("v1.3/volume/create", volName="v1", volSize=64, poolId=0)
    answer = rest.post("v1.3/volume/attach", volName=["v1"], ipList=AGENTS)
    codes = {row["ip"]: row["errorCode"] for row in answer["v1"]}
    assert codes == {AGENTS[0]: "0", AGENTS[1]: "50510011"}, "here codes are texts"
    assert os.path.exists(answer["v1"][0]["devName"])
    assert rest.post("v1.3/volume/attach", volName=["v1"], ipList=AGENTS[:1])["v1"][0]["errorCode"] == "50151401"


def test_the_filter_of_snapshots_finds_parts_of_their_names(rest: Rest) -> None:
    rest.post("v1.3/volume/create", volName="v1", volSize=64, poolId=0)
    for name in ("monday", "monday-2", "sunday"):
        rest.post("v1.3/snapshot/create", volName="v1", snapshotName=name)
    page = {"poolId": 0, "pageNum": 1, "pageSize": 1000}
    answer = rest.post("v1.3/snapshot/list", **page, filters={"volumeName": "monday"})
    assert answer["totalNum"] == 2
    assert answer["snapshotList"][0]["snapName"] == "monday"
    assert rest.post("v1.3/snapshot/list", **{**page, "pageSize": 2, "pageNum": 2})["totalNum"] == 3


# ---- configuration and state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": "eight"}, "version 'eight'"),
        ({"sick_agents": ["10.0.0.1"]}, "is not one of the agents"),
        ({"agents": []}, "list of addresses"),
        ({"agents": ["a", "a"]}, "twice"),
        ({"socket_port": "x"}, "socket_port 'x' is not a whole number from 0 to 65535"),
        ({"port": 1, "rest_port": 2}, "same port"),
        ({"copy_seconds": -1}, "copy_seconds -1 is not a number of seconds from 0 on"),
    ],
)
def test_a_bad_configuration_is_refused(options: dict[str, Any], message: str) -> None:
    simulator = Simulator([{"vendor": "dsware", **options}])
    with pytest.raises(RuntimeError, match=message):
        simulator.start()


def test_attachments_are_kept_over_a_restart_and_sessions_are_not(tmp_path: Path) -> None:
    config = [{"vendor": "dsware", "name": "kept", "state_dir": str(tmp_path / "state"), "password": "a-long-password"}]
    with Simulator(config) as simulator:
        peer = DswareRequests(simulator, "kept")
        peer.request("CREATE_VOLUME_REQ", **CREATE)
        assert "ret_code=0\n" in peer.run("sds_cli", "-c", "attach", "-v", "v1")
        rest = Rest(peer)
        rest.post("v1.3/sec/login", **rest.login)
    with Simulator(config) as simulator:
        entry = simulator.array("kept")
        restarted = DswareRequests.__new__(DswareRequests)
        restarted.simulator, restarted.name, restarted.endpoint = simulator, "kept", entry
        answer = dict(
            line.split("=", 1) for line in restarted.run("sds_cli", "-c", "querydev", "-v", "v1").splitlines()
        )
        assert answer["ret_code"] == "0"
        assert os.path.getsize(answer["dev_addr"]) == 1 << 30
        other = Rest(restarted)
        other.session.headers.update(rest.session.headers)
        assert other.call("GET", "v1.3/storagePool")["result"] == 10000003


def test_a_request_of_a_tool_with_a_wrong_secret_is_not_answered(new: DswareRequests) -> None:
    program = (Path(new.endpoint["bin_dir"]) / "sds_cli").read_text()
    (port,) = re.findall(r"\('127\.0\.0\.1', (\d+)\)", program)
    with socket.create_connection(("127.0.0.1", int(port)), 10) as link:
        link.sendall(json.dumps(["guess", "sds_cli", ["-c", "querydev", "-v", "v1"]]).encode() + b"\n")
        assert link.recv(100) == b""


def test_no_secret_is_in_the_journal_or_in_the_state(new: DswareRequests, rest: Rest) -> None:
    shown = json.dumps([new.simulator.journal("new"), new.simulator.state("new")])
    assert new.endpoint["password"] not in shown
    assert str(rest.session.headers["x-auth-token"]) not in shown


def test_a_qos_policy_is_made_changed_given_to_volumes_and_deleted_when_none_has_it(rest: Rest) -> None:
    for name in ("v1", "v2"):
        rest.post("v1.3/volume/create", volName=name, volSize=64, poolId=0)
    assert "qosName" not in rest.call("GET", "v1.2/volume/qos", volName="v1")
    limits = {"maxIOPS": 500, "maxMBPS": 999999}
    assert rest.post("v1.2/qos/create", qosName="gold", qosSpecInfo=limits)["result"] == 0
    assert rest.post("v1.2/qos/volume/associate", qosName="gold", keyNames=["v1", "v2"])["result"] == 0
    found = rest.call("GET", "v1.3/volume/qos", volName="v1")
    assert (found["qosName"], found["qosSpecInfo"]) == ("gold", limits)
    assert rest.post("v1.3/qos/modify", qosName="gold", qosSpecInfo={"maxMBPS": 9})["result"] == 0
    assert rest.call("GET", "v1.3/volume/qos", volName="v2")["qosSpecInfo"] == {"maxIOPS": 0, "maxMBPS": 9}
    rest.post("v1.3/qos/create", qosName="other", qosSpecInfo=limits)
    refused: list[tuple[str, dict[str, Any]]] = [
        ("qos/create", {"qosName": "gold", "qosSpecInfo": limits}),
        ("qos/create", {"qosName": "x" * 64, "qosSpecInfo": limits}),
        ("qos/create", {"qosName": "new", "qosSpecInfo": {}}),
        ("qos/create", {"qosName": "new", "qosSpecInfo": {"maxIOPS": 0}}),
        ("qos/create", {"qosName": "new", "qosSpecInfo": {"maxIOPS": 10**9}}),
        ("qos/create", {"qosName": "new", "qosSpecInfo": {"minIOPS": 5}}),
        ("qos/modify", {"qosName": "none", "qosSpecInfo": limits}),
        ("qos/delete", {"qosNames": ["gold"]}),
        ("qos/delete", {"qosNames": ["none"]}),
        ("qos/volume/associate", {"qosName": "other", "keyNames": ["v1"]}),
        ("qos/volume/associate", {"qosName": "other", "keyNames": ["none"]}),
        ("qos/volume/disassociate", {"qosName": "other", "keyNames": ["v1"]}),
    ]
    assert [path for path, body in refused if rest.post("v1.3/" + path, **body)["result"] == 0] == []
    rest.post("v1.3/volume/delete", volNames=["v2"])
    assert rest.post("v1.3/qos/volume/disassociate", qosName="gold", keyNames=["v1"])["result"] == 0
    assert rest.post("v1.3/qos/delete", qosNames=["gold", "other"])["result"] == 0
