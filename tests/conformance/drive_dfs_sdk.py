# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive Datera's own SDK, unmodified, through the operations that its users need, against a simulated array.

    drive_dfs_sdk.py RUN_DIR/endpoints.json NAME [--api v2.1] [--http] [--tenant PATH] [--many]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. The SDK is unchanged.
This process restores the names that Python 3.10 removed from ``collections``, sets the SDK's constants for the ports
(it takes no port), gives it a separate schema cache, and shortens its pauses between attempts.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import json
import tempfile
import time
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
for missing in ("Mapping", "MutableMapping", "Sequence"):
    setattr(collections, missing, getattr(collections.abc, missing))

import dfs_sdk  # noqa: E402
import dfs_sdk.connection  # noqa: E402
import dfs_sdk.exceptions  # noqa: E402
from steps import GIB, SimulatedArray, Steps  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("endpoints", type=Path)
parser.add_argument("name")
parser.add_argument("--api", default="v2.2")
parser.add_argument("--http", action="store_true")
parser.add_argument("--tenant", default="/root/acme")
parser.add_argument("--many", action="store_true", help="so many objects that lists have pages")
arguments = parser.parse_args()

array = SimulatedArray(arguments.endpoints, arguments.name)
entry = array.entry
TENANT, NAME = arguments.tenant, "sdk-volume"
port = entry["http_port"] if arguments.http else entry["port"]
dfs_sdk.connection.REST_PORT = dfs_sdk.connection.REST_PORT_HTTPS = port
run = Steps()
step, report = run.step, run.report
REJECTED = dfs_sdk.exceptions.ApiValidationFailedError


