# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with problems: no package index, no right to write, an interrupted run, an old oslo.rootwrap."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.role.cinder_host import Host, backend, cinder_python
from tests.role.glance_host import Host as GlanceHost, glance_python, site_packages
from tests.role.service_host import changed, failure
from tests.support.clients import built_wheel, client_wheel
from tests.support.running import need_root
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

UNREACHABLE = ["--index-url", "http://127.0.0.1:9/simple", "--retries", "0"]
# The last release that does not permit the privsep helper by itself
OLD_ROOTWRAP = "oslo.rootwrap==4.4.0"
# Root without capabilities, to whom the kernel applies file modes as to any other user
POWERLESS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator([{"vendor": name} for name in ("violin", "xtremio", "datera")]) as running:
        yield running


@pytest.fixture
def cinder(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path / "cinder", cinder_python(tmp_path / "cinder-venv"))
    yield made
    made.stop()


@pytest.fixture
def glance(tmp_path: Path) -> Iterator[GlanceHost]:
    made = GlanceHost(tmp_path / "glance", glance_python(tmp_path / "glance-venv"), True)
    yield made
    made.stop()


def install(python: Path, requirement: str) -> None:
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    subprocess.run([*pip, "--disable-pip-version-check", str(client_wheel(requirement))], check=True, timeout=600)


def test_a_missing_package_index_is_reported_and_a_wheel_is_enough(
    cinder: Host, glance: GlanceHost, simulator: Simulator, tmp_path: Path
) -> None:
    """The message names the package and the option for the path of a wheel."""
    before = cinder.conf.read_bytes()
    wanted = [backend(simulator, "violin")]
    offline: dict[str, Any] = {"pip_arguments": UNREACHABLE, "install_vmemclient": True}
    output = cinder.run(wanted, fails=True, **offline)
    message = failure(output)
    assert UNREACHABLE[1] not in output, "an index may have a password in its URL"
    assert f"Installing vmemclient==1.1.9 for {cinder.python}: " in message
    assert "give cinder_backend_vmemclient the path of a wheel on it" in message
    assert cinder.conf.read_bytes() == before
    offline["vmemclient"] = str(built_wheel("vmemclient==1.1.9", tmp_path))
    cinder.run(wanted, restart_command=["true"], **offline)
    assert list(site_packages(cinder.python).glob("vmemclient-1.1.9.dist-info"))
    assert changed(cinder.run(wanted, restart_command=["true"], **offline)) == 0

    before = glance.conf.read_bytes()
    entry = simulator.array("datera")
    kernel: dict[str, Any] = {"pip_arguments": UNREACHABLE, "restart_command": ["true"]}
    message = failure(glance.run(entry, fails=True, **kernel))
    assert f"Installing oslo.rootwrap for {glance.python}: " in message
    assert "give glance_datera_oslo_rootwrap the path of a wheel on it" in message
    assert glance.conf.read_bytes() == before
    message = failure(
        glance.run(entry, fails=True, oslo_rootwrap="/nowhere/oslo.rootwrap-1-py3-none-any.whl", **kernel)
    )
    assert "/nowhere/oslo.rootwrap-1-py3-none-any.whl" in message
    kernel["oslo_rootwrap"] = str(client_wheel("oslo.rootwrap==7.10.0"))
    glance.run(entry, **kernel)
    assert changed(glance.run(entry, **kernel)) == 0


def test_a_configuration_that_may_not_be_written_is_named_and_stays(
    cinder: Host, glance: GlanceHost, simulator: Simulator
) -> None:
    """The message names the file, no secret is shown, and the file is unchanged."""
    wanted = backend(simulator, "xtremio")
    hosts: tuple[tuple[Host | GlanceHost, Callable[[], str], str], ...] = (
        (cinder, lambda: cinder.run([wanted], fails=True, before=POWERLESS), wanted["password"]),
        (
            glance,
            lambda: glance.run(simulator.array("datera"), fails=True, before=POWERLESS, data_path="libiscsi"),
            simulator.array("datera")["password"],
        ),
    )
    for host, run, secret in hosts:
        before = host.conf.read_bytes()
        host.conf.chmod(0o440)
        mode = host.folder.stat().st_mode
        names = sorted(path.name for path in host.folder.iterdir())
        host.folder.chmod(0o555)
        try:
            output = run()
        finally:
            host.folder.chmod(mode)
        message = failure(output)
        assert str(host.conf.parent) in message
        assert "writable" in message or "ermission denied" in message
        assert secret not in output
        assert host.conf.read_bytes() == before
        assert sorted(path.name for path in host.folder.iterdir()) == names


