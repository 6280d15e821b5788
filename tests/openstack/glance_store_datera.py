# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image store as Glance uses it: through glance_store, by its entry point, against simulated arrays.

    glance_store_datera.py ENDPOINTS ARRAY PART

The array has real bytes behind iSCSI. There is no kernel initiator here: os-brick's connector for local files replaces
the one for iSCSI, so everything except the iSCSI login of the kernel is as in production.
"""

from __future__ import annotations

from glance_store_lib import (  # first: it makes the distribution's path file count
    CONF,
    GIB,
    MIB,
    NOT_FOUND,
    RUN,
    SIZE,
    Content,
    Stage,
    add,
    life,
    new_id,
    step,
    store_of,
    whole,
)

import hashlib  # isort: skip
import io  # isort: skip
import logging  # isort: skip
import os  # isort: skip
import sys  # isort: skip
import tempfile  # isort: skip
import threading  # isort: skip
import time  # isort: skip
from dataclasses import replace  # isort: skip
from pathlib import Path  # isort: skip
from typing import Any  # isort: skip

import glance_store  # isort: skip
from glance_store import backend, capabilities, exceptions, location, multi_backend  # isort: skip
from os_brick import privileged  # isort: skip
from os_brick.initiator import connector  # isort: skip
from oslo_utils import importutils  # isort: skip

from openflash import model  # isort: skip


def user(stage: Stage) -> None:
    life(stage, "one")
    store = store_of("one")
    masks = capabilities.BitMasks
    step(
        "the store can read at random",
        lambda: store.is_capable(masks.READ_RANDOM, masks.WRITE_ACCESS, masks.DRIVER_REUSABLE),
        True,
    )
    step("the store cannot write at random", lambda: store.is_capable(masks.WRITE_OFFSET), False)
    step("the scheme of its URIs", store.get_schemes, ("datera",))
    prefix = f"datera://{stage.entry['address']}:{stage.entry['port']}"
    step("the prefix of its URIs", lambda: store.url_prefix, f"{prefix}/app_instances/")
    step(
        "the prefix of those in a tenant",
        lambda: store_of("tenant").url_prefix,
        f"{prefix}/root/acme/app_instances/",
    )

    # An image of unknown length that is larger than the volume's first size
    image, content = new_id(), Content(GIB + 5 * MIB + 1)
    added = step("upload of unknown length", lambda: add("one", image, content, 0, algorithm="sha512"))
    wanted = (content.length, content.digest("md5"), content.digest("sha512"))
    step("the length and hashes of that upload", lambda: added[1:4], wanted)
    edge = GIB - MIB
    expected = (content.bytes(edge, 2 * MIB), 2 * MIB)
    step("reading across the extension", lambda: whole(added[0], "one", edge, 2 * MIB), expected)
    step("the volume was extended once", lambda: [row["size"] for row in stage.array.state()["volumes"]], [2 * GIB])
    step(
        "the length that the store reports",
        lambda: multi_backend.get_size_from_uri_and_backend(added[0], "one"),
        content.length,
    )
    multi_backend.delete(added[0], "one")
    step("nothing remains after its deletion", stage.left, ([], []))

    # Another store, in a tenant of the same array
    image, content = new_id(), Content(MIB)
    added = step("upload to a store in a tenant", lambda: add("tenant", image, content, MIB))
    step("the metadata name the store", lambda: added[4], {"store": "tenant"})
    step(
        "the image can be read from that store", lambda: whole(added[0], "tenant") == (content.bytes(0, MIB), MIB), True
    )
    step("the other store does not have it", lambda: multi_backend.get(added[0], "one"), refused=NOT_FOUND)
    with stage.look("/root/acme") as array:
        step("the volume is in the tenant", lambda: [volume.name for volume in array.volumes()], [f"OS-IMAGE-{image}"])
    step("it is deleted from that store", lambda: multi_backend.delete(added[0], "tenant"))

    # Nothing listens at the portal
    path = store._path
    hidden = path._program
    path._program = "/bin/false"
    timeout_error = exceptions.TimeoutError
    step(
        "upload without a data path",
        lambda: add("one", new_id(), Content(MIB), MIB),
        refused=timeout_error,
        message="cannot reach the volume at any portal",
    )
    path._program = hidden
    step("nothing remains of that upload", stage.left, ([], []))

    # More readers than sessions
    content = Content(3 * MIB)
    added = add("one", new_id(), content, 3 * MIB)
    open_ones = [multi_backend.get(added[0], "one")[0] for _number in range(6)]
    firsts = [next(reader) for reader in open_ones]
    results: list[bool] = []

    def finish(number: int) -> None:
        results.append(firsts[number] + b"".join(open_ones[number]) == content.bytes(0, 3 * MIB))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    step("six readers read completely with four sessions", lambda: results, [True] * 6)
    step("the last reader ends all access", lambda: stage.left()[1], [])
    multi_backend.delete(added[0], "one")


def files(stage: Stage) -> None:
    """The kernel's data path, with os-brick's connector for local files instead of the one for iSCSI."""
    from openflash_openstack.glance import kernel

    privileged.default.set_client_mode(False)
    names: dict[str, int] = {}

    class Local(kernel.KernelPath):
        def check(self) -> None:
            super().check()
            self._connector = connector.InitiatorConnector.factory("local", self._root_helper)

        def initiator(self) -> str:
            return "iqn.2026-01.org.example:me"

        def _properties(self, target: Any) -> dict[str, Any]:
            path = os.path.join(stage.folder, target.name)
            with open(path, "ab") as file:
                file.truncate(max(target.size, names.get(target.name, 0)))
            assert super()._properties(target)["target_iqns"]
            return {"device_path": path}

    store = store_of("one")
    step("the data path is os-brick", lambda: type(store._path), kernel.KernelPath)
    store._path = Local(CONF, "env", False, 3, 5.0)
    store._path.check()

    def share(seconds: float) -> int:
        """Start another worker of this host that holds the volume for some seconds. Returns its process id."""
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with kernel.FileShare(f"{stage.folder}/locks/x").beginning():
                    pass
                os.write(write_end, b"!")
                time.sleep(seconds)
            finally:
                os._exit(0)
        os.close(write_end)
        assert os.read(read_end, 1) == b"!", "it has it"
        os.close(read_end)
        return child

    share_of_this_worker = kernel.FileShare(f"{stage.folder}/locks/x")
    with share_of_this_worker.beginning():
        pass
    other_worker = share(60)
    with share_of_this_worker.ending() as last:
        step("another worker uses the device", lambda: last, False)
    os.kill(other_worker, 9)
    os.waitpid(other_worker, 0)
    with share_of_this_worker.beginning():
        pass
    with share_of_this_worker.ending() as last:
        step("a killed worker does not use the device", lambda: last, True)

    # The host's initiator stays registered on the array, since others on this host use it too
    before = stage.left
    stage.left = lambda: (before()[0], [entry for entry in before()[1] if "volume" in entry])
    life(stage, "one", budget=False)


def initiators(folder_of: str) -> list[str]:
    """The ids of the processes that hold a session for a worker, recognised by the folder of their sockets."""
    pids = []
    for folder in Path("/proc").iterdir():
        try:
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if arguments[0].endswith("qemu-nbd") and f"{folder_of}/openflash-nbd-" in " ".join(arguments):
            pids.append(folder.name)
    return pids


def killed(stage: Stage) -> None:
    """A worker is killed during an upload, and another one during a download."""
    image, content = new_id(), Content(SIZE)
    tempfile.tempdir = stage.folder

    def worker(action: Any) -> None:
        """Run an action in another process, and kill that when it reports that it has begun."""
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                action(lambda: os.write(write_end, b"!"))
            finally:
                os._exit(1)
        os.close(write_end)
        assert os.read(read_end, 1) == b"!"
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(read_end)

    class Stalls(Content):
        def __init__(self, stalled: Any) -> None:
            super().__init__(SIZE)
            self._told = stalled

        def read(self, length: int = 65536) -> bytes:
            if self._at > 12 * MIB:
                self._told()
                time.sleep(60)
            return super().read(length)

    def gone() -> bool:
        deadline = time.monotonic() + 10
        while initiators(stage.folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        return not initiators(stage.folder)

    worker(lambda told: add("one", image, Stalls(told), SIZE))
    step("the initiator of a killed upload ends", gone, True)
    step("the killed upload leaves a volume", lambda: stage.left()[0], [f"OS-IMAGE-{image}"])
    added = step("the upload is repeated", lambda: add("one", image, content, SIZE))
    step("the image is complete", lambda: whole(added[0], "one") == (content.bytes(0, SIZE), SIZE), True)

    def reads(begun: Any) -> None:
        pieces, _length = multi_backend.get(added[0], "one")
        next(pieces)
        begun()
        time.sleep(60)

    worker(reads)
    step("the initiator of a killed download ends", gone, True)
    step("another worker can read", lambda: whole(added[0], "one", 5, 100), (content.bytes(5, 100), 100))
    step("the image can be deleted", lambda: multi_backend.delete(added[0], "one"), None)
    step("nothing remains, not even initiators", stage.left, ([], []))
    step("no initiator process runs", lambda: initiators(stage.folder), [])
    folders = [path.name for path in Path(stage.folder).iterdir() if path.name.startswith("openflash-nbd-")]
    step("no folder of a socket remains", lambda: folders, [])


def old(stage: Stage) -> None:
    """Images of older stores, and errors of the array."""
    uri = f"datera://{stage.entry['address']}:{stage.entry['port']}/app_instances/%s"
    data = Content(2 * MIB).bytes(0, 2 * MIB)
    checksum = hashlib.md5(data).hexdigest()
    with stage.look() as array:
        image = new_id()
        added = add("one", image, io.BytesIO(data), len(data))
        # Older stores leave an image offline, with an entry for every transfer in its access list
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        host = array.single_host("older", model.Initiator("iqn.2026-01.org.example:old", model.ISCSI))
        array.map_volume(volume, host)
        array._wire.put(volume.id.split("/storage_instances/")[0], {"admin_state": "offline", "force": True})
        step("download of an offline image", lambda: whole(added[0], "one"), (data, len(data)))
        for form in (f"OS-{image}", f"OS-IMAGE-{image}", f"IMAGE-{image}", image):
            step(f"by {form[:9]}", lambda form=form: whole(uri % form, "one", 0, 9), (data[:9], 9))
        moved = f"datera://192.0.2.1:7717/app_instances/{image}"
        step("a URI with a former address of the array", lambda: whole(moved, "one", 0, 9), (data[:9], 9))
        renamed = array.rename_volume(volume, f"OS-{image}")
        step("download by the name of 2018", lambda: whole(added[0], "one"), (data, len(data)))
        array.set_metadata(renamed, {"length": str(len(data)), "checksum": checksum, "host": "cinder"})
        step("a volume of Cinder is not an image", lambda: multi_backend.get(added[0], "one"), refused=NOT_FOUND)
        step("a volume of Cinder is not deleted", lambda: multi_backend.delete(added[0], "one"), refused=NOT_FOUND)
        step("the volume of Cinder is still there", lambda: [item.name for item in array.volumes()], [f"OS-{image}"])
        volume = array.rename_volume(renamed, f"OS-IMAGE-{image}")
        array.set_metadata(volume, {})
        step(
            "an image without a stored length",
            lambda: multi_backend.get_size_from_uri_and_backend(added[0], "one"),
            GIB,
        )
        array.set_metadata(volume, {"length": str(5 * GIB), "type": "image"})
        too_long = exceptions.RemoteServiceUnavailable
        step("an image whose stored length is too large", lambda: multi_backend.get(added[0], "one"), refused=too_long)
        # An upload was killed, so this is not an image yet
        array.set_metadata(volume, {})
        again = step("upload over an unfinished one", lambda: add("one", image, io.BytesIO(data), len(data)))
        step("the image is complete", lambda: whole(again[0], "one"), (data, len(data)))
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        snapshots = array.create_snapshots([model.SnapshotSpec("kept", volume)])
        has = exceptions.HasSnapshot
        step("delete an image with snapshots", lambda: multi_backend.delete(added[0], "one"), refused=has)
        array.delete_snapshot(replace(snapshots[0], children=()))
        step("delete an image without snapshots", lambda: multi_backend.delete(added[0], "one"))
    step("no volume remains", lambda: stage.left()[0], [])

    for bad in (
        "datera://",
        "datera://host",
        "datera://host:7718/volumes/x",
        f"datera://host:99999/app_instances/{new_id()}",
        f"datera://host:7718/app_instances/{new_id()}?x=1",
        "datera://host:7718/app_instances/../../system",
        f"datera://host:7718/../root/app_instances/{new_id()}",
        f"datera://me:secret@host:7718/app_instances/{new_id()}",
    ):
        step(f"no location: {bad[:40]}", lambda bad=bad: multi_backend.get(bad, "one"), refused=exceptions.BadStoreUri)
    six = f"datera://[2001:db8::1]:7718/app_instances/{new_id()}"
    parsed = location.get_location_from_uri_and_backend(six, "one", CONF)
    step("a URI with an IPv6 address", parsed.get_store_uri, six)
    tenant = f"datera://host:7718/root/a%20b/app_instances/{new_id()}"
    parsed = location.get_location_from_uri_and_backend(tenant, "one", CONF)
    step("a URI with a tenant", parsed.get_store_uri, tenant)

    # Refusals of the array
    full, denied = exceptions.StorageFull, exceptions.StorageWriteDenied
    small = lambda: add("one", new_id(), Content(MIB), MIB)  # noqa: E731
    stage.array.fault(kind="pool_full", count=1)
    step("upload to a full array", small, refused=full)
    stage.array.clear()
    stage.array.fault(kind="expired", count=None)
    step("upload with a locked account", small, refused=denied)
    forbidden = exceptions.Forbidden
    step("download with a locked account", lambda: multi_backend.get(uri % new_id(), "one"), refused=forbidden)
    stage.array.clear()
    small()
    stage.array.fault(kind="expired", count=1, match={"path": "app_instances"})
    step("upload with an expired session", lambda: small()[1], MIB)
    stage.array.fault(kind="reset_before", count=None)
    unavailable = exceptions.RemoteServiceUnavailable
    step("download from an unreachable array", lambda: multi_backend.get(uri % new_id(), "one"), refused=unavailable)
    step("upload to an unreachable array", small, refused=exceptions.TimeoutError)
    step(
        "the store is configured while the array is unreachable",
        lambda: store_of("one").configure(re_raise_bsc=True),
        None,
    )
    stage.array.clear()
    step("upload when the array is reachable again", lambda: small()[1], MIB)
    secret = stage.entry["password"]

    def wrong(**settings: Any) -> Any:
        for key, value in settings.items():
            CONF.set_override(key, value, group="one")
        try:
            store_of("one").configure(re_raise_bsc=True)
        finally:
            for key in settings:
                CONF.clear_override(key, group="one")

    bad_store = exceptions.BadStoreConfiguration
    step(
        "a configuration without an address",
        lambda: wrong(datera_san_ip=""),
        refused=bad_store,
        message="datera_san_ip",
    )
    step(
        "a configuration with a wrong password", lambda: wrong(datera_san_password="wrong_password"), refused=bad_store
    )
    message = ""
    try:
        wrong(datera_san_password="wrong_password")
    except bad_store as error:
        message = str(error)
    step(
        "the message has no password",
        lambda: (bool(message), "wrong_password" in message, secret in message),
        (True, False, False),
    )
    step("that store takes no images", small, refused=exceptions.StoreAddDisabled)
    step("a configuration with wrong certificates", lambda: wrong(datera_ca_file="/etc/hostname"), refused=bad_store)
    mode = {"datera_placement_mode": "tape", "datera_replica_count": 9}
    step(
        "a configuration with impossible values",
        lambda: wrong(**mode),
        refused=bad_store,
        message="datera_replica_count",
    )


def single(stage: Stage) -> None:
    """The configuration with a single store, as the older store has it."""
    backend.register_opts(CONF)
    CONF.set_override("stores", ["file", "datera"], group="glance_store")
    CONF.set_override("filesystem_store_datadir", stage.folder, group="glance_store")
    glance_store.create_stores(CONF)
    glance_store.verify_default_store()
    store = location.SCHEME_TO_CLS_MAP["datera"]["store"]
    image, content = new_id(), Content(MIB)
    added = step("upload", lambda: store.add(image, content, MIB, "sha256", None))
    step("no store in the metadata", lambda: added[4], {})
    old_way = step("the interface before 2018", lambda: store.add(new_id(), io.BytesIO(b"x" * 9), 9))
    step("it returns four values", lambda: len(old_way), 4)
    pieces, length = glance_store.get_from_backend(added[0])
    step("download", lambda: (b"".join(pieces) == content.bytes(0, MIB), length), (True, MIB))
    step("length", lambda: glance_store.get_size_from_backend(added[0]), MIB)
    step("delete", lambda: glance_store.delete_from_backend(added[0]))
    options = importutils.import_module("openflash_openstack.glance.options")
    defaults = {option.name: option.default for option in options.OPTIONS}
    expected = {
        "datera_san_ip": None,
        "datera_san_login": None,
        "datera_san_password": None,
        "datera_san_port": 7718,
        "datera_tenant_id": "/root",
        "datera_replica_count": 3,
        "datera_placement_mode": "hybrid",
        "datera_chunk_size": 1073741824,
        "datera_glance_rootwrap_path": "sudo glance-rootwrap",
        "datera_glance_rootwrap_config": "/etc/glance/rootwrap.conf",
        "datera_default_image_size": 1,
        "datera_retry_attempts": 30,
        "datera_retry_interval": 2,
        "datera_operation_max_timeout": 600,
    }
    step(
        "options and defaults of the older store",
        lambda: {name: defaults.get(name, ...) for name in expected},
        expected,
    )


def main() -> int:
    endpoints, name, part = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    by_user = {"datera_data_path": "libiscsi", "datera_replica_count": 2, "datera_chunk_size": MIB}
    if part == "single":
        single(Stage(endpoints, name, glance_store=dict(by_user, datera_chunk_size=GIB)))
    elif part == "files":
        files(Stage(endpoints, name, one={"datera_replica_count": 2}))
    else:
        wide = dict(by_user, datera_chunk_size=GIB)
        stage = Stage(endpoints, name, one=wide, tenant=dict(by_user, datera_tenant_id="acme"))
        {"user": user, "old": old, "killed": killed}[part](stage)
    return RUN.status()


if __name__ == "__main__":
    sys.exit(main())
