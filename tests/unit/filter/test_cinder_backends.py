# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter cinder_backends: entries of cinder_backend_backends as sections of cinder.conf, and bad entries."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import (
    BUNDLED,
    IN_TREE,
    cinder_backend_mistakes,
    cinder_backends,
)

SECRET = "Canary$77"
XTREMIO = {"name": "x", "vendor": "xtremio", "address": "xms.example.com", "username": "cinder", "password": SECRET}
VIOLIN = {**XTREMIO, "vendor": "violin"}
FLASHSYSTEM = {**XTREMIO, "vendor": "flashsystem"}
DSWARE = {**XTREMIO, "vendor": "dsware", "pools": ["pool1", "pool2"], "agents": {"c1": "192.0.2.1", "c2": "192.0.2.2"}}
DATERA = {**XTREMIO, "vendor": "datera"}


def backend_of(entry: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    (backend,) = cinder_backends([entry], **arguments)
    return backend


def section_options(entry: dict[str, Any], **arguments: Any) -> dict[str, Any]:
    options: dict[str, Any] = backend_of(entry, **arguments)["section"]["options"]
    return options


HOST_KEYS = {"host_key": "ssh-ed25519 AAAA", "known_hosts": "/etc/cinder/known", "host_key_policy": "strict"}
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
    ({**FLASHSYSTEM, **HOST_KEYS}, {f"openflash_{key}": value for key, value in HOST_KEYS.items()}),
    (DSWARE, {"dsware_rest_url": "https://xms.example.com:28443", "dsware_storage_pools": "pool1;pool2"}),
    (DSWARE, {"manager_ips": "c1:192.0.2.1,c2:192.0.2.2"}),
    ({**DSWARE, "transport": "socket"}, {"fusionstorageagent": "xms.example.com"}),
    ({**DSWARE, "transport": "socket", "pools": ["0", "1"]}, {"pool_id_filter": "0,1"}),
    ({**DATERA, "tenant": "/root/cloud"}, {"datera_tenant_id": "/root/cloud"}),
    ({**XTREMIO, "extra_capabilities": {"b": 1, "a": True}}, {"extra_capabilities": '{"a": true, "b": 1}'}),
    ({**XTREMIO, "options": {"san_ip": "other", "use_multipath_for_image_xfer": None}}, {"san_ip": "other"}),
    ({**XTREMIO, "options": {"use_multipath_for_image_xfer": None}}, {"use_multipath_for_image_xfer": None}),
]


@pytest.mark.parametrize(("entry", "expected"), SECTIONS)
def test_an_entry_becomes_the_options_of_its_section(entry: dict[str, Any], expected: dict[str, Any]) -> None:
    assert expected.items() <= section_options(entry).items()


def test_a_driver_of_cinder_gets_no_option_of_this_collection() -> None:
    options = section_options({**FLASHSYSTEM, **HOST_KEYS, "driver": "in_tree"})
    assert not [key for key in options if key.startswith("openflash_")]


def test_secrets_are_separate_from_options() -> None:
    section = backend_of({**XTREMIO, "options": {"chap_password": "another"}})["section"]
    assert section["secrets"] == {"san_password": SECRET, "chap_password": "another"}
    assert SECRET not in str(section["options"])
    assert "another" not in str(section["options"])
    assert backend_of({**XTREMIO, "password": 1234567})["section"]["secrets"] == {"san_password": "1234567"}


def test_an_absent_backend_has_its_section_and_volume_types() -> None:
    """The volume types are found by the backend name that the scheduler uses."""
    entry = {"name": "x", "state": "absent", "volume_types": [{"name": "gold"}]}
    assert backend_of(entry) == {
        "name": "x",
        "state": "absent",
        "section": {"name": "x", "state": "absent"},
        "volume_types": [{"name": "gold", "extra_specs": {"volume_backend_name": "x"}}],
    }
    for changes in ({"volume_backend_name": "fast"}, {"options": {"volume_backend_name": "fast"}}):
        for state in ({}, {"state": "absent"}):
            (volume_type,) = backend_of({**XTREMIO, "volume_types": [{"name": "gold"}], **changes, **state})[
                "volume_types"
            ]
            assert volume_type["extra_specs"] == {"volume_backend_name": "fast"}


