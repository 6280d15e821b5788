# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive Datera's own SDK, unmodified, through everything its users do with it, against a simulated array.

    drive_dfs_sdk.py RUN_DIR/endpoints.json NAME [--api v2.1] [--http] [--tenant PATH] [--many]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and leaves with 0 when all are ok. Around the SDK this
process restores the names that Python 3.10 took from ``collections``, sets the SDK's constants for the ports (it takes
no port), gives its schema cache a path of its own, and makes its pauses between attempts short.
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
T, NAME = arguments.tenant, "sdk-volume"
port = entry["http_port"] if arguments.http else entry["port"]
dfs_sdk.connection.REST_PORT = dfs_sdk.connection.REST_PORT_HTTPS = port
run = Steps()
step, report = run.step, run.report
REJECTED = dfs_sdk.exceptions.ApiValidationFailedError


def volumes() -> dict[str, int]:
    """The volumes of the tenant, with their sizes in GiB."""
    rows = [one for one in array.state()["volumes"] if one["scope"] == T and one["kind"] == "volume"]
    return {one["name"]: one["size"] // GIB for one in rows}


def settled(name: str, action: Callable[[], Any], wanted: str | None) -> None:
    """Poll as the drivers do."""
    found = None
    for _ in range(50):
        found = action()
        if found == wanted:
            break
        time.sleep(0.05)
    report(name, found == wanted, repr(found))


def connect(password: str = entry["password"], **more: Any) -> Any:
    cache = f"{tempfile.mkdtemp(prefix='dfs-sdk-')}/schema"
    options = {"disable_log": True, "secure": not arguments.http, "schema_loc": cache, **more}
    return dfs_sdk.get_api(entry["address"], entry["username"], password, arguments.api, **options)


step("a wrong password", lambda: connect(entry["password"] + "x"), refused=dfs_sdk.ApiAuthError)
api = step("log in", connect)
step("the product's version", lambda: api.system.get()["sw_version"], entry["version"])
step("capacity", lambda: api.system.get().total_capacity, check=lambda found: found > 1 << 40)
step("flash", lambda: api.system.get().all_flash_available_capacity, check=lambda found: found > 0)
step("nodes", lambda: [one.uuid for one in api.storage_nodes.list()], check=lambda found: len(found) == 3)

step("the tenant, again", lambda: api.tenants.create(name=T.rsplit("/", 1)[1]), refused=dfs_sdk.ApiConflictError)
step("a new tenant", lambda: api.tenants.create(name="fresh")["path"], "/tenants/root/fresh")
step("the tenant", lambda: api.tenants.get(T.strip("/"))["path"], "/tenants" + T)
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
ai = step("create", lambda: api.app_instances.create(tenant=T, **body), check=lambda found: found["uuid"] == ident)
report("it is there", volumes() == {NAME: 1}, repr(volumes()))
step("create it again", lambda: api.app_instances.create(tenant=T, name=NAME), refused=dfs_sdk.ApiConflictError)
step(
    "a key that the array does not know",
    lambda: api.app_instances.create(tenant=T, name="another", colour="blue"),
    refused=REJECTED,
)
step(
    "a size that is none",
    lambda: api.app_instances.create(
        tenant=T,
        name="another",
        storage_instances=[{"name": "storage-1", "volumes": [{**volume_body, "size": 0}]}],
    ),
    refused=REJECTED,
)
step("get by id", lambda: api.app_instances.get(ai["id"], tenant=T)["name"], NAME)
step("get by name", lambda: api.app_instances.get(NAME, tenant=T)["id"], ai["id"])
step("get in another tenant", lambda: api.app_instances.get(NAME, tenant="/root"), refused=dfs_sdk.ApiNotFoundError)
found = step("list by match", lambda: api.app_instances.list(filter=f"match(name,.*{NAME[2:5]}.*)", tenant=T))
report("the match", [one.name for one in found] == [NAME], repr(found)[:200])
step("list by name", lambda: [one.name for one in api.app_instances.list(filter=f"name={NAME}", tenant=T)], [NAME])
step("list nothing", lambda: api.app_instances.list(filter="name=nothing", tenant=T), [])
step("an empty tenant is /root", lambda: [one.name for one in api.app_instances.list(tenant="")], [])
if arguments.many:
    # More than fit on one page.
    names = [f"many-{number:03d}" for number in range(110)]
    for one in names:
        api.app_instances.create(tenant=T, name=one)
    step("page by page", lambda: sorted(one.name for one in api.app_instances.list(tenant=T)), [*names, NAME])
    step("so many and no more", lambda: len(api.app_instances.list(tenant=T, limit=105)), 105)
    step("those that match", lambda: len(api.app_instances.list(tenant=T, filter="match(name,.*many.*)")) >= 100, True)

si = step("storage instances", lambda: ai.storage_instances.list(tenant=T)[0])
step("the target", lambda: si.access["iqn"], check=lambda iqn: iqn.startswith("iqn.2013-05.com.daterainc:"))
step("its addresses", lambda: si.access["ips"], check=lambda ips: len(ips) == 2)
settled("it can be logged in to", lambda: si.reload(tenant=T).op_state, "available")
vol = step("volumes", lambda: si.volumes.list(tenant=T)[0])
step("extend", lambda: vol.set(size=2, tenant=T).size, 2)
report("it is larger", volumes()[NAME] == 2, repr(volumes()))
step("shrink", lambda: vol.set(size=1, tenant=T), refused=dfs_sdk.ApiError)
step("fewer replicas than one", lambda: vol.set(replica_count=0, tenant=T), refused=REJECTED)
step("no limits yet", lambda: vol.performance_policy.get(tenant=T), refused=dfs_sdk.ApiNotFoundError)
step("limits", lambda: vol.performance_policy.create(tenant=T, total_iops_max=500)["total_iops_max"], 500)
limits = step("read them", lambda: vol.performance_policy.get(tenant=T))
step("without limits", lambda: limits.delete(tenant=T))
step("no limits any more", lambda: vol.performance_policy.get(tenant=T), refused=dfs_sdk.ApiNotFoundError)

iqn = "iqn.1993-08.org.debian:01:0123456789ab"
if arguments.api == "v2.1":
    step(
        "force, which 2.1 does not know",
        lambda: api.initiators.create(tenant=T, id=iqn, name="host-a", force=True),
        refused=REJECTED,
    )
force = {} if arguments.api == "v2.1" else {"force": True}
step("an initiator of /root", lambda: api.initiators.create(tenant="/root", id=iqn, name="host-root"))
step("it is inherited", lambda: api.initiators.get(iqn, tenant=T).tenant, "/root")
if force:
    step("one of the tenant's own", lambda: api.initiators.create(tenant=T, id=iqn, name="host-a", **force))
    step("whose it is", lambda: api.initiators.get(iqn, tenant=T).tenant, T)
step("and again", lambda: api.initiators.create(tenant=T, id=iqn, name="host-a"), refused=dfs_sdk.ApiConflictError)
path = f"/initiators/{iqn}"
step("let it in", lambda: si.acl_policy.set(tenant=T, initiators=[{"path": path}], initiator_groups=[]))
step("who is in", lambda: [one["path"] for one in si.acl_policy.get(tenant=T)["initiators"]], [path])
rows = [(one["volume"], one["host"]) for one in array.state()["mappings"]]
report("it is mapped", rows == [(NAME, iqn)], repr(rows))
step(
    "an initiator that is not there",
    lambda: si.acl_policy.set(tenant=T, initiators=[{"path": path + "9"}]),
    refused=dfs_sdk.ApiNotFoundError,
)
group = step("a group", lambda: api.initiator_groups.create(tenant=T, name="group-a", members=[{"path": path}]))
step("its members", lambda: [one["path"] for one in api.initiator_groups.get("group-a", tenant=T)["members"]], [path])
step("without the group", lambda: group.delete(tenant=T)["name"], "group-a")
for secret in ("short", "x" * 17):
    step(
        "a secret of the wrong length",
        lambda secret=secret: si.auth.set(tenant=T, type="chap", target_user_name="chapuser", target_pswd=secret),
        refused=REJECTED,
    )
chap = {"type": "chap", "target_user_name": "chapuser", "target_pswd": "chapsecret1234"}
step("CHAP", lambda: si.auth.set(tenant=T, **chap))
step("its secret stays there", lambda: si.auth.get(tenant=T)["target_pswd"], "(hidden)")
report("nor is it in the journal", chap["target_pswd"] not in json.dumps(array.ask("/journal")), "")
step("IP pools", lambda: [one.name for one in api.access_network_ip_pools.list(tenant=T)], ["default"])
step("notes", lambda: ai.metadata.set(tenant=T, checksum="abc", length=5, type="image"))
step("read them back", lambda: ai.metadata.get(tenant=T)["checksum"], "abc")
step("without CHAP", lambda: si.auth.set(tenant=T, type="none"))
step("let nobody in", lambda: si.acl_policy.set(tenant=T, initiators=[]))

key = str(uuid.uuid4())
taken = step("a snapshot", lambda: vol.snapshots.create(tenant=T, uuid=key), check=lambda found: found.uuid == key)
settled("it is usable", lambda: taken.reload(tenant=T).op_state, "available")
duplicate = step("the same again", lambda: vol.snapshots.create(tenant=T, uuid=key), refused=dfs_sdk.ApiError)
report("by its code", getattr(duplicate, "code", None) == 15, repr(duplicate))
step("snapshots", lambda: [(one.utc_ts, one.uuid) for one in vol.snapshots.list(tenant=T)], [(taken.utc_ts, key)])
report("its time", float(taken.utc_ts) > 1e9 and len(taken.utc_ts.partition(".")[2]) == 9, taken.utc_ts)
mode = {"create_mode": "openstack"}
copy = step(
    "a clone",
    lambda: api.app_instances.create(tenant=T, name="clone-v", clone_volume_src={"path": vol["path"]}, **mode),
)
other = step(
    "a volume of the snapshot",
    lambda: api.app_instances.create(tenant=T, name="clone-s", clone_snapshot_src={"path": taken["path"]}, **mode),
)
settled("the clone is done", lambda: dict(copy.reload(tenant=T).items()).get("op_state"), None)
report("their sizes", {volumes()[one] for one in ("clone-v", "clone-s")} == {2}, repr(volumes()))
step("roll back online", lambda: vol.set(restore_point=taken.utc_ts, tenant=T), refused=dfs_sdk.ApiError)
step("offline", lambda: ai.set(tenant=T, admin_state="offline", force=True).admin_state, "offline")
step("roll back", lambda: vol.set(restore_point=taken.utc_ts, tenant=T).size, 2)
step("online", lambda: ai.set(tenant=T, admin_state="online").admin_state, "online")
step("delete the snapshot", lambda: taken.delete(tenant=T)["uuid"], key)
step("without snapshots", lambda: vol.snapshots.list(tenant=T), [])
step("rename", lambda: copy.set(tenant=T, name="clone-renamed")["name"], "clone-renamed")

step("delete it online", lambda: ai.delete(tenant=T), refused=dfs_sdk.ApiError)
gone = {"tenant": T, "admin_state": "offline", "force": True}
for doomed in (ai, copy, other):
    step("offline", lambda doomed=doomed: doomed.set(**gone).admin_state, "offline")
    step("delete", lambda doomed=doomed: doomed.delete(tenant=T, force=True)["id"], doomed["id"])
report("nothing is left", volumes() == {}, repr(volumes()))
step("get what is gone", lambda: api.app_instances.get(ai["id"], tenant=T), refused=dfs_sdk.ApiNotFoundError)
step("delete it again", lambda: ai.delete(tenant=T), refused=dfs_sdk.ApiNotFoundError)


def with_an_expired_key() -> Any:
    api.context.connection._key = "deadbeef"
    return api.system.get()["name"]


step("after the session has expired", with_an_expired_key, arguments.name)
array.fault(kind="busy", count=2, match={"path": "/system"})
step("after it was overloaded", lambda: api.system.get()["name"], arguments.name)
array.fault(kind="reset_after", match={"method": "POST", "path": "app_instances"})
# The SDK looks in /root for what it made, whatever the tenant.
step("after a lost answer", lambda: api.app_instances.create(name="lost-answer")["name"], "lost-answer")
step("log out", lambda: api.context.connection.logout())
raise SystemExit(run.status())
