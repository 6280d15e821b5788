# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cinder_backends
short_description: Backends of the role cinder_backend as sections of cinder.conf
version_added: 0.1.0
description:
  - Turns each entry of C(cinder_backend_backends) into the section that the role writes and the options with which it
    connects to the array.
  - Fails if an entry is wrong. The message names the backend and the mistake.
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
      - What C(python -m openflash_openstack.deploy drivers) prints with the Python of the installed Cinder. Says for
        each driver class whether it can be loaded and whether it is supported.
    type: dict
    default: {}
  pools:
    description: Pools of the arrays by the name of the backend, as M(openflash.storage.flash_facts) returns them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the options that the role writes into cinder.conf
  ansible.builtin.debug:
    msg: "{{ (cinder_backend_backends | openflash.storage.cinder_backends).0.section.options }}"
"""

RETURN = r"""
_value:
  description:
    - For each backend C(name), C(state), C(vendor), C(protocol), C(driver) (the class), C(in_tree), C(packages) (Python
      distributions that the driver imports), C(section) (for M(openflash.storage.oslo_conf)), C(connection) (options
      of the modules of this collection), C(array) (the content to declare on the array) and C(volume_types). For an
      absent backend only C(name), C(state), C(section) and C(volume_types).
  type: list
  elements: dict
