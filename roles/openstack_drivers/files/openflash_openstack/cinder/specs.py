# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a volume type says, in every spelling that the documentation of OpenStack shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from cinder import context
from cinder.volume import volume_types

_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


# Before the name of a QoS spec, among the extra specs
_QOS = "qos:"


def specs_of_type(type_id: Optional[str]) -> dict[str, str]:
    """The extra specs of a type, and the QoS specs that it has for the back end (see ``qos``)."""
    if not type_id:
        return {}
    admin = context.get_admin_context()
    found = dict(volume_types.get_volume_type(admin, type_id).get("extra_specs") or {})
    limits = volume_types.get_volume_type_qos_specs(type_id).get("qos_specs") or {}
    if limits.get("consumer") in ("back-end", "both"):
        found.update({_QOS + name: value for name, value in (limits.get("specs") or {}).items()})
    return {str(name): str(value) for name, value in found.items()}


def qos(specs: Mapping[str, str]) -> dict[str, str]:
    """The QoS specs for the back end."""
    return {name[len(_QOS) :]: value for name, value in specs.items() if name.startswith(_QOS)}


def specs_of(volume: Any) -> dict[str, str]:
    """The extra specs of the volume's type; those of a type that is being changed to are its ``extra_specs``."""
    return specs_of_type(volume.get("volume_type_id"))


def flag(specs: Mapping[str, str], name: str) -> Optional[bool]:
    """``name``, ``capabilities:name`` or any other scope; ``True``, ``true``, ``<is> True`` ...; None when absent."""
    found: Optional[bool] = None
    for key, value in specs.items():
        if key.rsplit(":", 1)[-1] != name:
            continue
        word = value.replace("<is>", "").strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            found = False
    return found


def text(specs: Mapping[str, str], name: str) -> Optional[str]:
    """The value of exactly this key."""
    value = specs.get(name)
    return value.strip() or None if value is not None else None
