# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every wire is: an array (or several) behind one vendor's protocol, with faults, a journal and a state file."""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from .. import lateness
from ..array import Array
from ..assumptions import Ledger, chosen
from ..checks import protocol_name
from ..document import Content, Document, put
from ..errors import ConfigError, SimulatorError
from ..faults import Fault, Faults, Verdict
from ..iscsi import Portals, Route, Shown
from ..journal import Journal
from ..operation import Operation
from ..settings import ArrayConfig
from ..state import Store
from ..tgt import Tgtd
from ..tls import Authority

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


def parse_version(config: ArrayConfig, parse: Callable[[str], T], examples: str) -> T:
    """The version, parsed. Raises ConfigError where ``parse`` raises ValueError."""
    try:
        return parse(config.version)
    except ValueError:
        raise ConfigError(f"version {config.version!r} is not one such as {examples}") from None


def need_protocol_of_datapath(config: ArrayConfig, protocol: str, reason: str) -> None:
    """Refuse a data path where the option ``protocol`` leaves out the only protocol that it works with."""
    if config.datapath and protocol not in config.options.get("protocol", (protocol,)):
        raise ConfigError(f"datapath: {reason}; set protocol to {protocol} or both")


def protocol_of(document: Document) -> str | None:
    """The value of the option ``protocol`` for an array that had this content. None where the file does not tell."""
    protocols = set(document.protocols) | document.protocols_of_hosts()
    return protocol_name(sorted(protocols)) if protocols else None


