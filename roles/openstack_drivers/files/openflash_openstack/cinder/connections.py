# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attach and detach: hosts, mappings, and the connection information for the host."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Optional

from cinder import exception
from cinder.zonemanager import utils as fczm_utils
from oslo_log import log as logging

from openflash import errors, model
from openflash.array import Array
from openflash.units import parse_initiator

from .attachments import Attachments
from .base import FC
from .errors import cinder_errors

LOG = logging.getLogger(__name__)


class Connections(Attachments):
    """Hosts with initiators, over iSCSI or Fibre Channel."""

    def validate_connector(self, connector: dict[str, Any]) -> None:
        missing = [key for key in ("host", "wwpns" if self.PROTOCOL == FC else "initiator") if not connector.get(key)]
        if missing:
            raise exception.InvalidConnectorException(missing=", ".join(missing))

    # -- attach ------------------------------------------------------------------------------------------------------

    def _attach(self, subject: Any, volume: Optional[model.Volume], connector: dict[str, Any]) -> dict[str, Any]:
        """Of the volume that Cinder means, or of another one on the array.

        :return: ``driver_volume_type`` and ``data``, as os-brick's connectors want them.
        """
        doing = "attach volume %s to %s" % (subject.id, connector["host"])
        translating = cinder_errors(volume=subject.id)
        with self._alone("host-%s" % connector["host"]), translating, errors.context(doing=doing):
            for fresh in (False, True):
                try:
                    with self._session(subject, fresh) as array:
                        info = self._expose(array, volume or self._known(array, subject), connector, subject)
                    break
                except (errors.NotFound, errors.Conflict):
                    # What a session remembers of hosts may be out of date: another service may have removed one.
                    if fresh:
                        raise
            if self.PROTOCOL == FC:
                fczm_utils.add_fc_zone(info)
        return info

    def _expose(self, array: Array, volume: model.Volume, connector: dict[str, Any], subject: Any) -> dict[str, Any]:
        hosts, chap = self._hosts_for(array, volume, connector)
        mapping = self._map(array, volume, hosts)
        ports = self._ports(array, volume, hosts)
        if not ports:
            raise errors.NotFound(
                "the array has no %s port that is up" % self.PROTOCOL,
                hint="Look at its ports, and at the option of the section that chooses among them.",
            )
        if self.PROTOCOL == FC:
            return self._fc_info(connector, ports, mapping.lun)
        return self._iscsi_info(subject, ports, mapping.lun, chap)

    def _map(self, array: Array, volume: model.Volume, hosts: Sequence[model.Host]) -> model.Mapping:
        """On one host; on several at the same LUN, since it is one machine whose initiators are spread over them."""
        if len(hosts) == 1:
            return self._map_one(array, volume, hosts[0], None)
        names = [host.name for host in hosts]
        existing = [one for one in array.mappings(volumes=[volume.name], hosts=names) if one.host in names]
        of_volume = [one for one in existing if one.volume == volume.name]
        taken = {one.lun for one in existing}
        highest = array.capabilities.luns[1]
        lun = of_volume[0].lun if of_volume else next(n for n in range(1, highest + 1) if n not in taken)
        done = {one.host: one for one in of_volume}
        return [done.get(host.name) or self._map_one(array, volume, host, lun) for host in hosts][0]

    def _map_one(self, array: Array, volume: model.Volume, host: model.Host, lun: Optional[int]) -> model.Mapping:
        return array.map_shared(volume, host, lun)

    def _initiators(self, connector: dict[str, Any]) -> list[model.Initiator]:
        addresses = connector["wwpns"] if self.PROTOCOL == FC else [connector["initiator"]]
        found = [parse_initiator(str(address)) for address in addresses]
        return [model.Initiator(address, protocol) for protocol, address in dict.fromkeys(found)]

    def _host_name(self, connector: dict[str, Any]) -> str:
        """What a new host is called on the array."""
        return str(connector["host"])

    def _hosts_for(
        self, array: Array, volume: model.Volume, connector: dict[str, Any]
    ) -> tuple[list[model.Host], Optional[model.Chap]]:
        """The hosts that have the machine's initiators, complete; one is made where there is none. And what the machine
        must prove itself with, where the array demands that.
        """
        initiators = self._initiators(connector)
        found = list(array.find_hosts([one.address for one in initiators]))
        if not found:
            return [self._make_host(array, self._host_name(connector), initiators, None)], None
        present = {address for host in found for address in host.addresses}
        missing = [one for one in initiators if one.address not in present]
        if missing:
            found[0] = array.add_initiators(found[0], missing)
        return found, None

    def _make_host(
        self, array: Array, name: str, initiators: Sequence[model.Initiator], chap: Optional[model.Chap]
    ) -> model.Host:
        try:
            return array.create_host(name, initiators, chap=chap)
        except errors.Conflict:
            # The machine has other initiators than when the host was made, a new adapter perhaps.
            existing = array.hosts([name]).named(name)
            if existing is None:
                raise
            return array.add_initiators(existing, initiators, chap=chap)

    def _ports(self, array: Array, volume: model.Volume, hosts: Sequence[model.Host]) -> list[model.Port]:
        """Target ports that lead to the volume, those of iSCSI with their portals."""
        wanted = model.FC if self.PROTOCOL == FC else model.ISCSI
        found = array.ports_of([volume.name])
        return [port for port in found if port.protocol == wanted and (wanted == model.FC or port.portal)]

    # -- connection information ---------------------------------------------------------------------------------------

    def _iscsi_info(
        self, subject: Any, ports: Sequence[model.Port], lun: Optional[int], chap: Optional[model.Chap]
    ) -> dict[str, Any]:
        first = self._first_portal(ports)
        data: dict[str, Any] = {
            "target_discovered": False,
            "target_portal": first.portal,
            "target_iqn": first.address,
            "target_lun": lun,
            "target_portals": [port.portal for port in ports],
            "target_iqns": [port.address for port in ports],
            "target_luns": [lun] * len(ports),
            "volume_id": subject.id,
        }
        if chap is not None and chap.password:
            data.update(auth_method="CHAP", auth_username=chap.username, auth_password=chap.password)
        if chap is not None and chap.discovery_password:
            data.update(
                discovery_auth_method="CHAP",
                discovery_auth_username=chap.discovery_username,
                discovery_auth_password=chap.discovery_password,
            )
        return {"driver_volume_type": "iscsi", "data": data}

    def _first_portal(self, ports: Sequence[model.Port]) -> model.Port:
        """For hosts without multipath, which use one; so that they do not all use the same."""
        return random.choice(list(ports))

    @staticmethod
    def _fc_info(connector: dict[str, Any], ports: Sequence[model.Port], lun: Optional[int]) -> dict[str, Any]:
        return {
            "driver_volume_type": "fibre_channel",
            "data": dict(_zones(connector, ports), target_discovered=True, target_lun=lun),
        }

    # -- detach ------------------------------------------------------------------------------------------------------

    def _detach(
        self, subject: Any, volume: Optional[model.Volume], connector: Optional[dict[str, Any]]
    ) -> dict[str, Any]:
        where = connector["host"] if connector else "all hosts"
        name = "host-%s" % where if connector else "volume-%s" % subject.id
        doing = "detach volume %s from %s" % (subject.id, where)
        with self._alone(name), self._on_array(doing, subject) as array:
            info = self._conceal(array, volume, connector, subject)
            if self.PROTOCOL == FC:
                fczm_utils.remove_fc_zone(info)
        return info

    def _conceal(
        self, array: Array, volume: Optional[model.Volume], connector: Optional[dict[str, Any]], subject: Any
    ) -> dict[str, Any]:
        title = self._name_on_array(array, volume, subject)
        existing = [] if title is None else self._mappings_of(array, title, connector)
        ending = existing if connector is None else self._mappings_of_connector(array, existing, connector)
        remaining: list[model.Mapping] = []
        for one in ending:
            others = list(array.unmap_volume(one))
            remaining += others
            if not others:
                self._host_is_empty(array, one, connector)
        if connector is None:
            return self._info_after_detach((), None)
        if not ending and self.PROTOCOL == FC:
            # It is unmapped already: whether the machine still has other mappings decides about its zones.
            hosts = array.find_hosts([one.address for one in self._initiators(connector)])
            if hosts.items:
                remaining = list(array.mappings(hosts=[host.name for host in hosts]))
        if remaining or self.PROTOCOL != FC:
            return self._info_after_detach((), None)
        ports = [port for port in array.ports() if port.protocol == model.FC]
        return self._info_after_detach(ports, connector)

    def _mappings_of(self, array: Array, title: str, connector: Optional[dict[str, Any]]) -> Sequence[model.Mapping]:
        """All of the volume's, or at least those of this machine."""
        return [one for one in array.mappings(volumes=[title]) if one.volume == title]

    def _name_on_array(self, array: Array, volume: Optional[model.Volume], subject: Any) -> Optional[str]:
        """What the volume is called on the array; None when it is not there."""
        return volume.name if volume is not None else self._volume_name(subject)

    def _mappings_of_connector(
        self, array: Array, existing: Sequence[model.Mapping], connector: dict[str, Any]
    ) -> list[model.Mapping]:
        """Those of these mappings that are this machine's. A single one to a host of its name needs no request."""
        if len(existing) == 1 and existing[0].host == self._host_name(connector):
            return list(existing)
        if not existing:
            return []
        hosts = {host.name for host in array.find_hosts([one.address for one in self._initiators(connector)])}
        return [one for one in existing if one.host in hosts]

    def _is_exposed(self, array: Array, volume: model.Volume, connector: dict[str, Any]) -> bool:
        existing = [one for one in array.mappings(volumes=[volume.name]) if one.volume == volume.name]
        return bool(self._mappings_of_connector(array, existing, connector))

    def _host_is_empty(self, array: Array, last: model.Mapping, connector: Optional[dict[str, Any]]) -> None:
        """The host of this mapping has no other."""

    def _remove_host(self, array: Array, name: str, host_id: Optional[str]) -> None:
        """Unless somebody has just mapped something to it."""
        try:
            array.delete_host(model.Host(name, id=host_id or ""))
        except (errors.InUse, errors.Conflict, errors.NotFound) as error:
            LOG.info("%s: host %s stays: %s", self.backend_name, name, error)

    def _info_while_attached(self) -> dict[str, Any]:
        return self._info_after_detach((), None)

    def _info_after_detach(self, ports: Sequence[model.Port], connector: Optional[dict[str, Any]]) -> dict[str, Any]:
        """For the zone manager: zones are given back only with ports, that is when the host has no mapping left."""
        if self.PROTOCOL != FC:
            return {"driver_volume_type": "iscsi", "data": {}}
        data = _zones(connector, ports) if connector is not None and ports else {}
        return {"driver_volume_type": "fibre_channel", "data": data}


def _zones(connector: dict[str, Any], ports: Sequence[model.Port]) -> dict[str, Any]:
    """``target_wwn``, and ``initiator_target_map`` from each port of the machine to all of those: WWNs in 16 digits."""
    targets = [port.address for port in ports]
    initiators = [parse_initiator(str(address))[1] for address in connector["wwpns"]]
    return {"target_wwn": targets, "initiator_target_map": dict.fromkeys(initiators, targets)}


def with_only(host: model.Host, addresses: Sequence[str]) -> model.Host:
    """The host with these of its initiators."""
    return replace(host, initiators=tuple(one for one in host.initiators if one.address in addresses))
