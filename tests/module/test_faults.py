# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on the way, at every single request: a clear error or success, and the next run finishes the work."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import FlashError
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import (
    Initiator,
    SnapshotSpec,
    VolumeSpec,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import parse_initiator
from tests.module.arrays import GIB, THOROUGH, ArrayUnderTest, Result

pytestmark = pytest.mark.wire

LOST = ("reset_before", "reset_after", "truncated", "non_json")
KINDS = (*LOST, "http_status", "busy", "expired", "latency")


@pytest.fixture(params=THOROUGH, ids=lambda row: row.name)
def thorough(request: pytest.FixtureRequest, arrays: dict[str, ArrayUnderTest]) -> ArrayUnderTest:
    found = arrays[request.param.name]
    found.reset()
    return found


def fast(array: ArrayUnderTest) -> dict[str, Any]:
    return {"timeout": 2.0, "wait_timeout": array.row.patience, "max_concurrency": 1, **array.version}


def next_run(array: ArrayUnderTest, module: str, **args: Any) -> Result:
    """What another run makes of it. What it may take for that of a live run it leaves alone, until its time is over."""
    until = time.monotonic() + 3 * array.row.patience
    while True:
        result = array.task(module, connection=fast(array), **args)
        if not result.failed or result["error"]["kind"] != "busy" or time.monotonic() > until:
            return result
        assert "another run" in result.msg
        time.sleep(0.2)


TASKS: dict[str, tuple[str, dict[str, Any]]] = {
    "extend": ("flash_volume", {"name": "db1", "size": "30GiB"}),
    "snapshot": ("flash_snapshot", {"name": "monday", "volume": "db1"}),
    "larger clone": ("flash_volume", {"name": "test1", "source_volume": "db1", "size": "30GiB"}),
    "new host and map": ("flash_host_map", {"host": "server", "volume": "db1", "lun": 0}),
    "other LUN": ("flash_host_map", {"host": "spare", "volume": "old", "lun": 9}),
    "unmap and delete": ("flash_volume", {"name": "old", "state": "absent", "unmap": True}),
    "one instant": (
        "flash_snapshot",
        {"atomic": True, "snapshots": [{"name": "data-1", "volume": "db1"}, {"name": "old-1", "volume": "old"}]},
    ),
    "restore": ("flash_snapshot", {"name": "sunday", "volume": "db1", "state": "restored", "backup": "kept"}),
}


def prepare(array: ArrayUnderTest) -> None:
    """Volumes db1, of which there is a snapshot, and old, which is mapped where there are hosts."""
    array.reset()
    with array.library(options=fast_options(array)) as client:
        db1, old = (client.create_volume(VolumeSpec(name, 20 * GIB)) for name in ("db1", "old"))
        client.create_snapshots([SnapshotSpec("sunday", db1)])
        if not array.row.hosts:
            return
        protocol, address = parse_initiator(array.row.initiators[2])
        client.map_volume(old, client.create_host("spare", [Initiator(address, protocol)]), array.lun(1).get("lun"))


def fast_options(array: ArrayUnderTest) -> dict[str, Any]:
    own = {key: value for key, value in array.connection.items() if array.takes(key)}
    return {**own, **array.version}


def telling(requests: list[dict[str, Any]], kind: str) -> list[int]:
    """The first and the last request, the first read after the session's, and every one that asks for a change.

    A connection that breaks before or after the change stands for all answers that are lost, whatever is left of them,
    so these look at one change. Where no answer is lost, a read and a change are enough: what was asked for is known
    not to be done, or is done a little later.
    """
    writes = [number for number, entry in enumerate(requests) if entry["write"]]
    if kind.startswith("reset"):
        return sorted({0, 1, len(requests) - 1, *writes})
    return sorted({0, 1, len(requests) - 1, *writes[:1]} if kind in LOST else {1, *writes[:1]})


def is_goodbye(entry: dict[str, Any]) -> bool:
    """The end of a session, or of the host that a worker made to copy, whose loss nobody has to hear of."""
    return re.search(r"/logout|\b(rm|ls)host\b.* openflash-", entry["path"]) is not None


def outcome(array: ArrayUnderTest) -> Any:
    """What the work comes to, in everything that is not chance."""
    volumes = {name: (one["size"], one["parent"], one["writable"]) for name, one in array.volumes().items()}
    # A host that a worker made to copy, and was killed before it took it away, goes with the worker's next copy.
    hosts = {name: addresses for name, addresses in array.hosts().items() if not name.startswith("openflash-")}
    return volumes, hosts, array.luns()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", TASKS)
def test_a_fault_at_any_request_of_a_task(thorough: ArrayUnderTest, task: str, kind: str) -> None:
    array = thorough
    module, args = TASKS[task]
    prepare(array)
    if task == "new host and map":
        args = {**args, "initiators": list(array.row.initiators[:2])}
    if task == "unmap and delete":
        args = {**args, **array.unused}
    if module == "flash_host_map" and array.refuses_without("create_host", module, **args):
        return
    needed = {"restore": "restore_snapshot", "one instant": "atomic_snapshots", "other LUN": "explicit_lun"}
    if task in needed and array.refuses_without(needed[task], module, **args):
        return
    args = {key: value for key, value in args.items() if key != "lun" or not array.cannot("explicit_lun")}
    mark = array.mark()
    array.done(module, connection=fast(array), **args)
    requests = array.requests(mark)
    wanted = outcome(array)

    for skip in telling(requests, kind):
        prepare(array)
        untouched, mark = array.state(), array.mark()
        array.fault(kind=kind, skip=skip, **({"seconds": 0.1} if kind == "latency" else {}))
        result = array.task(module, connection=fast(array), **args)
        array.clear_faults()
        where = f"{kind} at request {skip + 1} of {len(requests)}"
        if result.failed:
            assert result["error"]["kind"] not in ("error", "conflict", "invalid"), f"{where}: {result.msg}"
            assert "Traceback" not in result.stdout + result.stderr
            assert result.changed or result["api"]["writes"] or array.state() == untouched, where
        again = next_run(array, module, **args)
        assert not again.failed, f"after {where} ({result.get('msg')}): {again.msg}"
        assert outcome(array) == wanted, where
        if not result.failed:
            assert result.changed and not again.changed, where
        if kind in ("latency", "busy"):
            assert not result.failed, f"{where}: {result.msg}"


@pytest.mark.parametrize("part", range(4))
def test_a_run_that_is_killed_between_any_two_requests(thorough: ArrayUnderTest, part: int) -> None:
    """From one request on nothing is answered any more, as if the process had ended there; then comes another run."""
    array = thorough
    content: dict[str, list[dict[str, Any]]] = {
        "volumes": [{"name": "db1", "size": "20GiB"}, {"name": "test1", "source_volume": "db1", "size": "30GiB"}],
        "snapshots": [{"name": "monday", "volume": "db1"}],
    }
    if array.row.hosts:
        content["hosts"] = [{"name": "server", "initiators": list(array.row.initiators[:2])}]
        content["mappings"] = [{"host": "server", "volume": "test1", **array.lun(7)}]
    mark = array.mark()
    array.done("flash_array", connection=fast(array), **content)
    requests, wanted = len(array.requests(mark)), outcome(array)
    for skip in range(part, requests, 4):
        array.reset()
        mark = array.mark()
        array.fault(kind="reset_before", skip=skip, count=None)
        result = array.document(connection=fast(array), **content)
        array.clear_faults()
        # How often a copy is asked after is chance; and that nobody hears a goodbye is no failure.
        unheard = [entry for entry in array.requests(mark) if "fault" in entry and not is_goodbye(entry)]
        assert result.failed == bool(unheard)
        if result.failed:
            assert result["error"]["kind"] in ("unreachable", "timeout", "bad_reply")
        again = next_run(array, "flash_array", **content)
        assert not again.failed, f"killed after {skip} of {requests} requests: {again.msg}"
        assert outcome(array) == wanted, f"killed after {skip} of {requests} requests"
        assert not array.done("flash_array", connection=fast(array), **content).changed


def test_a_slow_array_is_waited_for_and_a_slower_one_is_not(array: ArrayUnderTest) -> None:
    array.fault(kind="latency", seconds=0.5, count=None)
    assert not array.volume(name="db1", size="10GiB", connection={"timeout": 5.0}).failed
    result = array.volume(name="db1", size="10GiB", connection={"timeout": 0.2})
    array.clear_faults()
    assert result.failed
    assert result["error"]["kind"] == "timeout"
    assert "within 0.2 s" in result.msg


@pytest.mark.trust("tls")  # over SSH an array has no word for it; a refused command is one whose answer is lost
def test_a_busy_array_is_waited_for_as_long_as_wait_timeout(array: ArrayUnderTest) -> None:
    array.fault(kind="busy", match={"write": True}, count=3)
    assert not array.volume(name="db1", size="10GiB").failed
    array.fault(kind="busy", match={"write": True}, count=None)
    result = array.volume(name="db2", size="10GiB", connection={"wait_timeout": 1.0})
    array.clear_faults()
    assert result.failed
    assert result["error"]["kind"] == "busy"
    assert result["error"]["code"]
    assert "wait_timeout" in result.msg
    assert set(array.volumes()) == {"db1"}


def test_a_full_pool(array: ArrayUnderTest) -> None:
    array.fault(kind="pool_full", count=None)
    result = array.volume(name="db1", size="10GiB")
    array.clear_faults()
    assert result.failed
    assert not result.changed
    assert "volume db1" in result.msg
    assert array.volumes() == {}
    array.converges("flash_volume", name="db1", size="10GiB")
    assert array.volumes()["db1"]["size"] == 10 * GIB


ON_A_VOLUME: dict[str, Any] = {
    "extend_volume": lambda client, gone: client.extend_volume(gone, 2 * GIB),
    "rename_volume": lambda client, gone: client.rename_volume(gone, "db2"),
    "create_snapshots": lambda client, gone: client.create_snapshots([SnapshotSpec("snap", gone)]),
    "clone_volume": lambda client, gone: client.clone_volume(gone, VolumeSpec("db2")),
}


@pytest.mark.parametrize("operation", ON_A_VOLUME)
def test_a_volume_that_another_run_has_deleted_is_not_there(array: ArrayUnderTest, operation: str) -> None:
    """Whatever code, or words alone, the array has for it."""
    with array.library() as client, array.library() as other:
        client.create_volume(VolumeSpec("db1", GIB, pool=array.pool))
        (gone,) = client.volumes(["db1"]).items
        other.delete_volume(gone)
        client.delete_volume(gone)
        with pytest.raises(FlashError) as caught:
            ON_A_VOLUME[operation](client, gone)
        assert caught.value.kind == ("unsupported" if array.cannot(operation) else "not_found")
    assert array.volumes() == {}


@pytest.mark.hosts
def test_a_volume_that_another_run_has_deleted_is_not_mapped(array: ArrayUnderTest) -> None:
    array.converges("flash_host_map", host="server", initiators=[array.initiator(0)])
    with array.library() as client, array.library() as other:
        (host,) = client.hosts(["server"]).items
        client.create_volume(VolumeSpec("db1", GIB, pool=array.pool))
        (gone,) = client.volumes(["db1"]).items
        other.delete_volume(gone)
        with pytest.raises(FlashError) as caught:
            client.map_volume(gone, host)
        assert caught.value.kind == "not_found"
    assert array.luns() == {}
