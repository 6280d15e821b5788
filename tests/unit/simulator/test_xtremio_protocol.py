# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol of a simulated XMS: credentials, versions, clusters, unusual requests, lists and filters."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.support.simulator import Simulator
from tests.unit.simulator.xms import XmsClient

IQN = "iqn.1994-05.com.example:host"


class TestCredentials:
    @pytest.mark.parametrize("auth", [None, ("admin", "wrong"), ("", ""), ("root", None)])
    def test_wrong_credentials_are_refused(self, xms: XmsClient, auth: tuple[str, str | None] | None) -> None:
        session = requests.Session()
        session.trust_env = False
        user = None if auth is None else (auth[0], xms.entry["password"] if auth[1] is None else auth[1])
        answer = session.get(f"{xms.root}/volumes", auth=user, verify=xms.entry["ca_path"], timeout=10)
        assert answer.status_code == 401
        assert answer.json()["message"]
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_a_request_with_wrong_credentials_changes_nothing(self, xms: XmsClient, simulator: Simulator) -> None:
        mark = simulator.mark("v42")
        xms.session.auth = ("admin", "wrong")
        assert xms.call("POST", "volumes", {"vol-name": "v", "vol-size": "1g"})[0] == 401
        assert simulator.changes("v42", mark) == []

    def test_the_certificate_has_the_address_localhost_and_the_name_of_the_array(self, xms: XmsClient) -> None:
        context = ssl.create_default_context(cafile=xms.entry["ca_path"])
        for name in ("127.0.0.1", "localhost", "v42"):
            assert handshake(xms, context, name)
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(xms, context, "v43")
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(xms, ssl.create_default_context(), "localhost")


