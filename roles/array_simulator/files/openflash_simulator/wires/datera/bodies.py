# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request bodies that each operation takes, as the JSON schemas that the array reports (sections 2 and 6.7)."""

from __future__ import annotations

import re
from typing import Any

from . import ledger
from .refusals import unprocessable

Schema = dict[str, Any]

_UUID = r"[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}"
_PLAIN = r"[a-zA-Z_][a-zA-Z0-9_\-.]{2,63}"
NAME: Schema = {"type": "string", "pattern": f"^{_PLAIN}$"}
NAME_OR_UUID: Schema = {"type": "string", "pattern": f"^(?:{_UUID}|{_PLAIN})$"}
LABEL: Schema = {"type": "string", "pattern": r"^[a-zA-Z_][a-zA-Z0-9_\-\s.]{2,127}$"}
DESCR: Schema = {"type": ["string", "null"], "pattern": r"^[a-zA-Z_][a-zA-Z0-9_\-\s.]{2,127}$"}
UUID: Schema = {"type": "string", "pattern": f"^{_UUID}$"}
PATH: Schema = {"type": "string", "pattern": r"^(?:/|(?:/[^/]+)+)$"}
FLAG: Schema = {"type": "boolean"}
SIZE: Schema = {"type": "number", "minimum": 1, "maximum": 32768}
REPLICAS: Schema = {"type": "integer", "minimum": 1, "maximum": 5}
TEXT: Schema = {"type": "string"}
ADMIN_STATE: Schema = {"enum": ["online", "offline"]}
ACCESS_MODE: Schema = {"enum": ["allow_all", "deny_all"]}
PLACEMENT: Schema = {"enum": list(ledger.PLACEMENTS)}
INITIATOR: Schema = {
    "type": "string",
    "pattern": r"^(?:(?=.{16,223}$)iqn\.\d{4}-[01]\d\.[^/]*\.[^/]*|eui\.[0-9A-Fa-f]{16})$",
}
SECRET: Schema = {"type": "string", "minLength": 12, "maxLength": 16}


def body(*required: str, **properties: Schema) -> Schema:
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def many(items: Schema) -> Schema:
    return {"type": "array", "items": items}


EMPTY = body()
FORCE = body(force=FLAG)
REFERENCE = body("path", path=PATH)
MEMBERSHIP = body("op", "path", op={"type": "string", "enum": ["add", "remove"]}, path=PATH)
AUTH = body(
    type={"type": "string", "enum": ["none", "chap", "mchap"]},
    initiator_user_name=NAME,
    initiator_pswd=SECRET,
    target_user_name=NAME,
    target_pswd=SECRET,
)
ACL = body(initiators=many(REFERENCE), initiator_groups=many(REFERENCE))
PERFORMANCE = body(
    **{
        f"{kind}_iops_max": {"type": "integer", "minimum": 0, "maximum": 10_000_000}
        for kind in ("total", "read", "write")
    },
    **{
        f"{kind}_bandwidth_max": {"type": "integer", "minimum": 0, "maximum": 10_240_000}
        for kind in ("total", "read", "write")
    },
)
SNAPSHOT_POLICY = body(
    "name",
    "interval",
    "retention_count",
    name=NAME,
    interval={"enum": ["1min", "2min", "15min", "1hour", "1day", "1week", "1month", "1year"]},
    retention_count={"type": "integer", "minimum": 1, "maximum": 256},
    start_time=TEXT,
)
NETWORK_PATH = body(
    "start_ip",
    "range",
    "netmask",
    name=TEXT,
    netmask={"type": "integer", "minimum": 16, "maximum": 29},
    vlan={"type": "integer", "minimum": 0, "maximum": 4094},
    start_ip={"type": "string", "pattern": r"^\d{1,3}(?:\.\d{1,3}){3}$"},
    range={"type": "integer", "minimum": 6, "maximum": 254},
    mtu={"type": "integer", "minimum": 1500, "maximum": 9198},
    gateway={"type": "string", "pattern": r"^\d{1,3}(?:\.\d{1,3}){3}$"},
)


