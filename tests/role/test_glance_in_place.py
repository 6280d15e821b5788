# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role glance_datera with a store that is placed within glance_store: the collection's, or a vendor's."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.test_place import STAND_IN
from tests.role.glance_host import Host, site_packages
from tests.role.service_host import changed, failure, playbook
from tests.support.clients import built_wheel, client_wheel
from tests.support.running import need_root

STORE = "glance_store==5.7.0"


def tree(python: Path) -> dict[str, bytes]:
    """The files of the installed glance_store, without the compiled code of its own files."""
    site = site_packages(python)
    files = [path for package in site.glob("glance_store*") for path in package.rglob("*") if path.is_file()]
    kept = [path for path in files if path.parent.name != "__pycache__" or path.name.startswith("datera.")]
    return {str(path.relative_to(site)): path.read_bytes() for path in kept}


def reinstall(python: Path) -> None:
    """Install glance_store again, as an upgrade does."""
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--force-reinstall"]
    subprocess.run([*pip, "--disable-pip-version-check", str(client_wheel(STORE))], check=True, timeout=600)


def of_a_vendor(path: Path) -> dict[str, Any]:
    """The options of the role for a vendor's driver."""
    return {
        "stores": "single",
        "method": "in_place",
        "driver_source": "path",
        "driver_path": str(path),
        "oslo_rootwrap": str(client_wheel("oslo.rootwrap==7.10.0")),
    }


def announced(python: Path) -> list[str]:
    code = (
        "import importlib.metadata as m\n"
        "print([e.value for e in m.entry_points(group='glance_store.drivers') if e.name == 'datera'])"
    )
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True, timeout=600)
    entry_points: list[str] = ast.literal_eval(done.stdout)
    return entry_points


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["multiple"], indirect=True)
def test_the_store_is_placed_within_glance_store_and_removed(glance: Host, entry: dict[str, Any]) -> None:
    """A real image verifies the store. An upgrade of glance_store removes it, and the next run places it again."""
    reinstall(glance.python)
    before, conf = tree(glance.python), glance.conf.read_bytes()
    options: dict[str, Any] = {"method": "in_place", "data_path": "libiscsi", "verify_image": True}
    output = glance.run(entry, "--check", **options)
    assert changed(output) > 0
    assert (tree(glance.python), glance.conf.read_bytes()) == (before, conf)
    glance.run(entry, **options)
    assert announced(glance.python) == ["glance_store._drivers.datera:Store"]
    placed = tree(glance.python)
    assert changed(glance.run(entry, **options)) == 0
    pid = (glance.folder / "pid").read_text()

    reinstall(glance.python)
    assert tree(glance.python) == before, "pip removes what it was told of"
    output = glance.run(entry, "--check", **options)
    assert changed(output) > 0
    assert "does not check the new configuration against the options" in output
    glance.run(entry, **options)
    assert (glance.folder / "pid").read_text() != pid, "restarted"
    assert {name: data for name, data in tree(glance.python).items() if not name.endswith(".pyc")} == {
        name: data for name, data in placed.items() if not name.endswith(".pyc")
    }

    glance.run(entry, **{**options, "method": "package"})
    assert announced(glance.python) == ["openflash_openstack.glance.datera:Store"]
    assert tree(glance.python) == before
    glance.run(entry, **options)
    glance.run(entry, state="absent")
    assert (tree(glance.python), glance.conf.read_bytes()) == (before, conf)
    assert announced(glance.python) == []
    assert changed(glance.run(entry, state="absent")) == 0


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["single"], indirect=True)
def test_a_driver_of_a_vendor_is_used_and_replaced_again(glance: Host, entry: dict[str, Any], tmp_path: Path) -> None:
    """A real image verifies it, and only its options are written. Then the bundled driver replaces it."""
    need_root("the role writes files that belong to root")
    before, conf = tree(glance.python), glance.conf.read_bytes()
    release = tmp_path / "release"
    (release / "src").mkdir(parents=True)
    shutil.copy(STAND_IN, release / "src" / "datera.py")
    images = tmp_path / "images"
    images.mkdir()
    options = {**of_a_vendor(release), "tenant_id": str(images), "verify_image": True}
    output = glance.run(entry, "--diff", "-vvvv", **options)
    assert entry["password"] not in output
    assert "It does not verify the certificate of the array." in output
    text = glance.conf.read_text(encoding="utf-8")
    written = [line for line in text.splitlines() if line.startswith("datera_") and "password" not in line]
    assert written == [
        f"datera_san_ip = {entry['address']}",
        f"datera_san_login = {entry['username']}",
        f"datera_san_port = {entry['port']}",
        f"datera_tenant_id = {images}",
        "datera_replica_count = 3",
    ]
    assert changed(glance.run(entry, **options)) == 0
    kept = glance.keep(b"content")
    assert [path.read_bytes() for path in images.iterdir()] == [b"content"]
    glance.drop(kept)

    message = failure(glance.run(entry, fails=True, **{**options, "options": {"datera_san_prt": 1}}))
    assert "glance_datera_options has datera_san_prt, which the driver" in message
    bundled = {key: options[key] for key in ("stores", "method", "oslo_rootwrap")}
    glance.run(entry, **bundled)
    assert "datera_data_path = os-brick\n" in glance.conf.read_text(encoding="utf-8")
    glance.run(entry, state="absent", stores="single")
    assert (tree(glance.python), glance.conf.read_bytes()) == (before, conf)