def volumes() -> dict[str, int]:
    """The volumes of the tenant, with their sizes in GiB."""
    rows = [row for row in array.state()["volumes"] if row["scope"] == TENANT and row["kind"] == "volume"]
    return {row["name"]: row["size"] // GIB for row in rows}


def settled(name: str, action: Callable[[], Any], expected: str | None) -> None:
    """Poll an action, as the drivers do, and report whether it returned the expected value."""
    value = None
    for _ in range(50):
        value = action()
        if value == expected:
            break
        time.sleep(0.05)
    report(name, value == expected, repr(value))


def connect(password: str = entry["password"], **more: Any) -> Any:
    cache = f"{tempfile.mkdtemp(prefix='dfs-sdk-')}/schema"
    options = {"disable_log": True, "secure": not arguments.http, "schema_loc": cache, **more}
    return dfs_sdk.get_api(entry["address"], entry["username"], password, arguments.api, **options)


step("a wrong password", lambda: connect(entry["password"] + "x"), refused=dfs_sdk.ApiAuthError)
api = step("log in", connect)
step("the product's version", lambda: api.system.get()["sw_version"], entry["version"])
step("capacity", lambda: api.system.get().total_capacity, check=lambda found: found > 1 << 40)
step("flash", lambda: api.system.get().all_flash_available_capacity, check=lambda found: found > 0)
step("nodes", lambda: [item.uuid for item in api.storage_nodes.list()], check=lambda found: len(found) == 3)

step(
    "create an existing tenant",
    lambda: api.tenants.create(name=TENANT.rsplit("/", 1)[1]),
    refused=dfs_sdk.ApiConflictError,
)
step("a new tenant", lambda: api.tenants.create(name="fresh")["path"], "/tenants/root/fresh")
step("the tenant", lambda: api.tenants.get(TENANT.strip("/"))["path"], "/tenants" + TENANT)
step("no such tenant", lambda: api.tenants.get("root/nobody"), refused=dfs_sdk.ApiNotFoundError)

ident = str(uuid.uuid4())
volume_body = {"name": "volume-1", "size": 1, "replica_count": 1, "placement_mode": "hybrid", "snapshot_policies": []}
body = {
    "name": NAME,
    "create_mode": "openstack",
    "uuid": ident,
    "access_control_mode": "deny_all",
    "storage_instances": [{"name": "storage-1", "volumes": [volume_body]}],
}
instance = step(
    "create", lambda: api.app_instances.create(tenant=TENANT, **body), check=lambda found: found["uuid"] == ident
)
report("the volume exists", volumes() == {NAME: 1}, repr(volumes()))
step("create it again", lambda: api.app_instances.create(tenant=TENANT, name=NAME), refused=dfs_sdk.ApiConflictError)
step(
    "a key that the array does not know",
    lambda: api.app_instances.create(tenant=TENANT, name="another", colour="blue"),
    refused=REJECTED,
)
step(
    "an impossible size",
    lambda: api.app_instances.create(
        tenant=TENANT,
        name="another",
        storage_instances=[{"name": "storage-1", "volumes": [{**volume_body, "size": 0}]}],
    ),
    refused=REJECTED,
)
step("get by id", lambda: api.app_instances.get(instance["id"], tenant=TENANT)["name"], NAME)
step("get by name", lambda: api.app_instances.get(NAME, tenant=TENANT)["id"], instance["id"])
step("get in another tenant", lambda: api.app_instances.get(NAME, tenant="/root"), refused=dfs_sdk.ApiNotFoundError)
found = step("list by match", lambda: api.app_instances.list(filter=f"match(name,.*{NAME[2:5]}.*)", tenant=TENANT))
report("the result of the match", [item.name for item in found] == [NAME], repr(found)[:200])
step(
    "list by name", lambda: [item.name for item in api.app_instances.list(filter=f"name={NAME}", tenant=TENANT)], [NAME]
)
step("list nothing", lambda: api.app_instances.list(filter="name=nothing", tenant=TENANT), [])
step("an empty tenant is /root", lambda: [item.name for item in api.app_instances.list(tenant="")], [])
if arguments.many:
    # More objects than fit on one page
    names = [f"many-{number:03d}" for number in range(110)]
    for item in names:
        api.app_instances.create(tenant=TENANT, name=item)
    step("page by page", lambda: sorted(item.name for item in api.app_instances.list(tenant=TENANT)), [*names, NAME])
    step("at most this number", lambda: len(api.app_instances.list(tenant=TENANT, limit=105)), 105)
    step(
        "those that match",
        lambda: len(api.app_instances.list(tenant=TENANT, filter="match(name,.*many.*)")) >= 100,
        True,
    )

storage = step("storage instances", lambda: instance.storage_instances.list(tenant=TENANT)[0])
step("the target", lambda: storage.access["iqn"], check=lambda iqn: iqn.startswith("iqn.2013-05.com.daterainc:"))
step("the addresses of the target", lambda: storage.access["ips"], check=lambda ips: len(ips) == 2)
settled("the target is available", lambda: storage.reload(tenant=TENANT).op_state, "available")
vol = step("volumes", lambda: storage.volumes.list(tenant=TENANT)[0])
step("extend", lambda: vol.set(size=2, tenant=TENANT).size, 2)
report("the new size", volumes()[NAME] == 2, repr(volumes()))
step("shrink", lambda: vol.set(size=1, tenant=TENANT), refused=dfs_sdk.ApiError)
step("no replicas", lambda: vol.set(replica_count=0, tenant=TENANT), refused=REJECTED)
step(
    "read limits before they exist", lambda: vol.performance_policy.get(tenant=TENANT), refused=dfs_sdk.ApiNotFoundError
)
step("limits", lambda: vol.performance_policy.create(tenant=TENANT, total_iops_max=500)["total_iops_max"], 500)
limits = step("read the limits", lambda: vol.performance_policy.get(tenant=TENANT))
step("delete the limits", lambda: limits.delete(tenant=TENANT))
step("read deleted limits", lambda: vol.performance_policy.get(tenant=TENANT), refused=dfs_sdk.ApiNotFoundError)

iqn = "iqn.1993-08.org.debian:01:0123456789ab"
if arguments.api == "v2.1":
    step(
        "force, which 2.1 does not know",
        lambda: api.initiators.create(tenant=TENANT, id=iqn, name="host-a", force=True),
        refused=REJECTED,
    )
force = {} if arguments.api == "v2.1" else {"force": True}
step("an initiator of /root", lambda: api.initiators.create(tenant="/root", id=iqn, name="host-root"))
step("it is inherited", lambda: api.initiators.get(iqn, tenant=TENANT).tenant, "/root")
if force:
    step("one of the tenant's own", lambda: api.initiators.create(tenant=TENANT, id=iqn, name="host-a", **force))
    step("the tenant of the initiator", lambda: api.initiators.get(iqn, tenant=TENANT).tenant, TENANT)
step(
    "create an existing initiator",
    lambda: api.initiators.create(tenant=TENANT, id=iqn, name="host-a"),
    refused=dfs_sdk.ApiConflictError,
)
path = f"/initiators/{iqn}"
step("give it access", lambda: storage.acl_policy.set(tenant=TENANT, initiators=[{"path": path}], initiator_groups=[]))
step("who has access", lambda: [row["path"] for row in storage.acl_policy.get(tenant=TENANT)["initiators"]], [path])
rows = [(row["volume"], row["host"]) for row in array.state()["mappings"]]
report("the mapping exists", rows == [(NAME, iqn)], repr(rows))
step(
    "an initiator that is not there",
    lambda: storage.acl_policy.set(tenant=TENANT, initiators=[{"path": path + "9"}]),
    refused=dfs_sdk.ApiNotFoundError,
)
group = step("a group", lambda: api.initiator_groups.create(tenant=TENANT, name="group-a", members=[{"path": path}]))
step(
    "the members of the group",
    lambda: [row["path"] for row in api.initiator_groups.get("group-a", tenant=TENANT)["members"]],
    [path],
)
step("delete the group", lambda: group.delete(tenant=TENANT)["name"], "group-a")
for secret in ("short", "x" * 17):
    step(
        "a secret of the wrong length",
        lambda secret=secret: storage.auth.set(
            tenant=TENANT, type="chap", target_user_name="chapuser", target_pswd=secret
        ),
        refused=REJECTED,
    )
chap = {"type": "chap", "target_user_name": "chapuser", "target_pswd": "chapsecret1234"}
step("CHAP", lambda: storage.auth.set(tenant=TENANT, **chap))
step("the secret is not returned", lambda: storage.auth.get(tenant=TENANT)["target_pswd"], "(hidden)")
report("the secret is not in the journal", chap["target_pswd"] not in json.dumps(array.ask("/journal")), "")
step("IP pools", lambda: [item.name for item in api.access_network_ip_pools.list(tenant=TENANT)], ["default"])
step("metadata", lambda: instance.metadata.set(tenant=TENANT, checksum="abc", length=5, type="image"))
step("read the metadata", lambda: instance.metadata.get(tenant=TENANT)["checksum"], "abc")
step("without CHAP", lambda: storage.auth.set(tenant=TENANT, type="none"))
step("give nobody access", lambda: storage.acl_policy.set(tenant=TENANT, initiators=[]))

key = str(uuid.uuid4())
taken = step("a snapshot", lambda: vol.snapshots.create(tenant=TENANT, uuid=key), check=lambda found: found.uuid == key)
settled("the snapshot is available", lambda: taken.reload(tenant=TENANT).op_state, "available")
duplicate = step(
    "create an existing snapshot", lambda: vol.snapshots.create(tenant=TENANT, uuid=key), refused=dfs_sdk.ApiError
)
report("the code of that refusal", getattr(duplicate, "code", None) == 15, repr(duplicate))
step(
    "snapshots",
    lambda: [(snapshot.utc_ts, snapshot.uuid) for snapshot in vol.snapshots.list(tenant=TENANT)],
    [(taken.utc_ts, key)],
)
report(
    "the form of the time stamp", float(taken.utc_ts) > 1e9 and len(taken.utc_ts.partition(".")[2]) == 9, taken.utc_ts
)
mode = {"create_mode": "openstack"}
copy = step(
    "a clone",
    lambda: api.app_instances.create(tenant=TENANT, name="clone-v", clone_volume_src={"path": vol["path"]}, **mode),
)
restored = step(
    "a volume of the snapshot",
    lambda: api.app_instances.create(tenant=TENANT, name="clone-s", clone_snapshot_src={"path": taken["path"]}, **mode),
)
settled("the clone is finished", lambda: dict(copy.reload(tenant=TENANT).items()).get("op_state"), None)
report("the sizes of both copies", {volumes()[item] for item in ("clone-v", "clone-s")} == {2}, repr(volumes()))
step("roll back online", lambda: vol.set(restore_point=taken.utc_ts, tenant=TENANT), refused=dfs_sdk.ApiError)
step("offline", lambda: instance.set(tenant=TENANT, admin_state="offline", force=True).admin_state, "offline")
step("roll back", lambda: vol.set(restore_point=taken.utc_ts, tenant=TENANT).size, 2)
step("online", lambda: instance.set(tenant=TENANT, admin_state="online").admin_state, "online")
step("delete the snapshot", lambda: taken.delete(tenant=TENANT)["uuid"], key)
step("no snapshot remains", lambda: vol.snapshots.list(tenant=TENANT), [])
step("rename", lambda: copy.set(tenant=TENANT, name="clone-renamed")["name"], "clone-renamed")

step("delete it online", lambda: instance.delete(tenant=TENANT), refused=dfs_sdk.ApiError)
offline = {"tenant": TENANT, "admin_state": "offline", "force": True}
for to_delete in (instance, copy, restored):
    step("offline", lambda to_delete=to_delete: to_delete.set(**offline).admin_state, "offline")
    step("delete", lambda to_delete=to_delete: to_delete.delete(tenant=TENANT, force=True)["id"], to_delete["id"])
report("no volume remains", volumes() == {}, repr(volumes()))
step("get what is gone", lambda: api.app_instances.get(instance["id"], tenant=TENANT), refused=dfs_sdk.ApiNotFoundError)
step("delete it again", lambda: instance.delete(tenant=TENANT), refused=dfs_sdk.ApiNotFoundError)


def with_an_expired_key() -> Any:
    api.context.connection._key = "deadbeef"
    return api.system.get()["name"]


step("after the session has expired", with_an_expired_key, arguments.name)
array.fault(kind="busy", count=2, match={"path": "/system"})
step("after it was overloaded", lambda: api.system.get()["name"], arguments.name)
array.fault(kind="reset_after", match={"method": "POST", "path": "app_instances"})
# The SDK searches /root for the object that it created, whatever the tenant.
step("after a lost answer", lambda: api.app_instances.create(name="lost-answer")["name"], "lost-answer")
step("log out", lambda: api.context.connection.logout())
raise SystemExit(run.status())
