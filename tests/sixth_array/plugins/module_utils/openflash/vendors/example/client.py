# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Example 100: what an array can be asked, in the requests of its API."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence, Tuple, TypeVar

from ...array import Array
from ...compare import grown_size, new_size, same_host, same_mapping, unlike
from ...errors import CONNECT, context
from ...model import (
    ISCSI,
    WITH_VOLUMES,
    ArrayInfo,
    Capabilities,
    Capacity,
    Chap,
    Connection,
    Host,
    Initiator,
    Listing,
    Mapping,
    NameRule,
    Pool,
    Port,
    Snapshot,
    SnapshotSpec,
    Volume,
    VolumeSpec,
)
from ...transport.confirm import confirm
from ...transport.credentials import credentials
from ...transport.http import HttpTransport
from ...units import MIB, format_size
from .wire import AlreadyMapped, NameTaken, Row, Session

PORT = 443
_NAME = NameRule(64, r"[A-Za-z0-9][A-Za-z0-9._-]*", "1 to 64 letters, digits, '.', '-' and '_'")
CAPABILITIES = Capabilities(
    "example",
    volume_name=_NAME,
    snapshot_name=_NAME,
    host_name=_NAME,
    granularity=MIB,
    luns=(0, 255),
    protocols=(ISCSI,),
    snapshot_names=WITH_VOLUMES,
    chap=None,
    refusals={
        "restore_snapshot": "this array restores no snapshot; make a volume of it with source_snapshot",
        "refresh_volume": "this array fills no volume that exists; make a volume of the source",
        "atomic_snapshots": "this array takes one snapshot at a time",
        "chap": "this array has no CHAP",
        "groups": "this array has no consistency groups",
        "metadata": "this array keeps no notes on a volume",
        "set_volume": "volumes of this array have no properties that can be changed",
        "rename_host": "this array does not rename a host",
        "host_os": "this array stores no operating system of a host",
        "set_host_os": "this array stores no operating system of a host",
    },
)
Named = TypeVar("Named", Volume, Snapshot, Host)


def connect(connection: Connection) -> Example:
    """One session request, which reads the name of the array."""
    credentials(connection)
    root = str(connection.options.get("api_root") or "/api").rstrip("/")
    http = HttpTransport.from_connection(connection, PORT, basic=True)
    try:
        with context(doing=CONNECT, array=http.address):
            return Example(Session(http, root))
    except BaseException:
        http.close()
        raise


