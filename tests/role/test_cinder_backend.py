# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role cinder_backend on a real Cinder, with the simulated arrays behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import connector
from tests.e2e.test_cinder import Array
from tests.role.cinder_host import Host, backend, cinder_python
from tests.role.service_host import changed, failure
from tests.support.simulator import Simulator

GIB = 1 << 30
NAMES = ("xtremio", "flashsystem", "violin", "dsware", "datera")
INITIATOR = "iqn.2026-01.org.example:database"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    # Two hosts with the block client, as compute-1 and compute-2
    arrays: list[dict[str, Any]] = [{"vendor": name} for name in NAMES]
    arrays[NAMES.index("dsware")]["agents"] = ["127.0.0.1", "127.0.0.2"]
    with Simulator(arrays) as running:
        yield running


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cinder_python(tmp_path_factory.mktemp("service") / "venv")


@pytest.fixture
def host(python: Path, tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "cinder", python)
    yield made
    made.stop()


@pytest.mark.slow
def test_five_backends_are_set_up_used_and_removed(host: Host, simulator: Simulator) -> None:
    """The second run changes nothing, and backends with volumes are not removed."""
    before = host.conf.read_bytes()
    wanted = [backend(simulator, name, volume_types=[{"name": f"{name}-gold"}]) for name in NAMES]
    wanted[0] |= {
        "volumes": [{"name": "golden", "size": "1GiB"}],
        "hosts": [{"name": "database", "initiators": [INITIATOR]}],
        "mappings": [{"volume": "golden", "host": "database"}],
    }
    wanted[NAMES.index("violin")]["volume_types"][0]["extra_specs"] = {"thin": "<is> False"}
    service: dict[str, Any] = {"restart_command": host.restart_command, "health_timeout": 120, "api": host.api}
    host.start()
    secrets = [simulator.array(name)["password"] for name in NAMES]

    output = host.run(wanted, "--check", "--diff", **service)
    assert changed(output) > 0
    assert host.conf.read_bytes() == before
    assert simulator.state("xtremio")["volumes"] == []
    pid = (host.folder / "pid").read_text()

    output += host.run(wanted, "--diff", "-vvvv", **service)
    assert not [secret for secret in secrets if secret in output]
    assert (host.conf.read_bytes().startswith(before), host.conf.stat().st_mode & 0o777) == (False, 0o640)
    assert [one["name"] for one in simulator.state("xtremio")["volumes"]] == ["golden"]
    new = (host.folder / "pid").read_text()
    assert new != pid, "restarted"
    assert changed(host.run(wanted, **service)) == 0
    assert (host.folder / "pid").read_text() == new

    kept = {name: use(host, simulator, name) for name in NAMES}
    gone: list[dict[str, Any]] = [{"name": name, "state": "absent"} for name in NAMES]
    message = failure(host.run(gone, fails=True, **service))
    assert re.search(r"Removing backend \w+: Cinder still has 1 volumes on control@\w+", message)
    conf = host.conf.read_bytes()
    gone = [one | {"volume_types": [{"name": f"{one['name']}-gold"}]} for one in gone]
    removal = {**service, "remove_types": True}
    message = failure(host.run(gone, fails=True, force=True, **removal))
    assert "Removing volume type xtremio-gold: Target volume type is still in use." in message
    assert host.conf.read_bytes() == conf, "where a type must stay, its backend stays, too"
    for number in kept.values():
        host.cinder.delete("volume", number)
    host.run(gone, **removal)
    host.cinder.wait_for("the API", host._answers)
    assert [one["name"] for one in host.cinder.ask("GET", "/types")["volume_types"]] == ["__DEFAULT__"]
    assert changed(host.run(gone, **removal)) == 0
    assert host.conf.read_bytes() == before
    assert [one["name"] for one in simulator.state("xtremio")["volumes"]] == ["golden"], "the array is left alone"


def use(host: Host, simulator: Simulator, name: str) -> str:
    """Create, attach and delete a volume by the service that the role set up. Returns the id of another volume."""
    (kind,) = [one["id"] for one in host.cinder.ask("GET", "/types")["volume_types"] if one["name"] == f"{name}-gold"]
    one, other = host.cinder.create(1, kind)["id"], host.cinder.create(1, kind)["id"]
    array = Array(simulator, name)
    assert array.find(one)["size"] == GIB
    attachment, info = host.cinder.attach(one, connector(1))
    assert info["driver_volume_type"]
    host.cinder.detach(attachment, one)
    host.cinder.delete("volume", one)
    assert not [item for item in array.state()["volumes"] if one.replace("-", "") in item["name"].replace("-", "")]
    return str(other)


