# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cinder_backends
short_description: Backends of the role cinder_backend as sections of cinder.conf
version_added: 0.1.0
description:
  - Makes of each entry of C(cinder_backend_backends) what the role writes and how it connects to the array.
  - Fails when an entry cannot be right, with the name of the backend and what is wrong.
author:
  - The openflash.storage contributors (@openflash)
positional: drivers, pools
options:
  _input:
    description: The entries, as the role's argument specification has them.
    type: list
    elements: dict
    required: true
  drivers:
    description:
      - What the installed Cinder says of the classes of drivers, by class, as
        C(python -m openflash_openstack.deploy drivers) prints it.
    type: dict
    default: {}
  pools:
    description: Pools of the arrays by the name of the backend, as M(openflash.storage.flash_facts) returns them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show what would stand in cinder.conf
  ansible.builtin.debug:
    msg: "{{ (cinder_backend_backends | openflash.storage.cinder_backends).0.section.options }}"
"""

RETURN = r"""
_value:
  description:
    - For each backend C(name), C(state), C(driver) (the class), C(in_tree), C(packages) (Python distributions that the
      driver imports), C(section) (for M(openflash.storage.oslo_conf)), C(connection) (options of the modules
      of this collection), C(array) (what the array shall hold) and C(volume_types). Of one that is absent C(name),
      C(state), C(section) and C(volume_types).
  type: list
  elements: dict
"""

import json
import re
from typing import Any, Dict, List, Mapping, Optional

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import escaped

ISCSI = "iscsi"
FC = "fc"

BUNDLED = {
    ("xtremio", ISCSI): "openflash_openstack.cinder.xtremio.XtremIOISCSIDriver",
    ("xtremio", FC): "openflash_openstack.cinder.xtremio.XtremIOFCDriver",
    ("flashsystem", FC): "openflash_openstack.cinder.flashsystem.FlashSystemFCDriver",
    ("flashsystem", ISCSI): "openflash_openstack.cinder.flashsystem.FlashSystemISCSIDriver",
    ("violin", FC): "openflash_openstack.cinder.violin.V7000FCPDriver",
    ("violin", ISCSI): "openflash_openstack.cinder.violin.V7000ISCSIDriver",
    ("dsware", None): "openflash_openstack.cinder.dsware.DSWAREDriver",
    ("datera", ISCSI): "openflash_openstack.cinder.datera.DateraDriver",
}
"""The drivers of this collection. The first protocol of a vendor is the one that it has unless told otherwise."""

IN_TREE = {
    ("xtremio", ISCSI): "cinder.volume.drivers.dell_emc.xtremio.XtremIOISCSIDriver",
    ("xtremio", FC): "cinder.volume.drivers.dell_emc.xtremio.XtremIOFCDriver",
    ("flashsystem", FC): "cinder.volume.drivers.ibm.flashsystem_fc.FlashSystemFCDriver",
    ("flashsystem", ISCSI): "cinder.volume.drivers.ibm.flashsystem_iscsi.FlashSystemISCSIDriver",
    ("violin", FC): "cinder.volume.drivers.violin.v7000_fcp.V7000FCPDriver",
    ("violin", ISCSI): "cinder.volume.drivers.violin.v7000_iscsi.V7000ISCSIDriver",
    ("datera", ISCSI): "cinder.volume.drivers.datera.datera_iscsi.DateraDriver",
}

PACKAGES = {"violin": "vmemclient", "datera": "dfs_sdk"}
"""What Cinder's own drivers import besides."""

OF_VENDORS = {
    "cluster": ("xtremio",),
    "tenant": ("datera",),
    "pools": ("dsware",),
    "agents": ("dsware",),
    "transport": ("dsware",),
    "private_key_file": ("flashsystem",),
    "host_key": ("flashsystem",),
    "known_hosts": ("flashsystem",),
    "host_key_policy": ("flashsystem",),
}
"""Keys that only these vendors have."""

# Sections of cinder.conf that mean something else
RESERVED = ("default", "backend_defaults", "backend", "database", "keystone_authtoken", "coordination", "key_manager")

_TEXTS = ("username", "password", "tenant", "cluster", "volume_backend_name")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_SECRET = re.compile(r"pass|secret|token|credential", re.IGNORECASE)