"""

import json
import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleFilterError

from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import VENDORS
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendor import Cinder
from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import escaped

BUNDLED = {
    (vendor.name, protocol): driver.bundled
    for vendor in VENDORS.values()
    for protocol, driver in vendor.cinder.drivers.items()
}
"""The drivers of this collection. The first protocol of a vendor is its default."""

IN_TREE = {
    (vendor.name, protocol): driver.in_tree
    for vendor in VENDORS.values()
    for protocol, driver in vendor.cinder.drivers.items()
    if driver.in_tree
}
"""The drivers of Cinder itself."""

KEYS = {
    key: sorted(vendor.name for vendor in VENDORS.values() if key in vendor.cinder.keys)
    for key in [key for vendor in VENDORS.values() for key in vendor.cinder.keys]
}
"""Keys of an entry that only some vendors have, and those vendors."""

# Sections of cinder.conf that are no backends
RESERVED = ("default", "backend_defaults", "backend", "database", "keystone_authtoken", "coordination", "key_manager")

_TEXTS = ("username", "password", "tenant", "cluster", "volume_backend_name")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
_SECRET = re.compile(r"pass|secret|token|credential", re.IGNORECASE)


class _Mistake(Exception):
    """What is wrong with an entry."""


class _Backend:
    """One entry."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        self.given = {key: value for key, value in entry.items() if value is not None}
        # YAML reads digits as a number
        self.given.update({key: str(self.given[key]) for key in _TEXTS if key in self.given})
        self.name = str(self.given.get("name") or "")
        self.vendor = str(self.given.get("vendor") or "")

    def error(self, text: str) -> _Mistake:
        return _Mistake("cinder_backend_backends: backend %s: %s" % (self.name or "without a name", text))

    # -- what it is --------------------------------------------------------------------------------------------------

    @property
    def present(self) -> bool:
        return bool(self.given.get("state", "present") == "present")

    @property
    def backend_name(self) -> Any:
        """The name of the backend in the scheduler."""
        name_in_options = (self.given.get("options") or {}).get("volume_backend_name")
        return name_in_options or self.given.get("volume_backend_name", self.name)

    @property
    def in_tree(self) -> bool:
        return bool(self.given.get("driver", "auto") == "in_tree")

    @property
    def cinder(self) -> Cinder:
        """What the array's description says of Cinder."""
        return VENDORS[self.vendor].cinder

    @property
    def protocol(self) -> Optional[str]:
        known = list(self.cinder.drivers)
        found = self.given.get("protocol", known[0])
        if found not in known:
            if known == [None]:
                raise self.error("%s has a data path of its own, so leave protocol out" % self.vendor)
            raise self.error("%s has no protocol %s, only %s" % (self.vendor, found, " and ".join(map(str, known))))
        return None if found is None else str(found)

    @property
    def driver(self) -> str:
        driver = self.cinder.drivers[self.protocol]
        if not self.in_tree:
            return driver.bundled
        if not driver.in_tree:
            reason = self.cinder.in_tree_refusal or "Cinder has no driver for %s" % self.vendor
            raise self.error("driver: in_tree is refused, because %s; use driver: auto" % reason)
        return driver.in_tree

    # -- checks ------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        if not _NAME.match(self.name) or self.name.lower() in RESERVED:
            raise self.error("%r cannot be the name of a backend" % self.name)
        if self.given.get("state", "present") not in ("present", "absent"):
            raise self.error("state must be present or absent, not %r" % self.given["state"])
        if not self.present:
            return
        if self.vendor not in VENDORS:
            raise self.error("vendor must be one of %s, not %r" % (", ".join(sorted(VENDORS)), self.vendor))
        for key, vendors in KEYS.items():
            if key in self.given and self.vendor not in vendors:
                raise self.error("%s is only for vendor %s" % (key, " and ".join(vendors)))
        if not self.given.get("address"):
            raise self.error("address is missing")
        for key, default in (("tenant", "/root"), ("cluster", "the only cluster"), ("pools", "all pools")):
            value = self.given.get(key)
            if value is not None and not (value.strip() if isinstance(value, str) else value):
                raise self.error("%s is empty; leave it out for %s" % (key, default))
        if self.given.get("transport") != "socket":
            for key in ("username", "password"):
                if not self.given.get(key) and not (key == "password" and self.given.get("private_key_file")):
                    raise self.error("%s is missing" % key)
        only_port = self.cinder.in_tree_port
        if self.in_tree and only_port is not None and self.given.get("port") not in (None, only_port):
            raise self.error(
                "Cinder's own driver for %s connects to port %d only; leave port out or use driver: auto"
                % (self.vendor, only_port)
            )
        for key, value in (self.given.get("options") or {}).items():
            if isinstance(value, dict):
                raise self.error("the value of the option %s is a dictionary; write it as cinder.conf has it" % key)

    def check_driver(self, drivers: Mapping[str, Any]) -> None:
        reported = drivers.get(self.driver) or {}
        if self.in_tree and reported.get("problem"):
            raise self.error("driver: in_tree is refused, because %s; use driver: auto" % reported["problem"])

    # -- its section -------------------------------------------------------------------------------------------------

    def section(self, drivers: Mapping[str, Any], pools: Optional[List[Mapping[str, Any]]]) -> Dict[str, Any]:
        given = self.given
        found: Dict[str, Any] = {
            "volume_driver": self.driver,
            "volume_backend_name": given.get("volume_backend_name", self.name),
            "san_login": given.get("username"),
        }
        found.update(self.cinder.section(given, self.protocol, self.in_tree))
        if self.cinder.tls:
            found["driver_ssl_cert_verify"] = bool(given.get("validate_certs", True))
            found["driver_ssl_cert_path"] = given.get("ca_path")
            found["openflash_tls_server_name"] = None if self.in_tree else given.get("tls_server_name")
        if self.in_tree and (drivers.get(self.driver) or {}).get("supported") is False:
            found["enable_unsupported_driver"] = True
        found["use_multipath_for_image_xfer"] = True
        capabilities = given.get("extra_capabilities")
        # The driver of this collection reports them for each pool, and a value in the section would replace that.
        if capabilities is None and self.in_tree and pools is not None:
            kinds = {kind for pool in pools for kind in pool.get("provisioning") or ()}
            capabilities = {kind: True for kind in self.cinder.in_tree_capabilities if kind in kinds}
        if capabilities:
            found["extra_capabilities"] = json.dumps(capabilities, sort_keys=True)
        return {key: _literal(value) for key, value in found.items() if value is not None}

    # -- the result --------------------------------------------------------------------------------------------------

    def connection(self) -> Dict[str, Any]:
        """Options of the modules. The tenant is not among them: the role creates it together with its content."""
        keys = ["vendor", "port", "username", "password", "private_key_file"]
        keys += ["validate_certs", "ca_path", "tls_server_name"] if self.cinder.tls else []
        keys += ["host_key", "known_hosts", "host_key_policy", "cluster", "transport"]
        found = {key: self.given[key] for key in keys if key in self.given}
        addresses = str(self.given["address"]).split(",")
        found["address"] = [address.strip() for address in addresses if address.strip()]
        return found

    def resolved(self, drivers: Mapping[str, Any], pools: Mapping[str, Any]) -> Dict[str, Any]:
        if not self.present:
            return {
                "name": self.name,
                "state": "absent",
                "section": {"name": self.name, "state": "absent"},
                "volume_types": self.volume_types(),
            }
        options = self.section(drivers, pools.get(self.name))
        secrets = {"san_password": self.given.get("password")} if self.given.get("password") else {}
        for key, value in (self.given.get("options") or {}).items():
            # An option of the section replaces what the role makes of the other keys.
            options.pop(key, None)
            secrets.pop(key, None)
            (secrets if _SECRET.search(key) else options)[key] = value
        content = {key: self.given[key] for key in ("volumes", "snapshots", "hosts", "mappings") if self.given.get(key)}
        package = self.cinder.in_tree_package
        return {
            "name": self.name,
            "state": "present",
            "vendor": self.vendor,
            "protocol": self.protocol,
            "driver": self.driver,
            "in_tree": self.in_tree,
            "packages": [package] if self.in_tree and package else [],
            "section": {"name": self.name, "options": options, "secrets": secrets, "exclusive": True},
            "connection": self.connection(),
            "tenant": self.given.get("tenant"),
            "array": content,
            "volume_types": self.volume_types(),
        }

    def volume_types(self) -> List[Dict[str, Any]]:
        return [
            dict(kind, extra_specs=dict({"volume_backend_name": self.backend_name}, **_texts(kind)))
            for kind in self.given.get("volume_types") or []
        ]


