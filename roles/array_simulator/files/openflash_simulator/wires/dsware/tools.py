# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command-line tools as the array's own (sections 1.2, 1.4 and 2.2 of the wire sheet): argv in, stdout out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...objects import Volume
from . import codes, guesses
from .codes import Refusal
from .storage import MIB, Storage

READING = ("query", "getDSwareIdentifier", "startServer")
_MISSING = {"sds_cli": codes.NOT_MOUNTED, "vbs_cli": codes.NOT_ATTACHED}
_WITHOUT_ADDRESS = {"attach", "detach", "querydev"}
_WITH_ADDRESS = {verb + "withip" for verb in _WITHOUT_ADDRESS}


def is_write(tool: str, argv: Sequence[str]) -> bool:
    """Whether a command asks for a change."""
    verb = options(argv).get("op" if tool == "fsc_cli" else "c", "")
    return not verb.startswith(READING)


def options(argv: Sequence[str]) -> dict[str, str]:
    """``--name value`` and ``-n value`` in any order; what stands alone is an option without a value."""
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
    """What ``fsc_cli``, ``vbs_cli`` and ``sds_cli`` print. They run on the first agent's node."""

    def __init__(self, storage: Storage, old: bool) -> None:
        self.storage = storage
        self.old = old
        self._ops: dict[str, Callable[[Mapping[str, str]], list[str]]] = {
            "createVolume": self._create_volume,
            "expandVolume": self._expand_volume,
            "deleteVolume": self._delete_volume,
            "queryVolume": self._query_volume,
            "createSnapshot": self._create_snapshot,
            "deleteSnapshot": self._delete_snapshot,
            "querySnapshot": self._query_snapshot,
            "createVolumeFromSnap": self._linked,
            "createFullVolumeFromSnap": self._full,
            "queryPoolInfo": self._pool,
            "queryPoolType": self._pools,
            "getDSwareIdentifier": self._identifier,
            "startServer": lambda given: [],
        }

    def run(self, tool: str, argv: Sequence[str]) -> str:
        """Exit status is 0 whatever happens (section 1.2): the code is in the text."""
        given = options(argv)
        return self._fsc(given) if tool == "fsc_cli" else self._attach(tool, given)

    # ---- fsc_cli ---------------------------------------------------------------------------------------------------

    def _fsc(self, given: Mapping[str, str]) -> str:
        try:
            if not given.get("manage_ip") or not given.get("op"):
                raise Refusal(codes.COMMAND_FORMAT)
            if given.get("ip", "") in self.storage.sick:
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
        self.storage.create_volume(_text(given, "volName"), _int(given, "volSize"), _int(given, "poolId"), thin=thin)
        return []

    def _expand_volume(self, given: Mapping[str, str]) -> list[str]:
        self.storage.expand_volume(_text(given, "volName"), _int(given, "volSize"))
        return []

    def _delete_volume(self, given: Mapping[str, str]) -> list[str]:
        self.storage.delete_volume(_text(given, "volName"))
        return []

    def _query_volume(self, given: Mapping[str, str]) -> list[str]:
        volume = self.storage.volume(_text(given, "volName"))
        about = {
            "vol_name": volume.name,
            "father_name": self.storage.father(volume),
            "status": self.storage.status(volume),
            "vol_size": volume.size // MIB,
            **self._common(volume),
        }
        return [_row(about)]

    def _query_snapshot(self, given: Mapping[str, str]) -> list[str]:
        snapshot = self.storage.snapshot(_text(given, "snapName"))
        about = {
            "snap_name": snapshot.name,
            "father_name": self.storage.father(snapshot),
            "status": guesses.READY,
            "snap_size": snapshot.size // MIB,
            "delete_priority": 0,
            **self._common(snapshot),
        }
        return [_row(about)]

    def _common(self, volume: Volume) -> dict[str, object]:
        return {
            "real_size": volume.used // MIB,
            "pool_id": self.storage.pool_of(volume),
            "create_time": int(volume.created),
        }

    def _create_snapshot(self, given: Mapping[str, str]) -> list[str]:
        self.storage.create_snapshot(_text(given, "snapName"), _text(given, "volName"))
        return []

    def _delete_snapshot(self, given: Mapping[str, str]) -> list[str]:
        self.storage.delete_snapshot(_text(given, "snapName"))
        return []

    def _linked(self, given: Mapping[str, str]) -> list[str]:
        self.storage.linked_volume(_text(given, "volName"), _text(given, "snapNameSrc"), _int(given, "volSize"))
        return []

    def _full(self, given: Mapping[str, str]) -> list[str]:
        self.storage.full_copy(_text(given, "volName"), _text(given, "snapName"))
        return []

    def _pool(self, given: Mapping[str, str]) -> list[str]:
        return [self._pool_row(_int(given, "poolId"))]

    def _pools(self, given: Mapping[str, str]) -> list[str]:
        if self.old:
            raise Refusal(codes.UNKNOWN_OPERATION)
        return [self._pool_row(pool.id) for pool in self.storage.pools()]

    def _pool_row(self, number: int) -> str:
        pool = self.storage.pool(number)
        about = {
            "pool_id": pool.id,
            "total_capacity": pool.size // MIB,
            "used_capacity": pool.used // MIB,
            "alloc_capacity": self.storage.provisioned(pool) // MIB,
        }
        return _row(about)

    def _identifier(self, given: Mapping[str, str]) -> list[str]:
        if self.old:
            raise Refusal(codes.UNKNOWN_OPERATION)
        return []

    # ---- vbs_cli and sds_cli ---------------------------------------------------------------------------------------

    def _attach(self, tool: str, given: Mapping[str, str]) -> str:
        verb, name, agent = given.get("c", ""), given.get("v", ""), self.storage.agents[0]
        device = ""
        try:
            if not name or verb not in (_WITHOUT_ADDRESS | _WITH_ADDRESS if tool == "vbs_cli" else _WITHOUT_ADDRESS):
                raise Refusal(codes.COMMAND_FORMAT)
            if verb in _WITH_ADDRESS and not given.get("i"):
                raise Refusal(codes.COMMAND_FORMAT)
            if verb.startswith("attach"):
                device = self.storage.attach(name, agent)
            elif verb.startswith("detach"):
                self.storage.detach(name, agent)
            else:
                device = self._device(name, agent)
            code = codes.OK
        except Refusal as refusal:
            # Section 1.4: the two tools have different words for a volume that is not attached.
            code = _MISSING[tool] if refusal.code == codes.NOT_ATTACHED else refusal.code
            if code == codes.ATTACHED:
                device = self._device(name, agent)
        text = f"ret_code={code}\nret_desc={codes.TEXTS.get(code, '')}\n"
        return text + (f"dev_addr={device}\n" if device else "")

    def _device(self, name: str, agent: str) -> str:
        volume = self.storage.array.find_volume(name, "volume")
        if volume is None:
            raise Refusal(codes.ATTACH_MISSING)
        device = self.storage.device(volume, agent)
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
