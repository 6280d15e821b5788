# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compiles each file of the library once, and not twice, when a module starts.

Ansible sends a module as a zip file with all that it may import. Python's zipimport compiles a file of it when it is
asked for the file's name, which happens before each import, drops the result, and compiles it again for the import.

flash_module imports this file before the library. The import is all that it takes.
"""

from __future__ import annotations

import os
import sys
from zipimport import zipimporter


class _Importer(zipimporter):
    """A zipimporter that tells the name of a file without compiling it."""

    def get_filename(self, fullname: str) -> str:
        name = fullname.rpartition(".")[2]
        if self.is_package(fullname):
            name = os.path.join(name, "__init__")
        return os.path.join(self.archive, self.prefix + name + ".py")


if isinstance(__spec__.loader, zipimporter):
    # For what is imported from here on
    sys.path_hooks.insert(0, _Importer)
    for _path in [path for path, finder in sys.path_importer_cache.items() if isinstance(finder, zipimporter)]:
        del sys.path_importer_cache[_path]
