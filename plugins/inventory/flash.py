# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: flash
short_description: Flash arrays, and the hosts that they know, as an inventory
version_added: 0.1.0
description:
  - Makes each array a host of the inventory, and each host that an array has volumes for.
  - The source is a file whose name ends in C(flash.yml) or C(flash.yaml).
  - An array has the variables C(ansible_connection) (V(local)), C(flash_connection), its connection options without
    secrets, and C(flash_array), what it reports of itself, or null where it could not be read.
  - A host has the variables C(flash_host_arrays), the arrays that know it; C(flash_initiators); C(flash_volumes); and
    C(flash_luns), each with C(array), C(volume), C(lun), C(serial) and C(size). Where an array does not report its
    mappings, C(flash_volumes) and C(flash_luns) are null.
  - The groups are O(arrays_group), C(flash_hosts), and of hosts C(flash_array_NAME), C(flash_os_NAME) and
    C(flash_cluster_NAME), where the cluster is the name that the array has for itself. What cannot be in the name of a
    group is C(_) there.
author:
  - The openflash.storage contributors (@openflash)
extends_documentation_fragment:
  - constructed
  - inventory_cache
requirements:
  - requests, for arrays that are managed over HTTPS
  - paramiko, for arrays that are managed over SSH
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [openflash.storage.flash]
  arrays:
    description:
      - The arrays. Each has a C(name), the host of the inventory, and the connection options of the modules.
      - A value may be a template, so that a secret comes from the environment or from a vault. An option that is left
        out can come from the environment, as with the modules.
    type: list
    elements: dict
  fleet:
    description: A file with this list, as the lookup plugin P(openflash.storage.fleet#lookup) reads it.
    type: path
    env:
      - name: FLASH_FLEET
  arrays_group:
    description: The group of the arrays. The playbooks of this collection look for V(flash_arrays).
    type: str
    default: flash_arrays
  read_hosts:
    description: Whether arrays are read. With V(false) no array is contacted, and the inventory has the arrays only.
    type: bool
    default: true
  strict_arrays:
    description:
      - Whether an array that cannot be read, or not completely, is an error.
      - With V(false) it is a warning. The array stays in the inventory, without its hosts. When no array at all can be
        read, it is an error still.
    type: bool
    default: true
  qualified_names:
    description:
      - By default a host is named as on the array, and a name that several arrays have is one host.
      - With V(true) a host is named C(HOST@ARRAY), for arrays that have the same name for different hosts. Its
        C(ansible_host) is the name on the array.
    type: bool
    default: false
notes:
  - A host with the name of an array is an error, unless O(qualified_names=true). One that is named C(localhost) is
    always named C(localhost@ARRAY), since plays run on the controller by that name.
  - The cache has no secrets. What could not be read is not in it.
  - By default Ansible goes on without a source of the inventory that it could not read, and only warns. Set
    C(any_unparsed_is_failed=true) in the section C([inventory]) of C(ansible.cfg), so that it ends.
seealso:
  - plugin: openflash.storage.fleet
    plugin_type: lookup
"""

EXAMPLES = r"""
# flash.yml: two arrays, with passwords from the environment
plugin: openflash.storage.flash
arrays:
  - name: xms1
    vendor: xtremio
    address: 192.0.2.7
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'XMS1_PASSWORD') }}"
    ca_path: /etc/ssl/certs/storage-ca.pem
  - name: violin2
    vendor: violin
    address: 192.0.2.8
    username: ansible
    password: "{{ lookup('ansible.builtin.env', 'VIOLIN2_PASSWORD') }}"
strict_arrays: false

# Hosts in groups by the array's word for their operating system, and a variable for each
keyed_groups:
  - key: flash_os
    prefix: system
