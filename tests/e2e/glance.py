# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Glance for a test, by gunicorn, driven through its REST API. Without Keystone: all who ask are one admin."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.support.ports import free_port

DEADLINE = 120.0
CHUNK, PIECE = 1 << 20, 8 << 20
# What Keystone's middleware would tell; Cinder without Keystone says nothing of who it is.
ADMIN = {
    "HTTP_X_IDENTITY_STATUS": "Confirmed",
    "HTTP_X_USER_ID": "u",
    "HTTP_X_PROJECT_ID": "0" * 32,
    "HTTP_X_ROLES": "admin,member,reader,service",
}
FILTER = f"""\
def admin(settings, **_more):
    def wrap(application):
        return lambda environ, start: application({{**environ, **{ADMIN!r}}}, start)
    return wrap
"""
PASTE = """\
[composite:glance-api]
paste.composite_factory = glance.api:root_app_factory
/: api
[composite:api]
paste.composite_factory = glance.api:pipeline_factory
default = versionnegotiation everybody context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: versions
/v2: api2
[app:versions]
paste.app_factory = glance.api.versions:create_resource
[app:api2]
paste.app_factory = glance.api.v2.router:API.factory
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:VersionNegotiationFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:everybody]
paste.filter_factory = everybody:admin
"""


@dataclass(frozen=True)
class Digest:
    """What Glance tells of an image's bytes."""

    size: int
    md5: str
    sha512: str


class Content:
    """``length`` bytes. They repeat a random block, so that they may be many and need no room.

    :param blocks: of 8 MiB, in what is repeated.
    """

    def __init__(self, length: int, blocks: int = 1) -> None:
        self._block = os.urandom(blocks * PIECE)
        self.length = length

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, self.length, PIECE):
            first = start % len(self._block)
            yield self._block[first : first + min(PIECE, self.length - start)]

    def part(self, start: int, length: int) -> bytes:
        first = start % len(self._block)
        many = (first + length) // len(self._block) + 1
        return (self._block * many)[first : first + min(length, self.length - start)]

    def digest(self) -> Digest:
        return digest_of(self.pieces())


def digest_of(pieces: Iterable[bytes]) -> Digest:
    md5, sha512, size = hashlib.md5(), hashlib.sha512(), 0
    for piece in pieces:
        md5.update(piece)
        sha512.update(piece)
        size += len(piece)
    return Digest(size, md5.hexdigest(), sha512.hexdigest())


class _Known:
    """A body whose length is told beforehand."""

    def __init__(self, content: Content) -> None:
        self.len = content.length
        self._pieces, self._held = content.pieces(), memoryview(b"")

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(CHUNK), b"")

    def read(self, size: int = -1) -> bytes:
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        if size < 0:
            return b"".join([self._held, *self._pieces])
        piece, self._held = bytes(self._held[:size]), self._held[size:]
        return piece


class Glance:
    """One worker with one store, whose section of the configuration is given."""

    def __init__(self, python: Path, path: Path, folder: Path, kind: str, section: Mapping[str, Any]) -> None:
        self._python, self._path, self.folder = python, path, folder
        self._kind, self._section = kind, dict(section)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        # Where the service has its files, which need not be where it is configured
        self.state, self.etc, self.log = folder, folder / "etc", folder / "glance.log"
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- life --------------------------------------------------------------------------------------------------------

    def config(self) -> str:
        store = "\n".join(f"{key} = {value}" for key, value in self._section.items())
        return f"""\
[DEFAULT]
enabled_backends = one:{self._kind}
worker_self_reference_url = {self.url}
log_file = {self.log}
[database]
connection = sqlite:///{self.state}/glance.sqlite
[glance_store]
default_backend = one
[one]
{store}
[os_glance_staging_store]
filesystem_store_datadir = {self.state}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {self.state}/tasks
[oslo_concurrency]
lock_path = {self.state}/locks
[paste_deploy]
config_file = {self.etc}/glance-api-paste.ini
"""

    def configure(self) -> None:
        """Everything in ``folder``."""
        (self.folder / "etc").mkdir(parents=True)
        for name in ("staging", "tasks", "locks"):
            (self.folder / name).mkdir()
        (self.folder / "etc" / "glance-api-paste.ini").write_text(PASTE, encoding="utf-8")
        (self.folder / "everybody.py").write_text(FILTER, encoding="utf-8")
        config = self.folder / "etc" / "glance-api.conf"
        config.touch(mode=0o600)
        config.write_text(self.config(), encoding="utf-8")

    def _gunicorn(self) -> list[str]:
        words = ["-w", "1", "-k", "gthread", "--threads", "4", "--timeout", "900", "-b", f"127.0.0.1:{self.port}"]
        return [str(self._python.parent / "gunicorn"), *words, "glance.wsgi.api:application"]

    def start(self) -> None:
        self.configure()
        env = {
            "PATH": f"{self._python.parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "PYTHONPATH": f"{self._path}:{self.folder}",
            "PYTHONWARNINGS": "ignore",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OS_GLANCE_CONFIG_DIR": str(self.folder / "etc"),
        }
        manage = [str(self._python.parent / "glance-manage"), "--config-file", f"{self.folder}/etc/glance-api.conf"]
        done = subprocess.run([*manage, "db_sync"], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._gunicorn(),
                env=env,
                cwd=self.folder,
                stdout=output,
                stderr=output,
            )
        self.wait()

    def wait(self) -> None:
        end = time.monotonic() + DEADLINE
        while not self._answers():
            assert time.monotonic() < end, f"Glance does not answer\n{self.errors()}"
            time.sleep(0.2)

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, (self.folder / "output").read_text()[-3000:]
        try:
            return self._session.get(f"{self.url}/v2/images", timeout=30).ok
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def errors(self, most: int = 25) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        found = [line for line in text.splitlines() if " ERROR " in line or " WARNING " in line]
        return "\n".join(found[-most:]) or (self.folder / "output").read_text(errors="replace")[-2000:]

    # -- the API -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, status: int, **more: Any) -> requests.Response:
        answer = self._session.request(method, f"{self.url}/v2{path}", timeout=1200, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}\n{self.errors()}"
        return answer

    def image(self, disk_format: str = "raw") -> str:
        body = {"name": "an image", "disk_format": disk_format, "container_format": "bare"}
        found: str = self.ask("POST", "/images", 201, json=body).json()["id"]
        return found

    def about(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/images/{image}", 200).json()
        return found

    def upload(self, image: str, content: Content, known: bool = True) -> None:
        """:param known: whether the length is told beforehand; otherwise it comes in chunks."""
        body = _Known(content) if known else content.pieces()
        headers = {"Content-Type": "application/octet-stream"}
        self.ask("PUT", f"/images/{image}/file", 204, data=body, headers=headers)

    def told(self, image: str) -> Digest:
        """What is known of its bytes, without a look at them."""
        found = self.about(image)
        assert found["status"] == "active", found
        return Digest(found["size"], found["checksum"], found["os_hash_value"])

    def download(self, image: str) -> Iterator[bytes]:
        with self.ask("GET", f"/images/{image}/file", 200, stream=True) as answer:
            yield from answer.iter_content(CHUNK)

    def range(self, image: str, start: int, length: int) -> bytes:
        headers = {"Range": f"bytes={start}-{start + length - 1}"}
        return self.ask("GET", f"/images/{image}/file", 206, headers=headers).content

    def delete(self, image: str) -> None:
        self.ask("DELETE", f"/images/{image}", 204)
