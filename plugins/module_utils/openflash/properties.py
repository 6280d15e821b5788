# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Properties of volumes that several arrays have: by which name and unit tasks and results have them.

A client has them among ``Volume.options``, under the names and in the units of this table, whatever its array calls
them. Tasks and results have them as ``qos``, ``replicas``, ``placement`` and ``description``.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping as Map, NamedTuple, Optional, Tuple

from .errors import Invalid
from .units import KIB, format_size, parse_size

QOS, REPLICAS, PLACEMENT, DESCRIPTION = "qos", "replicas", "placement", "description"

LACKING = {
    QOS: "volumes of this array have no limits over the interfaces that are known; limit them on the hosts, and leave "
    "qos out",
    REPLICAS: "the number of copies of the data cannot be chosen on this array; leave replicas out",
    PLACEMENT: "this array places the data of a volume by itself; leave placement out, and choose a pool where it has "
    "several",
    DESCRIPTION: "this array keeps no description of a volume; leave description out",
}
"""The refusals of an array that does not have them."""


class Property(NamedTuple):
    option: str
    """Its name among ``Volume.options`` and ``Capabilities.volume_options``."""
    unit: int = 1
    """How many bytes per second one of the option is; 1 for what is no rate."""
    is_rate: bool = False


PROPERTIES: Dict[str, Property] = {
    "qos.max_iops": Property("total_iops_max"),
    "qos.max_read_iops": Property("read_iops_max"),
    "qos.max_write_iops": Property("write_iops_max"),
    "qos.max_bytes_per_second": Property("total_bandwidth_max", KIB, True),
    "qos.max_read_bytes_per_second": Property("read_bandwidth_max", KIB, True),
    "qos.max_write_bytes_per_second": Property("write_bandwidth_max", KIB, True),
    "replicas": Property("replica_count"),
    "placement.mode": Property("placement_mode"),
    "placement.policy": Property("placement_policy"),
    "description": Property("description"),
}
"""By name in a task: ``qos.max_iops`` is ``max_iops`` of the option ``qos``."""

UNLIMITED = "qos.unlimited"
"""Not a property: true removes every limit."""

LIMITS = tuple(found.option for name, found in PROPERTIES.items() if name.startswith(QOS))
"""The options that are limits. 0 is no limit."""

_NAMES = {found.option: name for name, found in PROPERTIES.items()}


def kind_of(name: str) -> str:
    """The option of a task that has the property: ``qos`` for ``qos.max_iops``."""
    return name.partition(".")[0]


def requested(options: Map[str, Any]) -> Dict[str, Any]:
    """What a task requests, by the names of the table and with UNLIMITED; rates in bytes per second.

    What is null stays as it is on the array.

    :raises Invalid: a dictionary is empty, so that it is not known what is meant, or a rate is none.
    """
    found: Dict[str, Any] = {}
    for kind in (QOS, PLACEMENT):
        given = options.get(kind)
        if given is None:
            continue
        # 0 is a value, and equals False.
        given = {key: value for key, value in given.items() if value is not None and value is not False}
        values = {"%s.%s" % (kind, key): value for key, value in given.items()}
        if not values:
            removes = ", or qos: {unlimited: true} to remove every limit" if kind == QOS else ""
            raise Invalid(
                "%s is empty, which neither sets nor removes anything" % kind,
                hint="Leave it out to leave the volume as it is%s." % removes,
            )
        found.update({name: _bytes_per_second(name, value) for name, value in values.items()})
    if UNLIMITED in found and sum(name.startswith(QOS) for name in found) > 1:
        raise Invalid(
            "qos has unlimited: true, which removes every limit, and a limit as well",
            hint="Give one of the two. 0 removes a single limit.",
        )
    found.update({kind: options[kind] for kind in (REPLICAS, DESCRIPTION) if options.get(kind) is not None})
    return found


def _bytes_per_second(name: str, value: Any) -> Any:
    known = PROPERTIES.get(name)
    if known is None or not known.is_rate or str(value).strip() == "0":
        return 0 if known is not None and known.is_rate else value
    try:
        return parse_size(value)
    except Invalid as error:
        error.reason = "%s: %s" % (name, error.reason)
        error.hint = "Write bytes per second as a number and a unit, such as 100MiB; 0 is no limit."
        raise


def reported(options: Map[str, Any]) -> Dict[str, Any]:
    """The fields of a result: ``qos`` and ``placement`` with every key, and the others; None for what is not known.

    :param options: those of a Volume. Rates become bytes per second.
    """
    found: Dict[str, Any] = {QOS: {}, REPLICAS: None, PLACEMENT: {}, DESCRIPTION: None}
    for name, known in PROPERTIES.items():
        value = options.get(known.option)
        value = value * known.unit if known.is_rate and value is not None else value
        kind, _dot, key = name.partition(".")
        if key:
            found[kind][key] = value
        else:
            found[kind] = value
    return found


def declared(options: Map[str, Any]) -> Dict[str, Any]:
    """The options of a task that makes a volume with these properties; without limits of 0 and what is not known."""
    found: Dict[str, Any] = {}
    for name, known in PROPERTIES.items():
        value = options.get(known.option)
        if not value:
            continue
        value = in_task(name, value)
        kind, _dot, key = name.partition(".")
        if key:
            found.setdefault(kind, {})[key] = value
        else:
            found[kind] = value
    return found


def name_of(option: str) -> Optional[str]:
    """The name of the table for an option of a Volume; None where it has none."""
    return _NAMES.get(option)


def in_task(name: str, value: Any) -> Any:
    """The value of an option of a Volume as a task has it: a rate as a text."""
    known = PROPERTIES[name]
    return format_size(value * known.unit) if known.is_rate and isinstance(value, int) and value else value


def shown(option: str, value: Any) -> Tuple[str, Any]:
    """Name and value for a line of the plan."""
    name = name_of(option)
    if name is None:
        return option, value
    return name, "none" if name.startswith(QOS) and value == 0 else in_task(name, value)
