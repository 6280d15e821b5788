# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands by which a deployment tool examines and edits the Python installation of a service.

    python -m openflash_openstack.deploy check cinder --config-file FILE [--config-dir FOLDER] [--own SECTION ...]
    python -m openflash_openstack.deploy drivers CLASS ...
    python -m openflash_openstack.deploy backends --config-file FILE [--config-dir FOLDER] [--before ANSWER] NAME ...
    python -m openflash_openstack.deploy permitted ROOTWRAP_CONF COMMAND ...
    python -m openflash_openstack.deploy images --config-file FILE [--config-dir FOLDER] [STORE]
    python -m openflash_openstack.deploy choices present|absent [--write]
    python -m openflash_openstack.deploy store < DRIVER
    python -m openflash_openstack.deploy place present|absent [--given] [--write] < DRIVER
    python -m openflash_openstack.deploy values --config-file FILE SECTION:OPTION ...
    python -m openflash_openstack.deploy scheme --config-file FILE [--config-dir FOLDER] SECTION:OPTION

``check`` reports what is wrong, and then ends with status 1; the others answer in JSON. No secret is reported.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import warnings
from typing import Any, Optional


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m openflash_openstack.deploy")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check")
    check.add_argument("service", choices=["cinder", "glance"])
    check.add_argument("--own", action="append", default=[])
    check.add_argument("--enabled", action="append", default=[])
    drivers = commands.add_parser("drivers")
    drivers.add_argument("classes", nargs="*")
    backends = commands.add_parser("backends")
    backends.add_argument("names", nargs="*")
    backends.add_argument("--before", default="")
    permitted = commands.add_parser("permitted")
    permitted.add_argument("rootwrap_config")
    permitted.add_argument("argv", nargs=argparse.REMAINDER)
    images = commands.add_parser("images")
    images.add_argument("store", nargs="?")
    stores = commands.add_parser("stores")
    commands.add_parser("store")
    choices, place = commands.add_parser("choices"), commands.add_parser("place")
    for command in (choices, place):
        command.add_argument("state", choices=["present", "absent"])
        command.add_argument("--write", action="store_true")
    place.add_argument("--given", action="store_true")
    values = commands.add_parser("values")
    values.add_argument("names", nargs="*")
    scheme = commands.add_parser("scheme")
    scheme.add_argument("name")
    for command in (check, backends, images, stores, values, scheme):
        command.add_argument("--config-file", required=True)
        command.add_argument("--config-dir")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    # Imported libraries print messages of their own.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            lines, status = _answer(options)
        except Exception as error:  # noqa: BLE001  any error of the service, its database or its libraries
            lines, status = ["%s: %s" % (type(error).__name__, " ".join(str(error).split()))], 2
    print("\n".join(lines), file=sys.stderr if status == 2 else sys.stdout)
    return status


def _answer(options: Any) -> tuple[list[str], int]:
    if options.command == "check":
        from .check import check

        found = check(options.service, options.config_file, _folder(options), options.own, options.enabled)
        lines = ["error: %s" % text for text in found.errors] + ["warning: %s" % text for text in found.warnings]
        return lines, 1 if found.errors else 0
    if options.command == "drivers":
        from .check import driver

        return [json.dumps({path: driver(path) for path in options.classes})], 0
    if options.command == "permitted":
        from .rootwrap import permitted

        return [json.dumps(permitted(options.rootwrap_config, options.argv))], 0
    if options.command == "scheme":
        from .sections import scheme

        return [json.dumps(scheme(options.config_file, _folder(options), options.name))], 0
    if options.command in ("store", "place"):
        return [json.dumps(_place(options))], 0
    if options.command in ("images", "stores", "choices", "values"):
        return [json.dumps(_glance(options))], 0
    from .cinder import backends

    before = json.loads(options.before) if options.before else {}
    return [json.dumps(backends(options.config_file, _folder(options), options.names, before))], 0


def _glance(options: Any) -> Any:
    from . import glance

    if options.command == "images":
        return glance.images(options.config_file, _folder(options), options.store)
    if options.command == "stores":
        return glance.stores(options.config_file, _folder(options))
    if options.command == "choices":
        return glance.choices(options.state, options.write)
    return glance.values(options.config_file, options.names)


def _place(options: Any) -> Any:
    from . import glance, place, registry

    if options.command == "store":
        return place.judge(sys.stdin.buffer.read())
    source = sys.stdin.buffer.read() if options.given else place.BUNDLED
    changes = place.Place().bring(options.state == "present", source, options.write)
    return {"changes": changes, "announced": registry.announced(glance.KIND)}


def _folder(options: Any) -> Optional[str]:
    folder: Optional[str] = options.config_dir
    return folder if folder and os.path.isdir(folder) else None


if __name__ == "__main__":
    sys.exit(main())