@pytest.mark.slow
@pytest.mark.parametrize("glance", ["single"], indirect=True)
def test_drivers_that_would_keep_glance_from_starting(glance: Host, entry: dict[str, Any], tmp_path: Path) -> None:
    need_root("the role writes files that belong to root")
    before, conf = tree(glance.python), glance.conf.read_bytes()
    file = tmp_path / "datera.py"
    options = of_a_vendor(file)
    file.write_text("import this_is_no_store\n", encoding="utf-8")
    message = failure(glance.run(entry, fails=True, **options))
    assert f"The driver {file} cannot be used by {glance.python}: it has no class Store" in message
    file.write_text(STAND_IN.read_text(encoding="utf-8") + "\nimport dfs_sdk\n", encoding="utf-8")
    message = failure(glance.run(entry, fails=True, **options))
    assert "it needs dfs_sdk, which is not installed. Set glance_datera_install_sdk to true." in message
    unreachable = {"pip_arguments": ["--index-url", "http://127.0.0.1:9/simple", "--retries", "0"]}
    message = failure(glance.run(entry, fails=True, install_sdk=True, **options, **unreachable))
    assert f"Installing dfs_sdk==1.2.27 for {glance.python}: " in message
    assert "Where this host reaches no package index, give glance_datera_dfs_sdk the path of a wheel on it." in message
    # The last release, which no current Python can import, from a wheel without an index
    sdk = built_wheel("dfs_sdk==1.2.27", tmp_path / "sdk")
    message = failure(glance.run(entry, fails=True, install_sdk=True, dfs_sdk=str(sdk), **options, **unreachable))
    assert "it cannot be imported: AttributeError: module 'collections' has no attribute 'Mapping'" in message
    assert "(within dfs_sdk 1.2.27)" in message
    assert "Set glance_datera_dfs_sdk to a release that works with this Python" in message
    shutil.copy(STAND_IN, file)
    message = failure(glance.run(entry, fails=True, **{**options, "stores": "multiple"}))
    assert "supports a single store only: it does not use its backend_group" in message
    assert (tree(glance.python), glance.conf.read_bytes()) == (before, conf)


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    """All are reported at once, before anything is changed, so no Glance is needed."""

    def refused(**options: str | bool) -> str:
        account = {"san_ip": "192.0.2.1", "san_login": "x", "san_password": "Canary-Word-1", "services": []}
        document = {f"glance_datera_{key}": value for key, value in {**account, **options}.items()}
        document |= {"glance_on_datera_hosts": "localhost", "glance_on_datera_become": False}
        variables_file = tmp_path / "variables.json"
        variables_file.write_text(json.dumps(document), encoding="utf-8")
        return failure(playbook("openflash.storage.glance_on_datera", variables_file, fails=True))

    message = refused(install_sdk=True, driver_path="/nowhere")
    assert "glance_datera_install_sdk is true, but the bundled driver needs no SDK." in message
    assert "glance_datera_driver_path is /nowhere, but glance_datera_driver_source is bundled." in message
    message = refused(driver_source="path", driver_path="/nowhere", data_path="libiscsi")
    assert "glance_datera_driver_path is /nowhere, and there is no such file on the control node." in message
    assert "Set glance_datera_method to in_place." in message
    assert "glance_datera_data_path is libiscsi, which only the bundled driver has." in message


@pytest.mark.parametrize("option", ["san_ip", "san_login", "san_password", "tenant_id"])
def test_an_empty_address_account_or_tenant_is_refused(tmp_path: Path, option: str) -> None:
    account = {"san_ip": "192.0.2.1", "san_login": "x", "san_password": "Canary-Word-1", "services": [], option: ""}
    document: dict[str, Any] = {f"glance_datera_{key}": value for key, value in account.items()}
    document |= {"glance_on_datera_hosts": "localhost", "glance_on_datera_become": False}
    variables_file = tmp_path / "variables.json"
    variables_file.write_text(json.dumps(document), encoding="utf-8")
    message = failure(playbook("openflash.storage.glance_on_datera", variables_file, fails=True))
    assert f"glance_datera_{option} is missing" in message
