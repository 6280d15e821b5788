# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A complete Cinder in one process: API, scheduler and a volume service for every backend, with SQLite and no broker.

    one_process.py CONFIG PORT [backup]

Runs in the environment of a Cinder. All code is Cinder's own; it runs in one process, since the ``fake:`` transport of
oslo.messaging does not connect processes. With ``backup`` it has the backup service too. It runs on green threads, or
on native ones with ``OS_CINDER_DISABLE_EVENTLET_PATCHING``, as Cinder's own programs do. Stops on SIGTERM.
"""

from __future__ import annotations

import eventlet

try:
    from cinder import monkey_patch
except ImportError:
    # Up to Cinder 28 each of its programs does it by itself.
    eventlet.monkey_patch()
    GREEN = True
else:
    monkey_patch.patch()
    GREEN = monkey_patch.is_patched()

import contextlib
import os
import shlex
import signal
import socketserver
import sys
import threading
import wsgiref.simple_server
from collections.abc import Callable
from typing import Any

import eventlet.wsgi
import os_brick
from cinder.common import config, constants  # noqa: F401
from oslo_config import cfg
from oslo_log import log as logging
from oslo_privsep import priv_context
from oslo_service import wsgi
from sqlalchemy import event
from sqlalchemy.engine import Engine

from cinder import coordination, objects, rpc, service, utils, version  # isort: skip

CONF = cfg.CONF


class Service(service.Service):
    """A service that can share its process: Cinder stores the id of the service with heartbeats in the class."""

    def report_state(self) -> None:
        service.Service.service_id = self.origin_service_id
        super().report_state()


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    """Answers each request in a native thread of its own."""

    daemon_threads = True


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_arguments: Any) -> None:
        """Cinder has a log of its own."""


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def lock_first(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> tuple[str, Any]:
    """Native threads use SQLite at the same time. A transaction that first reads and then writes fails at once where
    another one has written meanwhile, so each begins with the lock for writing."""
    return "BEGIN IMMEDIATE" if statement == "BEGIN" and not GREEN else statement, parameters


def start(work: Callable[[], Any]) -> None:
    if GREEN:
        eventlet.spawn(work)
    else:
        threading.Thread(target=work, daemon=True).start()


def serve(application: Any, port: int) -> None:
    """Answer requests until SIGTERM."""
    if GREEN:
        listener = eventlet.listen(("127.0.0.1", port))
        green = eventlet.spawn(eventlet.wsgi.server, listener, application, log_output=False)
        signal.signal(signal.SIGTERM, lambda *_: green.kill())
        with contextlib.suppress(BaseException):
            green.wait()
        return
    native = wsgiref.simple_server.make_server("127.0.0.1", port, application, Server, Handler)
    # The server's loop, which runs in the main thread, cannot be waited for there.
    signal.signal(signal.SIGTERM, lambda *_: start(native.shutdown))
    native.serve_forever()


def main() -> int:
    path, port = sys.argv[1], int(sys.argv[2])
    if os.environ.get("OPENFLASH_DISKS"):
        import disks

        disks.register()
    objects.register_all()
    CONF(["--config-file", path], project="cinder", version=version.version_string(), default_config_dirs=[])
    logging.setup(CONF, "cinder")
    priv_context.init(root_helper=shlex.split(utils.get_root_helper()))
    os_brick.setup(CONF)
    if os.environ.get("OPENFLASH_COMPARED"):
        # The manager reads the configuration when it is imported.
        import compared

        compared.register()
    rpc.init(CONF)
    coordination.COORDINATOR.start()
    services: list[Any] = [Service.create(binary=constants.SCHEDULER_BINARY)]
    for backend in CONF.enabled_backends or ():
        host = f"{CONF.host}@{backend}"
        services.append(Service.create(host=host, service_name=backend, binary=constants.VOLUME_BINARY))
    if sys.argv[3:] == ["backup"]:
        services.append(Service.create(binary=constants.BACKUP_BINARY, service_name="backup"))
    for each in services:
        # Started concurrently, so that a slow array does not delay the other backends
        start(each.start)
    serve(wsgi.Loader(CONF).load_app("osapi_volume"), port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
