# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text socket of generation S (sheet, sections 1.1 and 2.1): its grammar, read strictly, and its requests."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

from ...errors import BadReply, Invalid, NotFound, Unsupported
from ...model import Connection, Listing, Pool, Snapshot, Unreadable, Volume
from ...transport.confirm import AnswerUnreadable
from ...transport.deadline import Deadline
from ...transport.tcp import TcpTransport
from ...units import MIB, whole_number
from .codes import MOMENTARY, TABLE, error_of, suspect
from .ledger import EXTENSIONS, SNAPSHOT_COPYING_STATUS, SOCKET_PAGE, SOCKET_POOL_UNIT, SOCKET_PORT
from .wire import FEW, NOT_MAPPED, NOTHING_NEEDS_IT, Page, Wire, read_pages, readable, state_of, time_of

Fields = Dict[str, str]
Values = Sequence[Tuple[str, Union[str, int]]]

# Section 1.1: the known client deletes brackets and splits at commas, so no value can have these.
_ILLEGAL = re.compile(r"[,\[\]\r\n\0]")
_ROW = re.compile(r"^(?P<word>[a-z]+)(?P<number>[0-9]+)=\[(?P<fields>.*)\]$")
_HINT = "Check that the address and port are those of the array's control process."
_CODE = re.compile(r"^-?[0-9]+$")

# Section 2.1: every key of a new volume and its default, spelt as on the wire. Only ``thin_flag`` is our choice.
_NEW_VOLUME: Tuple[Tuple[str, int], ...] = (
    ("thin_flag", 1),
    ("reserved", 0),
    ("volume_space_reserved", 0),
    ("force_provision_size", 0),
    ("iops", 100),
    ("max_iops", 100),
    ("min_iops", 0),
    ("cache_size", 0),
    ("repicate_num", 1),
    ("repicate_tolerant_num", 1),
    ("encrypt_algorithm", 0),
    ("consistency", 0),
    ("stor_space_level", 1),
    ("compress_algorithm", 0),
    ("deduplication", 0),
    ("snapshot", 0),
    ("backup_cycle", 0),
    ("tolerance_disk_failure", 0),
    ("tolerance_cache_failure", 1),
)


def encode(title: str, values: Values) -> bytes:
    """A request. Raises Invalid when a value cannot be written in this grammar; nothing is sent then."""
    lines = ["[%s]" % title]
    for key, value in values:
        text = str(value)
        if _ILLEGAL.search(text) or text != text.strip() or not text:
            raise Invalid(
                "%r cannot be sent to this array: its text socket knows no commas, brackets or line ends in a value"
                % text,
                hint="Use letters, digits, '-' and '_'.",
            )
        lines.append("%s=%s" % (key, text))
    return ("\n".join(lines) + "\n").encode("utf-8")


class Answer:
    """A reply, in parts.

    :ivar code: of ``retcode``, as text.
    :ivar fields: single ``key=value`` lines.
    :ivar rows: for ``volume``, ``snapshot`` and ``pool``, one dictionary each, in the order of their numbers.
    """

    def __init__(self, code: str, fields: Fields, rows: Dict[str, List[Fields]]) -> None:
        self.code = code
        self.fields = fields
        self.rows = rows


def decode(data: bytes, title: str) -> Answer:
    """A reply. Raises BadReply when it breaks the grammar, as a reply that was cut off does (section 1.1)."""
    fields: Fields = {}
    rows: Dict[str, Dict[int, Fields]] = {}
    for line in data.decode("utf-8", "replace").replace("\0", "").splitlines():
        text = line.strip()
        if not text:
            continue
        row = _ROW.match(text)
        if row is not None:
            rows.setdefault(row.group("word"), {})[int(row.group("number"))] = _row_fields(row.group("fields"), title)
            continue
        key, equals, value = text.partition("=")
        if not equals or value.strip().startswith("[") or key.strip() in fields:
            raise _bad(title, text)
        fields[key.strip()] = value.strip()
    code = fields.pop("retcode", "")
    if code not in ("0", *TABLE) and data.rstrip(b"\0").endswith(code.encode("utf-8")):
        # Perhaps the first digits of a code: it ends with the reply, and is not known.
        raise _bad(title, "retcode=" + code)
    if not _CODE.match(code):
        raise BadReply(
            "the answer to %s has no retcode" % title,
            said=data[:100].decode("utf-8", "replace").strip() or None,
            hint=_HINT,
        )
    return Answer(code, fields, {word: [found[n] for n in sorted(found)] for word, found in rows.items()})


def _row_fields(text: str, title: str) -> Fields:
    found: Fields = {}
    for pair in text.split(",") if text else ():
        key, equals, value = pair.partition("=")
        if not equals or "[" in pair or "]" in pair:
            raise _bad(title, pair)
        found[key.strip()] = value.strip()
    return found


def _bad(title: str, text: str) -> BadReply:
    return BadReply("the answer to %s is cut off or malformed" % title, said=text[:100], hint=_HINT)


