# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of the simulator's files: from the environment, from the passwd entry, and for a user with neither."""

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

UNKNOWN_USER = 54321
"""The id of a user without a passwd entry, as a container platform assigns it."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory that every user may write to; neither XDG_CACHE_HOME nor HOME is set.

    It is not below pytest's own, which pytest closes to other users.
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


def set_passwd_entry(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    """Give this user a passwd entry with this home, or none."""

    def lookup(uid: int) -> pwd.struct_passwd:
        if home is None:
            raise KeyError(f"getpwuid(): uid not found: {uid}")
        return pwd.struct_passwd(("me", "x", uid, uid, "", home, "/bin/sh"))

    monkeypatch.setattr(pwd, "getpwuid", lookup)


def test_xdg_cache_home_has_priority(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", "/elsewhere")
    assert cache.cache_dir() == Path("/elsewhere")


@pytest.mark.parametrize("value", ["", "relative/folder"])
def test_an_xdg_cache_home_that_is_not_an_absolute_path_is_ignored(
    home: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert cache.cache_dir() == home / ".cache"


@pytest.mark.parametrize("value", [None, "", "/", "relative", "/nowhere/at/all"])
def test_an_unusable_home_is_replaced_by_that_of_the_passwd_entry(
    home: Path, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_passwd_entry(monkeypatch, str(home))
    if value is not None:
        monkeypatch.setenv("HOME", value)
    assert cache.cache_dir() == home / ".cache"


@pytest.mark.parametrize("passwd", [None, "/", "/nowhere/at/all"])
@pytest.mark.parametrize("value", [None, "/"])
def test_a_user_without_a_home_gets_a_private_folder(
    temporary: Path, value: str | None, passwd: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_passwd_entry(monkeypatch, passwd)
    if value is not None:
        monkeypatch.setenv("HOME", value)
    folder = cache.cache_dir()
    assert folder == temporary / f"openflash-{os.geteuid()}" == cache.cache_dir()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("kind", ["open to others", "a link"])
def test_a_private_folder_of_another_user_is_refused(
    temporary: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_passwd_entry(monkeypatch, None)
    folder = temporary / f"openflash-{os.geteuid()}"
    if kind == "a link":
        (temporary / "other-user").mkdir(mode=0o700)
        folder.symlink_to(temporary / "other-user")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    assert main(["status"]) == 1
    assert "is not a private folder of this user: remove it, or set XDG_CACHE_HOME" in capsys.readouterr().err
    assert main(["status", "--run-dir", str(temporary / "run")]) == 3, "with --run-dir the folder is not needed"


# Modules that are imported later are imported before the change of the user, who cannot read them
SERVE = f"""
import encodings.ascii, encodings.idna, os, sys
from openflash_simulator import config, server
from openflash_simulator.__main__ import main
config.from_arguments(["dsware"])
os.setgroups([])
os.setgid({UNKNOWN_USER})
os.setuid({UNKNOWN_USER})
sys.exit(main(["serve", "--array", "dsware"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("home", [None, "/", "/root"])
def test_a_user_without_a_passwd_entry_can_serve_arrays(temporary: Path, home: str | None) -> None:
    """Without HOME, with that of a container, and with that of root, who started the program."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE_DIR), "TMPDIR": str(temporary)}
    env |= {"PYTHONDONTWRITEBYTECODE": "1"} | ({} if home is None else {"HOME": home})
    with subprocess.Popen([sys.executable, "-c", SERVE], env=env, stderr=subprocess.PIPE, text=True) as process:
        endpoints = temporary / f"openflash-{UNKNOWN_USER}" / "openflash" / "simulator" / "endpoints.json"
        try:
            wait_until(lambda: endpoints.exists() or process.poll() is not None, 60, "the simulator does not start")
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert endpoints.stat().st_uid == UNKNOWN_USER
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    assert not endpoints.exists()
