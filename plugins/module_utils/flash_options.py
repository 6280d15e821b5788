# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that modules share, the objects of a task with their options, and the check for null and empty values."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional

from ansible.module_utils.common.parameters import AnsibleFallbackNotFound
from ansible.module_utils.common.validation import check_type_dict, check_type_list

from .openflash.connect import VENDORS
from .openflash.errors import Invalid
from .openflash.plan.identity import VOLUME_OPTIONS
from .openflash.plan.ranges import check_single, expanded
from .openflash.transport import environment

Spec = Dict[str, Dict[str, Any]]
Params = Mapping[str, Any]


def _from_env(variable: str) -> str:
    """The value of the variable. An empty variable counts as unset."""
    value = os.environ.get(variable)
    if not value:
        raise AnsibleFallbackNotFound
    return value


def _env(option: str, **spec: Any) -> Dict[str, Any]:
    """A connection option. No other options may come from the environment."""
    spec["fallback"] = (_from_env, [environment.OPTIONS + option.upper()])
    return spec


def _connection_options() -> Spec:
    options: Spec = {
        "vendor": _env("vendor", type="str", required=True, choices=sorted(VENDORS)),
        "address": _env("address", type="list", elements="str", required=True),
        "port": _env("port", type="int"),
        "username": _env("username", type="str"),
        "password": {"type": "str", "no_log": True},
        "private_key_file": _env("private_key_file", type="path"),
        "private_key_passphrase": {"type": "str", "no_log": True},
        "validate_certs": _env("validate_certs", type="bool", default=True),
        "ca_path": _env("ca_path", type="path"),
        "tls_server_name": _env("tls_server_name", type="str"),
        "proxy": _env("proxy", type="str"),
        "host_key": _env("host_key", type="str", no_log=False),
        "known_hosts": _env("known_hosts", type="path"),
        "host_key_policy": _env(
            "host_key_policy", type="str", choices=["strict", "accept_new"], default="strict", no_log=False
        ),
        "timeout": _env("timeout", type="float", default=30.0),
        "wait_timeout": _env("wait_timeout", type="float", default=600.0),
        "max_concurrency": _env("max_concurrency", type="int", default=4),
    }
    options.update({name: _env(name, **spec) for name, spec in VENDOR_OPTIONS.items()})
    return options


def _vendor_options() -> Spec:
    """The options that only some arrays have, as their descriptions say."""
    found: Spec = {}
    for vendor in VENDORS.values():
        for name, option in vendor.options.items():
            found[name] = {"type": option.type}
            if option.elements:
                found[name]["elements"] = option.elements
            if option.choices:
                found[name]["choices"] = list(option.choices)
    return found


VENDOR_OPTIONS = _vendor_options()
"""Options that only some arrays have; the descriptions in connect.VENDORS say which."""

CONNECTION = _connection_options()

POLICY: Spec = {
    "unmap": {"type": "bool", "default": False},
    "delete_snapshots": {"type": "bool", "default": False},
    "shared": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "openstack_owned": {"type": "bool", "default": False},
    "assume_unmapped": {"type": "bool", "default": False},
    "while_mapped": {"type": "bool", "default": False},
    "allow_empty": {"type": "bool", "default": False},
}
"""What a task may permit. Each module has those of these options that it needs."""

_NAMES: Dict[str, Any] = {"type": "list", "elements": "str"}

PROPERTIES: Spec = {
    "qos": {
        "type": "dict",
        "options": {
            "max_iops": {"type": "int"},
            "max_read_iops": {"type": "int"},
            "max_write_iops": {"type": "int"},
            "max_bytes_per_second": {"type": "str"},
            "max_read_bytes_per_second": {"type": "str"},
            "max_write_bytes_per_second": {"type": "str"},
            "unlimited": {"type": "bool"},
        },
    },
    "replicas": {"type": "int"},
    "placement": {"type": "dict", "options": {"mode": {"type": "str"}, "policy": {"type": "str"}}},
    "description": {"type": "str"},
}
"""Properties of a volume that several arrays have (see openflash/properties.py)."""