class Wire(ABC):
    """One simulated array as its clients meet it."""

    vendor: ClassVar[str]
    default_username: ClassVar[str] = "admin"
    default_version: ClassVar[str]
    # The vendor's own configuration keys, each with a check (see ``checks``) that returns the value to use or raises
    # ConfigError.
    options: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    # The names that may stand under ``limits``.
    limits: ClassVar[tuple[str, ...]] = ()
    # What is assumed of the array without a proof, and can be played otherwise: see ``assumptions``.
    assumptions: ClassVar[Ledger] = ()
    # Whether ``datapath: true`` gives its volumes real bytes.
    has_datapath: ClassVar[bool] = False

    def __init__(
        self, config: ArrayConfig, run_dir: Path, authority: Authority, clock: Callable[[], float] = time.time
    ) -> None:
        self.config = config
        self.run_dir = run_dir
        self.authority = authority
        self.playing = dict(config.assume or chosen(self.assumptions, None))
        self._true_clock = clock

        def array_clock() -> float:
            return clock() + float(self.assumed("array.clock_ahead"))

        self.clock = array_clock
        self.journal = Journal((config.password,))
        self.faults = Faults()
        for fault in config.faults:
            self.faults.add(replace(fault))  # it counts the requests that it strikes
        self.operation = Operation()
        self.store: Store | None = None
        self.images = run_dir / f"{config.name}.images"
        self._connections = 0
        self._resets = 0
        # Earlier states of the array, the oldest first; kept only while a read may show one (``seen_late``).
        self._past: list[tuple[float, dict[str, Any]]] = []

    @classmethod
    def check(cls, config: ArrayConfig) -> None:
        """Refuse, with ConfigError, what no array of this vendor could be."""
        return

    # ---- life ------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take up the saved state, then listen."""
        self.assumptions_changed()
        if self.config.state_dir is not None:
            try:
                self.config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise SimulatorError(f"state_dir {self.config.state_dir} cannot be made: {error.strerror}") from error
            self.store = Store(self.config.state_dir, self.config.name, self.vendor)
        saved = self.store.load() if self.store is not None else None
        if self.config.document is not None:
            begun_with = self.from_document(self.config.document)
            saved = begun_with if saved is None else saved
        if saved is not None:
            self.load(saved)
        await self.listen()

    def from_document(self, document: Document) -> dict[str, Any]:
        """What another such array holds that has carried the document out, as :meth:`dump` returns it.

        It has no data path, so this one takes the content up as it takes up a state file.
        """
        config = replace(self.config, datapath=False, state_dir=None, faults=())
        other = type(self)(config, self.run_dir, self.authority, self._true_clock)
        other.assumptions_changed()
        content = other.content()
        if content is None:
            raise ConfigError(f"array {self.config.name}: from: not available for {self.vendor}")
        try:
            put(content, document)
        except ConfigError as error:
            raise ConfigError(f"array {self.config.name}: {error}") from None
        for array, filled in zip(self.arrays(), other.arrays(), strict=True):
            for name, pool in filled.pools.items():
                array.pools[name].others, array.pools[name].others_provisioned = pool.others, pool.others_provisioned
        return other.dump()

    async def stop(self) -> None:
        await self.close()
        if self.store is not None:
            self.store.save(self.dump())

    def reset(self) -> None:
        """An empty array again, without faults; the journal goes on. Nothing asked for before is carried out after."""
        self._resets += 1
        self.faults.clear()
        self.operation.clear()
        self._past.clear()
        self.empty()

    def begin_again(self) -> None:
        """The array as it is configured: the file that it begins with, its faults, and what is assumed of it."""
        self.reset()
        self.playing = dict(self.config.assume or chosen(self.assumptions, None))
        self.assumptions_changed()
        for fault in self.config.faults:
            self.faults.add(replace(fault))
        if self.config.document is not None:
            self.load(self.from_document(self.config.document))

    # ---- what is assumed -------------------------------------------------------------------------------------------

    def assumed(self, fact: str) -> Any:
        """The value that is played for an entry of the ledger: ``SUBJECT.FACT``, without the vendor."""
        return self.playing[f"{self.vendor}.{fact}"]

    def assume(self, raw: object) -> None:
        """Play other values from now on: see ``assumptions.chosen``. The content stays as it is."""
        self.playing = chosen(self.assumptions, raw)
        self._past.clear()
        self.assumptions_changed()

    def assumptions_changed(self) -> None:
        """Bring what was derived from the values of the ledger up to date."""
        for array in self.arrays():
            array.reuse_ids(self.assumed("array.ids_reused"))

    def changed(self, change: str, about: Mapping[str, Any]) -> None:
        """Record a change; every array behind this wire reports here."""
        self.journal.change(change, about)
        if self.store is not None:
            self.store.save_soon(self.dump)

    # ---- faults that are the same on every wire --------------------------------------------------------------------

    def served(self, verdict: Verdict, write: bool, answer: Callable[[], T]) -> T:
        """The answer to a request. With the fault ``seen_late``, or where that is assumed, a read shows what was."""
        made_late, deleted_late = self.assumed("array.made_seen_after"), self.assumed("array.deleted_listed_for")
        now, oldest = self._true_clock(), max(self.faults.oldest, made_late, deleted_late)
        self._past = [entry for entry in self._past if oldest and entry[0] >= now - oldest]
        if write and oldest:
            self._past.append((now, copy.deepcopy(self.dump())))
        if write or not self._past:
            return answer()
        present = copy.deepcopy(self.dump())
        shown = present
        if made_late and deleted_late:
            shown = self._state_of(now - min(made_late, deleted_late)) or present
        elif made_late and (past := self._state_of(now - made_late)):
            shown = lateness.without_new(present, past)
        elif deleted_late and (past := self._state_of(now - deleted_late)):
            shown = lateness.with_deleted(present, past)
        if verdict.age:
            shown = self._state_of(now - verdict.age) or shown
        if shown is present:
            return answer()
        self.load(copy.deepcopy(shown))
        try:
            return answer()
        finally:
            self.load(present)

    def _state_of(self, then: float) -> dict[str, Any] | None:
        """The state at that time, if there is an earlier one than the present; by the clock of this host."""
        return next((state for until, state in self._past if until >= then), None)

    async def delayed(self, verdict: Verdict, method: str, path: str, write: bool) -> Verdict:
        """Wait as long as the fault ``latency`` says. A request to an array that was reset meanwhile has no effect."""
        after = self.assumed("array.carried_out_after")
        if write and after and verdict.kind == "reset_before":
            verdict = replace(verdict, fault=Fault("reset_late", seconds=after))
        if not verdict.delay:
            return verdict
        resets = self._resets
        await asyncio.sleep(verdict.delay)
        self.faults.serving(method, path, write)
        return verdict if resets == self._resets else replace(verdict, fault=Fault("reset_before"))

    def carry_out_later(self, verdict: Verdict, answer: Callable[[], object]) -> None:
        """Make the change whose client was cut off (fault ``reset_late``), unless the array was reset meanwhile."""
        resets = self._resets

        def carry_out() -> None:
            if resets == self._resets:
                self.served(verdict, True, answer)

        if verdict.fault is not None:
            asyncio.get_running_loop().call_later(verdict.fault.seconds, carry_out)

    def next_connection(self) -> int:
        """A number for a new transport connection, so that a test can count handshakes."""
        self._connections += 1
        return self._connections

    def make_portals(self, route: Route, shown: Shown) -> Portals | None:
        """Real iSCSI portals, if the configuration has ``datapath``. Without tgtd it logs that, and there are none."""
        if not self.config.datapath:
            return None
        what = f"array {self.config.name}"
        if (why := Tgtd.missing()) is not None:
            _LOG.warning("%s: datapath: %s: its management works, its volumes hold nothing", what, why)
            return None
        return Portals(what, self.run_dir / f"{self.config.name}.tgt", route, shown)

    # ---- what a vendor adds ----------------------------------------------------------------------------------------

    @abstractmethod
    async def listen(self) -> None:
        """Open every port; raise SimulatorError when one is taken."""

    @abstractmethod
    async def close(self) -> None:
        """Close every port and connection."""

    @abstractmethod
    def endpoint(self) -> dict[str, Any]:
        """Everything a client needs to connect, in the terms of the collection's connection options."""

    @abstractmethod
    def arrays(self) -> list[Array]:
        """The arrays behind this wire: more than one where it has clusters or tenants."""

    @abstractmethod
    def empty(self) -> None:
        """Forget every object."""

    @abstractmethod
    def dump(self) -> dict[str, Any]:
        """The content as plain data, for the state file."""

    @abstractmethod
    def load(self, saved: dict[str, Any]) -> None:
        """The inverse of :meth:`dump`."""

    @classmethod
    def options_of(cls, document: Document) -> dict[str, Any]:
        """The vendor's own configuration keys, raw, of an array that can begin with this document."""
        return {}

    def content(self) -> Content | None:
        """What makes the objects of a document on this array; None where it cannot begin with one."""
        return None

    def session(self, volume: str, initiator: str, is_open: bool) -> bool:
        """Let a host log in to a volume, or out. False if it may not, or if the array does not report sessions."""
        return False

    # ---- what the control API shows --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What the array holds, in neutral terms and without secrets."""
        shown: dict[str, Any] = {
            "name": self.config.name,
            "vendor": self.vendor,
            "version": self.config.version,
            "pools": [],
            "volumes": [],
            "hosts": [],
            "mappings": [],
            "groups": [],
        }
        for array in self.arrays():
            for key, rows in _content(array).items():
                shown[key] += [{"scope": array.name, **row} for row in rows]
        return shown


