# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command-line tools (sections 1.2, 1.4 and 2.2 of the wire sheet): arguments in, printed text out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...objects import Volume
from . import codes, ledger
from .codes import Refusal
from .state import MIB, DswareState

READ_VERBS = ("query", "getDSwareIdentifier", "startServer")
_NOT_ATTACHED_CODES = {"sds_cli": codes.NOT_MOUNTED, "vbs_cli": codes.NOT_ATTACHED}
_WITHOUT_ADDRESS = {"attach", "detach", "querydev"}
_WITH_ADDRESS = {verb + "withip" for verb in _WITHOUT_ADDRESS}


def is_write(tool: str, argv: Sequence[str]) -> bool:
    """Whether a command asks for a change."""
    verb = options(argv).get("op" if tool == "fsc_cli" else "c", "")
    return not verb.startswith(READ_VERBS)


def options(argv: Sequence[str]) -> dict[str, str]:
    """Options as ``--name value`` or ``-n value``, in any order. An option without a value has ''."""
    found: dict[str, str] = {}
    name = ""
    for word in argv:
        if word.startswith("-"):
            name = word.lstrip("-")
            found[name] = ""
        elif name:
            found[name] = word
            name = ""
    return found


class Tools:
    """What ``fsc_cli``, ``vbs_cli`` and ``sds_cli`` print. They run on the node of the first agent."""

    def __init__(self, system: DswareState, old: bool) -> None:
        self.system = system
        self.old = old
        self._ops: dict[str, Callable[[Mapping[str, str]], list[str]]] = {
            "createVolume": self._create_volume,
            "expandVolume": self._expand_volume,
            "deleteVolume": self._delete_volume,
            "queryVolume": self._query_volume,
            "createSnapshot": self._create_snapshot,
            "deleteSnapshot": self._delete_snapshot,
            "querySnapshot": self._query_snapshot,
            "createVolumeFromSnap": self._create_linked,
            "createFullVolumeFromSnap": self._full_copy,
            "queryPoolInfo": self._pool,
            "queryPoolType": self._pools,
            "getDSwareIdentifier": self._identifier,
            "startServer": lambda given: [],
        }

    def run(self, tool: str, argv: Sequence[str]) -> str:
        """What the tool prints. Its exit status is always 0 (section 1.2); the code is in the text."""
        given = options(argv)
        return self._fsc(given) if tool == "fsc_cli" else self._attach(tool, given)

    # ---- fsc_cli ---------------------------------------------------------------------------------------------------

    def _fsc(self, given: Mapping[str, str]) -> str:
        try:
            if not given.get("manage_ip") or not given.get("op"):
                raise Refusal(codes.COMMAND_FORMAT)
            if given.get("ip", "") in self.system.sick:
                raise Refusal(codes.AGENT_SICK)
            operation = self._ops.get(given["op"])
            if operation is None:
                raise Refusal(codes.UNKNOWN_OPERATION)
            lines = operation(given)
        except Refusal as refusal:
            return f"result={refusal.code}\ndesc={refusal.text}\n"
        return "".join(f"{line}\n" for line in ("result=0", *lines))

    def _create_volume(self, given: Mapping[str, str]) -> list[str]:
        thin = given.get("thinFlag") == "1"
        self.system.create_volume(_text(given, "volName"), _int(given, "volSize"), _int(given, "poolId"), thin=thin)
        return []

    def _expand_volume(self, given: Mapping[str, str]) -> list[str]:
        self.system.expand_volume(_text(given, "volName"), _int(given, "volSize"))
        return []

    def _delete_volume(self, given: Mapping[str, str]) -> list[str]:
        self.system.delete_volume(_text(given, "volName"))
        return []

    def _query_volume(self, given: Mapping[str, str]) -> list[str]:
        volume = self.system.volume(_text(given, "volName"))
        fields = {
            "vol_name": volume.name,
            "father_name": self.system.father(volume),
            "status": self.system.status(volume),
            "vol_size": volume.size // MIB,
            **self._common(volume),
        }
        return [_row(fields)]

    def _query_snapshot(self, given: Mapping[str, str]) -> list[str]:
        snapshot = self.system.snapshot(_text(given, "snapName"))
        fields = {
            "snap_name": snapshot.name,
            "father_name": self.system.father(snapshot),
            "status": ledger.READY,
            "snap_size": snapshot.size // MIB,
            "delete_priority": 0,
            **self._common(snapshot),
        }
        return [_row(fields)]

    def _common(self, volume: Volume) -> dict[str, object]:
        return {
            "real_size": volume.used // MIB,
            "pool_id": self.system.pool_of(volume),
            "create_time": int(volume.created),
        }

    def _create_snapshot(self, given: Mapping[str, str]) -> list[str]:
        self.system.create_snapshot(_text(given, "snapName"), _text(given, "volName"))
        return []

    def _delete_snapshot(self, given: Mapping[str, str]) -> list[str]:
        self.system.delete_snapshot(_text(given, "snapName"))
        return []

    def _create_linked(self, given: Mapping[str, str]) -> list[str]:
        self.system.create_linked_volume(_text(given, "volName"), _text(given, "snapNameSrc"), _int(given, "volSize"))
        return []

    def _full_copy(self, given: Mapping[str, str]) -> list[str]:
        self.system.full_copy(_text(given, "volName"), _text(given, "snapName"))
        return []

    def _pool(self, given: Mapping[str, str]) -> list[str]:
        return [self._pool_row(_int(given, "poolId"))]

    def _pools(self, given: Mapping[str, str]) -> list[str]:
        if self.old:
            raise Refusal(codes.UNKNOWN_OPERATION)
        return [self._pool_row(pool.id) for pool in self.system.pools()]

    def _pool_row(self, number: int) -> str:
        pool = self.system.pool(number)
        fields = {
            "pool_id": pool.id,
            "total_capacity": pool.size // MIB,
            "used_capacity": pool.used // MIB,
            "alloc_capacity": self.system.provisioned(pool) // MIB,
        }
        return _row(fields)

    def _identifier(self, given: Mapping[str, str]) -> list[str]:
        if self.old:
            raise Refusal(codes.UNKNOWN_OPERATION)
        return []

    # ---- vbs_cli and sds_cli ---------------------------------------------------------------------------------------

    def _attach(self, tool: str, given: Mapping[str, str]) -> str:
        verb, name, agent = given.get("c", ""), given.get("v", ""), self.system.agents[0]
        device = ""
        try:
            if not name or verb not in (_WITHOUT_ADDRESS | _WITH_ADDRESS if tool == "vbs_cli" else _WITHOUT_ADDRESS):
                raise Refusal(codes.COMMAND_FORMAT)
            if verb in _WITH_ADDRESS and not given.get("i"):
                raise Refusal(codes.COMMAND_FORMAT)
            if verb.startswith("attach"):
                device = self.system.attach(name, agent)
            elif verb.startswith("detach"):
                self.system.detach(name, agent)
            else:
                device = self._device(name, agent)
            code = codes.OK
        except Refusal as refusal:
            # Section 1.4: the two tools have different codes for a volume that is not attached.
            code = _NOT_ATTACHED_CODES[tool] if refusal.code == codes.NOT_ATTACHED else refusal.code
            if code == codes.ATTACHED:
                device = self._device(name, agent)
        text = f"ret_code={code}\nret_desc={codes.TEXTS.get(code, '')}\n"
        return text + (f"dev_addr={device}\n" if device else "")

    def _device(self, name: str, agent: str) -> str:
        volume = self.system.array.find_volume(name, "volume")
        if volume is None:
            raise Refusal(codes.ATTACH_MISSING)
        device = self.system.device(volume, agent)
        if not device:
            raise Refusal(codes.NOT_ATTACHED)
        return device


def _row(fields: Mapping[str, object]) -> str:
    return ",".join(f"{key}={value}" for key, value in fields.items())


def _text(given: Mapping[str, str], key: str) -> str:
    if not given.get(key):
        raise Refusal(codes.COMMAND_FORMAT)
    return given[key]


def _int(given: Mapping[str, str], key: str) -> int:
    text = _text(given, key)
    if not text.isdigit():
        raise Refusal(codes.COMMAND_FORMAT)
    return int(text)