def test_the_driver_is_that_of_the_collection_unless_the_entry_says_in_tree() -> None:
    """Without a protocol it is the driver of the vendor's first one."""
    assert backend_of(VIOLIN)["driver"] == BUNDLED["violin", "fc"]
    assert backend_of({**XTREMIO, "protocol": "fc"})["driver"] == BUNDLED["xtremio", "fc"]
    in_tree = {**XTREMIO, "driver": "in_tree"}
    assert backend_of(in_tree)["driver"] == IN_TREE["xtremio", "iscsi"]
    reported = {IN_TREE["xtremio", "iscsi"]: {"problem": None, "supported": False}}
    assert section_options(in_tree, drivers=reported)["enable_unsupported_driver"] is True
    assert "enable_unsupported_driver" not in section_options(XTREMIO, drivers=reported)
    assert backend_of({**DATERA, "driver": "in_tree"})["packages"] == ["dfs_sdk"]
    assert backend_of(DATERA)["packages"] == []


def test_a_violin_backend_in_tree_has_the_provisioning_of_its_pools_as_capabilities() -> None:
    pools = {"x": [{"provisioning": ["thick", "thin"]}, {"provisioning": ["dedup"]}]}
    assert (
        section_options({**VIOLIN, "driver": "in_tree"}, pools=pools)["extra_capabilities"]
        == '{"dedup": true, "thin": true}'
    )
    assert "extra_capabilities" not in section_options(VIOLIN, pools=pools), (
        "the bundled driver reports each pool itself"
    )


def test_an_entry_has_the_connection_options_of_its_array() -> None:
    connection = backend_of({**FLASHSYSTEM, "host_key": "ssh-rsa AAAA", "ca_path": "/x"})["connection"]
    assert connection == {
        "vendor": "flashsystem",
        "address": ["xms.example.com"],
        "username": "cinder",
        "password": SECRET,
        "host_key": "ssh-rsa AAAA",
    }
    assert backend_of({**DSWARE, "transport": "socket", "address": "a, b"})["connection"]["address"] == ["a", "b"]


def test_extra_specs_of_volume_types_are_texts() -> None:
    volume_types = backend_of({**XTREMIO, "volume_types": [{"name": "gold", "extra_specs": {"replicas": 3}}]})[
        "volume_types"
    ]
    assert volume_types == [{"name": "gold", "extra_specs": {"volume_backend_name": "x", "replicas": "3"}}]


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
def test_a_bad_entry_is_refused_with_its_name_and_the_reason(entries: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(AnsibleFilterError) as caught:
        cinder_backends(entries)
    assert complaint in str(caught.value)
    assert f"backend {entries[-1]['name']}: " in str(caught.value)
    assert SECRET not in str(caught.value)


def test_every_entry_that_is_wrong_is_reported_at_once() -> None:
    wrong = [{**XTREMIO, "vendor": "acme"}, {**VIOLIN, "name": "v"}, {**DATERA, "name": "V"}]
    found = cinder_backend_mistakes(wrong)
    assert [text.partition(":")[2].split(": ")[0].strip() for text in found] == ["backend x", "backend V"]
    assert "two backends of this name" in found[1]
    assert cinder_backend_mistakes(wrong[1:2]) == []


def test_a_missing_in_tree_driver_is_refused() -> None:
    reported = {IN_TREE["flashsystem", "fc"]: {"problem": "the installed Cinder has no such driver", "supported": True}}
    with pytest.raises(
        AnsibleFilterError, match="refused, because the installed Cinder has no such driver; use driver"
    ):
        cinder_backends([{**FLASHSYSTEM, "driver": "in_tree"}], reported)
