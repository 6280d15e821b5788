# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the Python distribution ``openflash`` as a wheel, with nothing but the standard library.

    build_wheel.py FOLDER       writes it there and prints its path
    build_wheel.py --version    prints its version and writes nothing

With ``--silent`` it does not announce its image store to Glance, for a host where something else is announced by that
name: glance_store takes neither of two.

The same code always gives the same bytes, and the version ends in a digest of it. An installed collection may be
read-only, so nothing is written beside the sources.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

FILES = Path(__file__).resolve().parent
LIBRARY = FILES.parents[2] / "plugins" / "module_utils" / "openflash"
DRIVERS = FILES / "openflash_openstack"
PACKAGES = {"openflash": LIBRARY, "openflash_openstack": DRIVERS}

ENTRY_POINTS = """\
[oslo.config.opts]
openflash_openstack.cinder = openflash_openstack.cinder.options:list_opts
"""
STORE = """\
openflash_openstack.glance = openflash_openstack.glance.options:list_opts

[glance_store.drivers]
datera = openflash_openstack.glance.datera:Store
"""
# Runs whenever the Python starts that has the distribution: os-brick and Nova have no entry points for connectors.
PATH_FILE = "openflash.pth"
START = "import openflash_openstack.autoload; openflash_openstack.autoload.install()\n"
METADATA = """\
Metadata-Version: 2.1
Name: openflash
Version: {version}
Summary: Clients and OpenStack drivers for five families of all-flash arrays
License: GPL-3.0-or-later
Requires-Python: >=3.9
Requires-Dist: requests
Requires-Dist: paramiko
"""
WHEEL = """\
Wheel-Version: 1.0
Generator: openflash.storage
Root-Is-Purelib: true
Tag: py3-none-any
"""
# The oldest time that a zip file can hold: the same bytes every time
MOMENT = (1980, 1, 1, 0, 0, 0)


def content() -> dict[str, bytes]:
    """The files of the packages, by their names in the wheel."""
    found: dict[str, bytes] = {PATH_FILE: START.encode()}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            found[f"{package}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    return found


def version_of(files: dict[str, bytes], entry_points: str) -> str:
    """X.Y.Z of the library, and a digest of all that is in the wheel."""
    match = re.search(r'__version__ = "([^"]+)"', files["openflash/version.py"].decode("utf-8"))
    if match is None:
        raise SystemExit("openflash/version.py has no version")
    digest = hashlib.sha256((entry_points + METADATA).encode())
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    # The letter keeps a digest of digits only, or one with zeros in front, from being written another way
    return f"{match.group(1)}+c{digest.hexdigest()[:16]}"


def record(files: dict[str, bytes], name: str) -> bytes:
    lines = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{name},,", ""]).encode()


def build(folder: Path, entry_points: str) -> Path:
    files = content()
    version = version_of(files, entry_points)
    info = f"openflash-{version}.dist-info"
    files[f"{info}/METADATA"] = METADATA.format(version=version).encode()
    files[f"{info}/WHEEL"] = WHEEL.encode()
    files[f"{info}/entry_points.txt"] = entry_points.encode()
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD")
    path = folder / f"openflash-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            wheel.writestr(entry, data)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the Python distribution openflash")
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--silent", action="store_true")
    options = parser.parse_args()
    entry_points = ENTRY_POINTS if options.silent else ENTRY_POINTS + STORE
    if options.version:
        print(version_of(content(), entry_points))
    elif options.folder is None:
        parser.error("a folder or --version is needed")
    else:
        print(build(options.folder, entry_points))
    return 0


if __name__ == "__main__":
    sys.exit(main())