SUBSETS: Spec = {
    "gather_subset": {"type": "list", "elements": "str", "default": ["default"]},
    "filters": {"type": "dict", "options": {"volumes": _NAMES, "snapshots": _NAMES, "hosts": _NAMES}},
    "query": {"type": "str"},
}
"""What a module that only reads takes."""


def policy_options(*names: str) -> Spec:
    return {name: dict(POLICY[name]) for name in names}


IDENTITIES = {"name": VOLUME_OPTIONS, "volume": tuple("volume_" + name for name in VOLUME_OPTIONS)}
"""Options that choose a volume instead of the one that names it."""


def one_or_many(single: str, plural: str, options: Spec, task_options: Spec, needs: Optional[str]) -> Dict[str, Any]:
    """The arguments of AnsibleModule for a module that takes one object or a list of them.

    The options of an object also stand outside the list, as defaults for its items. Those of an item have no default.
    """
    suboptions = {name: {k: v for k, v in spec.items() if k != "default"} for name, spec in options.items()}
    identities = [name for name in IDENTITIES[single] if name in options]
    spec = dict(options)
    spec[plural] = {"type": "list", "elements": "dict", "options": suboptions}
    if identities and needs is None:
        spec[plural]["required_one_of"] = [[single] + identities]
    elif needs is None:
        suboptions[single] = dict(suboptions[single], required=True)
    spec["continue_on_error"] = {"type": "bool", "default": False}
    spec.update(task_options)
    spec.update(CONNECTION)
    return {
        "argument_spec": spec,
        "mutually_exclusive": [(one, plural) for one in [single] + identities],
        "required_one_of": [[needs or single] + ([] if needs else identities) + [plural]],
        "supports_check_mode": True,
    }


def items_of(params: Params, single: str, plural: str, options: Spec) -> List[Mapping[str, Any]]:
    """The objects of a task, each with its own options, or else those outside the list.

    :raises Invalid: a range of names is not clear, or is not in the list.
    """
    own = {name: params.get(name) for name in options}
    if params.get(plural) is None:
        check_single(own, plural)
        return [own]
    merged: List[Mapping[str, Any]] = []
    for item in params[plural]:
        values = dict(own, **{single: None})
        values.update({name: value for name, value in item.items() if value is not None})
        merged.append(values)
    return expanded(merged, plural)


# -- null and empty ----------------------------------------------------------------------------------------------------

NAMES = frozenset(
    ("name", "volume", "host", "group", "pool", "backup", "snapshot", "source_volume", "source_snapshot", "rename_from")
    + ("target", "refresh_id", "checksum", "gather_prefix")
    + tuple(name for names in IDENTITIES.values() for name in names)
    + tuple(name for vendor in VENDORS.values() for name, option in vendor.options.items() if option.is_name)
)
"""Options that name an object, or its content. An empty one must not make the task act on another object, or on
more."""

_MAY_BE_NULL = frozenset(("pool",))
"""Names that only choose where an object is created: null leaves the choice to the array."""


def check_options(given: Params, spec: Spec, where: str = "") -> None:
    """:raises Invalid: a name is null or empty, or an entry of a list is."""
    for option, value in given.items():
        rule = spec.get(option, {})
        what = "the option %s%s" % (option, where)
        if option in NAMES:
            _check_name(what, value, option in _MAY_BE_NULL)
        elif value is None:
            continue
        elif rule.get("type") == "dict" and "options" in rule:
            check_options(check_type_dict(value), rule["options"], " of %s" % option)
        elif rule.get("type") == "list":
            for number, entry in enumerate(check_type_list(value), 1):
                if "options" in rule:
                    check_options(check_type_dict(entry), rule["options"], " of entry %d of %s" % (number, option))
                else:
                    _check_name("entry %d of %s" % (number, what), entry, False)


def _check_name(what: str, value: Any, may_be_null: bool) -> None:
    if value is None and may_be_null or value is not None and str(value).strip():
        return
    raise Invalid(
        "%s is %s" % (what, "null" if value is None else "empty: %r" % value),
        hint="A look-up that found nothing gives such a value. To name none on purpose, leave it out: default(omit).",
    )
