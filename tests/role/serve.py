# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the WSGI application of a service by the standard library's server, with a thread for every request.

    serve.py SERVICE FOLDER PORT

SERVICE is glance or keystone, and this runs in its Python. FOLDER has its configuration, as /etc/SERVICE has on a host.
"""

from __future__ import annotations

import importlib
import os
import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Log nothing: the service has its own log."""


def main() -> int:
    service, folder, port = sys.argv[1:]
    os.environ[f"OS_{service.upper()}_CONFIG_DIR"] = folder
    # The module parses the command line when it is imported
    sys.argv = sys.argv[:1]
    api = importlib.import_module(f"{service}.wsgi.api")
    with make_server("127.0.0.1", int(port), api.application, Server, Quiet) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
