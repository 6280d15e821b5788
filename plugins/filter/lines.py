# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lines
short_description: The entries of a list that a survey gives as a text
version_added: 0.1.0
description:
  - A survey of AWX gives texts. This filter makes a list of a text with one entry on each line.
  - Spaces around an entry and empty lines are removed. A list is taken as it is, so that a playbook can be used with
    variables from a file too.
author:
  - The openflash.storage contributors (@openflash)
options:
  _input:
    description: The text, or a list of texts. Null counts as an empty text.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: A host with the initiators that somebody typed into a survey
  openflash.storage.flash_host_map:
    host: web-server
    initiators: "{{ survey_initiators | openflash.storage.lines }}"
"""

RETURN = r"""
_value:
  description: The entries.
  type: list
  elements: str
"""

from typing import Any, Dict, List

from ansible.errors import AnsibleFilterError


def lines(value: Any) -> List[str]:
    """See DOCUMENTATION."""
    texts = value if isinstance(value, list) else [value]
    found: List[str] = []
    for text in texts:
        if text is not None and not isinstance(text, str):
            raise AnsibleFilterError("lines takes a text or a list of texts, and this has a %s" % type(text).__name__)
        found += [line.strip() for line in (text or "").splitlines() if line.strip()]
    return found


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"lines": lines}
