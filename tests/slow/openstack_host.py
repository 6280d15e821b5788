# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An emulated host that is a node of OpenStack.

It has the services' Python in /opt/openstack, users without rights who become root by sudo and rootwrap only, and the
kernel's iSCSI and multipath.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.e2e.service import HERE as SERVICES
from tests.e2e.services import Cinder
from tests.slow.glance import Glance
from tests.support.emulated_host import GATEWAY, EmulatedHost
from tests.support.openstack_node import EMULATED, PLACE
from tests.support.simulator import Simulator

ONE_PROCESS = SERVICES / "one_process.py"
NO_KEYSTONE = SERVICES / "no_keystone.py"
PASTE = "etc/glance/glance-api-paste.ini"


class Node(EmulatedHost):
    """A host that can install the distribution and reach simulated arrays at the same addresses as this machine."""

    def __init__(self) -> None:
        super().__init__(EMULATED)

    def install(self, wheel: Path) -> None:
        self.send(wheel, f"/tmp/{wheel.name}")
        self.run(f"{PLACE}/bin/python -m pip install --quiet --no-deps --no-index /tmp/{wheel.name}")

    def meet(self, simulator: Simulator) -> None:
        """Make the arrays reachable at their addresses, and their certificates readable at the same paths."""
        addresses = [entry["address"] for entry in simulator.endpoints["arrays"].values()]
        self.reach(f"{'.'.join(addresses[0].split('.')[:2])}.0.0/16")
        for entry in simulator.endpoints["arrays"].values():
            if entry.get("ca_path"):
                self.send(Path(entry["ca_path"]), entry["ca_path"])
                self.run(f"chmod 0644 {entry['ca_path']}; chmod -R a+X {Path(entry['ca_path']).parent}")

    def initiator(self) -> str:
        return self.run("sed -n s/^InitiatorName=//p /etc/iscsi/initiatorname.iscsi").strip()

    def attached(self) -> list[str]:
        """The kernel's iSCSI sessions, their disks, and multipath maps: empty when nothing is attached."""
        output = self.run("iscsiadm -m session 2>&1 || true; ls -d /dev/sd* 2>/dev/null || true; dmsetup ls")
        nothing = ("iscsiadm: No active sessions.", "No devices found")
        return [line for line in output.splitlines() if line not in nothing]

    @contextmanager
    def paths(self) -> Iterator[list[str]]:
        """A list that receives the portals of the kernel's logins during the block, from the initiator's log."""
        portals: list[str] = []
        since = self.run("date +%s").strip()
        yield portals
        log = self.run(f"journalctl -o cat -u iscsid --since @{since}")
        portals += re.findall(r"portal: ([0-9.]+,[0-9]+)\] through \[iface: default\] is operational now", log)

    def start_service(self, name: str, user: str, command: str, **env: str) -> None:
        settings = " ".join(shlex.quote(f"--setenv={key}={value}") for key, value in env.items())
        path = f"--setenv=PATH={PLACE}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        output = f"-p StandardOutput=append:/var/log/{user}/output -p StandardError=append:/var/log/{user}/output"
        self.run(f"systemd-run --quiet --unit {name} --uid {user} {output} {path} {settings} {command}")

    def stop_service(self, name: str) -> None:
        self.run(f"systemctl stop {name}; systemctl reset-failed {name} 2>/dev/null || true")


