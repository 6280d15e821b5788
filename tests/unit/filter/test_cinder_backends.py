# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of cinder_backend_backends as sections of cinder.conf, and the entries that cannot be right."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import BUNDLED, IN_TREE, cinder_backends

SECRET = "Canary$77"
XTREMIO = {"name": "x", "vendor": "xtremio", "address": "xms.example.com", "username": "cinder", "password": SECRET}
VIOLIN = {**XTREMIO, "vendor": "violin"}
FLASHSYSTEM = {**XTREMIO, "vendor": "flashsystem"}
DSWARE = {**XTREMIO, "vendor": "dsware", "pools": ["pool1", "pool2"], "agents": {"c1": "192.0.2.1", "c2": "192.0.2.2"}}
DATERA = {**XTREMIO, "vendor": "datera"}


def one(entry: dict[str, Any], **more: Any) -> dict[str, Any]:
    (found,) = cinder_backends([entry], **more)
    return found


def options(entry: dict[str, Any], **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = one(entry, **more)["section"]["options"]
    return found


SECTIONS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (XTREMIO, {"san_ip": "xms.example.com", "driver_ssl_cert_verify": True, "volume_backend_name": "x"}),
    ({**XTREMIO, "port": 8443, "cluster": "east"}, {"san_api_port": 8443, "xtremio_cluster_name": "east"}),
    ({**XTREMIO, "port": 8443, "driver": "in_tree"}, {"san_ip": "xms.example.com:8443"}),
    ({**VIOLIN, "address": "2001:db8::1", "port": 443, "driver": "in_tree"}, {"san_ip": "[2001:db8::1]:443"}),
    ({**XTREMIO, "validate_certs": False}, {"driver_ssl_cert_verify": False}),
    ({**XTREMIO, "username": "do$main"}, {"san_login": "do$$main"}),
    (FLASHSYSTEM, {"flashsystem_connection_protocol": "FC", "san_ip": "xms.example.com"}),
    ({**FLASHSYSTEM, "protocol": "iscsi"}, {"flashsystem_connection_protocol": "iSCSI"}),
    ({**FLASHSYSTEM, "port": 2222}, {"san_ssh_port": 2222}),
    (DSWARE, {"dsware_rest_url": "https://xms.example.com:28443", "dsware_storage_pools": "pool1;pool2"}),
    (DSWARE, {"manager_ips": "c1:192.0.2.1,c2:192.0.2.2"}),
    ({**DSWARE, "transport": "socket"}, {"fusionstorageagent": "xms.example.com"}),
    ({**DSWARE, "transport": "socket", "pools": ["0", "1"]}, {"pool_id_filter": "0,1"}),
    ({**DATERA, "tenant": "/root/cloud"}, {"datera_tenant_id": "/root/cloud"}),
    ({**XTREMIO, "extra_capabilities": {"b": 1, "a": True}}, {"extra_capabilities": '{"a": true, "b": 1}'}),
    ({**XTREMIO, "options": {"san_ip": "other", "use_multipath_for_image_xfer": None}}, {"san_ip": "other"}),
    ({**XTREMIO, "options": {"use_multipath_for_image_xfer": None}}, {"use_multipath_for_image_xfer": None}),
]


