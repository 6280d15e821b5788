#!/usr/bin/env python3
# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The in-tree Cinder driver for Datera, as released: ``datera_cinder.py ADDRESS PORT USER PASSWORD``.

Needs cinder 29.0.0 and dfs_sdk 1.2.27. The driver and the SDK are unmodified; around them this process restores the
names that Python 3.10 took from ``collections``, sets the SDK's constant for the port, gives its schema cache a path of
its own, and never saves the Cinder objects to a database. The last line is ``RESULT n/m``; the exit status is 0 when n
is m.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import logging
import tempfile
import uuid
import warnings
from collections.abc import Callable
from typing import Any

warnings.filterwarnings("ignore")
for missing in ("Mapping", "MutableMapping", "Sequence"):
    setattr(collections, missing, getattr(collections.abc, missing))

import dfs_sdk.connection  # noqa: E402
import dfs_sdk.context  # noqa: E402
from cinder import context, exception, objects  # noqa: E402
from cinder.volume import configuration  # noqa: E402
from oslo_config import cfg  # noqa: E402

objects.register_all()
from cinder.volume import driver as base_driver  # noqa: E402
from cinder.volume.drivers.datera import datera_iscsi  # noqa: E402
from cinder.volume.drivers.san import san  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("port", type=int)
parser.add_argument("username")
parser.add_argument("password")
parser.add_argument("--api", default="2.2", choices=["2.1", "2.2"], help="the version that the driver must settle on")
parser.add_argument("--tenant", help="datera_tenant_id")
arguments = parser.parse_args()

dfs_sdk.connection.REST_PORT = dfs_sdk.connection.REST_PORT_HTTPS = arguments.port
_get_api = dfs_sdk.get_api
_cache = tempfile.mkdtemp(prefix="datera-cinder-") + "/schema"


def get_api(*given: Any, **options: Any) -> Any:
    """Only where the schema is cached is different: by default all processes of a machine share one file."""
    if given[3] == "v2.2" and arguments.api == "2.1":
        # A product that serves both would be used over 2.2.
        raise RuntimeError("2.1 was asked for")
    return _get_api(*given, schema_loc=_cache, **options)


dfs_sdk.get_api = get_api
logging.disable(logging.CRITICAL)

settings = cfg.CONF
settings([], project="cinder", default_config_files=[])
settings.set_override("state_path", tempfile.mkdtemp(prefix="datera-cinder-"))
GROUP = "datera"
settings.register_opts(base_driver.volume_opts, group=GROUP)
options = configuration.Configuration(datera_iscsi.d_opts, config_group=GROUP)
options.append_config_values(san.san_opts)
values = {
    "san_ip": arguments.address,
    "san_login": arguments.username,
    "san_password": arguments.password,
    "datera_debug_replica_count_override": True,
    "datera_tenant_id": arguments.tenant,
    "use_chap_auth": True,
    "chap_username": "chapuser",
    "chap_password": "chapsecret123",
}
for option, value in values.items():
    settings.set_override(option, value, group=GROUP)
HOST = "control@datera#Datera"
admin = context.get_admin_context()
PROJECT = uuid.uuid4().hex
IQN = f"iqn.1993-08.org.debian:01:{uuid.uuid4().hex[:12]}"
CONNECTOR = {"host": "node1", "ip": arguments.address, "initiator": IQN, "multipath": True}
failed: list[str] = []
count = 0


def volume(size: int) -> Any:
    return objects.Volume(
        admin,
        id=str(uuid.uuid4()),
        size=size,
        host=HOST,
        project_id=PROJECT,
        display_name="v",
        volume_type_id=None,
        availability_zone="nova",
        bootable=False,
        _name_id=None,
        migration_status=None,
    )


def snapshot(of: Any) -> Any:
    return objects.Snapshot(
        admin, id=str(uuid.uuid4()), volume_id=of.id, volume_size=of.size, volume=of, project_id=PROJECT
    )


def step(name: str, action: Callable[[], Any], check: Callable[[Any], bool] | None = None) -> Any:
    global count
    count += 1
    try:
        result = action()
        good = check is None or bool(check(result))
        shown = repr(result)
    except Exception as error:
        result, good, shown = None, False, f"{type(error).__name__}: {error}"
    if not good:
        failed.append(name)
    print(f"{'ok' if good else 'FAIL':5} {name:28} {' '.join(shown.split())[:300]}")
    return result


driver = datera_iscsi.DateraDriver(configuration=options, host=HOST)
step("set up", lambda: driver.do_setup(admin))
step("the API version", lambda: driver.apiv, lambda found: found == arguments.api)
step("capacity", lambda: driver.get_volume_stats(True), lambda stats: float(stats["total_capacity_gb"]) > 0)
one = volume(2)
step("create a volume", lambda: driver.create_volume(one))
step("extend it", lambda: driver.extend_volume(one, 4))
one.size = 4
step("export it", lambda: driver.create_export(admin, one, CONNECTOR))
step(
    "connect it",
    lambda: driver.initialize_connection(one, CONNECTOR),
    lambda found: (
        found["driver_volume_type"] == "iscsi"
        and len(found["data"]["target_portals"]) == 2
        and found["data"]["auth_method"] == "CHAP"
    ),
)
attachment = collections.namedtuple("attachment", "connector")(CONNECTOR)
step("export it again", lambda: driver.create_export(admin, one, CONNECTOR))
step("detach it", lambda: driver.detach_volume(admin, one, attachment))
kept = snapshot(one)
step("take a snapshot", lambda: driver.create_snapshot(kept))
made = volume(4)
step("a volume of the snapshot", lambda: driver.create_volume_from_snapshot(made, kept))
copy = volume(4)
step("a clone", lambda: driver.create_cloned_volume(copy, one))
step(
    "what can be managed",
    lambda: driver.get_manageable_volumes([], None, 100, 0, ["size"], ["asc"]),
    # With a tenant the driver looks in /root all the same.
    lambda found: arguments.tenant or len(found) >= 3,
)
step("let a volume go", lambda: driver.unmanage(copy))
reference = {"source-name": f"UNMANAGED-{copy.id}:storage-1:volume-1"}
if arguments.tenant:
    reference = {"source-name": f"{arguments.tenant}:{reference['source-name']}"}
step("its size", lambda: driver.manage_existing_get_size(copy, reference), lambda size: size == 4)
step("take it back", lambda: driver.manage_existing(copy, reference))
step("delete the snapshot", lambda: driver.delete_snapshot(kept))
for label, doomed in (("volume", one), ("volume of the snapshot", made), ("clone", copy)):
    step(f"delete the {label}", lambda doomed=doomed: driver.delete_volume(doomed))
step("delete what is gone", lambda: driver.delete_volume(one))
count += 1
try:
    driver.extend_volume(one, 8)
    failed.append("extend what is gone")
except exception.NotFound:
    print("ok    extend what is gone")
except Exception as error:
    failed.append("extend what is gone")
    print(f"FAIL  extend what is gone: {type(error).__name__}: {error}")
print(f"RESULT {count - len(failed)}/{count} steps as expected" + (f"; not: {', '.join(failed)}" if failed else ""))
raise SystemExit(1 if failed else 0)
