# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH command line of one FlashSystem: options of the configuration, dispatch of commands, saved state."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import asyncssh

from ...array import Array
from ...assumptions import default_of
from ...checks import flag, ip_addresses, iscsi_fc_or_both, protocol_name, some_of, whole_number
from ...datapath import NoDataPath
from ...devicetree import DeviceTree
from ...document import Document
from ...errors import ConfigError
from ...faults import Fault, Verdict
from ...objects import Pool
from ...rules import ArrayError, Rules
from ...settings import ArrayConfig
from ..base import need_protocol_of_datapath, protocol_of
from ..ssh import SshReply, SshWire
from . import hosts, ledger, monitoring, system as systems, volumes
from .cli import Command, parse, split
from .content import FlashsystemContent
from .refusals import TEXTS, Refusal, from_array
from .state import FlashsystemState
from .system import Handler, Options

COMMANDS: Mapping[str, tuple[Options, Handler]] = {
    **systems.COMMANDS,
    **volumes.COMMANDS,
    **hosts.COMMANDS,
    **monitoring.COMMANDS,
}
_PREFIXES = ("svcinfo", "svctask")


_PARTS = ("pool", "node1", "node2", "port1", "port2", "port3", "port4", "ip1", "ip2")


def _keys(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ConfigError("is not a list of OpenSSH public keys")
    for text in value:
        try:
            asyncssh.import_public_key(text)
        except (asyncssh.KeyImportError, TypeError, AttributeError):
            raise ConfigError(f"{text!r} is not an OpenSSH public key") from None
    return tuple(value)


class FlashsystemWire(SshWire):
    """One array with one or two nodes."""

    vendor = "flashsystem"
    assumptions = ledger.LEDGER
    default_username = "superuser"
    default_version = "1.5.2.6"
    default_sessions = default_of(ledger.LEDGER, "flashsystem.session.commands")
    default_connections = default_of(ledger.LEDGER, "flashsystem.session.connections")
    has_datapath = True
    options: ClassVar = {
        "protocol": iscsi_fc_or_both,
        "nodes": whole_number(1, 2),
        "open_access": flag,
        "offline": some_of(*_PARTS),
        "authorized_keys": _keys,
        "portals": ip_addresses,
    }
    limits = (*SshWire.limits, "volumes", "mappings", "hosts", "initiators", "max_lun")

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        need_protocol_of_datapath(config, "fc", "the device tree has Fibre Channel devices only")

    def __init__(self, config: ArrayConfig, *arguments: Any) -> None:
        super().__init__(config, *arguments)
        self.authorized_keys = config.options.get("authorized_keys", ())
        host_dir = self.run_dir / f"{config.name}.host"
        self.tree = DeviceTree(host_dir, "IBM", "FlashSystem-9840") if config.datapath else None
        rules = Rules(
            granularity=ledger.SECTOR,
            name_length=255,
            volumes=ledger.VDISKS,
            mappings=ledger.MAPPINGS,
            hosts=ledger.HOSTS,
            initiators=ledger.PORTS,
        ).limited({name: value for name, value in config.limits.items() if name not in SshWire.limits})
        pools = [Pool(pool.name, pool.size, number) for number, pool in enumerate(config.pools)]
        array = Array(
            config.name,
            pools or [Pool(ledger.POOL, ledger.CAPACITY, 0)],
            rules,
            clock=self.clock,
            datapath=self.tree or NoDataPath(),
            on_change=self.changed,
            is_full=self.faults.pool_full,
        )
        self.system = FlashsystemState(
            name=(config.document.name if config.document else None) or config.name,
            array=array,
            assumed=self.assumed,
            version=config.version,
            protocols=config.options.get("protocol", ("fc",)),
            nodes=config.options.get("nodes", 2),
            open_access=config.options.get("open_access", False),
            offline=config.options.get("offline", frozenset()),
            address=config.address,
            device_root=self.tree.root if self.tree else None,
            portal_addresses=config.options.get("portals", ()),
            operation=self.operation,
        )

    def assumptions_changed(self) -> None:
        super().assumptions_changed()
        lowest, highest = self.assumed("luns.range")
        self.system.array.rules = replace(
            self.system.array.rules,
            max_size=self.assumed("volumes.largest"),
            first_lun=lowest,
            max_lun=self.config.limits.get("max_lun", highest),
        )

    def most(self, what: str) -> int:
        played = {"sessions": self.assumed("session.commands"), "connections": self.assumed("session.connections")}[
            what
        ]
        return int(self.config.limits.get(what, played))

    async def listen(self) -> None:
        await super().listen()
        if self.tree is not None:
            self.tree.start(
                [wwpn for node in range(1, self.system.nodes + 1) for wwpn in self.system.wwpns(node)],
                self.system.array,
            )

    async def close(self) -> None:
        if self.tree is not None:
            self.tree.stop()
        await super().close()

    async def delayed(self, verdict: Verdict, method: str, path: str, write: bool) -> Verdict:
        """A change is made, and answered, after what is assumed, whether its client still waits or not."""
        resets = self._resets
        verdict = await super().delayed(verdict, method, path, write)
        seconds = self.assumed("requests.answered_after")
        if not (write and seconds):
            return verdict
        await asyncio.sleep(seconds)
        self.faults.serving(method, path, write)
        return verdict if resets == self._resets else replace(verdict, fault=Fault("reset_before"))

    # ---- one command line ------------------------------------------------------------------------------------------

    def answer(self, line: str) -> SshReply:
        """The output of every command of the line, as a shell runs them; the status is that of the last one."""
        reply = SshReply()
        try:
            commands = split(line)
        except Refusal as error:
            return SshReply(stderr=error.text + "\n", status=error.status)
        for words in commands:
            answer = self._run(words)
            reply = SshReply(reply.stdout + answer.stdout, reply.stderr + answer.stderr, answer.status)
        return reply

    def _run(self, words: list[str]) -> SshReply:
        if words[0] in _PREFIXES:
            words = words[1:]
        if not words or words[0] == "echo":
            return SshReply(" ".join(words[1:]) + "\n")
        verb = words[0]
        if verb not in COMMANDS:
            status = self.assumed("errors.unknown_command")
            return SshReply(stderr=f"rbash: {verb}: command not found\n", status=status)
        options, handler = COMMANDS[verb]
        try:
            command: Command = parse(words, options)
            text = handler(self.system, command)
            warned = "none" if verb.startswith("ls") else self.assumed("requests.warnings")
            warning = {warned: ledger.WARNING}
            return SshReply(text + warning.get("stdout", ""), warning.get("stderr", ""))
        except ArrayError as error:
            refusal = self._played(from_array(error, verb))
        except Refusal as error:
            refusal = self._played(error)
        return SshReply(stderr=refusal.text + "\n", status=refusal.status)

    def _played(self, refusal: Refusal) -> Refusal:
        """The refusal with the code that is assumed for it."""
        if not refusal.code or refusal.code in ledger.KNOWN_CODES:
            return refusal
        if refusal.code in ledger.NOT_SUITABLE and self.assumed("errors.unsuitable") != "own_code":
            return Refusal(self.assumed("errors.unsuitable"))
        codes = self.assumed("errors.codes")
        if codes == "exchanged":
            return Refusal(ledger.EXCHANGED[refusal.code]) if refusal.code in ledger.EXCHANGED else refusal
        return Refusal(ledger.UNKNOWN_CODE) if codes == "unknown" else refusal

    def verb(self, line: str) -> str:
        words = line.split()
        return next((word for word in words if word not in _PREFIXES), "")

    def is_write(self, line: str) -> bool:
        """Whether any command of the line is not a query."""
        try:
            commands = split(line)
        except Refusal:
            return False
        verbs = [self.verb(" ".join(words[:2])) for words in commands]
        return any(not verb.startswith(("ls", "echo")) for verb in verbs)

    def expired(self, line: str) -> SshReply:
        """An expired login is reported on stdout (section 1)."""
        return SshReply(f"CMMVC7017E {TEXTS['CMMVC7017E']}\n", status=1)

    # ---- endpoint, state -------------------------------------------------------------------------------------------

    def endpoint(self) -> dict[str, Any]:
        protocols = self.system.protocols
        return {
            **super().endpoint(),
            "protocol": protocol_name(protocols),
            "pools": [
                {"id": pool.id, "name": pool.name, "size": pool.size} for pool in self.system.array.pools.values()
            ],
            "device_root": str(self.tree.root) if self.tree else None,
        }

    @classmethod
    def options_of(cls, document: Document) -> dict[str, Any]:
        return {"protocol": protocol_of(document)}

    def content(self) -> FlashsystemContent:
        return FlashsystemContent(self.system)

    def arrays(self) -> list[Array]:
        return [self.system.array]

    def state(self) -> dict[str, Any]:
        shown = super().state()
        if self.tree is not None:
            for row in shown["volumes"]:
                row["content"] = self.tree.content(self.system.array.volumes[row["id"]])
        return shown

    def reset(self) -> None:
        super().reset()
        self.system.open_access = self.config.options.get("open_access", False)

    def empty(self) -> None:
        self.system.array.reset()
        self.system.next_uid = 1

    def dump(self) -> dict[str, Any]:
        return {
            "array": self.system.array.dump(),
            "open_access": self.system.open_access,
            "next_uid": self.system.next_uid,
        }

    def load(self, saved: dict[str, Any]) -> None:
        self.system.array.load(saved["array"])
        self.system.open_access = saved["open_access"]
        # An earlier version saved no identities: they followed from the ids.
        for volume in self.system.array.volumes:
            volume.attributes.setdefault("uid", volume.id)
        self.system.next_uid = saved.get("next_uid", self.system.array.volumes.next_id)