@pytest.mark.parametrize(("entry", "wanted"), SECTIONS)
def test_sections(entry: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert wanted.items() <= options(entry).items()


def test_secrets_are_apart() -> None:
    found = one({**XTREMIO, "options": {"chap_password": "another"}})["section"]
    assert found["secrets"] == {"san_password": SECRET, "chap_password": "another"}
    assert SECRET not in str(found["options"])
    assert "another" not in str(found["options"])
    assert one({**XTREMIO, "password": 1234567})["section"]["secrets"] == {"san_password": "1234567"}


def test_what_an_absent_backend_leaves() -> None:
    """Its section, and its volume types by what the scheduler called it."""
    entry = {"name": "x", "state": "absent", "volume_types": [{"name": "gold"}]}
    assert one(entry) == {
        "name": "x",
        "state": "absent",
        "section": {"name": "x", "state": "absent"},
        "volume_types": [{"name": "gold", "extra_specs": {"volume_backend_name": "x"}}],
    }
    for more in ({"volume_backend_name": "fast"}, {"options": {"volume_backend_name": "fast"}}):
        for state in ({}, {"state": "absent"}):
            (kind,) = one({**XTREMIO, "volume_types": [{"name": "gold"}], **more, **state})["volume_types"]
            assert kind["extra_specs"] == {"volume_backend_name": "fast"}


def test_drivers() -> None:
    """Those of this collection unless told otherwise, and the first protocol of a vendor."""
    assert one(VIOLIN)["driver"] == BUNDLED["violin", "fc"]
    assert one({**XTREMIO, "protocol": "fc"})["driver"] == BUNDLED["xtremio", "fc"]
    in_tree = {**XTREMIO, "driver": "in_tree"}
    assert one(in_tree)["driver"] == IN_TREE["xtremio", "iscsi"]
    told = {IN_TREE["xtremio", "iscsi"]: {"problem": None, "supported": False}}
    assert options(in_tree, drivers=told)["enable_unsupported_driver"] is True
    assert "enable_unsupported_driver" not in options(XTREMIO, drivers=told)
    assert one({**DATERA, "driver": "in_tree"})["packages"] == ["dfs_sdk"]
    assert one(DATERA)["packages"] == []


def test_what_the_scheduler_is_told_of_violin() -> None:
    pools = {"x": [{"provisioning": ["thick", "thin"]}, {"provisioning": ["dedup"]}]}
    assert (
        options({**VIOLIN, "driver": "in_tree"}, pools=pools)["extra_capabilities"] == '{"dedup": true, "thin": true}'
    )
    assert "extra_capabilities" not in options(VIOLIN, pools=pools), "the driver tells of each pool by itself"


def test_the_connection() -> None:
    found = one({**FLASHSYSTEM, "host_key": "ssh-rsa AAAA", "ca_path": "/x"})["connection"]
    assert found == {
        "vendor": "flashsystem",
        "address": ["xms.example.com"],
        "username": "cinder",
        "password": SECRET,
        "host_key": "ssh-rsa AAAA",
    }
    assert one({**DSWARE, "transport": "socket", "address": "a, b"})["connection"]["address"] == ["a", "b"]


def test_volume_types_have_texts_for_extra_specs() -> None:
    found = one({**XTREMIO, "volume_types": [{"name": "gold", "extra_specs": {"replicas": 3}}]})["volume_types"]
    assert found == [{"name": "gold", "extra_specs": {"volume_backend_name": "x", "replicas": "3"}}]


MISTAKES: list[tuple[list[dict[str, Any]], str]] = [
    ([{**XTREMIO, "vendor": "netapp"}], "vendor must be one of datera, dsware, flashsystem, violin, xtremio"),
    ([{**XTREMIO, "name": "DEFAULT"}], "cannot be the name of a backend"),
    ([{**XTREMIO, "name": "a,b"}], "cannot be the name of a backend"),
    ([{**XTREMIO, "name": "Database"}], "cannot be the name of a backend"),
    ([XTREMIO, {**XTREMIO, "name": "X"}], "there are two backends of this name"),
    ([{**XTREMIO, "password": None}], "password is missing"),
    ([{**XTREMIO, "password": ""}], "password is missing"),
    ([{**XTREMIO, "username": None}], "username is missing"),
    ([{**XTREMIO, "address": None}], "address is missing"),
    ([{**DATERA, "protocol": "fc"}], "datera has no protocol fc, only iscsi"),
    ([{**DSWARE, "protocol": "iscsi"}], "a data path of its own"),
    ([{**XTREMIO, "tenant": "/root"}], "tenant is only for vendor datera"),
    ([{**DSWARE, "driver": "in_tree"}], "writes the password anew into cinder.conf"),
    ([{**DATERA, "driver": "in_tree", "port": 7717}], "connects to port 7718 only"),
    ([{**XTREMIO, "state": ""}], "state must be present or absent"),
    ([{**XTREMIO, "cluster": ""}], "cluster is empty; leave it out for the only cluster"),
    ([{**DATERA, "tenant": " "}], "tenant is empty; leave it out for /root"),
    ([{**DSWARE, "pools": []}], "pools is empty; leave it out for all pools"),
    ([{**XTREMIO, "options": {"a": {"b": 1}}}], "the value of the option a is a dictionary"),
]


@pytest.mark.parametrize(("entries", "complaint"), MISTAKES)
def test_mistakes_are_named(entries: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        cinder_backends(entries)
    assert complaint in str(caught.value)
    assert f"backend {entries[-1]['name']}: " in str(caught.value)
    assert SECRET not in str(caught.value)


def test_an_in_tree_driver_that_is_not_there() -> None:
    told = {IN_TREE["flashsystem", "fc"]: {"problem": "the installed Cinder has no such driver", "supported": True}}
    with pytest.raises(
        AnsibleFilterError, match="refused, because the installed Cinder has no such driver; use driver"
    ):
        cinder_backends([{**FLASHSYSTEM, "driver": "in_tree"}], told)
