# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ server for a test (Debian's rabbitmq-server), with its own name, ports, data, cookie and port mapper."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from pathlib import Path

from tests.slow.packages import need
from tests.support.ports import free_port
from tests.support.running import Running

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
DEADLINE = 120.0


class RabbitMQ(Running):
    """:ivar url: for oslo.messaging."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self._password = secrets.token_hex(16)
        self.url = f"rabbit://tester:{self._password}@127.0.0.1:{self._port}/"

    def _env(self) -> dict[str, str]:
        folder = self._folder
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
            # Erlang keeps its cookie there
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"openflash{os.getpid()}@localhost",
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
        }

    def start(self) -> None:
        need("rabbitmq-server", str(SERVER))
        self._mapper, self._distribution = free_port(), free_port()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self._port}", "default_user = tester"]
        config = self._folder / "rabbitmq.conf"
        config.touch(mode=0o600)
        config.write_text("\n".join([*lines, f"default_pass = {self._password}", ""]), encoding="utf-8")
        (self._folder / "plugins").write_text("[].\n", encoding="utf-8")
        (self._folder / "env.conf").touch()
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [str(SERVER)], env=self._env(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + DEADLINE
        while "Server startup complete" not in self._said():
            assert self._process.poll() is None, self._said()[-3000:]
            assert time.monotonic() < deadline, self._said()[-3000:]
            time.sleep(0.2)

    def _said(self) -> str:
        files = [self._folder / "output", *(self._folder / "log").glob("*.log")]
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in files if path.exists())

    def stop(self) -> None:
        """Stop the server and the port mapper that Erlang started with it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(60)
        self._process = None
        subprocess.run(["epmd", "-kill"], env=self._env(), capture_output=True, check=False, timeout=600)
