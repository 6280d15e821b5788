# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook golden_images, as ansible-playbook runs it from the collection."""

from __future__ import annotations

import subprocess
import sys

import yaml

from tests.images.lab import Lab, sha256
from tests.module.playbooks import Player


def test_the_playbook_shows_no_secret_of_an_image_url(dsware: Lab) -> None:
    """Also not as the item of a loop. The download fails here, because a failure shows more than a success."""
    raw = dsware.raw()
    player = Player(dsware.folder)
    (dsware.folder / "home").mkdir()
    image = {
        "name": "golden",
        "path": "http://Geheim7:Geheim8@127.0.0.1:1/image.raw?sig=Geheim9",
        "checksum": f"sha256:{sha256(raw)}",
    }
    inventory = {
        "flash_arrays": {
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "golden_connection": dict(dsware.array.connection),
            },
            "hosts": {"array": {"golden_images": [image]}},
        }
    }
    path = dsware.folder / "inventory.yml"
    path.write_text(yaml.safe_dump(inventory))
    completed = subprocess.run(
        ["ansible-playbook", "-vvv", "--inventory", str(path), "openflash.storage.golden_images"],
        cwd=dsware.folder,
        env=player.environ(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = completed.stdout + completed.stderr
    assert completed.returncode == 2, output
    assert "cannot be fetched" in output, output
    assert "http://***@127.0.0.1:1/image.raw?***" in output
    assert "Geheim" not in output, output
