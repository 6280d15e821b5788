# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the Datera driver that ships with Cinder, over Datera's own SDK, both unmodified, against a simulated array.

    drive_datera.py RUN_DIR/endpoints.json NAME [--api 2.1] [--tenant NAME] [--password PASSWORD]

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. Driver and SDK are
unchanged. This process restores the names that Python 3.10 removed from ``collections``, sets the SDK's constant for
the port, gives it a separate schema cache, and never saves the Cinder objects to a database.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import logging
import tempfile
import uuid
import warnings
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
for missing in ("Mapping", "MutableMapping", "Sequence"):
    setattr(collections, missing, getattr(collections.abc, missing))

import dfs_sdk.connection  # noqa: E402
import dfs_sdk.context  # noqa: E402
from cinder import context, exception, objects  # noqa: E402
from cinder.volume import configuration  # noqa: E402
from oslo_config import cfg  # noqa: E402
from steps import GIB, SimulatedArray, Steps  # noqa: E402

objects.register_all()
from cinder.volume import driver as base_driver  # noqa: E402
from cinder.volume.drivers.datera import datera_iscsi  # noqa: E402
from cinder.volume.drivers.san import san  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("endpoints", type=Path)
parser.add_argument("name")
parser.add_argument("--password")
parser.add_argument("--api", default="2.2", choices=["2.1", "2.2"], help="the version that the driver must settle on")
parser.add_argument("--tenant", help="datera_tenant_id")
arguments = parser.parse_args()

array = SimulatedArray(arguments.endpoints, arguments.name)
entry = array.entry
dfs_sdk.connection.REST_PORT = dfs_sdk.connection.REST_PORT_HTTPS = entry["port"]
_get_api = dfs_sdk.get_api
_cache = tempfile.mkdtemp(prefix="datera-cinder-") + "/schema"


def get_api(*parameters: Any, **options: Any) -> Any:
    """The SDK's function with a separate schema cache: by default all processes of a machine share one file."""
    if parameters[3] == "v2.2" and arguments.api == "2.1":
        # A product that serves both would be used over 2.2.
        raise RuntimeError("API version 2.1 was requested")
    return _get_api(*parameters, schema_loc=_cache, **options)


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
    "san_ip": entry["address"],
    "san_login": entry["username"],
    "san_password": arguments.password or entry["password"],
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
CONNECTOR = {"host": "node1", "ip": entry["address"], "initiator": IQN, "multipath": True}
run = Steps()
step, expect = run.step, run.expect


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


def snapshot(parent: Any) -> Any:
    return objects.Snapshot(
        admin, id=str(uuid.uuid4()), volume_id=parent.id, volume_size=parent.size, volume=parent, project_id=PROJECT
    )


def sizes() -> dict[str, int]:
    """The sizes of the array's volumes in GiB, by their Cinder ids."""
    return {row["name"][-36:]: row["size"] // GIB for row in array.state()["volumes"] if row["kind"] == "volume"}


driver = datera_iscsi.DateraDriver(configuration=options, host=HOST)
step("set up", lambda: driver.do_setup(admin))
step("the API version", lambda: driver.apiv, check=lambda found: found == arguments.api)
if run.failed:
    raise SystemExit(1)
step("capacity", lambda: driver.get_volume_stats(True), check=lambda stats: float(stats["total_capacity_gb"]) > 0)
source = volume(2)
step("create a volume", lambda: driver.create_volume(source))
step("extend it", lambda: driver.extend_volume(source, 4))
source.size = 4
expect("it is there", sizes(), {source.id: 4})
step("export it", lambda: driver.create_export(admin, source, CONNECTOR))
step(
    "connect it",
    lambda: driver.initialize_connection(source, CONNECTOR),
    check=lambda found: (
        found["driver_volume_type"] == "iscsi"
        and len(found["data"]["target_portals"]) == 2
        and found["data"]["auth_method"] == "CHAP"
    ),
)
expect("it is mapped to the host", [row["host"] for row in array.state()["mappings"]], [IQN])
attachment = collections.namedtuple("attachment", "connector")(CONNECTOR)
step("export it again", lambda: driver.create_export(admin, source, CONNECTOR))
step("detach it", lambda: driver.detach_volume(admin, source, attachment))
expect("it is mapped no longer", array.state()["mappings"], [])
kept = snapshot(source)
step("take a snapshot", lambda: driver.create_snapshot(kept))
restored = volume(4)
step("a volume of the snapshot", lambda: driver.create_volume_from_snapshot(restored, kept))
copy = volume(4)
step("a clone", lambda: driver.create_cloned_volume(copy, source))
expect("both are there", sizes(), {source.id: 4, restored.id: 4, copy.id: 4})
expect("with the same content", len({row["content"] for row in array.state()["volumes"]}), 1)
step(
    "what can be managed",
    lambda: driver.get_manageable_volumes([], None, 100, 0, ["size"], ["asc"]),
    # With a tenant the driver looks in /root all the same.
    check=lambda found: arguments.tenant or len(found) >= 3,
)
step("unmanage a volume", lambda: driver.unmanage(copy))
reference = {"source-name": f"UNMANAGED-{copy.id}:storage-1:volume-1"}
if arguments.tenant:
    reference = {"source-name": f"{arguments.tenant}:{reference['source-name']}"}
step("its size", lambda: driver.manage_existing_get_size(copy, reference), 4)
step("manage it again", lambda: driver.manage_existing(copy, reference))
step("delete the snapshot", lambda: driver.delete_snapshot(kept))
for label, volume_to_delete in (("volume", source), ("volume of the snapshot", restored), ("clone", copy)):
    step(f"delete the {label}", lambda volume_to_delete=volume_to_delete: driver.delete_volume(volume_to_delete))
step("delete what is gone", lambda: driver.delete_volume(source))
expect("nothing is left", sizes(), {})
step("extend what is gone", lambda: driver.extend_volume(source, 8), refused=exception.NotFound)
raise SystemExit(run.status())
