# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the task: which variables are used, and which must have no effect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import ArrayUnderTest, Result

pytestmark = [pytest.mark.wire, pytest.mark.common]

VOLUME = {"name": "db1", "size": "10GiB"}


def unrelated_variables(folder: Path) -> dict[str, str]:
    """Variables that other software may have set."""
    netrc = folder / "netrc"
    netrc.write_text("default login nobody password nothing\n", encoding="utf-8")
    netrc.chmod(0o600)
    bundle = folder / "empty.pem"
    bundle.write_text("", encoding="utf-8")
    proxy = "http://127.0.0.1:9"
    options = "VENDOR ADDRESS PORT USERNAME PASSWORD CA_PATH TLS_SERVER_NAME PROXY CLUSTER ARRAY_VERSION TARGET_PORTS"
    return {
        "REQUESTS_CA_BUNDLE": str(bundle),
        "CURL_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
        "NETRC": str(netrc),
        "HOME": str(folder),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), proxy),
        **{f"FLASH_{option}": "" for option in f"{options} TIMEOUT VALIDATE_CERTS HOST_KEY_POLICY".split()},
    }


def test_variables_of_other_software_have_no_effect(array: ArrayUnderTest, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("default login nobody password nothing\n", encoding="utf-8")
    result = array.volume(env=unrelated_variables(tmp_path), **VOLUME)
    assert not result.failed, result.msg
    assert result.changed
    assert not array.volume(env=unrelated_variables(tmp_path), **VOLUME).changed


@pytest.mark.trust("tls")
def test_a_bundle_of_the_environment_does_not_make_a_certificate_trusted(array: ArrayUnderTest) -> None:
    bundle = array.endpoint["ca_path"]
    result = array.volume(
        connection={"ca_path": None}, env={"REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle}, **VOLUME
    )
    assert result.failed
    assert "not trusted" in result.msg


def variables(connection: Mapping[str, Any]) -> dict[str, str]:
    texts = {key: ",".join(value) if isinstance(value, list) else str(value) for key, value in connection.items()}
    return {f"FLASH_{name.upper()}": text for name, text in texts.items()}


def run_with_environment(array: ArrayUnderTest, *keep: str, env: Mapping[str, str], **args: Any) -> Result:
    """The result of a task with only these connection options."""
    return array.task(
        "flash_volume", connection={name: None for name in array.connection if name not in keep}, env=env, **args
    )


def test_every_connection_option_may_come_from_the_environment(array: ArrayUnderTest) -> None:
    result = run_with_environment(array, env=variables(array.connection), **VOLUME)
    assert not result.failed, result.msg
    assert set(array.volumes()) == {"db1"}
    assert array.endpoint["password"] not in result.stdout


def test_options_of_the_task_override_the_environment(array: ArrayUnderTest) -> None:
    env = {**variables(array.connection), "FLASH_PORT": "1", "FLASH_CA_PATH": "/nowhere"}
    kept = [name for name in ("port", "ca_path") if name in array.connection]
    if "ca_path" not in kept:
        del env["FLASH_CA_PATH"]
    result = run_with_environment(array, *kept, env=env, **VOLUME)
    assert not result.failed, result.msg


@pytest.mark.hosts
def test_no_other_option_comes_from_the_environment(array: ArrayUnderTest) -> None:
    array.done("flash_volume", **VOLUME)
    array.done("flash_host_map", host="server", initiators=[array.row.initiators[0]], volume="db1")
    env = dict.fromkeys(("FLASH_UNMAP", "FLASH_FORCE", "FLASH_DELETE_SNAPSHOTS", "FLASH_STATE", "FLASH_SIZE"), "true")
    result = array.volume(name="db1", state="absent", env=env)
    assert result.failed
    assert "it is mapped to host server" in result.msg


@pytest.mark.trust("tls", "ssh")
@pytest.mark.parametrize(
    "other", [{"FLASH_ADDRESS": "192.0.2.1"}, {"FLASH_VENDOR": "other"}, {"FLASH_ADDRESS": "127.0.0.1,192.0.2.1"}]
)
def test_the_password_of_the_environment_never_goes_to_another_array(
    array: ArrayUnderTest, other: dict[str, str]
) -> None:
    mark = array.mark()
    env = {"FLASH_PASSWORD": array.endpoint["password"], **other}
    result = array.volume(connection={"password": None}, env=env, **VOLUME)
    assert result.failed
    assert "demands a password" in result.msg
    assert array.requests(mark) == []


@pytest.mark.trust("tls", "ssh")
def test_the_password_of_the_environment_is_used_for_its_array(array: ArrayUnderTest) -> None:
    for matching in ({}, {"FLASH_ADDRESS": "127.0.0.1"}, {"FLASH_VENDOR": array.endpoint["vendor"]}):
        env = {"FLASH_PASSWORD": array.endpoint["password"], **matching}
        result = array.volume(connection={"password": None}, env=env, **VOLUME)
        assert not result.failed, result.msg
        assert array.endpoint["password"] not in result.stdout


def test_a_variable_with_an_invalid_value_is_refused(xtremio: ArrayUnderTest) -> None:
    result = run_with_environment(xtremio, *(set(xtremio.connection) - {"port"}), env={"FLASH_PORT": "many"}, **VOLUME)
    assert result.failed
    assert "port" in result.msg
    assert "many" in result.msg


def test_no_file_is_left_on_the_disk(array: ArrayUnderTest, tmp_path: Path) -> None:
    array.done("flash_volume", env={"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}, **VOLUME)
    assert list(tmp_path.rglob("*")) == []
    assert {path.name for path in array.modules.folder.iterdir()} <= {"stdout", "stderr"}