class Example(Array):
    """One Example 100."""

    capabilities = CAPABILITIES

    def __init__(self, session: Session) -> None:
        self._session = session
        self.label = str(session.array(session=True)["name"])

    def close(self) -> None:
        self._session.http.close()

    @property
    def calls(self) -> Any:
        return self._session.http.journal

    # -- reading: one request for each kind --------------------------------------------------------------------------

    def info(self) -> ArrayInfo:
        array = self._session.array()
        return ArrayInfo("example", array["name"], "Example 100", array["serial"], array["version"], protocols=(ISCSI,))

    def capacity(self) -> Capacity:
        array = self._session.array()
        return Capacity(array["size"], array["used"], array["provisioned"])

    def pools(self) -> Listing[Pool]:
        array = self._session.array()
        free = array["size"] - array["used"]
        return Listing((Pool(array["name"], array["size"], free, provisioned=array["provisioned"]),))

    def ports(self) -> Listing[Port]:
        ports = self._session.array()["ports"]
        return Listing(tuple(Port(port["name"], ISCSI, port["iqn"], port["portal"], True) for port in ports))

    def volumes(self, names: Optional[Sequence[str]] = None) -> Listing[Volume]:
        return self._listing("volumes", self._volume, names)

    def snapshots(
        self, names: Optional[Sequence[str]] = None, volumes: Optional[Sequence[str]] = None
    ) -> Listing[Snapshot]:
        snapshots = [_snapshot(row) for row in self._session.rows("snapshots")]
        if names is None and volumes is None:
            return Listing(tuple(snapshots))
        return Listing(
            tuple(item for item in snapshots if item.name in (names or ()) or item.volume in (volumes or ()))
        )

    def hosts(self, names: Optional[Sequence[str]] = None) -> Listing[Host]:
        return self._listing("hosts", _host, names)

    def find_hosts(self, initiators: Sequence[str]) -> Listing[Host]:
        return Listing(tuple(host for host in self.hosts() if set(host.addresses) & set(initiators)))

    def mappings(
        self, volumes: Optional[Sequence[str]] = None, hosts: Optional[Sequence[str]] = None
    ) -> Listing[Mapping]:
        mappings = [_mapping(row) for row in self._session.rows("mappings")]
        if volumes is None and hosts is None:
            return Listing(tuple(mappings))
        return Listing(tuple(item for item in mappings if item.volume in (volumes or ()) or item.host in (hosts or ())))

    def _listing(self, kind: str, parse: Callable[[Row], Named], names: Optional[Sequence[str]]) -> Listing[Named]:
        items = [parse(row) for row in self._session.rows(kind)]
        return Listing(tuple(item for item in items if names is None or item.name in names))

    def _volume(self, row: Row) -> Volume:
        return Volume(
            row["name"],
            row["size"],
            id=str(row["id"]),
            pool=self.label,
            serial=row["serial"],
            used=row["used"],
            snapshots=tuple(row["snapshots"]),
        )

    # -- volumes -----------------------------------------------------------------------------------------------------

    def create_volume(self, spec: VolumeSpec) -> Volume:
        """One request."""
        with self._doing("create volume %s" % spec.name, spec.name):
            return self._create(spec.name, {"size": new_size(spec.size, MIB)})

    def clone_volume(self, source: Volume, spec: VolumeSpec) -> Volume:
        """One request. The copy shares nothing with its source."""
        with self._doing("clone volume %s to %s" % (source.name, spec.name), spec.name):
            return self._create(spec.name, {"size": new_size(spec.size or source.size, MIB), "source": source.id})

    def volume_from_snapshot(self, snapshot: Snapshot, spec: VolumeSpec) -> Volume:
        """One request. The copy shares nothing with its source."""
        with self._doing("make volume %s of snapshot %s" % (spec.name, snapshot.name), spec.name):
            return self._create(spec.name, {"size": new_size(spec.size or snapshot.size, MIB), "source": snapshot.id})

    def _create(self, name: str, body: Row) -> Volume:
        def existing_volume() -> Optional[Row]:
            row = next((row for row in self._session.rows("volumes") if row["name"] == name), None)
            if row is not None and row["size"] != body["size"]:
                sizes = (format_size(row["size"]), format_size(body["size"]))
                raise unlike("volume", name, "it has %s instead of %s" % sizes)
            return row

        row = confirm(lambda: self._session.create("volumes", dict(body, name=name)), existing_volume, (NameTaken,))
        return self._volume(row)

    def extend_volume(self, volume: Volume, size: int) -> Volume:
        """One request with the new size."""
        with self._doing("extend volume %s to %s" % (volume.name, format_size(size)), volume.name):
            new = grown_size(volume.size, size, MIB)
            return self._volume(self._session.change("volumes", volume.id, {"size": new}))

    def rename_volume(self, volume: Volume, name: str) -> Volume:
        """One request."""
        with self._doing("rename volume %s to %s" % (volume.name, name), volume.name):
            return self._volume(self._session.change("volumes", volume.id, {"name": name}))

    def delete_volume(self, volume: Volume) -> None:
        """One request. The array itself refuses to delete a volume that is mapped."""
        with self._doing("delete volume %s" % volume.name, volume.name):
            self._session.delete("volumes", volume.id)

    # -- snapshots ---------------------------------------------------------------------------------------------------

    def create_snapshots(self, specs: Sequence[SnapshotSpec], atomic: bool = False) -> Tuple[Snapshot, ...]:
        """One request for each."""
        if atomic and len(specs) > 1:
            raise self.unsupported("atomic_snapshots")
        return tuple(self._create_snapshot(spec) for spec in specs)

    def _create_snapshot(self, spec: SnapshotSpec) -> Snapshot:
        def existing_snapshot() -> Optional[Row]:
            row = next((row for row in self._session.rows("snapshots") if row["name"] == spec.name), None)
            if row is not None and row["volume"] != spec.volume.name:
                raise unlike("snapshot", spec.name, "it is of volume %s" % row["volume"])
            return row

        with self._doing("take snapshot %s of volume %s" % (spec.name, spec.volume.name), spec.name):
            body = {"name": spec.name, "volume": spec.volume.id}
            return _snapshot(confirm(lambda: self._session.create("snapshots", body), existing_snapshot, (NameTaken,)))

    def delete_snapshot(self, snapshot: Snapshot) -> None:
        """One request."""
        with self._doing("delete snapshot %s" % snapshot.name, snapshot.name):
            self._session.delete("snapshots", snapshot.id)

    def restore_snapshot(self, volume: Volume, snapshot: Snapshot, backup: str) -> Snapshot:
        raise self.unsupported("restore_snapshot", obj=snapshot)

    # -- hosts and mappings ------------------------------------------------------------------------------------------

    def create_host(
        self, name: str, initiators: Sequence[Initiator], os: Optional[str] = None, chap: Optional[Chap] = None
    ) -> Host:
        """One request."""
        with self._doing("create host %s" % name, name):
            body = {"name": name, "initiators": [initiator.address for initiator in initiators]}
            created = confirm(
                lambda: _host(self._session.create("hosts", body)), lambda: self.hosts([name]).named(name), (NameTaken,)
            )
            return same_host(created, initiators)

    def add_initiators(self, host: Host, initiators: Sequence[Initiator], chap: Optional[Chap] = None) -> Host:
        """One request, with all addresses that the host then has."""
        new = [initiator.address for initiator in initiators if initiator.address not in host.addresses]
        return self._with_initiators(host, [*host.addresses, *new])

    def remove_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        """One request, with all addresses that the host then has."""
        return self._with_initiators(host, [address for address in host.addresses if address not in addresses])

    def _with_initiators(self, host: Host, addresses: Sequence[str]) -> Host:
        with self._doing("change the initiators of host %s" % host.name, host.name):
            return _host(self._session.change("hosts", host.id, {"initiators": list(addresses)}))

    def delete_host(self, host: Host) -> None:
        """One request. The array itself refuses to delete a host that has mappings."""
        with self._doing("delete host %s" % host.name, host.name):
            self._session.delete("hosts", host.id)

    def map_volume(self, volume: Volume, host: Host, lun: Optional[int] = None) -> Mapping:
        """One request. Without a LUN the array takes the lowest free one."""

        def existing_mapping() -> Optional[Mapping]:
            return next((item for item in self.mappings([volume.name]) if item.host == host.name), None)

        with self._doing("map volume %s to host %s" % (volume.name, host.name), volume.name):
            body = {"volume": volume.id, "host": host.id, "lun": lun}
            mapping = confirm(
                lambda: _mapping(self._session.create("mappings", body)), existing_mapping, (AlreadyMapped,)
            )
            return same_mapping(mapping, lun)

    def unmap_volume(self, mapping: Mapping) -> Tuple[Mapping, ...]:
        """Two requests; one more where the mapping was not read."""
        with self._doing("unmap volume %s from host %s" % (mapping.volume, mapping.host), mapping.volume):
            present = mapping if mapping.id else self._present(mapping)
            if present is not None:
                self._session.delete("mappings", str(present.id))
            return tuple(self.mappings(hosts=[mapping.host]))

    def _present(self, mapping: Mapping) -> Optional[Mapping]:
        return next((item for item in self.mappings([mapping.volume]) if item.host == mapping.host), None)


def _snapshot(row: Row) -> Snapshot:
    return Snapshot(
        row["name"],
        row["volume"],
        row["size"],
        id=str(row["id"]),
        created=row["created"],
        proven=True,
        mappings=(),
        children=(),
    )


def _host(row: Row) -> Host:
    return Host(row["name"], str(row["id"]), tuple(Initiator(address, ISCSI) for address in row["initiators"]))


def _mapping(row: Row) -> Mapping:
    return Mapping(row["volume"], row["host"], row["lun"], id=str(row["id"]))
