# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's own WSGI application behind the standard library's server, with a thread for every request.

serve_glance.py FOLDER PORT

FOLDER has ``glance-api.conf``, as a service's configuration folder.
"""

from __future__ import annotations

import os
import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Glance has a log of its own."""


def main() -> int:
    os.environ["OS_GLANCE_CONFIG_DIR"] = sys.argv[1]
    port = int(sys.argv[2])
    sys.argv = sys.argv[:1]
    from glance.wsgi import api

    with make_server("127.0.0.1", port, api.application, Server, Quiet) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
