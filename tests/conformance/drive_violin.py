# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drive the unmodified vmemclient through all operations on volumes, snapshots, copies and hosts of a simulated array.

    drive_violin.py ENDPOINTS ARRAY

Prints one JSON object per step, ``{"step", "ok", "detail"}``, and exits with 0 when all are ok. The library was written
for Python 2 and for fixed ports. This process supplies both; the library is not changed.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import io
import os
import socket
import sys
import time
import types
import urllib
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable
from typing import Any

from steps import SimulatedArray, Steps

FIXED_PORTS = {"https": (443,), "http": (80, 10075)}


def redirect(port: int, scheme: str) -> None:
    """Redirect connections to the library's fixed ports to the array, and refuse those of the other scheme."""
    connect = socket.create_connection

    def create_connection(address: tuple[str, int], *args: Any, **more: Any) -> socket.socket:
        host, requested = address
        if requested in (*FIXED_PORTS["https"], *FIXED_PORTS["http"]):
            if requested not in FIXED_PORTS[scheme]:
                raise ConnectionRefusedError(f"nothing listens on {requested}")
            address = (host, port)
        return connect(address, *args, **more)

    socket.create_connection = create_connection  # type: ignore[assignment]


class TextAnswer:
    """An answer whose body is text, as in Python 2."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def read(self) -> str:
        return self._answer.read().decode("utf-8", "replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)


class TextError(urllib.error.HTTPError):
    def read(self, *_: Any) -> Any:
        return self.fp.read().decode("utf-8", "replace")


def opened(send: Callable[..., Any]) -> Callable[..., TextAnswer]:
    def call(request: Any, data: Any = None, *args: Any) -> TextAnswer:
        if isinstance(request, urllib.request.Request) and isinstance(request.data, str):
            request.data = request.data.encode()
        try:
            return TextAnswer(send(request, data.encode() if isinstance(data, str) else data, *args))
        except urllib.error.HTTPError as error:
            raise TextError(error.url, error.code, error.reason, error.headers, io.BytesIO(error.read())) from None

    return call


def python_2() -> None:
    """Define the names of Python 2 that the library uses."""
    warnings.simplefilter("ignore")
    for name, value in {"basestring": str, "unicode": str, "xrange": range}.items():
        setattr(builtins, name, value)
    sys.maxint = sys.maxsize  # type: ignore[attr-defined]
    urllib.urlencode = urllib.parse.urlencode  # type: ignore[attr-defined]
    urllib2 = types.ModuleType("urllib2")
    for name in ("Request", "HTTPCookieProcessor"):
        setattr(urllib2, name, getattr(urllib.request, name))
    for name in ("HTTPError", "URLError"):
        setattr(urllib2, name, getattr(urllib.error, name))

    def build_opener(*handlers: Any) -> Any:
        opener = urllib.request.build_opener(*handlers)
        opener.open = opened(opener.open)  # type: ignore[method-assign]
        return opener

    urllib2.urlparse = urllib.parse  # type: ignore[attr-defined]
    urllib2.urlopen = opened(urllib.request.urlopen)  # type: ignore[attr-defined]
    urllib2.build_opener = build_opener  # type: ignore[attr-defined]
    sys.modules["urllib2"] = urllib2


class Work(Steps):
    """Steps of a library that returns most refusals as an answer, not as an exception."""

    def __call__(
        self, name: str, work: Callable[[], Any], message: str = "", raises: type[BaseException] | None = None
    ) -> Any:
        """Run a step. Its answer must have this message, and must not be a refusal.

        :param raises: the exception that the step must raise.
        """

        def quietly() -> Any:
            # The library prints the answer to the login.
            with contextlib.redirect_stdout(io.StringIO()):
                return work()

        def good(answer: Any) -> bool:
            refused = isinstance(answer, dict) and answer.get("success") is False
            return not refused and (not message or message in (answer.get("msg") or ""))

        return self.step(name, quietly, refused=raises, check=good)


def refused(work: Callable[[], Any], code: str) -> Callable[[], Any]:
    """A function that passes only when this work is refused with this code."""

    def check() -> Any:
        answer = work()
        if answer.get("success") is not False or code not in answer["msg"]:
            raise AssertionError(f"not refused with {code}: {answer}")
        return {"success": True, "msg": answer["msg"]}

    return check


def wait(status: Callable[[], tuple[Any, Any, int]], target: Any) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        copied_to, _, percent = status()
        if copied_to == target and percent == 100:
            return percent
        time.sleep(0.1)
    raise AssertionError("the copy did not end")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoints")
    parser.add_argument("array")
    options = parser.parse_args()
    entry = SimulatedArray(options.endpoints, options.array).entry
    if entry["ca_path"]:
        os.environ["SSL_CERT_FILE"] = entry["ca_path"]
    redirect(entry["port"], "https" if entry["ca_path"] else "http")
    python_2()
    import vmemclient
    from vmemclient.core import error

    step = Work()

    def log_in(password: str) -> Any:
        session = vmemclient.open(entry["address"], entry["username"], password, keepalive=True)
        assert session is not None, "not recognised"
        return session

    step("a wrong password", lambda: log_in(entry["password"] + "x"), raises=error.AuthenticationError)
    con = step("log in", lambda: log_in(entry["password"]))
    if con is None:
        return 1
    life(step, con, error)
    with contextlib.redirect_stdout(io.StringIO()):
        con.close()
    step("log in again by itself", con.lun.get_luns)
    with contextlib.redirect_stdout(io.StringIO()):
        con.close()
    return step.status()


def life(step: Work, con: Any, error: Any) -> None:
    pool = step("choose a pool", lambda: con.pool.select_storage_pool(2048, "thick", usage="create_lun"))
    number = pool["storage_pool_id"]
    step("ports", lambda: [con.adapter.get_fc_info()] if con.adapter.get_fc_info() else None)
    step("disks", lambda: con.basic.get("/batch/physicalresource/physicaldevice"))
    step("registration", lambda: con.utility.set_managed_by_openstack_version("1.0-FCP"))
    kinds = ["thick", "thin"]
    if con.pool.select_storage_pool(1024, "dedup", usage="create_lun"):
        kinds.append("dedup")
    named = {kind: f"v-{kind}" for kind in kinds}
    for kind, name in named.items():
        thin = kind != "thick"

        def create(name: str = name, kind: str = kind, thin: bool = thin) -> Any:
            return con.lun.create_lun(
                name=name,
                size=205 if thin else 2048,
                dedup=kind == "dedup",
                thin=thin,
                full_size=2048,
                storage_pool_id=number,
            )

        step(f"create {kind}", create, message="Create resource successfully.")
        step(f"create {kind} twice", refused(create, "0x90010022"))
        step(
            f"detail of {kind}",
            lambda n=name, subtype=kind: expect(con.lun.get_lun_info(n), "subType", subtype.upper()),  # type: ignore[misc]
        )
    source = named["thick"]
    snapshots = con.snapshot
    step("extend", lambda: con.lun.extend_lun(source, 1024), message="Expand resource successfully")
    step("it has grown", lambda: expect(con.lun.get_lun_info(source), "size_mb", 3072))
    step("extend by nothing", refused(lambda: con.lun.extend_lun(source, 0), "0x0902000c"))
    step("rename", lambda: con.lun.rename_lun(source, "v-other"), message="Update resource profile successfully")
    step("rename back", lambda: con.lun.rename_lun("v-other", source))
    step("no snapshots yet", lambda: expect({"found": snapshots.get_snapshots(source)}, "found", []))
    step(
        "copy without resource",
        refused(lambda: con.lun.copy_lun_to_new_lun(source=source, destination="v-no"), "0x0901008c"),
    )
    step("no resource yet", lambda: expect({"has": snapshots.lun_has_a_snapshot_resource(source)}, "has", False))
    step(
        "resource",
        lambda: snapshots.create_snapshot_resource(
            lun=source,
            size=615,
            enable_notification=False,
            policy="preserveAll",
            enable_expansion=True,
            expansion_threshold=50,
            expansion_increment="1024MB",
            enable_shrink=False,
            storage_pool_id=number,
        ),
    )
    step(
        "policy",
        lambda: snapshots.create_snapshot_policy(
            lun=source,
            max_snapshots=1000,
            enable_replication=False,
            enable_snapshot_schedule=False,
            enable_cdp=False,
            retention_mode="All",
        ),
    )
    for comment in ("monday", "tuesday"):
        step(
            f"snapshot {comment}",
            lambda comment=comment: snapshots.create_lun_snapshot(  # type: ignore[misc]
                lun=source, comment=comment, priority="medium", enable_notification=False
            ),
            message="Create TimeMark successfully",
        )
    step("both are listed", lambda: expect({"n": len(snapshots.get_snapshots(source))}, "n", 2))
    step("one is found", lambda: expect({"n": len(snapshots.get_snapshots(source, "monday"))}, "n", 1))
    step("delete with snapshots", refused(lambda: con.lun.delete_lun(source), "0x09010048"))
    copy = step(
        "copy a snapshot",
        lambda: con.lun.copy_snapshot_to_new_lun(
            source_lun=source, source_snapshot_comment="monday", destination="v-from", storage_pool_id=number
        ),
        message="Copy TimeMark successfully.",
    )
    target = con.lun.get_lun_info(object_id=copy["object_id"])["virtualDeviceID"]
    step("its end", lambda: wait(lambda: snapshots.get_snapshot_copy_status(source), target))
    copy = step(
        "copy a LUN",
        lambda: con.lun.copy_lun_to_new_lun(source=source, destination="v-copy", storage_pool_id=number),
        message="Copy Snapshot resource successfully",
    )
    step("the end of that", lambda: wait(lambda: con.lun.get_lun_copy_status(source), copy["object_id"]))
    attach(step, con, source)
    step(
        "a thin clone",
        lambda: snapshots.create_thin_clone(lun=source, snapshot_comment="tuesday", name="v-clone"),
    )
    step("its snapshot stays", refused(lambda: snapshots.delete_lun_snapshot(source, "tuesday"), "Error: 0x"))
    step("no thin clone any more", lambda: snapshots.delete_thin_clone(lun=source, snapshot_comment="tuesday"))
    for comment in ("monday", "tuesday"):
        step(f"delete {comment}", lambda comment=comment: snapshots.delete_lun_snapshot(source, comment))  # type: ignore[misc]
    missing = error.NoMatchingObjectIdError
    step("delete one twice", lambda: snapshots.delete_lun_snapshot(source, "monday"), raises=missing)
    step("no policy", lambda: snapshots.delete_snapshot_policy(lun=source))
    step("no policy twice", refused(lambda: snapshots.delete_snapshot_policy(lun=source), "TimeMark is disabled"))
    step("no resource", lambda: snapshots.delete_snapshot_resource(lun=source))
    step("no resource twice", refused(lambda: snapshots.delete_snapshot_resource(lun=source), "0x0901008c"))
    for name in [*named.values(), "v-from", "v-copy"]:
        step(f"delete {name}", lambda name=name: con.lun.delete_lun(name), message="Delete resource successfully")  # type: ignore[misc]
    step("no LUN remains", lambda: expect({"remaining": con.lun.get_luns()}, "remaining", []))
    step("a path that is none", lambda: con.basic.get("/logicalresource/nothing"), raises=error.UnknownPathError)


def attach(step: Work, con: Any, lun: str) -> None:
    def create() -> Any:
        return con.client.create_client(name="server", proto="FC", fc_wwns=["50014380186b3f65"])

    step("host", create)
    step("host twice", refused(create, "0x900100cd"))
    step(
        "assign",
        lambda: con.lun.assign_lun_to_client(lun, "server", "ReadWrite", lun_id=8),
        message="Assign SAN client successfully",
    )
    step("assign twice", refused(lambda: con.lun.assign_lun_to_client(lun, "server", "ReadWrite"), "0x9001003c"))
    devices = [{"name": lun, "lun": "8"}]
    step(
        "its LUN",
        lambda: expect(
            {
                "devices": [
                    {key: row[key] for key in ("name", "lun")}
                    for row in con.client.get_client_info("server")["FibreChannelDevices"]
                ]
            },
            "devices",
            devices,
        ),
    )
    step(
        "unassign", lambda: con.lun.unassign_client_lun(lun, "server", True), message="Unassign SAN client successfully"
    )
    step("unassign twice", refused(lambda: con.lun.unassign_client_lun(lun, "server", True), "0x9002002b"))
    step("no host", lambda: con.client.delete_client("server"))


def expect(answer: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    assert answer[key] == value, f"{key} is {answer[key]!r}"
    return answer


if __name__ == "__main__":
    sys.exit(main())