class NodeCinder(Cinder):
    """The one-process Cinder as a service of the node."""

    deadline = 900.0
    # Frequent polls would keep an emulated processor busy
    interval = 3.0

    def __init__(self, node: Node, folder: Path, backends: Mapping[str, Mapping[str, Any]], image_service: int) -> None:
        super().__init__(Path(PLACE, "bin", "python"), Path(), folder, backends)
        self._node, self._image_service = node, image_service
        self._inner_port = self.port
        self.state, self.etc = Path("/var/lib/cinder"), Path("/etc/cinder")
        self.log = Path("/var/log/cinder/cinder.log")

    def sections(self) -> dict[str, dict[str, Any]]:
        sections = super().sections()
        sections["DEFAULT"] |= {
            "glance_api_servers": f"http://{GATEWAY}:{self._image_service}",
            "use_multipath_for_image_xfer": True,
            "enforce_multipath_for_image_xfer": True,
            "image_conversion_dir": self.state / "conversion",
            # Compressing takes minutes on an emulated processor
            "image_compress_on_upload": False,
            "periodic_interval": 20,
            "report_interval": 20,
            "backend_stats_polling_interval": 30,
        }
        return sections

    def start(self) -> None:
        self._node.send(self.configure(), "/etc/cinder/cinder.conf")
        self._node.send(ONE_PROCESS, f"/root/{ONE_PROCESS.name}")
        self._node.run(
            "chown root:cinder /etc/cinder/cinder.conf && chmod 0640 /etc/cinder/cinder.conf && "
            f"install -m 0644 /root/{ONE_PROCESS.name} {PLACE}/{ONE_PROCESS.name} && "
            f"runuser -u cinder -- {PLACE}/bin/cinder-manage --config-file /etc/cinder/cinder.conf db sync"
        )
        command = f"{PLACE}/bin/python {PLACE}/{ONE_PROCESS.name} /etc/cinder/cinder.conf {self._inner_port}"
        self._node.start_service("cinder", "cinder", command)
        self.port = self._node.publish(self._inner_port)
        self.wait_for("the API", self._answers)

    def _answers(self) -> bool:
        assert self._node.succeeds("systemctl is-active cinder"), self._node.run("tail -n 50 /var/log/cinder/output")
        try:
            return bool(self.ask("GET", "/types"))
        except (requests.ConnectionError, requests.Timeout):
            # The first answer takes longest, since all modules are imported first
            return False

    def errors(self, most: int = 25) -> str:
        return self._node.run(f"grep -E ' (ERROR|WARNING) ' {self.log} | tail -n {most} || true")

    def stop(self) -> None:
        self._node.stop_service("cinder")


class NodeGlance(Glance):
    """A Glance as a service of the node."""

    def __init__(self, node: Node, folder: Path, section: Mapping[str, Any]) -> None:
        super().__init__(Path(), folder, {"one": section}, python=Path(PLACE, "bin", "python"))
        self._node = node
        self._inner_port = self.port
        self.state, self.etc = Path("/var/lib/glance"), Path("/etc/glance")
        self.log = Path("/var/log/glance/glance.log")

    def start(self) -> None:
        self.port = self._inner_port
        self.configure()
        state, etc = self.state, self.etc
        self._node.send(self.folder, str(state))
        self._node.send(NO_KEYSTONE, str(state / NO_KEYSTONE.name))
        self._node.run(
            f"chown -R glance {state} && mv {state}/glance-api* {etc} && "
            f"chown root:glance {etc}/glance-api.conf && chmod 0640 {etc}/glance-api.conf && "
            f"runuser -u glance -- {PLACE}/bin/glance-manage --config-file {etc}/glance-api.conf db_sync"
        )
        command = " ".join(self._command(state))
        self._node.start_service("glance", "glance", command, OS_GLANCE_CONFIG_DIR=str(etc))
        self.port = self._node.publish(self._inner_port)
        self.wait_for("the API", self._answers)

    def _pipeline(self) -> str:
        return self._node.run(f"sed 's/unauthenticated-context rootapp/context rootapp/' {PLACE}/{PASTE}")

    def _answers(self) -> bool:
        assert self._node.succeeds("systemctl is-active glance"), self.errors()
        try:
            return self._session.get(f"{self.url}/v2/images", timeout=60).ok
        except (requests.ConnectionError, requests.Timeout):
            # The first answer takes longest, since all modules are imported first
            return False

    def errors(self, most: int = 25) -> str:
        logs = f"{self.log} /var/log/glance/output"
        return self._node.run(f"cat {logs} | grep -vE ' (INFO|DEBUG) ' | tail -n {most} || true")

    def stop(self) -> None:
        self._node.stop_service("glance")