class _Backend:
    """One entry."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.given = {key: value for key, value in entry.items() if value is not None}
        # YAML takes digits for a number
        self.given.update({key: str(self.given[key]) for key in _TEXTS if key in self.given})
        self.name = str(self.given.get("name") or "")
        self.vendor = str(self.given.get("vendor") or "")

    def wrong(self, text: str) -> AnsibleFilterError:
        return AnsibleFilterError("cinder_backend_backends: backend %s: %s" % (self.name or "without a name", text))

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def present(self) -> bool:
        return bool(self.given.get("state", "present") == "present")

    @property
    def backend_name(self) -> Any:
        """As the scheduler knows it."""
        said = (self.given.get("options") or {}).get("volume_backend_name")
        return said or self.given.get("volume_backend_name", self.name)

    @property
    def in_tree(self) -> bool:
        return bool(self.given.get("driver", "auto") == "in_tree")

    @property
    def protocol(self) -> Optional[str]:
        known = [protocol for vendor, protocol in BUNDLED if vendor == self.vendor]
        found = self.given.get("protocol", known[0])
        if found not in known:
            if known == [None]:
                raise self.wrong("%s has a data path of its own, so leave protocol out" % self.vendor)
            raise self.wrong("%s has no protocol %s, only %s" % (self.vendor, found, " and ".join(map(str, known))))
        return None if found is None else str(found)

    @property
    def driver(self) -> str:
        protocol = self.protocol
        if not self.in_tree:
            return BUNDLED[self.vendor, protocol]
        if self.vendor == "dsware":
            raise self.wrong(
                "driver: in_tree is refused, because Cinder's own driver for Dsware writes the password anew into "
                "cinder.conf when it starts; use driver: auto"
            )
        return IN_TREE[self.vendor, str(protocol)]

    # -- is it right -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        if not _NAME.match(self.name) or self.name.lower() in RESERVED:
            raise self.wrong("%r cannot be the name of a backend" % self.name)
        if self.given.get("state", "present") not in ("present", "absent"):
            raise self.wrong("state must be present or absent, not %r" % self.given["state"])
        if not self.present:
            return
        vendors = sorted({vendor for vendor, _protocol in BUNDLED})
        if self.vendor not in vendors:
            raise self.wrong("vendor must be one of %s, not %r" % (", ".join(vendors), self.vendor))
        for key, users in OF_VENDORS.items():
            if key in self.given and self.vendor not in users:
                raise self.wrong("%s is only for vendor %s" % (key, " and ".join(users)))
        if not self.given.get("address"):
            raise self.wrong("address is missing")
        for key, all_of_them in (("tenant", "/root"), ("cluster", "the only cluster"), ("pools", "all pools")):
            value = self.given.get(key)
            if value is not None and not (value.strip() if isinstance(value, str) else value):
                raise self.wrong("%s is empty; leave it out for %s" % (key, all_of_them))
        if self.given.get("transport") != "socket":
            for key in ("username", "password"):
                if not self.given.get(key) and not (key == "password" and self.given.get("private_key_file")):
                    raise self.wrong("%s is missing" % key)
        for key, value in (self.given.get("options") or {}).items():
            if isinstance(value, dict):
                raise self.wrong("the value of the option %s is a dictionary; write it as cinder.conf has it" % key)

    def check_driver(self, drivers: Mapping[str, Any]) -> None:
        told = drivers.get(self.driver) or {}
        if self.in_tree and told.get("problem"):
            raise self.wrong("driver: in_tree is refused, because %s; use driver: auto" % told["problem"])

    # -- its section -------------------------------------------------------------------------------------------------

    def section(self, drivers: Mapping[str, Any], pools: Optional[List[Mapping[str, Any]]]) -> Dict[str, Any]:
        given = self.given
        found: Dict[str, Any] = {
            "volume_driver": self.driver,
            "volume_backend_name": given.get("volume_backend_name", self.name),
            "san_login": given.get("username"),
        }
        found.update(getattr(self, "_" + self.vendor)())
        if self.vendor != "flashsystem":
            found["driver_ssl_cert_verify"] = bool(given.get("validate_certs", True))
            found["driver_ssl_cert_path"] = given.get("ca_path")
            found["openflash_tls_server_name"] = None if self.in_tree else given.get("tls_server_name")
        if self.in_tree and (drivers.get(self.driver) or {}).get("supported") is False:
            found["enable_unsupported_driver"] = True
        found["use_multipath_for_image_xfer"] = True
        capabilities = given.get("extra_capabilities")
        # The driver of this collection tells the scheduler of each pool by itself, and a word from here would win.
        if capabilities is None and self.in_tree and self.vendor == "violin" and pools is not None:
            kinds = {kind for pool in pools for kind in pool.get("provisioning") or ()}
            capabilities = {kind: True for kind in ("dedup", "thin") if kind in kinds}
        if capabilities:
            found["extra_capabilities"] = json.dumps(capabilities, sort_keys=True)
        return {key: _literal(value) for key, value in found.items() if value is not None}

    def _xtremio(self) -> Dict[str, Any]:
        return dict(self._san(in_address=self.in_tree), xtremio_cluster_name=self.given.get("cluster"))

    def _violin(self) -> Dict[str, Any]:
        return self._san(in_address=self.in_tree)

    def _datera(self) -> Dict[str, Any]:
        if self.in_tree and self.given.get("port") not in (None, 7718):
            raise self.wrong(
                "Cinder's own driver for Datera speaks to port 7718 only; leave port out or use driver: auto"
            )
        return dict(self._san(), datera_tenant_id=self.given.get("tenant"))

    def _flashsystem(self) -> Dict[str, Any]:
        return {
            "san_ip": self.given["address"],
            "san_ssh_port": self.given.get("port"),
            "san_private_key": self.given.get("private_key_file"),
            "flashsystem_connection_protocol": {ISCSI: "iSCSI", FC: "FC"}[str(self.protocol)],
        }

    def _dsware(self) -> Dict[str, Any]:
        pools = [str(pool) for pool in self.given.get("pools") or ()]
        if self.given.get("transport") == "socket":
            return {"fusionstorageagent": self.given["address"], "pool_id_filter": ",".join(pools) or None}
        agents = self.given.get("agents") or {}
        return {
            "dsware_rest_url": "https://%s:%s" % (_bracketed(self.given["address"]), self.given.get("port", 28443)),
            "dsware_storage_pools": ";".join(pools) or None,
            "manager_ips": ",".join("%s:%s" % pair for pair in agents.items()) or None,
        }

    def _san(self, in_address: bool = False) -> Dict[str, Any]:
        """:param in_address: these drivers know no option for the port."""
        address, port = self.given["address"], self.given.get("port")
        if in_address:
            return {"san_ip": "%s:%s" % (_bracketed(address), port) if port else address}
        return {"san_ip": address, "san_api_port": port}

    # -- everything --------------------------------------------------------------------------------------------------

    def connection(self) -> Dict[str, Any]:
        """Options of the modules; the tenant is made with what it shall hold, not by asking."""
        keys = ["vendor", "port", "username", "password", "private_key_file", "validate_certs", "ca_path"]
        keys += ["tls_server_name", "host_key", "known_hosts", "host_key_policy", "cluster", "transport"]
        found = {key: self.given[key] for key in keys if key in self.given}
        found["address"] = [one.strip() for one in str(self.given["address"]).split(",") if one.strip()]
        if self.vendor == "flashsystem":
            for key in ("validate_certs", "ca_path", "tls_server_name"):
                found.pop(key, None)
        return found

    def resolved(self, drivers: Mapping[str, Any], pools: Mapping[str, Any]) -> Dict[str, Any]:
        if not self.present:
            return {
                "name": self.name,
                "state": "absent",
                "section": {"name": self.name, "state": "absent"},
                "volume_types": self.volume_types(),
            }
        self.check_driver(drivers)
        options = self.section(drivers, pools.get(self.name))
        secrets = {"san_password": self.given.get("password")} if self.given.get("password") else {}
        for key, value in (self.given.get("options") or {}).items():
            # What is told by name counts before what the role makes of the other keys.
            options.pop(key, None)
            secrets.pop(key, None)
            (secrets if _SECRET.search(key) else options)[key] = value
        wanted = {key: self.given[key] for key in ("volumes", "snapshots", "hosts", "mappings") if self.given.get(key)}
        return {
            "name": self.name,
            "state": "present",
            "vendor": self.vendor,
            "driver": self.driver,
            "in_tree": self.in_tree,
            "packages": [PACKAGES[self.vendor]] if self.in_tree and self.vendor in PACKAGES else [],
            "section": {"name": self.name, "options": options, "secrets": secrets, "exclusive": True},
            "connection": self.connection(),
            "tenant": self.given.get("tenant"),
            "array": wanted,
            "volume_types": self.volume_types(),
        }

    def volume_types(self) -> List[Dict[str, Any]]:
        return [
            dict(one, extra_specs=dict({"volume_backend_name": self.backend_name}, **_texts(one)))
            for one in self.given.get("volume_types") or []
        ]


def _literal(value: Any) -> Any:
    """A text that Cinder reads as it is."""
    return escaped(value) if isinstance(value, str) else value


def _bracketed(address: str) -> str:
    return "[%s]" % address if ":" in address and not address.startswith("[") else address


def _texts(kind: Mapping[str, Any]) -> Dict[str, str]:
    """Extra specs are texts; YAML reads many of them as something else."""
    return {str(key): str(value) for key, value in (kind.get("extra_specs") or {}).items()}


def cinder_backends(
    entries: Any, drivers: Optional[Mapping[str, Any]] = None, pools: Optional[Mapping[str, Any]] = None
) -> List[Dict[str, Any]]:
    """See DOCUMENTATION."""
    backends = [_Backend(entry) for entry in entries]
    names: List[str] = []
    for backend in backends:
        backend.check()
        if backend.name.lower() in names:
            raise backend.wrong("there are two backends of this name; sections have no case")
        names.append(backend.name.lower())
    return [backend.resolved(drivers or {}, pools or {}) for backend in backends]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"cinder_backends": cinder_backends}