def handshake(xms: XmsClient, context: ssl.SSLContext, name: str) -> bool:
    with (
        socket.create_connection((xms.entry["address"], xms.entry["port"]), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        return secured.version() is not None


class TestVersions:
    def test_version_3_has_no_v2_no_xms_and_no_groups(self, xms_of: Callable[..., XmsClient]) -> None:
        assert xms_of("v30").session.get(xms_of("v30").root, timeout=10).status_code == 404
        xms = xms_of("v30", api=1)
        types = {child["name"] for child in xms.get("")["children"]}
        assert {"volumes", "lun-maps", "volume-folders"} <= types
        assert not types & {"xms", "consistency-groups", "snapshot-sets", "tags"}
        assert xms.refused("GET", "xms/1")
        assert xms.show("clusters/1")["sys-sw-version"] == "3.0.3-11"

    @pytest.mark.parametrize(("name", "api"), [("v40", "2.0"), ("v42", "2.1"), ("x2", "3.0")])
    def test_newer_versions_report_their_versions(
        self, xms_of: Callable[..., XmsClient], simulator: Simulator, name: str, api: str
    ) -> None:
        for version in (1, 2):
            xms = xms_of(name, api=version)
            shown = xms.show("xms/1")
            assert shown["sw-version"] == simulator.array(name)["version"]
            assert shown["restapi-protocol-version"] == api
        assert xms.get("xms")["xmss"][0]["href"] == f"{xms.root}/xms/1"

    def test_unknown_properties_of_a_body_are_refused_since_4_2(self, xms_of: Callable[..., XmsClient]) -> None:
        body = {"vol-name": "v", "vol-size": "1g", "parent-folder-id": "/"}
        message = xms_of("v42").refused("POST", "volumes", body)
        assert message == "Command Syntax Error: Invalid property parent-folder-id"
        xms_of("v40").post("volumes", body)
        xms_of("v42", api=1).post("volumes", body)

    def test_v1_ignores_full_prop_and_filter(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("v42", api=1)
        xms.volume("v")
        rows = xms.get("volumes", full=1, prop="vol-size", filter="name:eq:x")["volumes"]
        assert rows == [{"href": f"{xms.root}/volumes/1", "name": "v"}]
        assert "snapshot-type" not in xms.show("volumes", name="v")

    def test_names_of_ports_of_x2_have_no_protocol(self, xms_of: Callable[..., XmsClient]) -> None:
        first, second = xms_of("v42").names("targets"), xms_of("x2").names("targets")
        assert any("-fc" in name for name in first)
        assert any("-iscsi" in name for name in first)
        assert not any("fc" in name or "iscsi" in name for name in second)


class TestClusters:
    def test_of_two_clusters_one_must_be_selected(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("two")
        for method, path, body in (
            ("GET", "volumes", None),
            ("GET", "initiator-groups/1", None),
            ("POST", "volumes", {"vol-name": "v", "vol-size": "1g"}),
            ("PUT", "volumes/1", {"vol-name": "w"}),
            ("DELETE", "volumes/1", None),
        ):
            assert xms.refused(method, path, body) == "cluster_id_is_required"
        assert [cluster["name"] for cluster in xms.get("clusters")["clusters"]] == ["east", "west"]
        # Accepted where it has no effect.
        assert xms.show("clusters", name="west", **{"cluster-name": "west"})["index"] == 2

    @pytest.mark.parametrize("selector", ["west", 2])
    def test_each_cluster_has_its_own_names_and_indexes(
        self, xms_of: Callable[..., XmsClient], selector: object, simulator: Simulator
    ) -> None:
        xms = xms_of("two")
        body = {"vol-name": "v", "vol-size": "1g"}
        xms.post("volumes", {**body, "cluster-id": "east"})
        xms.post("volumes", {**body, "cluster-id": selector})
        assert xms.show("volumes", name="v", **{"cluster-name": "west"})["index"] == 1
        assert [volume["scope"] for volume in simulator.state("two")["volumes"]] == ["east", "west"]
        xms.put("volumes", {"vol-size": "2g", "cluster-id": selector}, name="v")
        xms.delete("volumes", {"cluster-id": selector}, name="v")
        xms.delete("volumes", name="v", **{"cluster-name": "east"})
        assert simulator.state("two")["volumes"] == []

    def test_an_unknown_cluster_is_refused(self, xms_of: Callable[..., XmsClient]) -> None:
        for name in ("two", "v42"):
            xms_of(name).refused("GET", "volumes", **{"cluster-name": "north"})
            xms_of(name).refused("POST", "volumes", {"vol-name": "v", "vol-size": "1g", "cluster-id": "2x"})

    def test_the_query_of_a_write_does_not_select_a_cluster(self, xms_of: Callable[..., XmsClient]) -> None:
        body = {"vol-name": "v", "vol-size": "1g"}
        assert xms_of("two").refused("POST", "volumes", body, **{"cluster-name": "east"}) == "cluster_id_is_required"

    def test_v1_selects_a_cluster_by_sys_id(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("two", api=1)
        xms.post("volumes", {"vol-name": "v", "vol-size": "1g", "sys-id": "west"})
        assert xms.show("volumes", name="v", **{"cluster-name": "west"})["sys-id"][1] == "west"

    def test_a_cluster_reports_its_chap_mode(self, xms_of: Callable[..., XmsClient]) -> None:
        modes = [xms_of(name).show("clusters/1")["chap-authentication-mode"] for name in ("v42", "x2")]
        assert modes == ["disabled", "initiator"]


class TestUnusualRequests:
    @pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded", "text/plain"])
    def test_a_body_is_read_as_json_whatever_its_content_type(self, xms: XmsClient, content_type: str | None) -> None:
        headers = {"Content-Type": content_type} if content_type else {}
        body = json.dumps({"vol-name": "v", "vol-size": "1g"})
        answer = xms.session.post(f"{xms.root}/volumes", data=body, headers=headers, timeout=10)
        assert answer.status_code == 201

    @pytest.mark.parametrize("body", [b"null", b"{}", b'{"name": "x"}', b"not json"])
    def test_the_body_of_a_get_is_ignored(self, xms: XmsClient, body: bytes) -> None:
        assert xms.session.get(f"{xms.root}/volumes", data=body, timeout=10).status_code == 200

    @pytest.mark.parametrize("body", [b"not json", b"[]", b'"x"'])
    def test_the_body_of_a_write_must_be_an_object(self, xms: XmsClient, body: bytes) -> None:
        assert xms.session.post(f"{xms.root}/volumes", data=body, timeout=10).status_code == 400

    def test_the_body_of_a_delete_may_be_null(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.delete("volumes", None, name="v")
        assert xms.get("volumes")["volumes"] == []

    def test_a_path_may_end_in_a_slash_and_have_capitals(self, xms: XmsClient) -> None:
        xms.volume("v")
        assert xms.show("volumes/", name="v")["name"] == "v"
        assert xms.show("Volumes", name="v")["name"] == "v"

    def test_unknown_query_arguments_are_ignored(self, xms: XmsClient) -> None:
        xms.volume("v")
        answer = xms.session.get(f"{xms.root}/volumes?props=x&cluster-namexbrick1&full=1", timeout=10)
        assert answer.json()["volumes"][0]["vol-size"]

    def test_an_href_has_the_host_name_of_the_request(self, xms: XmsClient) -> None:
        xms.volume("v")
        port = xms.entry["port"]
        rows = xms.session.get(f"https://localhost:{port}/api/json/v2/types/volumes", timeout=10).json()["volumes"]
        assert rows[0]["href"] == f"https://localhost:{port}/api/json/v2/types/volumes/1"

    def test_unknown_types_and_methods_are_refused(self, xms: XmsClient) -> None:
        assert xms.refused("GET", "unicorns").startswith("Command Syntax Error")
        assert xms.refused("POST", "targets", {"name": "x"}).startswith("Command Syntax Error")
        assert xms.refused("DELETE", "clusters/1").startswith("Command Syntax Error")
        assert xms.refused("PATCH", "volumes/1", {})
        assert xms.refused("GET", "volumes/abc")
        root = xms.root.removesuffix("/api/json/v2/types")
        assert xms.session.get(f"{root}/api/json/v3/types", timeout=10).status_code == 404


class TestListings:
    def test_a_list_has_links_objects_or_selected_properties(self, xms: XmsClient) -> None:
        xms.volume("v")
        href = f"{xms.root}/volumes/1"
        body = xms.get("volumes")
        assert body["volumes"] == [{"href": href, "name": "v", "sys-name": "xbrick1"}]
        assert body["links"] == [{"href": f"{xms.root}/volumes", "rel": "self"}]
        assert xms.get("volumes", full=1, prop=["vol-size", "num_of_dest_snaps", "nonsense"])["volumes"] == [
            {"href": href, "name": "v", "index": 1, "vol-size": "1048576", "num-of-dest-snaps": 0}
        ]
        assert set(xms.show("volumes/1", prop="vol-size")) == {"name", "index", "vol-size"}

    def test_every_type_can_be_listed_and_shown(self, xms: XmsClient) -> None:
        xms.volume("v")
        xms.snapshot("v", "s")
        xms.group("h", IQN)
        xms.map("v", "h")
        xms.post("consistency-groups", {"consistency-group-name": "g", "vol-list": ["v"]})
        xms.post("tags", {"entity": "Volume", "tag-name": "t"})
        xms.post("schedulers", {"snapshot-object-id": "g", "snapshot-object-type": "ConsistencyGroup"})
        answered = 0
        for child in xms.get("")["children"]:
            name = child["name"]
            body = xms.get(name, full=1, entity="Volume")
            rows: list[dict[str, Any]] = [
                row for key, rows in body.items() if key not in ("links", "members", "content") for row in rows
            ]
            for row in rows:
                shown = xms.show(f"{name}/{row['index']}")
                changing = ("href", "uptime", "datetime")
                assert {key: shown[key] for key in row if key not in changing} == {
                    key: value for key, value in row.items() if key not in changing
                }
                answered += 1
        assert answered > 40

    def test_every_iscsi_port_has_a_portal(self, xms: XmsClient) -> None:
        targets = xms.get("targets", full=1, filter=["port-type:eq:iscsi", "port-state:eq:up"])["targets"]
        portals = xms.get("iscsi-portals", full=1)["iscsi-portals"]
        assert {portal["port-address"] for portal in portals} == {target["port-address"] for target in targets}
        for portal in portals:
            address, _, bits = portal["ip-addr"].partition("/")
            assert portal["name"] == portal["ip-addr"]
            assert address.count(".") == 3
            assert bits.isdigit()
            assert portal["ip-port"] == 3260


class TestFilters:
    def fill(self, xms: XmsClient) -> None:
        for number, name in enumerate(("a", "b", "c"), 1):
            xms.volume(name, f"{number}g")

    @pytest.mark.parametrize(
        ("filters", "names"),
        [
            (["name:eq:a"], ["a"]),
            (["name:ne:a"], ["b", "c"]),
            (["vol-size:gt:1048576"], ["b", "c"]),
            (["vol_size:ge:2097152", "name:ne:c"], ["b"]),
            (["vol-size:lt:2097152"], ["a"]),
            (["vol-size:le:2097152"], ["a", "b"]),
            (["name:eq:nobody"], []),
            (["name:eq:a,name:eq:c"], ["a", "c"]),
            (["name:eq:a,name:eq:c", "vol-size:gt:1048576"], ["c"]),
        ],
    )
    def test_a_filter_selects_by_its_terms(self, xms: XmsClient, filters: list[str], names: list[str]) -> None:
        self.fill(xms)
        assert xms.names("volumes", filter=filters) == names

    def test_a_comma_is_no_alternative_before_4_2(self, xms_of: Callable[..., XmsClient]) -> None:
        xms = xms_of("v40")
        self.fill(xms)
        assert xms.names("volumes", filter="name:eq:a,name:eq:c") == []

    def test_the_value_of_a_filter_may_have_colons(self, xms: XmsClient) -> None:
        xms.group("h", IQN)
        assert xms.names("initiators", filter=f"port_address:eq:{IQN}") == [IQN]

    def test_an_integer_filter_matches_parts_of_numbers_on_api_2_1(
        self, xms: XmsClient, xms_of: Callable[..., XmsClient]
    ) -> None:
        """A defect of the real array: a client must check the rows of an answer (section 2)."""
        for name, expected in (("v42", 2), ("v40", 1)):
            array = xms_of(name)
            for number in range(10):
                array.volume(f"v{number}")
            assert len(array.names("volumes", filter="index:eq:1")) == expected

    @pytest.mark.parametrize("text", ["name", "name:is:a", ":eq:a", "nonsense:eq:a"])
    def test_a_malformed_filter_is_refused(self, xms: XmsClient, text: str) -> None:
        self.fill(xms)
        xms.refused("GET", "volumes", filter=text)

    def test_the_number_of_terms_is_limited(self, xms_of: Callable[..., XmsClient]) -> None:
        xms_of("small").refused("GET", "volumes", filter=",".join(["name:eq:a"] * 4))
        many = ",".join(f"name:eq:volume-{number:03d}-{'x' * 30}" for number in range(149))
        assert xms_of("v42").names("volumes", filter=many) == []
