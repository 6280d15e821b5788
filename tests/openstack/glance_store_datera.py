# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image store as Glance uses it: through glance_store, by its entry point, against simulated arrays.

    glance_store_datera.py ENDPOINTS ARRAY PART

The array has real bytes behind iSCSI. There is no kernel initiator here: what is done through os-brick is done with its
connector for local files, so everything but the iSCSI login of the kernel is what runs in production.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from brick_lib import Array, obey_the_path_file, status, step

obey_the_path_file()

import glance_store  # noqa: E402
from glance_store import backend, capabilities, exceptions, location, multi_backend  # noqa: E402
from os_brick import privileged  # noqa: E402
from os_brick.initiator import connector  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_utils import importutils  # noqa: E402

from openflash import connect, model  # noqa: E402

MIB, GIB = 1 << 20, 1 << 30
CONF = cfg.CONF
NOT_FOUND = exceptions.NotFound
# Not a multiple of anything
SIZE = 20 * MIB + 12345


def new_id() -> str:
    return str(uuid.uuid4())


class Content:
    """An image's bytes, as a web server gives them: in pieces of any size. Repeats one block, so it can be long."""

    def __init__(self, length: int, fails_at: int | None = None) -> None:
        self.block = os.urandom(4 * MIB)
        self.length = length
        self._at = 0
        self._fails_at = fails_at

    def bytes(self, offset: int, length: int) -> bytes:
        start = offset % len(self.block)
        return (self.block[start:] + self.block * (length // len(self.block) + 1))[:length]

    def read(self, length: int = 65536) -> bytes:
        if self._fails_at is not None and self._at >= self._fails_at:
            raise OSError("the client went away")
        # An odd size now and then
        piece = self.bytes(self._at, min(length, 3 * MIB + 7, self.length - self._at))
        self._at += len(piece)
        return piece

    def digest(self, algorithm: str) -> str:
        digest = hashlib.new(algorithm)
        for at in range(0, self.length, len(self.block)):
            digest.update(self.block[: min(len(self.block), self.length - at)])
        return digest.hexdigest()


class Verifier:
    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self.digest.update(data)


class Stage:
    """An array, the stores on it, and a client of the library that looks at it from outside."""

    def __init__(self, endpoints: str, name: str, **sections: dict[str, Any]) -> None:
        self.array = Array(endpoints, name)
        entry = self.entry = self.array.entry
        common = {
            "datera_san_ip": entry["address"],
            "datera_san_port": entry["port"],
            "datera_san_login": entry["username"],
            "datera_san_password": entry["password"],
            "datera_ca_file": entry["ca_path"],
            "datera_retry_attempts": 5,
        }
        self.folder = tempfile.mkdtemp(prefix="glance-store-")
        names = [one for one in sections if one != "glance_store"]
        lines = []
        if names:
            lines += ["[DEFAULT]", "enabled_backends = " + ", ".join(f"{one}:datera" for one in names)]
            lines += ["[glance_store]", f"default_backend = {names[0]}"]
        lines += ["[oslo_concurrency]", f"lock_path = {self.folder}/locks"]
        for section, more in sections.items():
            lines += [f"[{section}]", *(f"{key} = {value}" for key, value in {**common, **more}.items())]
        path = Path(self.folder, "glance-api.conf")
        path.write_text("\n".join(lines))
        CONF([], project="glance", default_config_files=[str(path)])
        if names:
            CONF.register_opts([cfg.DictOpt("enabled_backends")])
            multi_backend.register_store_opts(CONF)
            multi_backend.create_multi_stores(CONF)
            multi_backend.verify_store()

    def look(self, tenant: str = "/root") -> Any:
        entry = self.entry
        keys = {key: entry[key] for key in ("port", "username", "password", "ca_path")}
        return connect.connect(model.Connection("datera", (entry["address"],), options={"tenant": tenant}, **keys))

    def left(self) -> tuple[list[str], list[str]]:
        """Names of the volumes, and what access lists and initiators there are."""
        state = self.array.state()
        hosts = [one["name"] for one in state["hosts"]] + [str(one) for one in state["mappings"]]
        return sorted(one["name"] for one in state["volumes"]), hosts


def add(store: str, image: str, content: Any, size: int, verifier: Any = None, algorithm: str = "sha256") -> Any:
    return multi_backend.add_with_multihash(CONF, image, content, size, store, algorithm, verifier=verifier)


def whole(uri: str, store: str, offset: int = 0, chunk_size: int | None = None) -> tuple[bytes, int]:
    pieces, length = multi_backend.get(uri, store, offset=offset, chunk_size=chunk_size)
    return b"".join(pieces), length


def store_of(name: str) -> Any:
    return location.SCHEME_TO_CLS_BACKEND_MAP["datera"][name]["store"]


def life(stage: Stage, kind: str, budget: bool = True) -> None:
    """From upload to deletion, by one data path."""
    image, content, verifier = new_id(), Content(SIZE), Verifier()
    stage.array.mark()
    made = step(f"{kind}: upload", lambda: add(kind, image, content, SIZE, verifier))
    uri = f"datera://{stage.entry['address']}:{stage.entry['port']}/app_instances/{image}"
    wanted = (uri, SIZE, content.digest("md5"), content.digest("sha256"), {"store": kind})
    step(f"{kind}: what comes back", lambda: made, wanted)
    if budget:
        # The sheet, section 5: the older store had 16 to 18
        step(f"{kind}: requests", lambda: len([one for one in stage.array.requests() if "log" not in one]) <= 11, True)
    step(f"{kind}: signature", lambda: verifier.digest.hexdigest(), content.digest("sha256"))
    step(f"{kind}: nobody has access", stage.left, ([f"OS-IMAGE-{image}"], []))
    with stage.look() as array:
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        step(f"{kind}: size", lambda: (volume.size, volume.options["replica_count"]), (GIB, 2))
        notes = {"checksum": content.digest("md5"), "length": str(SIZE), "type": "image"}
        step(f"{kind}: notes for Cinder", lambda: array.metadata(volume), notes)
    data = content.bytes(0, SIZE)
    stage.array.mark()
    step(f"{kind}: download", lambda: whole(uri, kind) == (data, SIZE), True)
    if budget:
        step(f"{kind}: its requests", lambda: len(stage.array.requests()) <= 8, True)
    step(f"{kind}: nobody has access then", lambda: stage.left()[1], [])
    step(f"{kind}: length", lambda: multi_backend.get_size_from_uri_and_backend(uri, kind), SIZE)
    for offset, length in ((0, 1), (9 * MIB + 1, 5 * MIB + 3), (SIZE - 7, 7), (513, None)):
        end = SIZE if length is None else offset + length
        expected = (data[offset:end], end - offset)
        step(f"{kind}: {length} from {offset}", lambda o=offset, n=length: whole(uri, kind, o, n), expected)
    step(f"{kind}: beyond the end", lambda: whole(uri, kind, SIZE - 5, 100), (data[-5:], 5))
    step(f"{kind}: from the end", lambda: whole(uri, kind, SIZE, 100), (b"", 0))
    again = Content(SIZE)
    step(f"{kind}: once more", lambda: add(kind, image, again, SIZE), refused=exceptions.Duplicate)
    step(f"{kind}: it is still there", lambda: whole(uri, kind, 0, 100), (data[:100], 100))

    # Two readers of one image, side by side; the first to go does not take it from the other
    first, _length = multi_backend.get(uri, kind)
    second, _length = multi_backend.get(uri, kind)
    begun = next(first), next(second)
    step(
        f"{kind}: in use", lambda: multi_backend.delete(uri, kind), refused=exceptions.InUseByStore
    ) if budget else None
    step(f"{kind}: the first ends", lambda: begun[0] + b"".join(first) == data, True)
    step(f"{kind}: the second goes on", lambda: begun[1] + b"".join(second) == data, True)
    half, _length = multi_backend.get(uri, kind)
    next(half)
    step(f"{kind}: one is given up", half.close)
    step(f"{kind}: and nobody has access", lambda: stage.left()[1], [])
    reading, length = multi_backend.get(uri, kind)
    while length:
        length -= len(next(reading))
    step(f"{kind}: let go with the last piece, not after it", lambda: stage.left()[1], [])
    with stage.look() as array:
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        array.set_metadata(volume, dict(notes, checksum="0" * 32))
    broken = exceptions.BackendException
    step(f"{kind}: it was changed", lambda: whole(uri, kind), refused=broken, says="not what was stored")
    step(f"{kind}: delete", lambda: multi_backend.delete(uri, kind), None)
    step(f"{kind}: nothing is left", stage.left, ([], []))
    step(f"{kind}: delete again", lambda: multi_backend.delete(uri, kind), refused=NOT_FOUND, says=image)
    step(f"{kind}: nothing to read", lambda: multi_backend.get(uri, kind), refused=NOT_FOUND)
    step(f"{kind}: no length", lambda: multi_backend.get_size_from_uri_and_backend(uri, kind), refused=NOT_FOUND)

    # Uploads that fail leave nothing
    for name, content_, size, kind_of in (
        ("too short", Content(MIB), 2 * MIB, exceptions.Invalid),
        ("too long", Content(10 * MIB), 9 * MIB, exceptions.Invalid),
        ("the client goes", Content(20 * MIB, fails_at=9 * MIB), 20 * MIB, OSError),
        ("the client goes, unknown length", Content(20 * MIB, fails_at=9 * MIB), 0, OSError),
    ):
        step(f"{kind}: {name}", lambda c=content_, s=size: add(kind, new_id(), c, s), refused=kind_of)
        step(f"{kind}: nothing after {name}", stage.left, ([], []))
    empty = new_id()
    step(f"{kind}: empty", lambda: add(kind, empty, io.BytesIO(b""), 0)[1:3], (0, hashlib.md5(b"").hexdigest()))
    step(f"{kind}: empty again", lambda: whole(uri.replace(image, empty), kind), (b"", 0))
    step(f"{kind}: the empty one goes", lambda: multi_backend.delete(uri.replace(image, empty), kind))


def user(stage: Stage) -> None:
    life(stage, "one")
    store = store_of("one")
    masks = capabilities.BitMasks
    step("random reads", lambda: store.is_capable(masks.READ_RANDOM, masks.WRITE_ACCESS, masks.DRIVER_REUSABLE), True)
    step("not random writes", lambda: store.is_capable(masks.WRITE_OFFSET), False)
    step("schemes", store.get_schemes, ("datera",))
    prefix = f"datera://{stage.entry['address']}:{stage.entry['port']}/"
    step("prefix of its locations", lambda: store.url_prefix, prefix)

    # A length that is not known, beyond what the volume has at first
    image, content = new_id(), Content(GIB + 5 * MIB + 1)
    made = step("upload of unknown length", lambda: add("one", image, content, 0, algorithm="sha512"))
    wanted = (content.length, content.digest("md5"), content.digest("sha512"))
    step("length and hashes", lambda: made[1:4], wanted)
    edge = GIB - MIB
    expected = (content.bytes(edge, 2 * MIB), 2 * MIB)
    step("across the growth", lambda: whole(made[0], "one", edge, 2 * MIB), expected)
    step("it grew once", lambda: [one["size"] for one in stage.array.state()["volumes"]], [2 * GIB])
    step("its length", lambda: multi_backend.get_size_from_uri_and_backend(made[0], "one"), content.length)
    multi_backend.delete(made[0], "one")
    step("and all is gone", stage.left, ([], []))

    # Another store, in a tenant of the same array
    image, content = new_id(), Content(MIB)
    made = step("in a tenant", lambda: add("tenant", image, content, MIB))
    step("its store", lambda: made[4], {"store": "tenant"})
    step("read there", lambda: whole(made[0], "tenant") == (content.bytes(0, MIB), MIB), True)
    step("not in the other", lambda: multi_backend.get(made[0], "one"), refused=NOT_FOUND)
    with stage.look("/root/acme") as array:
        step("made in the tenant", lambda: [one.name for one in array.volumes()], [f"OS-IMAGE-{image}"])
    step("deleted there", lambda: multi_backend.delete(made[0], "tenant"))

    # Nobody is on the array's side of the portal
    path = store._path
    hidden = path._program
    path._program = "/bin/false"
    gone = exceptions.TimeoutError
    step("no data path", lambda: add("one", new_id(), Content(MIB), MIB), refused=gone, says="portal gives the volume")
    path._program = hidden
    step("nothing is left of it", stage.left, ([], []))

    # More at once than there are sessions
    content = Content(3 * MIB)
    made = add("one", new_id(), content, 3 * MIB)
    open_ones = [multi_backend.get(made[0], "one")[0] for _number in range(6)]
    firsts = [next(one) for one in open_ones]
    results: list[bool] = []

    def finish(number: int) -> None:
        results.append(firsts[number] + b"".join(open_ones[number]) == content.bytes(0, 3 * MIB))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    step("six readers, four sessions", lambda: results, [True] * 6)
    step("the last one leaves nothing", lambda: stage.left()[1], [])
    multi_backend.delete(made[0], "one")


def files(stage: Stage) -> None:
    """The kernel's path, with os-brick's connector for local files in place of the one for iSCSI."""
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
    step("os-brick is what is configured", lambda: type(store._path), kernel.KernelPath)
    store._path = Local(CONF, "env", False, 3, 5.0)
    store._path.check()

    def share(seconds: float) -> int:
        """Another worker of this host that has the volume for a while."""
        child = os.fork()
        if child == 0:
            try:
                with kernel.FileShare(f"{stage.folder}/locks/x").beginning():
                    pass
                time.sleep(seconds)
            finally:
                os._exit(0)
        return child

    mine = kernel.FileShare(f"{stage.folder}/locks/x")
    with mine.beginning():
        pass
    other = share(60)
    time.sleep(0.5)
    with mine.ending() as last:
        step("another worker has it", lambda: last, False)
    os.kill(other, 9)
    os.waitpid(other, 0)
    with mine.beginning():
        pass
    with mine.ending() as last:
        step("a killed one does not", lambda: last, True)

    # The host's initiator stays known to the array: others on this host use it too
    before = stage.left
    stage.left = lambda: (before()[0], [one for one in before()[1] if "volume" in one])  # type: ignore[method-assign]
    life(stage, "one", budget=False)


def initiators(folder_of: str) -> list[str]:
    """The processes that have a session with an array for a worker of ours, told by where their sockets are."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].endswith("qemu-nbd") and f"{folder_of}/openflash-nbd-" in " ".join(words):
            found.append(folder.name)
    return found


def killed(stage: Stage) -> None:
    """A worker is killed in the middle of an upload, and another one while it reads."""
    image, content = new_id(), Content(SIZE)
    tempfile.tempdir = stage.folder

    def worker(action: Any) -> None:
        """Let a process of its own begin, and kill it when it says that it has."""
        here, there = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                action(lambda: os.write(there, b"!"))
            finally:
                os._exit(1)
        os.close(there)
        assert os.read(here, 1) == b"!"
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(here)

    class Stalls(Content):
        def __init__(self, told: Any) -> None:
            super().__init__(SIZE)
            self._told = told

        def read(self, length: int = 65536) -> bytes:
            if self._at > 12 * MIB:
                self._told()
                time.sleep(60)
            return super().read(length)

    def gone() -> bool:
        end = time.monotonic() + 10
        while initiators(stage.folder) and time.monotonic() < end:
            time.sleep(0.05)
        return not initiators(stage.folder)

    worker(lambda told: add("one", image, Stalls(told), SIZE))
    step("its initiator ends with it", gone, True)
    step("it left something", lambda: stage.left()[0], [f"OS-IMAGE-{image}"])
    made = step("Glance tries again", lambda: add("one", image, content, SIZE))
    step("it is whole", lambda: whole(made[0], "one") == (content.bytes(0, SIZE), SIZE), True)

    def reads(told: Any) -> None:
        pieces, _length = multi_backend.get(made[0], "one")
        next(pieces)
        told()
        time.sleep(60)

    worker(reads)
    step("so does that of a reader", gone, True)
    step("others read on", lambda: whole(made[0], "one", 5, 100), (content.bytes(5, 100), 100))
    step("and it can be deleted", lambda: multi_backend.delete(made[0], "one"), None)
    step("nothing is left, their initiators included", stage.left, ([], []))
    step("no initiator runs", lambda: initiators(stage.folder), [])
    folders = [one.name for one in Path(stage.folder).iterdir() if one.name.startswith("openflash-nbd-")]
    step("no folder of a socket", lambda: folders, [])


def old(stage: Stage) -> None:
    """What is on the array already, and what is wrong there."""
    uri = f"datera://{stage.entry['address']}:{stage.entry['port']}/app_instances/%s"
    data = Content(2 * MIB).bytes(0, 2 * MIB)
    checksum = hashlib.md5(data).hexdigest()
    with stage.look() as array:
        image = new_id()
        made = add("one", image, io.BytesIO(data), len(data))
        # As the older stores leave an image: offline, and entries of every transfer in its access list
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        host = array.single_host("older", model.Initiator("iqn.2026-01.org.example:old", model.ISCSI))
        array.map_volume(volume, host)
        array._edf.put(volume.id.split("/storage_instances/")[0], {"admin_state": "offline", "force": True})
        step("an offline image", lambda: whole(made[0], "one"), (data, len(data)))
        for form in (f"OS-{image}", f"OS-IMAGE-{image}", f"IMAGE-{image}", image):
            step(f"by {form[:9]}", lambda form=form: whole(uri % form, "one", 0, 9), (data[:9], 9))
        moved = f"datera://192.0.2.1:7717/app_instances/{image}"
        step("after the array has moved", lambda: whole(moved, "one", 0, 9), (data[:9], 9))
        renamed = array.rename_volume(volume, f"OS-{image}")
        step("the name up to 2018", lambda: whole(made[0], "one"), (data, len(data)))
        array.set_metadata(renamed, {"length": str(len(data)), "checksum": checksum, "host": "cinder"})
        step("a volume of Cinder is none", lambda: multi_backend.get(made[0], "one"), refused=NOT_FOUND)
        step("and is not deleted", lambda: multi_backend.delete(made[0], "one"), refused=NOT_FOUND)
        step("it is there", lambda: [one.name for one in array.volumes()], [f"OS-{image}"])
        volume = array.rename_volume(renamed, f"OS-IMAGE-{image}")
        array.set_metadata(volume, {})
        step(
            "one that does not say its length", lambda: multi_backend.get_size_from_uri_and_backend(made[0], "one"), GIB
        )
        array.set_metadata(volume, {"length": str(5 * GIB), "type": "image"})
        too_long = exceptions.RemoteServiceUnavailable
        step("one that says too much", lambda: multi_backend.get(made[0], "one"), refused=too_long)
        # An upload was killed: it is no image yet
        array.set_metadata(volume, {})
        again = step("after a killed upload", lambda: add("one", image, io.BytesIO(data), len(data)))
        step("it is whole", lambda: whole(again[0], "one"), (data, len(data)))
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        snapshots = array.create_snapshots([model.SnapshotSpec("kept", volume)])
        has = exceptions.HasSnapshot
        step("an image with snapshots", lambda: multi_backend.delete(made[0], "one"), refused=has)
        array.delete_snapshot(replace(snapshots[0], children=()))
        step("without", lambda: multi_backend.delete(made[0], "one"))
    step("no volume is left", lambda: stage.left()[0], [])

    for bad in (
        "datera://",
        "datera://host",
        "datera://host:7718/volumes/x",
        f"datera://host:99999/app_instances/{new_id()}",
        f"datera://host:7718/app_instances/{new_id()}?x=1",
        "datera://host:7718/app_instances/../../system",
        f"datera://me:secret@host:7718/app_instances/{new_id()}",
    ):
        step(f"no location: {bad[:40]}", lambda bad=bad: multi_backend.get(bad, "one"), refused=exceptions.BadStoreUri)
    six = f"datera://[2001:db8::1]:7718/app_instances/{new_id()}"
    parsed = location.get_location_from_uri_and_backend(six, "one", CONF)
    step("IPv6", parsed.get_store_uri, six)

    # The array says no
    full, denied = exceptions.StorageFull, exceptions.StorageWriteDenied
    small = lambda: add("one", new_id(), Content(MIB), MIB)  # noqa: E731
    stage.array.fault(kind="pool_full", count=1)
    step("no room", small, refused=full)
    stage.array.clear()
    stage.array.fault(kind="expired", count=None)
    step("the account is locked", small, refused=denied)
    forbidden = exceptions.Forbidden
    step("and nothing is read", lambda: multi_backend.get(uri % new_id(), "one"), refused=forbidden)
    stage.array.clear()
    small()
    stage.array.fault(kind="expired", count=1, match={"path": "app_instances"})
    step("the session has expired", lambda: small()[1], MIB)
    stage.array.fault(kind="reset_before", count=None)
    gone = exceptions.RemoteServiceUnavailable
    step("the array is down", lambda: multi_backend.get(uri % new_id(), "one"), refused=gone)
    step("and takes nothing", small, refused=exceptions.TimeoutError)
    step("a store is made meanwhile", lambda: store_of("one").configure(re_raise_bsc=True), None)
    stage.array.clear()
    step("and works when the array is back", lambda: small()[1], MIB)
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
    step("no address", lambda: wrong(datera_san_ip=""), refused=bad_store, says="datera_san_ip")
    step("a wrong password", lambda: wrong(datera_san_password="wrong_password"), refused=bad_store)
    said = ""
    try:
        wrong(datera_san_password="wrong_password")
    except bad_store as error:
        said = str(error)
    step("which is not told", lambda: (bool(said), "wrong_password" in said, secret in said), (True, False, False))
    step("adding is off", small, refused=exceptions.StoreAddDisabled)
    step("the wrong certificates", lambda: wrong(datera_ca_file="/etc/hostname"), refused=bad_store)
    mode = {"datera_placement_mode": "tape", "datera_replica_count": 9}
    step("impossible values", lambda: wrong(**mode), refused=bad_store, says="datera_replica_count")


def single(stage: Stage) -> None:
    """As before there were several stores, and as the older store is configured."""
    backend.register_opts(CONF)
    CONF.set_override("stores", ["file", "datera"], group="glance_store")
    CONF.set_override("filesystem_store_datadir", stage.folder, group="glance_store")
    glance_store.create_stores(CONF)
    glance_store.verify_default_store()
    store = location.SCHEME_TO_CLS_MAP["datera"]["store"]
    image, content = new_id(), Content(MIB)
    made = step("upload", lambda: store.add(image, content, MIB, "sha256", None))
    step("no store in the metadata", lambda: made[4], {})
    old_way = step("as before 2018", lambda: store.add(new_id(), io.BytesIO(b"x" * 9), 9))
    step("four things", lambda: len(old_way), 4)
    pieces, length = glance_store.get_from_backend(made[0])
    step("download", lambda: (b"".join(pieces) == content.bytes(0, MIB), length), (True, MIB))
    step("length", lambda: glance_store.get_size_from_backend(made[0]), MIB)
    step("delete", lambda: glance_store.delete_from_backend(made[0]))
    options = importutils.import_module("openflash_openstack.glance.options")
    defaults = {one.name: one.default for one in options.OPTIONS}
    wanted = {
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
    step("options and defaults of the older store", lambda: {name: defaults.get(name, ...) for name in wanted}, wanted)


def main() -> Iterator[None] | int:
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
    return status()


if __name__ == "__main__":
    sys.exit(main())
