# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Invalid sections, which keep a backend from starting, and unreachable arrays, which do not.

bad_sections.py ENDPOINTS
"""

from __future__ import annotations

import lib  # first: it makes the process green

import sys  # isort: skip
from typing import Any  # isort: skip

from cinder import exception  # isort: skip

INVALID, BACKEND = exception.InvalidInput, exception.VolumeBackendAPIException
PASSWORD = "Not-The-Right-One-77"
ANOTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEUwJipNMv22kPV1TTyGYaWc1IcQaoPd1+hC01kZYWRf"
# array, kind of driver, what is wrong in its section, how it is refused, what the message names
CASES: list[tuple[str, str, dict[str, Any], Any, str]] = [
    ("xtremio", "xtremio-iscsi", {"san_ip": ""}, INVALID, "san_ip"),
    ("xtremio", "xtremio-iscsi", {"xtremio_cluster_name": "nowhere"}, INVALID, "nowhere"),
    ("xtremio", "xtremio-fc", {"san_password": PASSWORD}, BACKEND, "password"),
    ("flashsystem", "flashsystem-fc", {"flashsystem_connection_protocol": "iSCSI"}, INVALID, "iSCSI"),
    ("flashsystem", "flashsystem-fc", {"san_password": PASSWORD}, BACKEND, "password"),
    ("flashsystem", "flashsystem-fc", {"openflash_host_key": "ssh-rsa no-key"}, INVALID, "host_key is not a host key"),
    ("flashsystem", "flashsystem-fc", {"openflash_known_hosts": "/nowhere"}, INVALID, "known_hosts /nowhere"),
    ("violin", "violin-fc", {"san_password": PASSWORD}, BACKEND, "password"),
    ("violin-old", "violin-iscsi", {}, BACKEND, "iSCSI"),
    ("dsware", "dsware", {"dsware_storage_pools": "nowhere; pool0"}, INVALID, "nowhere"),
    ("dsware", "dsware", {"dsware_rest_url": "http://127.0.0.1:1"}, INVALID, "dsware_rest_url"),
    ("dsware", "dsware", {"dsware_rest_url": ""}, INVALID, "fusionstorageagent"),
    ("dsware", "dsware", {"san_password": PASSWORD}, BACKEND, "password"),
    ("datera", "datera", {"datera_tenant_id": "no tenant"}, INVALID, "no tenant"),
    ("datera", "datera", {"san_password": PASSWORD}, BACKEND, "password"),
]
# Nothing listens there
AWAY: list[tuple[str, str, dict[str, Any]]] = [
    ("xtremio", "xtremio-iscsi", {"san_ip": "127.0.0.1:1"}),
    ("flashsystem", "flashsystem-fc", {"san_ssh_port": 1}),
    # Its key is in the file of known hosts, which does not count then
    ("flashsystem", "flashsystem-fc", {"openflash_host_key": ANOTHER_KEY}),
    ("violin", "violin-fc", {"san_api_port": 1}),
    ("dsware", "dsware", {"dsware_rest_url": "https://127.0.0.1:1"}),
    ("datera", "datera", {"san_api_port": 1}),
]


def refused(run: lib.Steps, number: int, case: tuple[str, str, dict[str, Any], Any, str]) -> None:
    name, kind, wrong, how, named = case
    title = f"{kind} with {', '.join(wrong) or name}"
    driver = lib.make(lib.OURS[kind], kind, lib.SimulatedArray(sys.argv[1], name).entry, f"wrong{number}", **wrong)
    try:
        driver.do_setup(lib.CONTEXT)
        driver.check_for_setup_error()
    except Exception as error:  # noqa: BLE001  its type is checked below
        run.report(title, type(error) is how and named in str(error), f"{type(error).__name__}: {error}")
        run.expect("and the password is not in the message", PASSWORD in str(error), False)
    else:
        run.report(title, False, "accepted")


def away(run: lib.Steps, number: int, case: tuple[str, str, dict[str, Any]]) -> None:
    name, kind, wrong = case
    driver = lib.make(lib.OURS[kind], kind, lib.SimulatedArray(sys.argv[1], name).entry, f"away{number}", **wrong)
    run.step(f"{kind}: set up", lambda: driver.do_setup(lib.CONTEXT))
    run.step("starts all the same", driver.check_for_setup_error)
    stats = run.step("statistics", lambda: driver.get_volume_stats(True)) or {"pools": []}
    found = [(one["backend_state"], one["total_capacity_gb"], one["free_capacity_gb"]) for one in stats["pools"]]
    run.expect("down, and without room", set(found), {("down", 0, 0)})
    run.step("no volume is made", lambda: driver.create_volume(lib.volume(1)), refused=BACKEND)


def two_backends(run: lib.Steps) -> None:
    """Two backends on one array, one for each protocol, have separate volumes and share its host."""
    array = lib.SimulatedArray(sys.argv[1], "violin")
    drivers = [
        lib.make(lib.OURS[kind], kind, array.entry, f"twin-{kind}", volume_backend_name=kind)
        for kind in ("violin-fc", "violin-iscsi")
    ]
    here, volumes = lib.connector(1), []
    for driver in drivers:
        driver.do_setup(lib.CONTEXT)
        one = lib.volume(1, array.entry["pools"][0]["name"])
        volumes.append(one)
        run.step("create", lambda driver=driver, one=one: driver.create_volume(one))
        run.step("attach", lambda driver=driver, one=one: driver.initialize_connection(one, here))
    run.expect("a mapping each", [len(array.maps(one.id)) for one in volumes], [1, 1])
    for driver, one in zip(drivers, volumes, strict=True):
        run.step("detach", lambda driver=driver, one=one: driver.terminate_connection(one, here))
        run.step("delete", lambda driver=driver, one=one: driver.delete_volume(one))
    run.expect("nothing left", (array.volumes(), array.state()["mappings"]), ({}, []))


def main() -> int:
    lib.prepare()
    run = lib.Steps(lib.SimulatedArray(sys.argv[1], "xtremio"))
    for number, case in enumerate(CASES):
        refused(run, number, case)
    for number, gone in enumerate(AWAY):
        away(run, number, gone)
    two_backends(run)
    return run.finish()


if __name__ == "__main__":
    sys.exit(main())
