# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: cinder_backend_mistakes
short_description: What is wrong with backends of the role cinder_backend
version_added: 0.1.0
description:
  - Checks each entry of C(cinder_backend_backends), as P(openflash.storage.cinder_backends#filter) does, and returns
    the mistakes of all entries instead of failing.
author:
  - The openflash.storage contributors (@openflash)
positional: drivers
options:
  _input:
    description: The entries, as the role's argument specification has them.
    type: list
    elements: dict
    required: true
  drivers:
    description:
      - What C(python -m openflash_openstack.deploy drivers) prints with the Python of the installed Cinder.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse invalid backends
  ansible.builtin.fail:
    msg: "{{ mistakes | join(' ') }}"
  vars:
    mistakes: "{{ cinder_backend_backends | openflash.storage.cinder_backend_mistakes }}"
  when: mistakes | length > 0
"""

RETURN = r"""
_value:
  description: Sentences that name the backend and the mistake, for each entry at most one.
  type: list
  elements: str
"""

from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import cinder_backend_mistakes


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"cinder_backend_mistakes": cinder_backend_mistakes}
