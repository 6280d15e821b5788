# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store that is placed within a real glance_store, repaired, and removed without a trace."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.conftest import BUILDER, HERE
from tests.support.clients import client_python

STAND_IN = HERE / "drivers" / "datera.py"
LINE = "datera = glance_store._drivers.datera:Store\n"
HEAD = "[glance_store.drivers]\n"


class Place:
    """A copy of glance_store that precedes the environment's, and the tool of a distribution that announces none."""

    def __init__(self, folder: Path) -> None:
        self.python = client_python(HERE / "requirements-glance.txt")
        self.site = folder / "site"
        self.site.mkdir()
        (packages,) = (self.python.parent.parent / "lib").glob("python3*/site-packages")
        for package in packages.glob("glance_store*"):
            shutil.copytree(package, self.site / package.name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        self.store = self.site / "glance_store"
        (self.metadata,) = self.site.glob("glance_store-*.dist-info")
        self.driver = self.store / "_drivers" / "datera.py"
        self.announcement = self.metadata / "entry_points.txt"
        self.wheel = build(folder, "--silent")
        with zipfile.ZipFile(self.wheel) as archive:
            archive.extractall(folder / "tool")
        self._paths = [str(self.site), str(folder / "tool")]

    def python_says(self, code: str, *arguments: str, stdin: bytes = b"") -> tuple[int, str]:
        start = "import sys; sys.path[:0] = sys.argv.pop(1).split(':'); sys.dont_write_bytecode = True\n"
        process = subprocess.run(
            [str(self.python), "-I", "-c", start + code, ":".join(self._paths), *arguments],
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return process.returncode, (process.stdout + process.stderr).decode()

    def ask(self, *arguments: str, stdin: bytes = b"") -> tuple[int, str]:
        code = "import runpy; runpy.run_module('openflash_openstack.deploy', None, '__main__')"
        return self.python_says(code, *arguments, stdin=stdin)

    def place(self, *arguments: str, stdin: bytes = b"") -> Any:
        status, output = self.ask("place", *arguments, stdin=stdin)
        assert status == 0, output
        return json.loads(output)

    def changes(self, *arguments: str, stdin: bytes = b"") -> list[str]:
        """The names of the files that change, sorted."""
        return sorted(Path(path).name for path in self.place(*arguments, stdin=stdin)["changes"])

    def tree(self) -> dict[str, tuple[int, bytes]]:
        files = [path for path in self.site.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.site)): (path.stat().st_mode, path.read_bytes()) for path in files}

    def differences(self, before: dict[str, tuple[int, bytes]]) -> list[str]:
        after = self.tree()
        return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))

    def wrongly_recorded(self) -> list[str]:
        """The files whose content differs from their entry in RECORD."""
        wrong = []
        with (self.metadata / "RECORD").open(newline="", encoding="utf-8") as file:
            for name, digest, size in csv.reader(file):
                path = self.site / name
                if not digest or name.startswith(("../", "glance_store/tests/")):
                    continue
                data = path.read_bytes() if path.exists() else b""
                real = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
                if (digest, size) != (f"sha256={real}", str(len(data))):
                    wrong.append(name)
        return wrong

    def loaded(self) -> str:
        """The module of the store that glance_store loads for ``datera``."""
        code = (
            "import logging; from stevedore import driver\n"
            "print(driver.DriverManager('glance_store.drivers', 'datera', invoke_on_load=False).driver.__module__)"
        )
        status, output = self.python_says(code)
        assert status == 0, output
        return output.strip()


def build(folder: Path, *arguments: str) -> Path:
    command = [sys.executable, str(BUILDER), str(folder), *arguments]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True, timeout=600).stdout.strip())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_store_is_placed_and_removed_completely(place: Place) -> None:
    before = place.tree()
    assert place.wrongly_recorded() == []
    assert place.changes("present") == ["RECORD", "datera.py", "entry_points.txt"]
    assert place.differences(before) == [], "a question changes nothing"
    placed = place.place("present", "--write")
    assert placed["announced"] == ["glance_store._drivers.datera:Store of glance_store"]
    assert place.changes("present") == []
    assert place.wrongly_recorded() == []
    assert place.driver.stat().st_mode == (place.store / "_drivers/filesystem.py").stat().st_mode
    assert place.loaded() == "openflash_openstack.glance.datera"
    # A service leaves compiled code there
    cache = place.driver.parent / "__pycache__"
    cache.mkdir()
    (cache / "datera.cpython-313.pyc").write_bytes(b"made of it")
    assert place.changes("absent", "--write") == ["RECORD", "datera.cpython-313.pyc", "datera.py", "entry_points.txt"]
    assert place.differences(before) == []
    assert place.changes("absent") == []


def test_the_next_run_finishes_what_a_killed_run_began(place: Place) -> None:
    """Whichever files were written, the next run completes the placement or removes all of it."""
    before = place.tree()
    place.changes("present", "--write")
    complete = place.tree()
    names = [str(path.relative_to(place.site)) for path in (place.driver, place.metadata / "RECORD")]
    names.append(str(place.announcement.relative_to(place.site)))
    for written_files in range(1, 2 ** len(names) - 1):
        for requested, state in (("present", complete), ("absent", before)):
            for number, name in enumerate(names):
                _mode, data = (complete if written_files & 1 << number else before).get(name, (0, None))
                (place.site / name).unlink(missing_ok=True)
                if data is not None:
                    (place.site / name).write_bytes(data)
            assert place.changes(requested, "--write") != []
            assert place.differences(state) == [], (written_files, requested)