compose:
  disks: flash_luns | default([], true) | map(attribute='serial') | list
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/cache/ansible/flash
cache_timeout: 600
"""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List, Optional, Tuple

from ansible.errors import AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ansible_collections.openflash.storage.plugins.module_utils.flash_connection import connection_of, secrets_in_urls
from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION
from ansible_collections.openflash.storage.plugins.module_utils.openflash import facts
from ansible_collections.openflash.storage.plugins.module_utils.openflash.connect import connect
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import EVERY_HOST
from ansible_collections.openflash.storage.plugins.plugin_utils.fleet import Fleet, FleetError, fleet_of, read_fleet

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is trusted that is not wrapped

    def trust_as_template(value: str) -> str:
        return value


Read = Tuple[Optional[Dict[str, Any]], Optional[str]]
"""What was read of an array, and what is wrong; at least one of the two."""

SECRETS = sorted(name for name, spec in CONNECTION.items() if spec.get("no_log"))
LOCAL = ("localhost", "127.0.0.1", "::1")
AT_A_TIME = 8
"""How many arrays are read at the same time."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """See DOCUMENTATION."""

    NAME = "openflash.storage.flash"

    def verify_file(self, path: str) -> bool:
        return super().verify_file(path) and path.endswith(("flash.yml", "flash.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        fleet = self._fleet(path)
        for name, options in fleet.items():
            self._add_array(name, options)
        if self.get_option("read_hosts"):
            self.load_cache_plugin()
            found = self._read(fleet, self.get_cache_key(path), cache)
            for name in fleet:
                self._add_hosts(name, found[name], fleet)
        for host in sorted(self.inventory.hosts):
            self._construct(host)

    def _fleet(self, path: str) -> Fleet:
        given, file = self.get_option("arrays"), self.get_option("fleet")
        try:
            if given is not None:
                return fleet_of(_plain(self.templar.template(given)), "the option arrays of %s" % path)
            if file:
                return read_fleet(self.loader, file)
        except FleetError as error:
            raise AnsibleParserError(str(error)) from None
        raise AnsibleParserError("%s has no arrays: set the option arrays or fleet, or FLASH_FLEET" % path)

    # ---- arrays ------------------------------------------------------------------------------------------------------

    def _add_array(self, name: str, options: Dict[str, Any]) -> None:
        shown = {option: value for option, value in options.items() if option not in SECRETS}
        if secrets_in_urls({"proxy": shown.get("proxy")}):
            del shown["proxy"]
        if secrets_in_urls({"address": shown.get("address")}):
            raise AnsibleParserError("the address of array %s has a user name or password in it" % name)
        group = self.inventory.add_group(self.get_option("arrays_group"))
        self.inventory.add_host(name, group=group)
        self.inventory.set_variable(name, "ansible_connection", _guarded("local"))
        self.inventory.set_variable(name, "flash_connection", _guarded(shown))
        self.inventory.set_variable(name, "flash_array", None)

    def _read(self, fleet: Fleet, key: str, cache: bool) -> Dict[str, Optional[Dict[str, Any]]]:
        """What was read of each array, or is in the cache."""
        keys = {name: "%s_%s" % (key, _digest(name, options)) for name, options in fleet.items()}
        use, found = cache and self.get_option("cache"), {}
        for name in fleet if use else ():
            try:
                found[name] = self._cache[keys[name]]
            except KeyError:  # not in the cache, or too old
                continue
        missing = [name for name in fleet if name not in found]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            answers = list(pool.map(lambda name: read_array(name, fleet[name]), missing))
        problems = [problem for _content, problem in answers if problem]
        if problems and self.get_option("strict_arrays"):
            raise AnsibleParserError("; ".join(problems))
        for name, (content, problem) in zip(missing, answers):
            if problem:
                self.display.warning(problem)
            elif self.get_option("cache"):
                self._cache[keys[name]] = content
            found[name] = content
        if all(content is None for content in found.values()):
            raise AnsibleParserError("no array can be read: %s" % "; ".join(problems))
        return found

    # ---- hosts -------------------------------------------------------------------------------------------------------

    def _add_hosts(self, array: str, content: Optional[Dict[str, Any]], fleet: Fleet) -> None:
        if content is None:
            return
        self.inventory.set_variable(array, "flash_array", _guarded(content["array"]))
        groups = ["flash_hosts", self._group_of_array(array)]
        if content["array"].get("name"):
            groups.append(_group("flash_cluster_%s" % content["array"]["name"]))
        for entry in content["hosts"]:
            qualified = self.get_option("qualified_names") or entry["name"] in LOCAL
            name = "%s@%s" % (entry["name"], array) if qualified else entry["name"]
            if name in fleet:
                raise AnsibleParserError(
                    "host %s of array %s has the name of an array: set qualified_names" % (name, array)
                )
            self.inventory.add_host(name)
            variables = self.inventory.get_host(name).vars
            if qualified:
                self.inventory.set_variable(name, "ansible_host", _guarded(entry["name"]))
            os = [_group("flash_os_%s" % entry["os"])] if entry["os"] else []
            for group in groups + os:
                self.inventory.add_child(self.inventory.add_group(group), name)
            if entry["os"]:
                self.inventory.set_variable(name, "flash_os", _guarded(entry["os"]))
            luns = entry["luns"]
            for variable, values in (
                ("flash_host_arrays", [array]),
                ("flash_initiators", entry["initiators"]),
                ("flash_volumes", None if luns is None else [lun["volume"] for lun in luns]),
                ("flash_luns", None if luns is None else [dict(lun, array=array) for lun in luns]),
            ):
                before = variables.get(variable, [])
                # Null says that an array did not report them
                joined = None if before is None or values is None else before + [v for v in values if v not in before]
                self.inventory.set_variable(name, variable, _guarded(joined))

    def _group_of_array(self, array: str) -> str:
        group = _group("flash_array_%s" % array)
        owners = self.__dict__.setdefault("_owners", {})
        if owners.setdefault(group, array) != array:
            raise AnsibleParserError("arrays %s and %s would have the same group %s" % (owners[group], array, group))
        return group

    def _construct(self, host: str) -> None:
        variables = self.inventory.get_host(host).get_vars()
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)


def read_array(name: str, options: Dict[str, Any]) -> Read:
    """The array and its hosts with their mappings, without secrets."""
    checked = ArgumentSpecValidator(CONNECTION).validate(options)
    if checked.error_messages:
        # The texts may have the value of an option in them
        wrong = [option for option in sorted(options) if any(option in text for text in checked.error_messages)]
        return None, "array %s: wrong connection options: %s" % (name, ", ".join(wrong) or "see the modules")
    try:
        connection = connection_of(checked.validated_parameters, lambda _secrets: None)
        with connect(connection) as array:
            found = facts.gather(array, ("array", "hosts", "mappings", "volumes"), {})
    except FlashError as error:
        return None, "array %s: %s" % (name, error)
    if found["unreadable"]:
        return None, "array %s cannot be read completely: %s" % (name, found["unreadable"][0]["reason"])
    return {"array": found["array"], "hosts": _hosts(found)}, None


def _hosts(found: Dict[str, Any]) -> List[Dict[str, Any]]:
    volumes = {volume["name"]: volume for volume in found["volumes"] or ()}
    hosts = []
    for host in found["hosts"] or ():
        if host["name"] == EVERY_HOST:
            continue
        luns = None
        if found["mappings"] is not None:
            luns = [
                {
                    "volume": mapping["volume"],
                    "lun": mapping["lun"],
                    "serial": volumes.get(mapping["volume"], {}).get("serial"),
                    "size": volumes.get(mapping["volume"], {}).get("size"),
                }
                for mapping in found["mappings"]
                if mapping["host"] == host["name"]
            ]
        initiators = [initiator["address"] for initiator in host["initiators"] or ()]
        hosts.append({"name": host["name"], "os": host["os"], "initiators": initiators, "luns": luns})
    return hosts


def _digest(name: str, options: Dict[str, Any]) -> str:
    """Names an array in the cache: with another address, cluster or account it is another one."""
    shown = {option: value for option, value in options.items() if option not in SECRETS and option != "proxy"}
    return hashlib.sha256(json.dumps([name, shown], sort_keys=True, default=str).encode()).hexdigest()[:16]


def _group(name: str) -> str:
    safe: str = to_safe_group_name(name, force=True, silent=True)
    return safe


def _plain(value: Any) -> Any:
    """Data without the types of Ansible's loader, such as a text that was encrypted."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def _guarded(value: Any) -> Any:
    """What an array reported, so that no Ansible takes a text in it for a template.

    Only texts that could be one are marked, because ansible-inventory and AWX show a marked text in another form.
    """
    if isinstance(value, dict):
        return {key: _guarded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_guarded(entry) for entry in value]
    if not isinstance(value, str):
        return value
    return wrap_var(value) if "{" in value else trust_as_template(value)
