# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated Datera by plain requests, in the order of the list in section 10.2 of the wire sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.simulated_array import SimulatedArray
from tests.support.simulator import Simulator

TENANTS = ["/root/acme"]
PRODUCTS = {"new": "3.3.5.0", "middle": "3.0.1.0", "two": "2.2.7.0", "one": "2.1.4.0"}
NO_SESSION = "The key provided with the request does not correspond to a valid session."


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    arrays: list[dict[str, Any]] = [
        {"vendor": "datera", "name": name, "version": version, "tenants": TENANTS} for name, version in PRODUCTS.items()
    ]
    with Simulator(arrays) as running:
        yield running


class DateraRequests(SimulatedArray):
    """A client that sends every request of a test, valid or not."""

    def __init__(
        self, simulator: Simulator, name: str, api: str = "v2.1", scheme: str = "https", empty: bool = True
    ) -> None:
        super().__init__(simulator, name)
        self.clear_faults()
        if empty:
            self.reset()
        self.api = api
        port = self.endpoint["port" if scheme == "https" else "http_port"]
        self.root = f"{scheme}://{self.endpoint['address']}:{port}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.endpoint["ca_path"]
        self.key = ""

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        tenant: str | None = "/root",
        root: str | None = None,
        **query: Any,
    ) -> tuple[int, dict[str, Any]]:
        headers = {"Auth-Token": self.key} if self.key else {}
        if tenant is not None:
            headers["tenant"] = tenant
        url = f"{self.root}{f'/{self.api}' if root is None else root}{path}"
        answer = self.session.request(method, url, json=body, params=query, headers=headers, timeout=10)
        document: dict[str, Any] = answer.json()
        return answer.status_code, document

    def login(self) -> DateraRequests:
        status, answer = self.request(
            "PUT", "/login", {"name": self.endpoint["username"], "password": self.endpoint["password"]}
        )
        assert status == 200
        assert set(answer) == {"key", "version", "request_time"}
        self.key = answer["key"]
        return self

    def data(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        status, answer = self.request(method, path, body, **options)
        assert status == 200, answer
        return answer["data"]

    def volume(self, name: str = "vol1", **changes: Any) -> dict[str, Any]:
        volume = {"name": "volume-1", "size": 1, **changes}
        body = {"name": name, "storage_instances": [{"name": "storage-1", "volumes": [volume]}]}
        created: dict[str, Any] = self.data("POST", "/app_instances", body)
        return created


@pytest.fixture(params=PRODUCTS)
def peer(simulator: Simulator, request: pytest.FixtureRequest) -> DateraRequests:
    return DateraRequests(simulator, request.param).login()


@pytest.fixture
def new(simulator: Simulator) -> DateraRequests:
    return DateraRequests(simulator, "new", "v2.2").login()


def test_01_both_ports_serve_the_same_array(simulator: Simulator) -> None:
    DateraRequests(simulator, "new").login().volume()
    plain = DateraRequests(simulator, "new", scheme="http", empty=False).login()
    assert [row["name"] for row in plain.data("GET", "/app_instances")] == ["vol1"]


def test_02_and_03_the_api_versions_depend_on_the_product(peer: DateraRequests) -> None:
    status, answer = peer.request("GET", "/api_versions", root="")
    if peer.name == "one":
        assert status == 400
    else:
        assert answer == {"api_versions": ["v2.1", "v2.2"]}
    for wrong in ("/v9.9", "/v2"):
        status, answer = peer.request("GET", "/system", root=wrong)
        assert (status, answer["name"]) == (400, "InvalidRequestError")
    status, answer = peer.request("GET", "", root="/v2.1")
    assert (status, answer["code"]) == (400, 99)


def test_04_a_session_ends_with_the_logout(peer: DateraRequests) -> None:
    assert peer.data("GET", "/userinfo")["name"] == peer.endpoint["username"]
    key = peer.key
    peer.data("PUT", "/logout")
    status, answer = peer.request("GET", "/system")
    assert (status, answer["message"], answer["name"]) == (401, NO_SESSION, "AuthFailedError")
    peer.key = ""
    assert peer.request("GET", "/system")[0] == 401
    assert peer.request("PUT", "/login", {"name": peer.endpoint["username"], "password": "wrong"})[0] == 401
    assert peer.login().key != key
    assert len(peer.key) == 32
    assert peer.request("GET", "/system")[0] == 200


def test_05_the_schema_describes_the_routes(peer: DateraRequests) -> None:
    _status, schema = peer.request("GET", "/api")
    segments = {part for route in schema for part in route.split("/")}
    assert {"metadata", "system", "tenants", "initiators", "app_instances", "acl_policy", "auth", "api"} <= segments
    assert not segments & {"access", "name", "size", "path", "tenant", "uuid", "op_state"}
    assert "iops_read" in schema["/metrics/io/:metric"]["read"]["urlParamSchema"]["metric"]["enum"]
    assert "template_override" not in schema["/app_instances"]["create"]["bodyParamSchema"]["properties"]


def test_05_version_2_2_of_new_software_has_more_properties(new: DateraRequests) -> None:
    _status, schema = new.request("GET", "/api")
    assert "template_override" in schema["/app_instances"]["create"]["bodyParamSchema"]["properties"]
    assert "force" in schema["/initiators"]["create"]["bodyParamSchema"]["properties"]


@pytest.mark.parametrize("root", [None, "", "/root", "root"])
def test_06_without_a_tenant_a_request_is_for_root(new: DateraRequests, root: str | None) -> None:
    new.volume()
    assert [row["tenant"] for row in new.data("GET", "/app_instances", tenant=root)] == ["/root"]
    assert new.data("GET", "/app_instances", tenant="acme") == []
    assert len(new.data("GET", "/app_instances", tenant="all")) == 1
    assert new.request("GET", "/app_instances", tenant="/root/nobody")[0] == 404
    assert new.request("POST", "/app_instances", {"name": "vol2"}, tenant="all")[0] == 400


def test_07_and_08_an_entity_has_its_tenant_and_an_existing_name_is_a_conflict(peer: DateraRequests) -> None:
    created = peer.volume()
    assert created["tenant"] == "/root"
    iqn = {"id": "iqn.2026-01.org.example:host1", "name": "host1"}
    assert peer.data("POST", "/initiators", iqn)["tenant"] == "/root"
    duplicates: list[tuple[str, Any]] = [
        ("/app_instances", {"name": "vol1"}),
        ("/initiators", iqn),
        ("/tenants", {"name": "acme"}),
    ]
    for path, body in duplicates:
        status, answer = peer.request("POST", path, body)
        assert (status, answer["name"]) == (409, "ConflictError")


def test_09_lists_can_be_filtered_and_paged(simulator: Simulator) -> None:
    for name, total in (("new", 3), ("middle", 5)):
        peer = DateraRequests(simulator, name, "v2.2").login()
        for app_instance in ("alpha", "alpha-2", "an-alpha", "beta", "gamma"):
            peer.data("POST", "/app_instances", {"name": app_instance})
        _status, answer = peer.request("GET", "/app_instances", filter="match(name,.*alpha.*)")
        assert len(answer["data"]) == 3
        # Before 3.3 the total is that of the list without the filter.
        assert answer["metadata"] == {"total_count": total, "request_count": 3, "limit": 100, "offset": 0}
        assert [row["name"] for row in peer.data("GET", "/app_instances", filter="name=alpha")] == ["alpha"]
        _status, answer = peer.request("GET", "/app_instances", limit=2, offset=4)
        assert answer["metadata"] == {"total_count": 5, "request_count": 1, "limit": 2, "offset": 4}
        assert peer.request("GET", "/app_instances", limit=1001)[0] == 400
        assert peer.request("GET", "/app_instances", filter="name= alpha")[0] == 400
    old = DateraRequests(simulator, "one").login()
    old.volume()
    assert old.request("GET", "/app_instances")[1]["metadata"] == {"total": 1}


def test_10_and_11_changes_are_carried_out_in_the_background(peer: DateraRequests) -> None:
    created = peer.volume()
    (storage_instance,) = created["storage_instances"]
    assert (storage_instance["op_state"], created["admin_state"]) == ("unavailable", "online")
    path = storage_instance["volumes"][0]["path"]
    assert peer.data("PUT", path, {"size": 2})["op_status"] == "volume_resize_in_progress"
    taken = peer.data("POST", path + "/snapshots", {})
    assert taken["op_state"] != "available"
    assert peer.request("GET", path + "/performance_policy")[0] == 404
    clone = peer.data("POST", "/app_instances", {"name": "clone", "clone_volume_src": {"path": path}})
    assert clone["op_state"] == "cloning"
    assert "op_state" not in created


def test_12_and_13_metadata_has_another_route_from_3_3_on(peer: DateraRequests) -> None:
    path = peer.volume()["path"]
    modern = peer.name == "new"
    right, wrong = ("int_ecosystem_data", "metadata") if modern else ("metadata", "int_ecosystem_data")
    notes = {"checksum": "abc", "length": 5}
    peer.data("PUT", f"{path}/{right}", {"data": notes} if modern else notes)
    assert peer.data("GET", f"{path}/{right}")["checksum"] == "abc"
    assert peer.request("GET", f"{path}/{wrong}")[0] == 404
    assert peer.data("GET", "/system")["sw_version"] == PRODUCTS[peer.name]


def test_14_every_error_is_json(new: DateraRequests) -> None:
    new.fault("busy")
    assert new.request("GET", "/system") == (503, {"message": "Service unavailable", "http": 503})
    for method, path, status in (("GET", "/nothing", 404), ("POST", "/system", 405), ("GET", "/app_instances/x", 404)):
        actual_status, answer = new.request(method, path)
        assert (actual_status, answer["http"]) == (status, status)
        assert {"name", "code", "message", "ts", "version", "op", "tenant", "path", "api_req_id"} <= set(answer)
    assert new.request("GET", "/app_instances/x")[1]["message"] == "No data at /app_instances/x"


def test_15_an_app_instance_must_be_offline_to_be_deleted(peer: DateraRequests) -> None:
    path = peer.volume()["path"]
    assert peer.request("DELETE", path, {"force": True})[0] == 400
    peer.data("PUT", path, {"admin_state": "offline", "force": True})
    assert peer.data("DELETE", path, {"force": True})["name"] == "vol1"
    assert peer.state()["volumes"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/app_instances", {"name": "ab"}),
        ("POST", "/app_instances", {"name": "1abc"}),
        ("POST", "/app_instances", {"name": "vol9", "colour": "blue"}),
        ("POST", "/app_instances", {"name": "vol9", "descr": "x"}),
        ("PUT", "{volume}", {"size": 0}),
        ("PUT", "{volume}", {"size": 32769}),
        ("PUT", "{volume}", {"size": "2"}),
        ("PUT", "{volume}", {"replica_count": 6}),
        ("PUT", "{volume}", {"placement_mode": "fast"}),
        ("PUT", "{storage}/auth", {"type": "chap", "target_user_name": "user", "target_pswd": "elevenchars"}),
        ("PUT", "{storage}/auth", {"type": "chap", "target_user_name": "user", "target_pswd": "x" * 17}),
        ("PUT", "{storage}/acl_policy", {"initiators": [{"path": "/initiators/x", "tenant": "/root"}]}),
        ("PUT", "{storage}/acl_policy/initiators", {"op": "replace", "path": "/initiators/x"}),
        ("POST", "/initiators", {"id": "host1", "name": "host1"}),
        ("POST", "/initiators", {"id": "iqn.2026-01.org.example:host1", "name": "host1", "force": True}),
        ("POST", "{volume}/performance_policy", {"total_iops_max": 10_000_001}),
    ],
)
def test_16_a_value_outside_the_schema_is_refused(simulator: Simulator, method: str, path: str, body: Any) -> None:
    peer = DateraRequests(simulator, "one").login()
    created = peer.volume()
    (storage_instance,) = created["storage_instances"]
    before = simulator.state("one")
    status, answer = peer.request(
        method, path.format(volume=storage_instance["volumes"][0]["path"], storage=storage_instance["path"]), body
    )
    assert (status, answer["name"]) == (422, "ValidationFailedError")
    assert simulator.state("one") == before


