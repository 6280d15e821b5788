# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the role glance_datera as sections of glance-api.conf."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.filter.glance_datera_store import glance_datera_store

OPTIONS = {
    "datera_san_ip": "datera.example.com",
    "datera_san_login": "gl$nce",
    "datera_san_port": 7718,
    "datera_validate_certs": True,
    "datera_ca_file": "/ca.pem",
    "datera_tls_server_name": "",
}
VALUES = {"store": "flash", "multiple": True, "default": True, "options": OPTIONS, "more": {}, "password": "Secret-77"}
SINGLE = {**VALUES, "multiple": False}


def now(**values: Any) -> dict[str, Any]:
    return {f"glance_store:{name}": values.get(name) for name in ("default_backend", "default_store", "stores")}


def test_one_of_several_stores() -> None:
    enabled, default, section = glance_datera_store(VALUES)["present"]
    assert enabled == {"name": "DEFAULT", "members": [{"name": "enabled_backends", "present": ["flash:datera"]}]}
    assert default == {"name": "glance_store", "options": {"default_backend": "flash"}}
    assert (section["name"], section["exclusive"]) == ("flash", True)
    # A text as the service reads it, and no option for what is empty
    assert section["options"] == {**OPTIONS, "datera_san_login": "gl$$nce", "datera_tls_server_name": []}
    assert section["secrets"] == {"datera_san_password": "Secret-77"}
    assert len(glance_datera_store({**VALUES, "default": False})["present"]) == 2


@pytest.mark.parametrize(
    ("stores", "written"),
    [(None, "file,http,datera"), ("file, rbd", "file,rbd,datera"), ("datera,file", "datera,file")],
)
def test_a_single_store_joins_those_that_there_are(stores: str | None, written: str) -> None:
    sections = glance_datera_store(SINGLE, now=now(stores=stores))["present"]
    assert sections[0] == {"name": "glance_store", "options": {"stores": written}}
    assert sections[1] == {"name": "glance_store", "options": {"default_store": "datera"}}
    assert (sections[2]["name"], sections[2]["exclusive"]) == ("glance_store", False)


def test_a_driver_gets_only_the_options_that_it_has() -> None:
    known = ["datera_san_ip", "datera_san_port", "its_own"]
    found = glance_datera_store({**VALUES, "more": {"its_own": 1, "odd": 2}}, known)
    options = found["present"][2]["options"]
    assert {key: value for key, value in options.items() if value != []} == {
        "datera_san_ip": "datera.example.com",
        "datera_san_port": 7718,
        "its_own": 1,
        "odd": 2,
    }
    assert {key for key, value in options.items() if value == []} >= {"datera_san_login", "datera_sessions"}
    assert found["unknown"] == ["odd"]
    assert found["lacks"] == ["datera_san_login", "datera_validate_certs", "datera_ca_file", "datera_tls_server_name"]
    assert glance_datera_store({**VALUES, "more": {"datera_timeout": 1}})["unknown"] == []


def test_the_former_default_returns_unless_somebody_has_changed_it() -> None:
    former = {"default_backend": "files", "default_store": None, "stores": None}
    sections = glance_datera_store(VALUES, None, now(default_backend="flash"), former)["absent"]
    assert sections == [
        {"name": "glance_store", "options": {"default_backend": "files"}},
        {"name": "DEFAULT", "members": [{"name": "enabled_backends", "absent": ["flash:datera"]}]},
        {"name": "flash", "state": "absent"},
    ]
    sections = glance_datera_store(VALUES, None, now(default_backend="rbd"), former)["absent"]
    assert sections[0] == {"name": "glance_store", "options": {}}


def test_a_single_store_leaves_the_others() -> None:
    was = {"default_backend": None, "default_store": "file", "stores": "file,http"}
    default, single = glance_datera_store(SINGLE, None, now(default_store="datera"), was)["absent"]
    assert default == {"name": "glance_store", "options": {"default_store": "file"}}
    assert single["members"] == [{"name": "stores", "absent": ["datera"]}]
    assert set(single["options"]) >= {"datera_san_password", "datera_san_ip", "datera_sessions"}
    assert [value for value in single["options"].values() if value != []] == []
    # The option was not set
    _default, single = glance_datera_store(SINGLE, None, now(), {**was, "stores": None})["absent"]
    assert single["options"]["stores"] is None
    assert "members" not in single


def test_the_connection_of_the_modules() -> None:
    found = glance_datera_store(VALUES)["connection"]
    assert found == {
        "vendor": "datera",
        "address": ["datera.example.com"],
        "port": 7718,
        "username": "gl$nce",
        "password": "Secret-77",
        "validate_certs": True,
        "ca_path": "/ca.pem",
    }
    plain = {**VALUES, "options": {**OPTIONS, "datera_san_port": "7717", "datera_tls_server_name": "d"}}
    found = glance_datera_store(plain)["connection"]
    assert (found["scheme"], found["port"], found["tls_server_name"]) == ("http", 7717, "d")
    assert "validate_certs" not in found