def test_a_driver_file_that_was_placed_by_hand_is_restored_on_removal(place: Place) -> None:
    place.driver.write_bytes(b"# by hand\n")
    place.driver.chmod(0o640)
    text = place.announcement.read_text(encoding="utf-8")
    place.announcement.write_text(text.replace(HEAD, HEAD + LINE), encoding="utf-8")
    before = place.tree()
    assert place.changes("absent") == [], "nothing of it is the role's"
    assert place.place("absent")["announced"] == ["glance_store._drivers.datera:Store of glance_store"]
    assert place.changes("present", "--write") == ["datera.py"]
    assert place.loaded() == "openflash_openstack.glance.datera"
    assert place.changes("present") == []
    assert place.changes("absent", "--write") == ["datera.py", "datera.py.before-openflash"]
    assert place.differences(before) == []


def test_another_store_of_that_name_is_not_replaced(place: Place, tmp_path: Path) -> None:
    """Its announcement stays, and two announcements of one name are reported."""
    text = place.announcement.read_text(encoding="utf-8")
    place.announcement.write_text(text.replace(HEAD, HEAD + "datera = somebody.else:Store\n"), encoding="utf-8")
    before = place.tree()
    status, output = place.ask("place", "present", "--write")
    assert status == 2
    assert f"{place.announcement} announces another store: datera = somebody.else:Store" in output
    assert place.differences(before) == []
    place.announcement.write_text(text.replace(HEAD, HEAD + LINE), encoding="utf-8")
    with zipfile.ZipFile(build(tmp_path)) as archive:
        archive.extractall(tmp_path / "speaking")
    place._paths[1] = str(tmp_path / "speaking")
    conf = tmp_path / "glance-api.conf"
    conf.write_text("[DEFAULT]\nenabled_backends = x:datera\n[x]\ndatera_san_ip = 192.0.2.1\n", encoding="utf-8")
    status, output = place.ask("check", "glance", "--config-file", str(conf), "--own=x", "--enabled=x")
    assert status == 1
    assert output.startswith("error: stores of type datera are announced by ")
    assert "glance_store._drivers.datera:Store of glance_store" in output
    assert "openflash_openstack.glance.datera:Store of openflash" in output


def test_a_driver_of_a_vendor_is_used_and_replaced_again(place: Place, tmp_path: Path) -> None:
    """It is placed unchanged, the check knows its options, and a newer release replaces it."""
    before = place.tree()
    source = STAND_IN.read_bytes()
    status, output = place.ask("store", stdin=source)
    assert (status, json.loads(output)) == (
        0,
        {
            "problem": None,
            "several": False,
            "options": [
                "datera_replica_count",
                "datera_san_ip",
                "datera_san_login",
                "datera_san_password",
                "datera_san_port",
                "datera_tenant_id",
            ],
        },
    )
    place.changes("present", "--given", "--write", stdin=source)
    assert place.driver.read_bytes().startswith(source)
    assert place.loaded() == "glance_store._drivers.datera"
    conf = tmp_path / "glance-api.conf"
    text = "[glance_store]\nstores = file,datera\ndatera_replica_count = many\ndatera_data_path = os-brick\n"
    conf.write_text(text, encoding="utf-8")
    status, output = place.ask("check", "glance", "--config-file", str(conf))
    assert status == 1
    assert "error: [glance_store] datera_replica_count: invalid literal for int() with base 10: 'many'" in output
    assert "warning: [glance_store] datera_data_path is not an option of glance" in output
    newer = source.replace(b"default=3", b"default=2")
    assert place.changes("present", "--given", "--write", stdin=newer) == ["RECORD", "datera.py"]
    assert place.wrongly_recorded() == []
    assert place.changes("absent", "--write") != []
    assert place.differences(before) == []


STORE = b"from glance_store import driver\nclass StoreLocation: pass\nclass Store(driver.Store): OPTIONS = []\n"
BAD: list[tuple[bytes, str]] = [
    (b"class Store: pass\n", "it has no class StoreLocation"),
    (b"x = 1\n", "it has no class Store and no class StoreLocation"),
    (b"print 'hello'\n", "it is not valid source code of Python 3."),
    (b"import dfs_sdk\n" + STORE, "it needs dfs_sdk, which is not installed"),
    (b"from collections import Mapping\n" + STORE, "it cannot be imported: ImportError: cannot import name 'Mapping'"),
    (b"class StoreLocation: pass\nclass Store: OPTIONS = []\n", "its class Store is not a store of glance_store"),
]


@pytest.mark.parametrize(("source", "problem"), BAD)
def test_a_file_that_is_not_a_driver_is_refused_with_the_reason(place: Place, source: bytes, problem: str) -> None:
    status, output = place.ask("store", stdin=source)
    assert status == 0
    assert problem in json.loads(output)["problem"]


def test_the_edit_of_backend_py_is_recorded_and_undone(place: Place) -> None:
    """An older edit that was not recorded is undone too."""
    before = place.tree()
    assert place.ask("choices", "present", "--write") == (0, "true\n")
    assert place.wrongly_recorded() == []
    assert place.ask("choices", "present") == (0, "false\n")
    record = before[str((place.metadata / "RECORD").relative_to(place.site))][1]
    (place.metadata / "RECORD").write_bytes(record)
    assert place.ask("choices", "absent", "--write") == (0, "true\n")
    assert place.differences(before) == []
    assert place.ask("choices", "absent") == (0, "false\n")


def test_a_wheel_without_the_store_has_another_version(place: Place, tmp_path: Path) -> None:
    """The versions differ, so that pip replaces one wheel by the other."""
    speaking = build(tmp_path)
    assert speaking.name != place.wheel.name
    texts = []
    for wheel in (speaking, place.wheel):
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [entry for entry in archive.namelist() if entry.endswith("entry_points.txt")]
            texts.append(archive.read(name).decode())
    assert texts[0].startswith(texts[1])
    assert "[glance_store.drivers]" in texts[0]
    assert "glance" not in texts[1]