def _literal(value: Any) -> Any:
    """A text that Cinder reads as it is."""
    return escaped(value) if isinstance(value, str) else value


def _texts(volume_type: Mapping[str, Any]) -> Dict[str, str]:
    """Extra specs are texts; YAML reads many of them as something else."""
    return {str(key): str(value) for key, value in (volume_type.get("extra_specs") or {}).items()}


def _checked(entries: Any, drivers: Mapping[str, Any]) -> Tuple[List[_Backend], List[str]]:
    """The entries, and the first mistake of each that has one."""
    backends, mistakes = [_Backend(entry) for entry in entries], []
    names: List[str] = []
    for backend in backends:
        try:
            backend.check()
            if backend.name.lower() in names:
                raise backend.error("there are two backends of this name; upper and lower case are the same")
            if backend.present:
                backend.check_driver(drivers)
        except _Mistake as mistake:
            mistakes.append(str(mistake))
        names.append(backend.name.lower())
    return backends, mistakes


def cinder_backends(
    entries: Any, drivers: Optional[Mapping[str, Any]] = None, pools: Optional[Mapping[str, Any]] = None
) -> List[Dict[str, Any]]:
    """See DOCUMENTATION."""
    backends, mistakes = _checked(entries, drivers or {})
    if mistakes:
        raise AnsibleFilterError(" ".join(mistakes))
    return [backend.resolved(drivers or {}, pools or {}) for backend in backends]


def cinder_backend_mistakes(entries: Any, drivers: Optional[Mapping[str, Any]] = None) -> List[str]:
    """See the filter of this name."""
    return _checked(entries, drivers or {})[1]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"cinder_backends": cinder_backends}
