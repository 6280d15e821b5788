# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB server for a test (Debian's mariadb-server).

Several processes of Cinder cannot share SQLite: when two write at the same time, one fails.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

from tests.slow.packages import need
from tests.support.ports import free_port
from tests.support.running import Running

PROGRAMS = ("mariadbd", "mariadb-install-db", "mariadb")
DEADLINE = 120.0


class MariaDB(Running):
    """A server whose socket only this user can open, and whose port demands a password."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_hex(16)
        self._port = free_port()
        self._env = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "HOME": str(folder), "LC_ALL": "C.UTF-8"}

    def start(self) -> None:
        need("mariadb-server", *PROGRAMS)
        common = ["--no-defaults", f"--datadir={self._folder / 'data'}"]
        if os.geteuid() == 0:
            common.append("--user=root")
        user = getpass.getuser()
        authentication = [
            "--auth-root-authentication-method=socket",
            f"--auth-root-socket-user={user}",
            "--skip-test-db",
        ]
        self._run(["mariadb-install-db", *common, *authentication])
        options = [f"--socket={self._socket}", f"--port={self._port}", "--bind-address=127.0.0.1"]
        program = shutil.which("mariadbd", path=self._env["PATH"]) or "mariadbd"
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [program, *common, *options], env=self._env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + DEADLINE
        while not self._answers():
            output_tail = (self._folder / "output").read_text(errors="replace")[-3000:]
            assert self._process.poll() is None, output_tail
            assert time.monotonic() < deadline, output_tail
            time.sleep(0.2)
        self._run(self._client, f"CREATE USER tester@'%' IDENTIFIED BY '{self._password}'")

    def url(self, name: str) -> str:
        """The URL of a new database, for SQLAlchemy."""
        self._run(self._client, f"CREATE DATABASE {name}; GRANT ALL ON {name}.* TO tester@'%'")
        return f"mysql+pymysql://tester:{self._password}@127.0.0.1:{self._port}/{name}?charset=utf8"

    @property
    def _socket(self) -> Path:
        return self._folder / "socket"

    @property
    def _client(self) -> list[str]:
        return ["mariadb", "--no-defaults", f"--user={getpass.getuser()}", f"--socket={self._socket}"]

    def _answers(self) -> bool:
        done = subprocess.run(
            [*self._client, "--execute=SELECT 1"], env=self._env, capture_output=True, check=False, timeout=600
        )
        return done.returncode == 0

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(
            command, env=self._env, input=text, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)
        self._process = None
