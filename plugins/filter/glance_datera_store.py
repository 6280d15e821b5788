# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: glance_datera_store
short_description: The store of the role glance_datera as sections of glance-api.conf
version_added: 0.1.0
description:
  - Turns the variables of the role into the sections that it writes, those that it removes, and the options with which
    it connects to the array.
author:
  - The openflash.storage contributors (@openflash)
positional: driver_options, now, former
options:
  _input:
    description:
      - C(store) (its name), C(multiple) (one of several stores, or a single one), C(default) (whether it is the
        default), C(options) (the options of the driver by their names), C(more) (other options, as in the file),
        C(password).
    type: dict
    required: true
  driver_options:
    description: The options that the driver registers. By default those of the driver of this collection.
    type: list
    elements: str
  now:
    description:
      - The present values of C(glance_store:default_backend), C(glance_store:default_store) and C(glance_store:stores),
        by these names.
    type: dict
    default: {}
  former:
    description: The values of C(default_backend), C(default_store) and C(stores) before the role changed them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Show the sections that the role writes
  ansible.builtin.debug:
    msg: "{{ (glance_datera_values | openflash.storage.glance_datera_store).present }}"
"""

RETURN = r"""
_value:
  description:
    - C(present) and C(absent) (sections for M(openflash.storage.oslo_conf)), C(connection) (options of the modules of
      this collection), C(known) (options that the driver has), C(unknown) (names in C(more) that it does not have),
      C(lacks) (options of the role that it does not have, so that they are not written).
  type: dict
"""

from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import escaped

GROUP = "glance_store"
KIND = "datera"
PASSWORD_OPTION = "datera_san_password"  # noqa: S105  the name of an option
# What glance_store has where the option is not set
STORES = "file,http"
HTTP_PORT = 7717

MORE = ("datera_initiator_name", "datera_use_multipath", "datera_timeout", "datera_sessions")
"""Options of the driver of this collection that only ``more`` sets."""


class _Store:
    def __init__(
        self,
        values: Mapping[str, Any],
        driver_options: Optional[Sequence[str]],
        now: Mapping[str, Optional[str]],
        former: Mapping[str, Optional[str]],
    ) -> None:
        self.options: Mapping[str, Any] = values["options"]
        self.known = [*self.options, *MORE] if driver_options is None else list(driver_options)
        self.more: Mapping[str, Any] = values.get("more") or {}
        self.password = values["password"]
        self.multiple = bool(values["multiple"])
        self.is_default = bool(values["default"])
        self.name = str(values["store"])
        # The role reads them by section and option
        self.now = {name.rpartition(":")[2]: value for name, value in now.items()}
        self.former = former
        self.default_option = "default_backend" if self.multiple else "default_store"
        self.default_value = self.name if self.multiple else KIND

    # -- written -----------------------------------------------------------------------------------------------------

    def _every_option(self) -> List[str]:
        return [*self.options, *MORE]

    def _written(self) -> Dict[str, Any]:
        """A list without members removes the option."""
        found: Dict[str, Any] = (
            {name: [] for name in self._every_option()} if self.known != self._every_option() else {}
        )
        for name, value in self.options.items():
            if name in self.known:
                found[name] = [] if value == "" else escaped(value) if isinstance(value, str) else value
        found.update(self.more)
        return found

    def _member(self, change: str) -> Dict[str, Any]:
        return {
            "name": "DEFAULT",
            "members": [{"name": "enabled_backends", change: ["%s:%s" % (self.name, KIND)]}],
        }

    def _stores(self) -> List[str]:
        return [name.strip() for name in (self.now.get("stores") or STORES).split(",")]

    def present(self) -> List[Dict[str, Any]]:
        if self.multiple:
            sections = [self._member("present")]
        else:
            stores = list(dict.fromkeys([*self._stores(), KIND]))
            sections = [{"name": GROUP, "options": {"stores": ",".join(stores)}}]
        if self.is_default:
            sections.append({"name": GROUP, "options": {self.default_option: self.default_value}})
        sections.append(
            {
                "name": self.name if self.multiple else GROUP,
                "options": self._written(),
                "secrets": {PASSWORD_OPTION: self.password},
                "exclusive": self.multiple,
            }
        )
        return sections

    # -- removed -----------------------------------------------------------------------------------------------------

    def absent(self) -> List[Dict[str, Any]]:
        former_default = {}
        # Somebody else's default stays
        if self.now.get(self.default_option) == self.default_value:
            former_default[self.default_option] = self.former.get(self.default_option)
        sections: List[Dict[str, Any]] = [{"name": GROUP, "options": former_default}]
        if self.multiple:
            return [*sections, self._member("absent"), {"name": self.name, "state": "absent"}]
        options: Dict[str, Any] = {name: [] for name in [*self._every_option(), PASSWORD_OPTION]}
        single: Dict[str, Any] = {"name": GROUP, "options": options}
        if self.former.get("stores", STORES) is None:
            options["stores"] = None
        else:
            single["members"] = [{"name": "stores", "absent": [KIND]}]
        return [*sections, single]

    # -- the array ---------------------------------------------------------------------------------------------------

    def connection(self) -> Dict[str, Any]:
        options = self.options
        port = int(options["datera_san_port"])
        found: Dict[str, Any] = {
            "vendor": KIND,
            "address": [options["datera_san_ip"]],
            "port": port,
            "username": options["datera_san_login"],
            "password": self.password,
        }
        if port == HTTP_PORT:
            found["scheme"] = "http"
        else:
            found["validate_certs"] = options["datera_validate_certs"]
        for key, name in (("ca_path", "datera_ca_file"), ("tls_server_name", "datera_tls_server_name")):
            if options[name]:
                found[key] = options[name]
        return found


def glance_datera_store(
    values: Mapping[str, Any],
    driver_options: Optional[Sequence[str]] = None,
    now: Optional[Mapping[str, Optional[str]]] = None,
    former: Optional[Mapping[str, Optional[str]]] = None,
) -> Dict[str, Any]:
    """See DOCUMENTATION."""
    store = _Store(values, driver_options, now or {}, former or {})
    return {
        "present": store.present(),
        "absent": store.absent(),
        "connection": store.connection(),
        "known": store.known,
        "unknown": [name for name in store.more if name not in store.known],
        "lacks": [name for name in store.options if name not in store.known],
    }


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"glance_datera_store": glance_datera_store}
