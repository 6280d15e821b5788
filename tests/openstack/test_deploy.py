# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool of the distribution that judges configurations, in the environments of real services."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.conftest import HERE, Runner
from tests.support.clients import client_python

SECRET = "Canary-Secret-7731"
XTREMIO = "cinder.volume.drivers.dell_emc.xtremio.XtremIOISCSIDriver"
OURS = "openflash_openstack.cinder.xtremio.XtremIOISCSIDriver"

BAD_CINDER = f"""\
[DEFAULT]
enabled_backends = lvm, x, z
debug = perhaps
oddity = 1
[lvm]
volume_group = v
[X]
volume_driver = {XTREMIO}
san_ip = 192.0.2.1
san_ip = 192.0.2.2
san_loginn = x
san_password = {SECRET}
xtremio_array_busy_retry_count = many
san_api_port = 99999
zoning_mode = fabric
extra_capabilities = {{x
"""
CINDER_ERRORS = [
    "y would not be enabled: the enabled_backends that counts is that of {path}",
    f"[x] volume_driver: Cinder has marked {XTREMIO} as unsupported, and runs it only with "
    "enable_unsupported_driver = true",
    "[x] extra_capabilities is not a JSON object",
    "[DEFAULT] debug: Unexpected boolean value 'perhaps'",
    "[x] san_ip is set 2 times, and only the last value counts",
    "[x] san_loginn is not an option of cinder; did you mean san_login?",
    "[x] xtremio_array_busy_retry_count: invalid literal for int() with base 10: 'many'",
    "[x] zoning_mode is not an option of cinder",
    "[x] san_api_port: Should be less than or equal to 65535",
]
CINDER_WARNINGS = [
    "[DEFAULT] oddity is not an option of cinder",
    "enabled_backends has z, and there is no section [z]",
]
GOOD_CINDER = f"""\
[DEFAULT]
enabled_backends = x
state_path = /var/lib/cinder
zoning_mode = fabric
[oslo_concurrency]
lock_path = $state_path/tmp
[x]
volume_driver = {OURS}
san_ip = 192.0.2.1
san_login = cinder
san_password = a$$b
openflash_timeout = 10
backend_host = shared
chap_password = secret
replication_device = backend_id:a
replication_device = backend_id:b
extra_capabilities = {{"a": true}}
"""
BAD_GLANCE = f"""\
[DEFAULT]
enabled_backends = flash:datera, files:file, odd:odd
[glance_store]
default_backend = flash
default_store = datera
[flash]
datera_san_prt = 1
datera_data_path = by hand
datera_san_password = {SECRET}
[files]
filesystem_store_datadir = /x
[backend_defaults]
datera_replica_count = many
datera_san_login = glance
[paste_deploy]
config_file = /etc/glance/glance-api-paste.ini
"""
GLANCE_ERRORS = [
    "[backend_defaults] datera_replica_count: invalid literal for int()",
    "[glance_store] default_store: Valid values are [file, filesystem, http",
    "[flash] datera_san_prt is not an option of glance; did you mean datera_san_port?",
    "[flash] datera_data_path: Valid values are [os-brick, libiscsi], but found 'by hand'",
]


