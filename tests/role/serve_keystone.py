# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystone's own WSGI application behind the standard library's server, with a thread for every request.

serve_keystone.py FOLDER PORT

FOLDER has ``keystone.conf``. Keystone takes the command line for its own, so there is none left when it is imported.
"""

from __future__ import annotations

import os
import sys
from wsgiref.simple_server import make_server

# Beside this file, which runs in Keystone's Python
from serve_glance import Quiet, Server


def main() -> int:
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = sys.argv[1]
    port = int(sys.argv[2])
    sys.argv = sys.argv[:1]
    from keystone.wsgi import api

    with make_server("127.0.0.1", port, api.application, Server, Quiet) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
