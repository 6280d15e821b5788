# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: fleet
short_description: The connection options of an array, from the file of a fleet
version_added: 0.1.0
description:
  - Reads a file with the arrays of a fleet, and returns the connection options of those that are named, passwords
    included.
  - AWX writes such a file for a job that has a credential of the type C(Flash arrays), which C(playbooks/awx.yml)
    creates, and sets C(FLASH_FLEET).
author:
  - The openflash.storage contributors (@openflash)
options:
  _terms:
    description: Names of arrays.
    type: list
    elements: str
    required: true
  file:
    description:
      - A YAML list. Each entry has the C(name) of an array and its connection options.
      - The file may be encrypted with ansible-vault.
    type: path
    env:
      - name: FLASH_FLEET
seealso:
  - plugin: openflash.storage.flash
    plugin_type: inventory
notes:
  - An array that the file does not name is an error, and so is one that it names twice.
"""

EXAMPLES = r"""
- name: Each array of the inventory with its own connection
  hosts: flash_arrays
  gather_facts: false
  module_defaults:
    group/openflash.storage.flash: "{{ lookup('openflash.storage.fleet', inventory_hostname) }}"
  tasks:
    - name: Read the array
      openflash.storage.flash_info:
"""

RETURN = r"""
_raw:
  description: The connection options of each array, in the order of the names.
  type: list
  elements: dict
"""

from typing import Any, Dict, List, Optional

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.openflash.storage.plugins.plugin_utils.fleet import FleetError, read_fleet


class LookupModule(LookupBase):
    """See DOCUMENTATION."""

    def run(self, terms: List[str], variables: Optional[Dict[str, Any]] = None, **kwargs: Any) -> List[Dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        path = self.get_option("file")
        if not path:
            raise AnsibleError(
                "no fleet: FLASH_FLEET is not set. In AWX the job needs a credential of the type Flash arrays. "
                "Elsewhere set it, or the option file"
            )
        try:
            fleet = read_fleet(self._loader, path)
        except FleetError as error:
            raise AnsibleError(str(error)) from None
        missing = [term for term in terms if term not in fleet]
        if missing or not terms:
            raise AnsibleError("the fleet %s has no array named %s" % (path, ", ".join(missing) or "''"))
        return [fleet[term] for term in terms]
