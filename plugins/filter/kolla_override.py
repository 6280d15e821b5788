# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: kolla_override
short_description: Backends of the role cinder_backend as an override of kolla-ansible
version_added: 0.1.0
description:
  - kolla-ansible reads its own template and the overrides of the operator one after the other. Of an option that
    several of them have, the last one counts. It reads each of them as a template of Jinja.
  - So C(enabled_backends) also gets the backends that kolla-ansible itself enables, unless the override already names
    backends, and braces in values are written so that they are no template.
author:
  - The openflash.storage contributors (@openflash)
positional: override
options:
  _input:
    description: What P(openflash.storage.cinder_backends#filter) returns.
    type: list
    elements: dict
    required: true
  override:
    description: The present text of the override.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the override
  openflash.storage.oslo_conf:
    path: /etc/kolla/config/cinder/cinder-volume.conf
    create: true
    sections: "{{ cinder_backend_backends | openflash.storage.cinder_backends | openflash.storage.kolla_override }}"
"""

RETURN = r"""
_value:
  description: Sections for M(openflash.storage.oslo_conf).
  type: list
  elements: dict
"""

import re
from typing import Any, Dict, List, Mapping

OWN = r"{{ cinder_enabled_backends | map(attribute='name') | join('%c' % 44) }}"
"""The backends that kolla-ansible enables, by its own variable. Without a comma: it is one member of the list."""

_ENABLED = re.compile(r"^enabled_backends\s*[=:]", re.MULTILINE)
_BRACE = re.compile(r"\{(?=[{%#])")
_QUOTED = re.compile(r"""(["']).*\1\Z""", re.DOTALL)


def _literal(value: Any) -> Any:
    """A text that is the same after kolla-ansible has read it and written it again."""
    if isinstance(value, list):
        return [_literal(item) for item in value]
    if not isinstance(value, str):
        return value
    # Each reading takes one pair of quotes away
    text = '"%s"' % value if _QUOTED.match(value) else value
    return _BRACE.sub("{{ '{' }}", text)


def _section(section: Mapping[str, Any]) -> Dict[str, Any]:
    found = dict(section)
    for kind in ("options", "secrets"):
        if kind in found:
            found[kind] = {key: _literal(value) for key, value in found[kind].items()}
    return found


def kolla_override(backends: Any, override: str = "") -> List[Dict[str, Any]]:
    """See DOCUMENTATION."""
    present = [backend["name"] for backend in backends if backend["state"] == "present"]
    absent = [backend["name"] for backend in backends if backend["state"] == "absent"]
    own = [] if _ENABLED.search(override) or not present else [OWN]
    members = {"name": "enabled_backends", "present": own + present, "absent": absent}
    return [{"name": "DEFAULT", "members": [members]}] + [_section(backend["section"]) for backend in backends]


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> Dict[str, Any]:
        return {"kolla_override": kolla_override}
