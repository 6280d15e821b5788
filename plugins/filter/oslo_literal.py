# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: oslo_literal
short_description: A text that a service of OpenStack reads as it is
version_added: 0.1.0
description:
  - Services of OpenStack put the value of another option for C($name) in a value. This filter writes a text so that
    they read the same text, dollar signs and backslashes before them included.
  - For O(openflash.storage.oslo_conf#module:options). What is in O(openflash.storage.oslo_conf#module:secrets) is
    written like this anyway.
author:
  - The openflash.storage contributors (@openflash)
options:
  _input:
    description: The text. What is no text is returned as it is.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: A user name with a dollar sign
  openflash.storage.oslo_conf:
    path: /etc/cinder/cinder.conf
    section: xtremio
    options:
      san_login: "{{ 'admin$1' | openflash.storage.oslo_literal }}"
"""

RETURN = r"""
_value:
  description: The text as it stands in the file.
  type: raw
"""

from typing import Any, Dict

from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import escaped


def oslo_literal(value: Any) -> Any:
    """See DOCUMENTATION."""
    return escaped(value) if isinstance(value, str) else value


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"oslo_literal": oslo_literal}