def test_the_next_run_restarts_the_service_that_an_interrupted_run_did_not(
    cinder: Host, glance: GlanceHost, simulator: Simulator
) -> None:
    """The first run ends after the change and before the restart. A run that was refused needs no restart."""
    wanted = backend(simulator, "xtremio")
    service: dict[str, Any] = {"restart_command": cinder.restart_command, "health_timeout": 120}
    before = cinder.conf.read_bytes()
    cinder.run([wanted | {"options": {"san_loginn": "x"}}], fails=True, **service)
    assert cinder.conf.read_bytes() == before
    cinder.run([wanted], fails=True, **{**service, "restart_command": ["false"]})
    assert b"[xtremio]" in cinder.conf.read_bytes()
    assert not (cinder.folder / "pid").exists()
    output = cinder.run([wanted], "--check", **service)
    assert "An earlier run was interrupted before the service was restarted" in output
    output = cinder.run([wanted], **service)
    assert "An earlier run was interrupted before the service was restarted" in output
    pid = (cinder.folder / "pid").read_text()
    assert changed(cinder.run([wanted], **service)) == 0
    cinder.run([wanted | {"options": {"san_loginn": "x"}}], fails=True, **service)
    assert changed(cinder.run([wanted], **service)) == 0
    assert (cinder.folder / "pid").read_text() == pid

    entry = simulator.array("datera")
    options: dict[str, Any] = {"data_path": "libiscsi", "method": "in_place"}
    # The drivers are there and the store is placed, and then the configuration is refused
    bad = {**options, "options": {"datera_san_prt": 1}}
    glance.run(entry, fails=True, **bad)
    glance.run(entry, fails=True, **bad)
    assert not (glance.folder / "pid").exists()
    glance.run(entry, fails=True, **options, restart_command=["false"])
    assert "An earlier run was interrupted" in glance.run(entry, **options)
    pid = (glance.folder / "pid").read_text()
    assert changed(glance.run(entry, **options)) == 0
    assert (glance.folder / "pid").read_text() == pid
    assert list(glance.folder.glob("*.restart-due")) == []


def test_an_old_rootwrap_gets_a_filter_for_the_privsep_helper(cinder: Host, simulator: Simulator) -> None:
    """The filter is written where the helper is not permitted, permits os-brick's helper only, and is removed again."""
    need_root("the role writes a file that belongs to root")
    install(cinder.python, OLD_ROOTWRAP)
    (cinder.folder / "rootwrap.d").mkdir()
    filters = cinder.folder / "rootwrap.d" / "openflash.filters"
    (cinder.folder / "rootwrap.conf").write_text(
        f"[DEFAULT]\nfilters_path = {cinder.folder}/rootwrap.d\nexec_dirs = /bin,{cinder.python.parent}\n",
        encoding="utf-8",
    )
    wanted = backend(simulator, "xtremio")
    options: dict[str, Any] = {"restart_command": ["true"]}
    assert changed(cinder.run([wanted], "--check", **options)) > 0
    assert not filters.exists()
    cinder.run([wanted], **options)
    assert (filters.stat().st_mode & 0o777, filters.stat().st_uid) == (0o644, 0)
    assert changed(cinder.run([wanted], **options)) == 0

    helper = ["privsep-helper", "--config-file", "/etc/cinder/cinder.conf", "--privsep_context"]
    brick = [*helper, "os_brick.privileged.default", "--privsep_sock_path", "/tmp/x/privsep.sock"]
    assert permitted(cinder, *brick)
    for argv in (
        [*helper, "cinder.privsep.sys_admin_pctxt", "--privsep_sock_path", "/tmp/x/privsep.sock"],
        [*brick, "--debug"],
        [*brick[:-1], "/etc/shadow"],
        ["/tmp/privsep-helper", *brick[1:]],
        ["privsep-helper", "--config-file", "/etc/../tmp/x", *brick[3:]],
        ["cat", "/etc/shadow"],
    ):
        assert not permitted(cinder, *argv), argv
    # Another filter permits it, so the role's filter is not needed any more
    (cinder.folder / "rootwrap.d" / "volume.filters").write_text(
        "[Filters]\nprivsep: CommandFilter, privsep-helper, root\n", encoding="utf-8"
    )
    cinder.run([wanted], **options)
    assert not filters.exists()
    (cinder.folder / "rootwrap.d" / "volume.filters").unlink()
    cinder.run([wanted], **options)
    assert filters.exists()
    cinder.run([{"name": "xtremio", "state": "absent"}], **options)
    assert not filters.exists()


def permitted(host: Host, *argv: str) -> bool:
    """Whether the oslo.rootwrap of that host permits a command."""
    code = """
import configparser, sys
from oslo_rootwrap import wrapper
parser = configparser.RawConfigParser()
parser.read(sys.argv[1])
config = wrapper.RootwrapConfig(parser)
try:
    wrapper.match_filter(wrapper.load_filters(config.filters_path), sys.argv[2:], exec_dirs=config.exec_dirs)
except wrapper.FilterMatchNotExecutable:
    pass
except wrapper.NoFilterMatched:
    sys.exit(99)
"""
    command = [str(host.python), "-c", code, str(host.folder / "rootwrap.conf"), *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode in (0, 99), done.stderr
    return done.returncode == 0