class Bodies:
    """The bodies of one API version. 2.2 takes a few keys that 2.1 refuses (6.7)."""

    def __init__(self, second: bool, policies: bool) -> None:
        placement = {"placement_mode": PLACEMENT}
        if second and policies:
            placement["placement_policy"] = REFERENCE
        volume = {"replica_count": REPLICAS, "size": SIZE, **placement}
        nested = body(
            "name",
            "size",
            name=NAME,
            snapshot_policies=many(SNAPSHOT_POLICY),
            performance_policy=PERFORMANCE,
            **volume,
        )
        storage = {
            "admin_state": ADMIN_STATE,
            "volumes": many(nested),
            "access_control_mode": ACCESS_MODE,
            "acl_policy": ACL,
            "ip_pool": REFERENCE,
            "auth": AUTH,
        }
        instance = {"descr": DESCR, "snapshot_policies": many(SNAPSHOT_POLICY)}
        self.volume_create = body("name", "size", name=NAME, **volume)
        self.volume_update = body(restore_point=TEXT, **volume)
        self.storage_create = body("name", name=NAME, **storage)
        self.storage_update = body(force=FLAG, **storage)
        self.instance_create = body(
            "name",
            name=NAME_OR_UUID,
            clone_src=REFERENCE,
            clone_volume_src=REFERENCE,
            clone_snapshot_src=REFERENCE,
            app_template=REFERENCE,
            create_mode={
                "enum": [
                    "normal",
                    "openstack",
                    "internal",
                    "docker",
                    "cloudstack",
                    "kubernetes",
                    "mesos",
                    "vmware_vro",
                    "vmware_vcenter",
                    "docker_swarm",
                ]
            },
            uuid=UUID,
            access_control_mode=ACCESS_MODE,
            storage_instances=many(self.storage_create),
            **instance,
        )
        if second and policies:
            self.instance_create["properties"]["template_override"] = {"type": "object"}
        self.instance_update = body(
            name=NAME_OR_UUID,
            admin_state=ADMIN_STATE,
            force=FLAG,
            provisioned=FLAG,
            restore_point=TEXT,
            storage_instances=many(body("name", name=NAME, **storage)),
            **instance,
        )
        self.snapshot = body(uuid=UUID)
        initiator = body(
            "id",
            "name",
            id=INITIATOR,
            name=LABEL,
        )
        if second:
            initiator["properties"]["force"] = FLAG
        self.initiator = initiator
        self.template = body(
            "name",
            name=NAME,
            descr=DESCR,
            snapshot_policies=many(SNAPSHOT_POLICY),
            storage_templates=many(
                body(
                    "name",
                    name=NAME,
                    ip_pool=REFERENCE,
                    auth=AUTH,
                    volume_templates=many(
                        body(
                            "name",
                            name=NAME,
                            replica_count=REPLICAS,
                            size={"type": "integer", "minimum": 1, "maximum": 262_144},
                            performance_policy=PERFORMANCE,
                            snapshot_policies=many(SNAPSHOT_POLICY),
                            **placement,
                        )
                    ),
                )
            ),
        )


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}


def check(value: Any, schema: Schema, where: str = "body") -> None:
    """Refuse what the schema does not allow. The refusal names the first value that is wrong."""
    allowed = schema.get("type")
    if allowed is not None:
        names = [allowed] if isinstance(allowed, str) else allowed
        kinds = tuple(kind for name in names for kind in _TYPES[name])
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise unprocessable(f"{where} must be of type {'/'.join(names)}")
    if "enum" in schema and value not in schema["enum"]:
        raise unprocessable(f"{where} must be one of {', '.join(schema['enum'])}")
    if isinstance(value, str):
        if "pattern" in schema and not re.search(schema["pattern"], value):
            raise unprocessable(f"{where} has an invalid format")
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            raise unprocessable(f"{where} must have {schema['minLength']} to {schema['maxLength']} characters")
    elif isinstance(value, (int, float)) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        raise unprocessable(f"{where} must be from {schema['minimum']} to {schema['maximum']}")
    elif isinstance(value, dict):
        _check_object(value, schema, where)
    elif isinstance(value, list) and "items" in schema:
        for position, item in enumerate(value):
            check(item, schema["items"], f"{where}[{position}]")


def _check_object(value: dict[str, Any], schema: Schema, where: str) -> None:
    properties = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            raise unprocessable(f"{where}: {key} is required")
    for key, item in value.items():
        if key in properties:
            check(item, properties[key], f"{where}.{key}")
        elif not schema.get("additionalProperties", True):
            raise unprocessable(f"{where}: additional property {key} is not allowed")
