# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images through the API of a real Glance, with the store ``datera`` as its only one.

    glance_service.py ENDPOINTS ARRAY

Glance runs in this process, as a WSGI application, with a database of its own and without Keystone: who asks is told by
headers.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from brick_lib import Array, obey_the_path_file, status, step

obey_the_path_file()

MIB = 1 << 20
SIZE = 24 * MIB + 321
WHO = {"X-Identity-Status": "Confirmed", "X-User-Id": "u", "X-Project-Id": "0" * 32, "X-Roles": "admin,member,reader"}


def configure(folder: Path, entry: dict[str, Any]) -> None:
    source = Path(sys.prefix, "etc", "glance", "glance-api-paste.ini").read_text()
    (folder / "glance-api-paste.ini").write_text(source.replace("unauthenticated-context rootapp", "context rootapp"))
    for name in ("staging", "tasks", "locks"):
        (folder / name).mkdir()
    (folder / "glance-api.conf").write_text(f"""
[DEFAULT]
enabled_backends = flash:datera
worker_self_reference_url = http://127.0.0.1:1
log_file = {folder}/log
[database]
connection = sqlite:///{folder}/glance.sqlite
[glance_store]
default_backend = flash
[flash]
datera_san_ip = {entry["address"]}
datera_san_port = {entry["port"]}
datera_san_login = {entry["username"]}
datera_san_password = {entry["password"]}
datera_ca_file = {entry["ca_path"]}
datera_data_path = libiscsi
[os_glance_staging_store]
filesystem_store_datadir = {folder}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {folder}/tasks
[oslo_concurrency]
lock_path = {folder}/locks
[paste_deploy]
config_file = {folder}/glance-api-paste.ini
""")
    manage = [str(Path(sys.executable).parent / "glance-manage"), "--config-file", str(folder / "glance-api.conf")]
    subprocess.run([*manage, "db_sync"], check=True, capture_output=True, timeout=120)


def main() -> int:
    array = Array(sys.argv[1], sys.argv[2])
    folder = Path(tempfile.mkdtemp(prefix="glance-service-"))
    configure(folder, array.entry)
    os.environ["OS_GLANCE_CONFIG_DIR"] = str(folder)
    sys.argv = sys.argv[:1]
    import webob
    from glance.wsgi import api

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Any:
        request = webob.Request.blank(path, method=method, headers={**WHO, **headers})
        if isinstance(body, dict):
            request.body, request.content_type = json.dumps(body).encode(), "application/json"
        elif body is not None:
            request.body_file, request.content_type = body, "application/octet-stream"
        return request.get_response(api.application)

    def image(**more: Any) -> str:
        made = ask("POST", "/v2/images", {"name": "one", "disk_format": "raw", "container_format": "bare", **more})
        assert made.status_int == 201, made.body
        found: str = made.json["id"]
        return found

    data = os.urandom(SIZE)
    stores = step("the store is there", lambda: ask("GET", "/v2/info/stores").json["stores"])
    step("it is the default", lambda: [(one["id"], one.get("default")) for one in stores], [("flash", "true")])

    def life(name: str, **headers: str) -> None:
        one = step(f"{name}: an image", image)
        upload = folder / "upload"
        upload.write_bytes(data)
        with upload.open("rb") as stream:
            done = step(f"{name}: upload", lambda: ask("PUT", f"/v2/images/{one}/file", stream, **headers))
        step(f"{name}: it is taken", lambda: (done.status_int, done.body), (204, b""))
        about = step(f"{name}: about it", lambda: ask("GET", f"/v2/images/{one}").json)
        told = (about["status"], about["size"], about["checksum"], about["os_hash_value"], about["stores"])
        digests = hashlib.md5(data).hexdigest(), hashlib.sha512(data).hexdigest()
        step(f"{name}: what Glance tells", lambda: told, ("active", SIZE, *digests, "flash"))
        step(f"{name}: download", lambda: ask("GET", f"/v2/images/{one}/file").body == data, True)
        part = step(f"{name}: a range", lambda: ask("GET", f"/v2/images/{one}/file", Range="bytes=1000001-2000000"))
        step(f"{name}: of it", lambda: (part.status_int, part.body == data[1000001:2000001]), (206, True))
        reading = ask("GET", f"/v2/images/{one}/file")
        first = next(iter(reading.app_iter))
        step(f"{name}: in use", lambda: ask("DELETE", f"/v2/images/{one}").status_int, 409)
        step(f"{name}: it is read on", lambda: len(first) > 0, True)
        reading.app_iter.close()
        del reading
        step(f"{name}: delete", lambda: ask("DELETE", f"/v2/images/{one}").status_int, 204)
        left = array.state()
        step(f"{name}: the array is empty", lambda: (left["volumes"], left["hosts"], left["mappings"]), ([], [], []))

    life("known", **{"Content-Length": str(SIZE)})
    life("unknown")
    one = image()
    array.fault(kind="pool_full")
    step("no room", lambda: ask("PUT", f"/v2/images/{one}/file", (folder / "upload").open("rb")).status_int, 413)
    array.clear()
    step("it waits for another try", lambda: ask("GET", f"/v2/images/{one}").json["status"], "queued")
    again = ask("PUT", f"/v2/images/{one}/file", (folder / "upload").open("rb"))
    step("which works", lambda: again.status_int, 204)
    array.fault(kind="reset_before", count=None)
    step("the array is down", lambda: ask("GET", f"/v2/images/{one}/file").status_int, 503)
    array.clear()
    step("and back", lambda: ask("GET", f"/v2/images/{one}/file").body == data, True)
    log = (folder / "log").read_text()
    step("no password in the log", lambda: array.entry["password"] in log, False)
    return status()


if __name__ == "__main__":
    sys.exit(main())
