# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library as Ansible sends it with a module: in a zip file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PACKAGE = "ansible_collections/openflash/storage/plugins/module_utils"
SCRIPT = """
import importlib, json, sys
compiled = []
sys.path.insert(0, sys.argv[1])
importlib.import_module(sys.argv[2] + ".flash_payload")
sys.addaudithook(lambda event, args: compiled.append(args[1]) if event == "compile" else None)
last = importlib.import_module(sys.argv[2] + ".openflash.read")
package = importlib.import_module(sys.argv[2] + ".openflash")
print(json.dumps([last.__file__, package.__file__, list(package.__path__), [str(name) for name in compiled]]))
"""


def test_each_file_of_the_payload_is_compiled_once(tmp_path: Path) -> None:
    payload = tmp_path / "payload.zip"
    with zipfile.ZipFile(payload, "w") as file:
        for folder in Path(PACKAGE).parents:
            if folder.name:
                file.writestr(str(folder / "__init__.py"), "")
        for path in (ROOT / "plugins/module_utils").rglob("*.py"):
            file.write(path, os.path.join(PACKAGE, path.relative_to(ROOT / "plugins/module_utils")))
        file.writestr(PACKAGE + "/__init__.py", "")
    command = [sys.executable, "-c", SCRIPT, str(payload), PACKAGE.replace("/", ".")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    module, package, folders, compiled = json.loads(done.stdout)
    library = payload / PACKAGE
    assert module == str(library / "openflash/read.py")
    assert package == str(library / "openflash/__init__.py")
    assert folders == [str(library / "openflash")]
    times = Counter(name for name in compiled if name.startswith(str(payload)))
    assert len(times) > 10
    assert set(times.values()) == {1}, times
