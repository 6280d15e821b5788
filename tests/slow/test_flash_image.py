# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flash_image with ``data_path: kernel`` on an emulated host, over SSH: iSCSI and multipath of its kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.images.lab import MIB, random_file, sha256
from tests.module.playbooks import Player
from tests.slow.openstack_host import Node
from tests.support.openstack_node import PLACE
from tests.support.simulator import Simulator

pytestmark = pytest.mark.slow

PORTALS = {"xtremio": 4, "datera": 2}
CHAP = {"chap_username": "of-kernel", "chap_password": "chap-secret-16"}
IMAGE, OUT, RESULT = "/root/image.raw", "/root/out.raw", "/root/result.json"
CONFIGURATION = "/etc/iscsi/iscsid.conf"


class Tasks:
    """Runs tasks with one array on the emulated host."""

    def __init__(self, node: Node, entry: dict[str, Any], folder: Path) -> None:
        self._node, self._player = node, Player(folder, limit=1800)
        self._connection = {key: entry[key] for key in ("vendor", "address", "port", "username", "password", "ca_path")}
        self._connection["timeout"] = 120
        self._extra = folder / "extra.json"
        self._extra.write_text(
            json.dumps(
                {
                    "ansible_connection": "ssh",
                    "ansible_ssh_args": node.ssh_options,
                    "ansible_pipelining": True,
                    "ansible_python_interpreter": f"{PLACE}/bin/python",
                }
            )
        )

    def run(self, **args: Any) -> dict[str, Any]:
        """The result of flash_image, also when it fails."""
        module_args = {"name": "golden", "data_path": "kernel", "state_dir": "/root/state", **args}
        tasks: list[dict[str, Any]] = [
            {"openflash.storage.flash_image": module_args, "register": "copied", "ignore_errors": True},
            {"ansible.builtin.copy": {"content": "{{ copied | to_json }}", "dest": RESULT, "mode": "0600"}},
        ]
        played = self._player.play(tasks, self._connection, "--extra-vars", f"@{self._extra}")
        assert played.rc == 0, played.output
        assert CHAP["chap_password"] not in played.output
        result: dict[str, Any] = json.loads(self._node.run(f"cat {RESULT}"))
        return result

    def done(self, **args: Any) -> dict[str, Any]:
        result = self.run(**args)
        assert not result.get("failed"), result
        return result


@contextmanager
def credentials(node: Node) -> Iterator[None]:
    """Give the kernel's initiator CHAP credentials during the block."""
    settings = f"""node.session.auth.authmethod = CHAP
node.session.auth.username = {CHAP["chap_username"]}
node.session.auth.password = {CHAP["chap_password"]}
"""
    node.run(f"cp -p {CONFIGURATION} {CONFIGURATION}.kept")
    node.write("/root/chap.conf", settings, mode="0600")
    node.run(f"cat /root/chap.conf >> {CONFIGURATION}; rm /root/chap.conf")
    try:
        yield
    finally:
        node.run(f"mv {CONFIGURATION}.kept {CONFIGURATION}")


@pytest.mark.parametrize("array", PORTALS)
def test_the_kernel_imports_and_exports_an_image(node: Node, arrays: Simulator, array: str, tmp_path: Path) -> None:
    """All paths of the array are used, a second import changes nothing, and only the volume remains."""
    arrays.reset(array)
    image = random_file(tmp_path / "image.raw", 32 * MIB)
    node.send(image, IMAGE)
    tasks = Tasks(node, arrays.array(array), tmp_path)
    chap = CHAP if array == "xtremio" else {}
    if chap:
        refused = tasks.run(path=IMAGE)
        assert refused["error"]["kind"] == "unauthorized"
        assert "iscsid.conf" in refused["msg"]
        assert arrays.state(array)["volumes"] == [] == node.attached()
        failed = tasks.run(path=IMAGE, **chap)
        assert failed["error"]["kind"] == "unauthorized", "the kernel has no credentials"
        assert "iscsid.conf" in failed["msg"], "the kernel has no credentials"
        assert arrays.state(array)["volumes"] == [] == arrays.state(array)["hosts"] == node.attached()
    with credentials(node) if chap else nullcontext():
        with node.paths() as used:
            imported = tasks.done(path=IMAGE, **chap)
        assert imported["changed"]
        assert len(set(used)) == PORTALS[array]
        assert tasks.done(path=IMAGE, **chap)["changed"] is False
        exported = tasks.done(path=OUT, state="exported", format="raw", **chap)
        assert exported["changed"]
    checksum = node.run(f"head -c {32 * MIB} {OUT} | sha256sum; rm {OUT}")
    assert checksum.split()[0] == sha256(image)
    state = arrays.state(array)
    assert [row["name"] for row in state["volumes"]] == ["golden"]
    assert state["mappings"] == state["hosts"] == node.attached() == []