class TextWire(Wire):
    """The control process of an array, on any of its controllers, and its requests (sheet, section 2.1).

    :param extensions: also send what no published client sends (DESIGN in the sheet): lists and full copies.
    :param pool_ids: the pools to read, since the socket does not list them.
    """

    # Section 2.1: father_name, with a field that only some arrays fill: see _check_unfinished in copies.py.
    reports_source = True

    def __init__(self, connection: Connection, pool_ids: Sequence[str], extensions: bool) -> None:
        self.tcp = TcpTransport(connection.address, connection.port or SOCKET_PORT, connection.timeout)
        self.journal = self.tcp.journal
        self.extensions = extensions
        self.pool_ids = tuple(pool_ids)
        self.wait = connection.wait_timeout

    @property
    def address(self) -> str:
        return self.tcp.address

    def open(self) -> Optional[Listing[Pool]]:
        """There is no session. Reading the pools, which other requests need, shows whether the address is right."""
        if not self.pool_ids and not self.extensions:
            return None
        try:
            return self.pools(session=True)
        except Invalid as error:
            error.hint = "Check storage_pools."
            raise

    def close(self) -> None:
        """There is no session."""

    def api_version(self) -> Optional[str]:
        return "text"

    def serial(self) -> Optional[str]:
        return None

    # -- one request -------------------------------------------------------------------------------------------------

    def ask(self, title: str, values: Values, write: bool = False, session: bool = False) -> Answer:
        data = encode(title, values)
        patience = Deadline(self.wait, first=0.25, longest=10.0)
        while True:
            answer = self._ask_once(data, title, values, write, session)
            if answer.code == "0":
                return answer
            if answer.code not in MOMENTARY or not patience.pause():
                raise error_of(answer.code, what=title).fill(assumption=suspect(answer.code, title, dict(values)))

    def _ask_once(self, data: bytes, title: str, values: Values, write: bool, session: bool) -> Answer:
        shown: Dict[str, Any] = {}
        for key, value in values:
            shown[key] = value if key not in shown else "%s, %s" % (shown[key], value)
        target = " ".join(["[%s]" % title] + ["%s=%s" % pair for pair in values])
        reply = self.tcp.request(data, title, target, shown, write=write, session=session)
        try:
            return decode(reply, title)
        except BadReply as error:
            if not write:
                raise
            # Perhaps the reply was cut off after the change was made.
            raise AnswerUnreadable(error.reason, said=error.said, hint=error.hint) from None

    # -- reading -----------------------------------------------------------------------------------------------------

    def pools(self, session: bool = False) -> Listing[Pool]:
        if not self.pool_ids and not self.extensions:
            return Listing(known=False)
        values: List[Tuple[str, Union[str, int]]] = [("pool_num", len(self.pool_ids))]
        values += [("pool_id", one) for one in self.pool_ids]
        found = self.ask("QUERY_POOLS_CAPABILITY_REQ", values, session=session).rows.get("pool", [])
        # A reply of a real array has no room for ten pools (section 1.1).
        if len(found) < len(self.pool_ids):
            raise BadReply("the array reports %d of %d pools" % (len(found), len(self.pool_ids)))
        return readable("pool", [(item.get("stor_id", "?"), item) for item in found], _pool)

    def volumes(self, names: Sequence[str]) -> Listing[Volume]:
        return self._named("volume", "QUERY_VOLUME_REQ", "vol_name", names, _volume_of)

    def snapshots(self, names: Sequence[str]) -> Listing[Snapshot]:
        return self._named("snapshot", "QUERY_SNAPSHOT_REQ", "snap_name", names, _snapshot_of)

    def _named(
        self, kind: str, title: str, key: str, names: Sequence[str], convert: Callable[[Fields], Any]
    ) -> Listing[Any]:
        if self.extensions and len(names) > FEW:
            requested = set(names)
            found_all = self._all(kind, title, key, convert)
            return replace(found_all, items=tuple(found for found in found_all if found.name in requested))
        pairs: List[Tuple[str, Fields]] = []
        for name in names:
            try:
                found = self.ask(title, [(key, name)]).rows.get(kind, [])
            except NotFound:
                continue
            if not found:
                raise BadReply("the answer to %s does not report %s" % (title, name))
            # The complete name is compared (section 4.3). An array that reports no name reports only this object.
            pairs += [(name, dict(item, **{key: name})) for item in found if item.get(key, name) == name][:1]
        return readable(kind, pairs, convert)

    def all_volumes(self) -> Listing[Volume]:
        return self._all("volume", "QUERY_VOLUME_REQ", "vol_name", _volume_of)

    def all_snapshots(self) -> Listing[Snapshot]:
        return self._all("snapshot", "QUERY_SNAPSHOT_REQ", "snap_name", _snapshot_of)

    def _all(self, kind: str, title: str, key: str, convert: Callable[[Fields], Any]) -> Listing[Any]:
        """DESIGN (section 2.1): every page, by the total that each of them reports (see ``read_pages``)."""
        if not self.extensions:
            return Listing(known=False)

        def ask(page: int, size: int) -> Page:
            answer = self.ask(title, [("page_num", page), ("page_size", size)])
            total = whole_number(answer.fields.get("total_num"))
            if total is None:
                raise BadReply("the answer to %s does not report the number of objects" % title)
            return [dict(item) for item in answer.rows.get(kind, [])], total

        items = read_pages(kind + "s", ask, SOCKET_PAGE.value, (key,))
        return readable(kind, [(item.get(key, "?"), item) for item in items], convert)

    def snapshots_of(self, volume: str) -> Listing[Snapshot]:
        found = self.all_snapshots()
        if not found.known:
            return found
        # One that does not report its volume may be a snapshot of this one.
        unknown = tuple(
            Unreadable("snapshot", snapshot.name, "the array does not report its volume")
            for snapshot in found
            if snapshot.volume is None
        )
        snapshots = tuple(snapshot for snapshot in found if snapshot.volume == volume)
        return Listing(snapshots, found.unreadable + unknown)

    # -- writing -----------------------------------------------------------------------------------------------------

    def create_volume(self, name: str, mib: int, pool: Pool) -> None:
        values: List[Tuple[str, Union[str, int]]] = [("vol_name", name), ("vol_size", mib), ("pool_id", pool.id)]
        self.ask("CREATE_VOLUME_REQ", values + list(_NEW_VOLUME), write=True)

    def extend_volume(self, name: str, mib: int) -> None:
        self.ask("EXTEND_VOLUME_REQ", [("vol_name", name), ("vol_size", mib)], write=True)

    def delete_volume(self, name: str) -> None:
        """The array only begins to delete, so poll until the volume is deleted or the time is over."""
        self.ask("DELETE_VOLUME_REQ", [("vol_name", name)], write=True)
        self._wait_until_deleted("QUERY_VOLUME_REQ", "vol_name", name, "the end of volume %s" % name)

    def create_snapshot(self, name: str, volume: str) -> None:
        self.ask("CREATE_SNAPSHOT_REQ", [("snap_name", name), ("vol_name", volume), ("smartflag", 1)], write=True)

    def delete_snapshot(self, name: str) -> None:
        self.ask("DELETE_SNAPSHOT_REQ", [("snap_name", name)], write=True)
        self._wait_until_deleted("QUERY_SNAPSHOT_REQ", "snap_name", name, "the end of snapshot %s" % name)

    def _wait_until_deleted(self, title: str, key: str, name: str, what: str) -> None:
        def deleted() -> Optional[bool]:
            try:
                self.ask(title, [(key, name)])
            except NotFound:
                return True
            return None

        Deadline(self.wait, first=0.05, longest=2.0).poll(deleted, what)

    def link(self, name: str, mib: int, snapshot: str) -> None:
        values: Values = [("vol_name", name), ("vol_size", mib), ("snap_name_src", snapshot), ("vol_num", 1)]
        self.ask("CREATE_VOLUME_FROM_SNAPSHOT_REQ", values, write=True)

    def copy(self, name: str, snapshot: str) -> None:
        if not self.extensions:
            raise Unsupported(
                "the text socket has no full copies",
                hint="Set wire_extensions: true if this array has.",
                assumption=EXTENSIONS.id,
            )
        self.ask("CREATE_FULLVOLUME_FROM_SNAPSHOT_REQ", [("vol_name", name), ("snap_name", snapshot)], write=True)

    def rollback(self, volume: str, snapshot: str) -> None:
        raise Unsupported("the text socket has no restore")


def _volume_of(item: Fields) -> Volume:
    """A volume. Raises KeyError without a size: only the status is known to be reported (section 2.1)."""
    return Volume(
        name=item["vol_name"],
        size=int(item["vol_size"]) * MIB,
        pool=item.get("pool_id") or None,
        state=state_of(item["status"]),
        used=int(item["real_size"]) * MIB if item.get("real_size") else None,
        created=time_of(item.get("create_time")),
        source=item.get("father_name") or None,
    )


def _snapshot_of(item: Fields) -> Snapshot:
    return Snapshot(
        name=item["snap_name"],
        volume=item.get("father_name") or None,
        size=int(item["snap_size"]) * MIB,
        state=state_of(item["status"], SNAPSHOT_COPYING_STATUS),
        created=time_of(item.get("create_time")),
        mappings=NOT_MAPPED,
        children=NOTHING_NEEDS_IT,
    )


def _pool(item: Fields) -> Pool:
    return Pool(
        name=item["stor_id"],
        size=int(item["total_capacity"]) * SOCKET_POOL_UNIT.value,
        free=int(item["usable_capacity"]) * SOCKET_POOL_UNIT.value,
        id=item["stor_id"],
    )