def test_17_and_18_secrets_are_masked_in_answers_and_in_the_journal(peer: DateraRequests) -> None:
    (storage_instance,) = peer.volume()["storage_instances"]
    secret = "secret-2-hide"
    body = {"type": "mchap", "target_user_name": "target", "target_pswd": secret}
    both = {**body, "initiator_user_name": "initiator", "initiator_pswd": secret[::-1]}
    assert peer.request("PUT", storage_instance["path"] + "/auth", body)[0] == 422
    shown = peer.data("PUT", storage_instance["path"] + "/auth", both)
    assert (shown["target_pswd"], shown["initiator_pswd"]) == ("(hidden)", "(hidden)")
    journal = str(peer.simulator.journal(peer.name)) + str(peer.state())
    for hidden in (secret, secret[::-1], peer.endpoint["password"], peer.key):
        assert hidden not in journal


def test_20_requests_share_a_connection(new: DateraRequests) -> None:
    mark = new.mark()
    for _ in range(3):
        new.data("GET", "/system")
    assert len({request["connection"] for request in new.requests(mark)}) == 1


def test_the_state_and_the_tenants_are_kept_over_a_restart(tmp_path: Path) -> None:
    arrays = [{"vendor": "datera", "name": "kept", "state_dir": str(tmp_path / "state"), "tenants": TENANTS}]
    with Simulator(arrays) as running:
        peer = DateraRequests(running, "kept").login()
        path = peer.volume()["storage_instances"][0]["volumes"][0]["path"]
        peer.data("POST", path + "/snapshots", {})
        peer.data("POST", "/tenants", {"name": "later"})
        before = running.state("kept")
    with Simulator(arrays) as running:
        assert running.state("kept") == before
        entry = running.array("kept")
        assert "/root/later" in entry["tenants"]