@pytest.mark.slow
def test_a_wrong_option_never_reaches_the_configuration(host: Host, simulator: Simulator) -> None:
    """A wrong password, a value out of range and an unknown option are refused, and the file is unchanged."""
    before = host.conf.read_bytes()
    good = backend(simulator, "xtremio")
    message = failure(host.run([good | {"password": "Not-The-Right-One-77"}], fails=True))
    assert "did not accept the user name and password" in message
    assert "Not-The-Right-One-77" not in message
    options = {"san_loginn": "x", "xtremio_array_busy_retry_count": "many", "openflash_timeout": 0}
    message = failure(host.run([good | {"options": options}], fails=True, verify_array=False))
    for complaint in (
        "[xtremio] san_loginn is not an option of cinder; did you mean san_login?",
        "[xtremio] xtremio_array_busy_retry_count: invalid literal for int()",
        "[xtremio] openflash_timeout: Should be greater than or equal to 1",
    ):
        assert complaint in message
    host.conf.with_name("cinder.conf.d").mkdir()
    drop_in = host.conf.with_name("cinder.conf.d") / "site.conf"
    drop_in.write_text("[DEFAULT]\nenabled_backends = lvm\n", encoding="utf-8")
    message = failure(host.run([good], fails=True, verify_array=False))
    assert f"xtremio would not be enabled: the enabled_backends that counts is that of {drop_in}" in message
    assert host.conf.read_bytes() == before


@pytest.mark.slow
def test_a_host_that_could_attach_no_volume_is_refused(
    host: Host, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rootwrap that does not find the helper, a sudo that does not run rootwrap; missing programs are reported."""
    before = host.conf.read_bytes()
    good = backend(simulator, "xtremio")
    options: dict[str, Any] = {"verify_array": False, "validate": False, "restart_command": ["true"]}
    rootwrap = host.folder / "rootwrap.conf"
    rootwrap.write_text("[DEFAULT]\nfilters_path = /nowhere\nexec_dirs = /sbin,/nowhere\n", encoding="utf-8")
    message = failure(host.run([good], fails=True, **options))
    assert f"Checking {rootwrap}: rootwrap runs programs in /sbin, /nowhere only, and privsep-helper is in" in message
    assert f"it should be {host.python.parent}." in message
    rootwrap.write_text(f"[DEFAULT]\nfilters_path = /nowhere\nexec_dirs = {host.python.parent}\n", encoding="utf-8")
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for name, text in (("sudo", "echo sorry >&2; exit 1"), ("runuser", 'shift 3; exec "$@"'), ("iscsiadm", "exit 0")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    output = host.run([good], fails=True, user="nobody", **options)
    message = failure(output)
    assert f"user nobody cannot run cinder-rootwrap {rootwrap} as root without a password (sorry)" in message
    assert f'secure_path=\\"{host.python.parent}:/usr/sbin' in message
    assert "has no multipathd" in output
    assert "has no iscsiadm" not in output
    assert host.conf.read_bytes() == before
    (programs / "sudo").write_text('#!/bin/sh\n[ "$*" = "-n -l cinder-rootwrap $4" ]\n', encoding="utf-8")
    host.run([good], user="nobody", **options)
    assert b"[xtremio]" in host.conf.read_bytes()


@pytest.mark.slow
def test_a_backend_that_does_not_come_up(host: Host, simulator: Simulator) -> None:
    """The reason in the log is reported, and so is an API without an answer or a missing driver."""
    host.only_volume_service()
    wrong = backend(simulator, "xtremio", password="Not-The-Right-One-77")
    service: dict[str, Any] = {"restart_command": host.restart_command, "health_timeout": 30}
    output = host.run([wrong], fails=True, verify_array=False, **service)
    message = failure(output)
    assert "these did not report to Cinder within 30 s: xtremio." in message
    assert "did not accept the user name and password" in message
    assert "Not-The-Right-One-77" not in output
    types = backend(simulator, "xtremio", volume_types=[{"name": "gold"}])
    nowhere = {"url": "http://127.0.0.1:1/v3", "token": "Canary-Token-99"}
    output = host.run([types], fails=True, api=nowhere, verify_array=False, restart_command=["true"])
    assert "Reading the volume types from http://127.0.0.1:1/v3: " in failure(output)
    assert "Canary-Token-99" not in output
    in_tree = backend(simulator, "flashsystem", driver="in_tree")
    assert "driver: in_tree is refused, because the installed Cinder has no" in host.run([in_tree], fails=True)
    in_tree = backend(simulator, "xtremio", driver="in_tree")
    host.run([in_tree], restart_command=["true"])
    text = host.conf.read_text(encoding="utf-8")
    assert "volume_driver = cinder.volume.drivers.dell_emc.xtremio.XtremIOISCSIDriver\n" in text
    assert "enable_unsupported_driver = true\n" in text