def ask(python: Path, distribution: Path, *arguments: str) -> tuple[int, str]:
    """In the way of the roles, but for the distribution, which is not installed here: its folder is a path."""
    run = "runpy.run_module('openflash_openstack.deploy', None, '__main__')"
    code = f"import sys, runpy; sys.path.append(sys.argv.pop(1)); {run}"
    done = subprocess.run(
        [str(python), "-I", "-c", code, str(distribution), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def check(python: Path, distribution: Path, path: Path, text: str, service: str, *more: str) -> tuple[int, list[str]]:
    path.write_text(text, encoding="utf-8")
    status, output = ask(python, distribution, "check", service, "--config-file", str(path), *more)
    assert SECRET not in output
    return status, output.splitlines()


def test_a_bad_cinder_conf(cinder29: Runner, distribution: Path, tmp_path: Path) -> None:
    path = tmp_path / "cinder.conf"
    wanted = ("--own=x", "--enabled=x", "--enabled=y")
    status, lines = check(cinder29.python, distribution, path, BAD_CINDER, "cinder", *wanted)
    assert status == 1
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    assert sorted(errors) == sorted(one.format(path=path) for one in CINDER_ERRORS)
    warnings = {line.removeprefix("warning: ") for line in lines if line.startswith("warning: ")}
    assert warnings >= set(CINDER_WARNINGS)


def test_a_good_cinder_conf(cinder29: Runner, distribution: Path, tmp_path: Path) -> None:
    path = tmp_path / "cinder.conf"
    found = check(cinder29.python, distribution, path, GOOD_CINDER, "cinder", "--own=x", "--enabled=x")
    assert found == (0, [""]) or found == (0, [])


def test_a_file_that_cannot_be_read(cinder29: Runner, distribution: Path, tmp_path: Path) -> None:
    path = tmp_path / "cinder.conf"
    found = check(cinder29.python, distribution, path, f"[DEFAULT]\n{SECRET}\n", "cinder")
    assert found == (1, [f"error: line 2 of {path} cannot be read: No ':' or '=' found in assignment"])


def test_drivers(cinder29: Runner, distribution: Path) -> None:
    gone = "cinder.volume.drivers.ibm.flashsystem_fc.FlashSystemFCDriver"
    nothing = "cinder.volume.drivers.lvm.Nothing"
    status, output = ask(cinder29.python, distribution, "drivers", XTREMIO, OURS, gone, nothing)
    assert status == 0
    assert json.loads(output) == {
        XTREMIO: {"problem": None, "supported": False},
        OURS: {"problem": None, "supported": True},
        gone: {"problem": f"the installed Cinder has no {gone}", "supported": True},
        nothing: {"problem": "cinder.volume.drivers.lvm has no class Nothing", "supported": True},
    }


def test_a_bad_glance_conf(distribution: Path, tmp_path: Path) -> None:
    python = client_python(HERE / "requirements-glance.txt")
    wanted = ("--own=flash", "--enabled=flash")
    status, lines = check(python, distribution, tmp_path / "glance-api.conf", BAD_GLANCE, "glance", *wanted)
    assert status == 1
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    assert len(errors) == len(GLANCE_ERRORS)
    for error, wanted_error in zip(sorted(errors), sorted(GLANCE_ERRORS), strict=True):
        assert error.startswith(wanted_error)
    # Options of this distribution for Cinder need no Cinder here, and config_file is an option of [paste_deploy]
    assert not [line for line in lines if "openflash_openstack" in line or "config_file" in line or "login" in line]
    assert "warning: the store odd is of type odd, which glance_store does not have" in lines


FILTERS: list[tuple[str, Any]] = [
    ("[Filters]\nother: CommandFilter, ls, root\n", False),
    ("[Filters]\nall: CommandFilter, openflash-test, root\n", True),
    ("[Filters]\nopenflash_x: CommandFilter, openflash-test, root\n", False),
]


@pytest.mark.parametrize(("filters", "wanted"), FILTERS)
def test_what_rootwrap_permits(
    cinder29: Runner, distribution: Path, tmp_path: Path, filters: str, wanted: bool
) -> None:
    """Filters of the roles themselves do not count, and a program that rootwrap does not find is reported."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "one.filters").write_text(filters, encoding="utf-8")
    conf = tmp_path / "rootwrap.conf"
    conf.write_text(f"[DEFAULT]\nfilters_path = {tmp_path}/d\nexec_dirs = /bin,{tmp_path}\n", encoding="utf-8")
    folders = ["/bin", str(tmp_path)]
    for found in (False, True):
        status, output = ask(cinder29.python, distribution, "permitted", str(conf), "openflash-test", "0", "/x")
        assert (status, json.loads(output)) == (0, {"permitted": wanted, "found": found, "exec_dirs": folders})
        (tmp_path / "openflash-test").write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / "openflash-test").chmod(0o755)


def test_the_coordinator_is_reported_without_its_password(cinder29: Runner, distribution: Path, tmp_path: Path) -> None:
    path = tmp_path / "cinder.conf"
    question = ("scheme", "--config-file", str(path), "--config-dir", str(tmp_path / "d"), "coordination:backend_url")
    path.write_text("[DEFAULT]\n", encoding="utf-8")
    assert ask(cinder29.python, distribution, *question) == (0, "null\n")
    path.write_text(f"[coordination]\nbackend_url = mysql://cinder:{SECRET}@db/cinder\n", encoding="utf-8")
    assert ask(cinder29.python, distribution, *question) == (0, '"mysql"\n')
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "more.conf").write_text("[coordination]\nbackend_url = file:///x\n", encoding="utf-8")
    assert ask(cinder29.python, distribution, *question) == (0, '"file"\n')
    path.write_text(f"[coordination]\n{SECRET}\n", encoding="utf-8")
    status, output = ask(cinder29.python, distribution, *question)
    assert (status, SECRET in output) == (2, False)
    assert f"line 2 of {path} cannot be read" in output
