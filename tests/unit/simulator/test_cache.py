# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the simulator keeps its files: by the environment, by the passwd entry, and for a user who has neither."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from openflash_simulator import cache
from openflash_simulator.__main__ import main
from tests.support.running import wait_until
from tests.support.simulator import PACKAGE_DIR

STRANGER = 54321
"""The id of a user without a passwd entry, as a container platform gives them out."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory that everybody may write to; neither XDG_CACHE_HOME nor HOME is set.

    Not below that of pytest (which must be there before), since that is closed to other users whenever one starts.
    """
    assert tmp_path.exists()
    folder = Path(tempfile.mkdtemp(prefix="openflash-test-"))
    folder.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def entry(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    """The passwd entry of this user, or none."""

    def lookup(uid: int) -> pwd.struct_passwd:
        if home is None:
            raise KeyError(f"getpwuid(): uid not found: {uid}")
        return pwd.struct_passwd(("me", "x", uid, uid, "", home, "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", lookup)


def test_xdg_cache_home_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache.cache_dir() == Path("/elsewhere")


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_an_xdg_cache_home_that_is_no_absolute_path_is_ignored(
    home: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache.cache_dir() == home / ".cache"


@pytest.mark.parametrize("value", [None, "", "/", "relative", "/nowhere/at/all"])
def test_a_home_that_cannot_be_used_is_replaced_by_that_of_the_passwd_entry(
    home: Path, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(monkeypatch, str(home))
    if value is not None:
        monkeypatch.setenv("HOME", value)
    assert cache.cache_dir() == home / ".cache"


@pytest.mark.parametrize("passwd", [None, "/", "/nowhere/at/all"])
@pytest.mark.parametrize("value", [None, "/"])
def test_a_user_without_a_home_gets_a_private_folder(
    temporary: Path, value: str | None, passwd: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(monkeypatch, passwd)
    if value is not None:
        monkeypatch.setenv("HOME", value)
    found = cache.cache_dir()
    assert found == temporary / f"openflash-{os.geteuid()}" == cache.cache_dir()
    assert found.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["open to others", "a link"])
def test_a_private_folder_that_somebody_else_prepared_is_refused(
    temporary: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry(monkeypatch, None)
    folder = temporary / f"openflash-{os.geteuid()}"
    if kind == "a link":
        (temporary / "theirs").mkdir(mode=0o700)
        folder.symlink_to(temporary / "theirs")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    assert main(["status"]) == 1
    assert "is not a private folder of this user: remove it, or set XDG_CACHE_HOME" in capsys.readouterr().err
    assert main(["status", "--run-dir", str(temporary / "run")]) == 3, "it is not needed then"


# What is imported late is imported before: that user cannot read the Python of this one
SERVE = f"""
import encodings.ascii, encodings.idna, os, sys
from openflash_simulator import config, server
from openflash_simulator.__main__ import main
config.from_arguments(["dsware"])
os.setgroups([])
os.setgid({STRANGER})
os.setuid({STRANGER})
sys.exit(main(["serve", "--array", "dsware"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("home", [None, "/", "/root"])
def test_a_user_without_a_passwd_entry_can_serve_arrays(temporary: Path, home: str | None) -> None:
    """With no HOME, with that of a container, and with root's, as a program has it that root started."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE_DIR), "TMPDIR": str(temporary)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"} | ({} if home is None else {"HOME": home})
    with subprocess.Popen([sys.executable, "-c", SERVE], env=env, stderr=subprocess.PIPE, text=True) as process:
        endpoints = temporary / f"openflash-{STRANGER}" / "openflash" / "simulator" / "endpoints.json"
        try:
            wait_until(lambda: endpoints.exists() or process.poll() is not None, 60, "the simulator does not start")
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert endpoints.stat().st_uid == STRANGER
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert not endpoints.exists()
