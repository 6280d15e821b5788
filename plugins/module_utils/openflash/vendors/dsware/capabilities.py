# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the array can do over each of its interfaces, which names it takes, and what it refuses (sheet, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, FrozenSet, Optional, Sequence, Tuple

from ...model import (
    AGENT,
    ISCSI,
    OF_ALL_HOSTS,
    OF_NO_HOST,
    OF_THIS_HOST,
    PER_ARRAY,
    THIN,
    Capabilities,
    CopyMethod,
    Host,
    NameRule,
    OptionRule,
)
from ...properties import LACKING, QOS
from ...units import KIB, MIB
from .ledger import GRANULARITY, HOST_LONGEST, LARGEST, LUN_RANGE, NAME_LONGEST, NAME_PATTERN, REST

_NO_SOCKET_HOSTS = (
    "over its text socket this array has no hosts: it attaches a volume on the host that the task runs on. "
    "Run the task there, with attach_tool, and host: the name of that host"
)
_REFUSALS = {
    "rename_volume": "this array cannot rename a volume; clone it under the new name and delete the old one",
    "explicit_lun": "this array chooses the LUN itself; leave lun out",
    "chap": "CHAP of this array cannot be set over the interfaces that are known; set it with the array's own tools",
    "groups": "this array has no consistency groups; take the snapshots one by one while the application is quiet",
    "atomic_snapshots": "this array takes one snapshot at a time; take them one by one while the application is quiet",
    "metadata": "this array keeps no notes on a volume; keep them in the inventory",
    "map_snapshot": "this array does not map snapshots; make a volume of it (source_snapshot) and map that",
    "performance": "the interfaces of this array that are known here do not report its load",
    "connections": "no published interface of this array reports which hosts are logged in; look at the hosts, and at "
    "their agents",
    "rename_host": "no published interface of this array renames a host; make another, and move the initiators",
    "host_os": "this array stores no operating system of a host; leave os out",
    **{kind: reason for kind, reason in LACKING.items() if kind != QOS},
}
_REST_REFUSALS = {
    "host_without_initiators": "a host without initiators is of no use; give initiators, or its agent in agents",
}
_SOCKET_REFUSALS = {
    "refresh_volume": "the text socket fills no volume that exists; make a new volume from the source, or use "
    "transport: rest",
    QOS: "the text socket has no limits of a volume; use transport: rest, or leave qos out",
    "set_volume": "volumes of this array have no properties that can be changed over the text socket",
    "health": "the text socket does not report the health of the array; use transport: rest",
    "restore_snapshot": "the text socket has no restore; make a new volume from the snapshot (source_snapshot), or use "
    "transport: rest",
    "create_host": _NO_SOCKET_HOSTS,
    "add_initiators": _NO_SOCKET_HOSTS,
    "remove_initiators": _NO_SOCKET_HOSTS,
    "delete_host": _NO_SOCKET_HOSTS,
}
VOLUME_OPTIONS = {
    "full_clone": OptionRule(
        bool,
        create_only=True,
        reported=False,
        description="true or false: whether a clone is a full copy, which takes a while, instead of one that shares "
        "data",
    ),
    "total_iops_max": OptionRule(int, description="requests per second, 0 for no limit"),
    "total_bandwidth_max": OptionRule(
        int, granularity=MIB // KIB, description="KiB per second, a multiple of 1024, 0 for no limit"
    ),
}
"""Those over REST."""
_NAMES = "1 to %d letters, digits, '-' and '_', the first no '-'"


@dataclass(frozen=True)
class DswareCapabilities(Capabilities):
    """Refusals that depend on the host that the task runs on."""

    agents: Tuple[str, ...] = ()
    """The task's names of the hosts to which an agent attaches volumes."""
    by_tool: bool = False
    """Whether volumes are attached to this host by its own tool."""

    def refusal(self, operation: str, obj: Any = None, **details: Any) -> Optional[str]:
        host = details.get("host")
        name = host.name if isinstance(host, Host) else host
        if operation == "create_host" and name is not None and not details.get("initiators"):
            known = self._attachable()
            if known:
                what = " or give its initiators" if self.protocols else ""
                return "nothing attaches volumes to host %s: %s. Use one of these names%s" % (name, known, what)
        agent = isinstance(host, Host) and host.kind == AGENT
        if operation == "map_volume" and agent and not self._here(name):
            return self._elsewhere(name)
        # The array does not report such mappings: only this host knows its own.
        if operation == "unmap_volume" and name is not None and not self._here(name):
            return self._elsewhere(name)
        if operation in ("add_initiators", "remove_initiators", "delete_host") and isinstance(obj, Host):
            if obj.kind == AGENT:
                return "host %s is one that volumes are attached to by an agent: the array has no initiators of it" % (
                    obj.name
                )
        if operation == "restore_snapshot" and details.get("mapped"):
            return "the array puts the content of a snapshot back only into a volume that is not mapped; unmap it first"
        return super().refusal(operation, obj, **details)

    def _attachable(self) -> str:
        """The names of the hosts to which volumes can be attached, as a clause."""
        known = ["agents has %s" % ", ".join(self.agents)] if self.agents else []
        if self.by_tool:
            known.append("this host is called %s" % ", ".join(sorted(self.local_names)))
        return ", and ".join(known)

    def _here(self, name: Optional[str]) -> bool:
        return name is not None and name.lower() in self.local_names

    @staticmethod
    def _elsewhere(name: Optional[str]) -> str:
        return (
            "this array does not report what is attached to host %s, so only a task on that host can attach and "
            "detach: delegate it there" % name
        )

    def method(self, operation: str, obj: Any = None) -> CopyMethod:
        return CopyMethod("instant", independent=True)


def capabilities(
    transport: str, extensions: bool, local_names: FrozenSet[str], agents: Sequence[str] = (), by_tool: bool = False
) -> DswareCapabilities:
    """The capabilities over this interface.

    :param extensions: whether requests may be sent that no published client of the socket sends.
    :param local_names, agents, by_tool: see DswareCapabilities.
    """
    name = NameRule(NAME_LONGEST.value, NAME_PATTERN.value, _NAMES % NAME_LONGEST.value)
    rest = transport == REST
    # The array does not report what agents and tools have attached.
    attached_apart = bool(agents) or by_tool
    mappings_known = OF_ALL_HOSTS if rest and not attached_apart else OF_THIS_HOST if local_names else OF_NO_HOST
    return DswareCapabilities(
        vendor="dsware",
        volume_name=name,
        snapshot_name=name,
        host_name=NameRule(HOST_LONGEST.value, NAME_PATTERN.value, _NAMES % HOST_LONGEST.value),
        provisioning=(THIN,),
        granularity=GRANULARITY,
        smallest=GRANULARITY,
        largest=LARGEST.value,
        luns=LUN_RANGE.value,
        protocols=(ISCSI,) if rest else (),
        mappings_known=mappings_known,
        proves_snapshots=rest,
        snapshot_names=PER_ARRAY,
        guards_snapshots=True,
        volume_options={
            name: rule for name, rule in VOLUME_OPTIONS.items() if rest or (extensions and name == "full_clone")
        },
        refusals=dict(_REFUSALS, **(_REST_REFUSALS if rest else _SOCKET_REFUSALS)),
        local_names=local_names,
        chap=None,
        agents=tuple(agents),
        by_tool=by_tool,
    )