def _content(array: Array) -> dict[str, list[dict[str, Any]]]:
    volumes = []
    for volume in array.volumes:
        parent = array.parent(volume)
        progress = array.progress(volume)
        volumes.append(
            {
                "id": volume.id,
                "name": volume.name,
                "kind": volume.kind,
                "pool": volume.pool,
                "size": volume.size,
                "used": volume.used,
                "provisioning": volume.provisioning,
                "writable": volume.writable,
                "parent": parent.name if parent else None,
                "content": volume.attributes.get("content", volume.uuid),
                "wwn": volume.wwn or None,
                "state": "ready" if progress >= 1 else "copying" if array.copying(volume) else "error",
                "progress": progress,
            }
        )
    hosts = [
        {
            "id": host.id,
            "name": host.name,
            "initiators": [
                {"name": one.name, "address": one.address, "chap": any(one.attributes.get("chap", {}).values())}
                for one in array.initiators_of(host)
            ],
        }
        for host in array.hosts
    ]
    mappings = [
        {
            "id": one.id,
            "volume": array.volumes[one.volume].name,
            "host": array.hosts[one.host].name,
            "lun": one.lun,
        }
        for one in array.mappings
    ]
    groups = [
        {"id": one.id, "kind": one.kind, "name": one.name, "members": [member.name for member in array.members(one)]}
        for one in array.all_groups()
    ]
    pools = [{"name": one.name, "size": one.size, "used": one.used} for one in array.pools.values()]
    return {"pools": pools, "volumes": volumes, "hosts": hosts, "mappings": mappings, "groups": groups}
