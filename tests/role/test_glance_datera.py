# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role glance_datera on a real Glance, with a simulated array that holds real bytes."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.openstack.conftest import CLIENTS
from tests.role.glance_host import Host, site_packages
from tests.role.service_host import changed, failure
from tests.support.clients import client_python
from tests.support.running import need_root
from tests.support.simulator import Simulator

INITIATOR = "iqn.2026-01.org.example:backup"


def files(host: Host) -> dict[str, bytes]:
    """Everything that the role may write on the host."""
    paths = [host.conf, *host.folder.glob("rootwrap*"), *host.folder.glob("rootwrap.d/*"), *host.folder.glob("sudoers")]
    paths += [*host.folder.glob("*.before-openflash"), site_packages(host.python) / "glance_store/backend.py"]
    return {path.name: path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["multiple"], indirect=True)
def test_one_of_several_stores_is_set_up_and_removed(glance: Host, datera: Simulator, entry: dict[str, Any]) -> None:
    """A real image verifies it, the second run changes nothing, and a store with images is not removed."""
    before = files(glance)
    options: dict[str, Any] = {
        "store": "flash",
        "tenant_id": "/root/images",
        "data_path": "libiscsi",
        "verify_image": True,
        "hosts": [{"name": "backup", "initiators": [INITIATOR]}],
        "volumes": [{"name": "golden", "size": "1GiB", "array_options": {"replica_count": 1}}],
        "mappings": [{"volume": "golden", "host": "backup"}],
    }
    output = glance.run(entry, "--check", "--diff", **options)
    assert changed(output) > 0
    assert files(glance) == before
    output += glance.run(entry, "--diff", "-vvvv", **options)
    assert entry["password"] not in output
    assert glance.conf.stat().st_mode & 0o777 == 0o640
    assert changed(glance.run(entry, **options)) == 0
    assert [row["name"] for row in datera.state("datera")["volumes"]] == ["golden"]

    kept = glance.keep(b"content")
    absent: dict[str, Any] = {"store": "flash", "state": "absent"}
    assert "Glance still has 1 images in it" in failure(glance.run(entry, fails=True, **absent))
    glance.drop(kept)
    glance.run(entry, **absent)
    assert files(glance) == before
    assert changed(glance.run(entry, **absent)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["single"], indirect=True)
def test_a_single_store_with_images_is_not_replaced(glance: Host, entry: dict[str, Any]) -> None:
    """Glance ignores the single store once there are several: refused while it has images, otherwise a warning."""
    before = files(glance)
    options: dict[str, Any] = {"data_path": "libiscsi"}
    glance.start()
    kept = glance.keep(b"content")
    message = failure(glance.run(entry, fails=True, **options))
    assert "Glance has a single configuration of stores (file, http)" in message
    assert "It has images there (1 in file)" in message
    assert "glance_datera_stores to single" in message
    assert files(glance) == before
    assert glance.content(kept) == b"content"
    glance.drop(kept)
    assert "From now on it uses those in enabled_backends only, which is datera:datera." in glance.run(entry, **options)
    assert "enabled_backends = datera:datera" in glance.conf.read_text(encoding="utf-8")
    assert changed(glance.run(entry, **options)) == 0
    message = failure(glance.run(entry, fails=True, stores="single", **options))
    assert "Set glance_datera_stores to multiple" in message


def permitted(host: Host, *argv: str) -> bool:
    """Whether glance-rootwrap would run the command, by oslo.rootwrap's own classes."""
    code = """
import configparser, sys
from oslo_rootwrap import wrapper
parser = configparser.RawConfigParser()
parser.read(sys.argv[1])
config = wrapper.RootwrapConfig(parser)
filters = [one for one in wrapper.load_filters(config.filters_path) if one.name != "privsep-helper"]
assert len(filters) == 2, filters
try:
    wrapper.match_filter(filters, sys.argv[2:], exec_dirs=config.exec_dirs)
except wrapper.FilterMatchNotExecutable:
    pass
except wrapper.NoFilterMatched:
    sys.exit(99)
"""
    python = client_python(CLIENTS / "requirements-cinder29.txt")
    conf = str(host.folder / "rootwrap.conf")
    done = subprocess.run(
        [str(python), "-c", code, conf, *argv], capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode in (0, 99), done.stderr
    return done.returncode == 0


HELPER = ["privsep-helper", "--config-file", "/etc/glance/glance-api.conf", "--privsep_context"]


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["single"], indirect=True)
def test_a_single_store_with_the_kernel_initiator_is_set_up_and_removed(glance: Host, entry: dict[str, Any]) -> None:
    """glance_store is edited, again after an upgrade, and restored. Only the commands that need root are permitted."""
    need_root("the role writes files that belong to root")
    backend = site_packages(glance.python) / "glance_store/backend.py"
    before = files(glance)
    (glance.folder / "rootwrap.d").mkdir()
    (glance.folder / "rootwrap.d" / "image.filters").write_text("[Filters]\n", encoding="utf-8")
    # The packages that pip would install are in the cached environment, except oslo.rootwrap, which Cinder's has
    options: dict[str, Any] = {"stores": "single", "restart_command": ["true"], "oslo_rootwrap": "oslo.rootwrap"}
    rootwrap = glance.folder / "rootwrap.conf"
    rootwrap.write_text("[DEFAULT]\nfilters_path = /nowhere\nexec_dirs = /sbin\n", encoding="utf-8")
    message = failure(glance.run(entry, fails=True, **options))
    assert f"Checking {rootwrap}: rootwrap runs programs in /sbin only, and privsep-helper is in none" in message
    assert f"it should be {glance.python.parent}. Or set glance_datera_data_path to libiscsi" in message
    rootwrap.unlink()
    output = glance.run(entry, **options)
    assert "image.filters exists" in output
    assert b"choices=('datera', 'file'," in backend.read_bytes()
    text = glance.conf.read_text(encoding="utf-8")
    assert "stores = file,http,datera\ndefault_store = datera\n" in text
    assert changed(glance.run(entry, **options)) == 0
    assert (glance.folder / "sudoers").stat().st_mode & 0o777 == 0o440

    context = [*HELPER, "os_brick.privileged.default", "--privsep_sock_path", "/tmp/x/privsep.sock"]
    assert permitted(glance, *context)
    assert permitted(glance, "chown", "1000", "/dev/sdb")
    for argv in (
        [*HELPER, "nova.privsep.sys_admin_pctxt", "--privsep_sock_path", "/tmp/x/privsep.sock"],
        [*context, "--debug"],
        ["chown", "1000", "/dev/sdb;id"],
        ["chown", "-R", "1000", "/dev/sdb"],
        ["chown", "1000", "/dev/../etc/shadow"],
        ["/tmp/chown", "1000", "/dev/sdb"],
        ["chmod", "777", "/dev/sdb"],
        ["tee", "/etc/passwd"],
    ):
        assert not permitted(glance, *argv), argv

    backend.write_bytes(before["backend.py"])
    assert changed(glance.run(entry, **options)) > 0, "an upgrade of glance_store is noticed"
    assert b"choices=('datera', 'file'," in backend.read_bytes()
    glance.run(entry, state="absent", stores="single", restart_command=["true"])
    (glance.folder / "rootwrap.d" / "image.filters").unlink()
    assert files(glance) == before
