# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of glance_store_datera.py share: images, an array with stores, and all operations on an image."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import site
import tempfile
import uuid
from pathlib import Path
from typing import Any

# A site folder, so that its path file is used as if pip had installed the distribution
site.addsitedir(os.environ["OPENFLASH_SITE"])

from glance_store import exceptions, location, multi_backend
from oslo_config import cfg
from steps import GIB, SimulatedArray, Steps

from openflash import connect, model

MIB = 1 << 20
RUN = Steps()
step = RUN.step
CONF = cfg.CONF
NOT_FOUND = exceptions.NotFound
# Not a multiple of anything
SIZE = 20 * MIB + 12345


def new_id() -> str:
    return str(uuid.uuid4())


class Content:
    """An image's bytes, read in pieces of different sizes, as a web server does. One block is repeated."""

    def __init__(self, length: int, fails_at: int | None = None) -> None:
        self.block = os.urandom(4 * MIB)
        self.length = length
        self._at = 0
        self._fails_at = fails_at

    def bytes(self, offset: int, length: int) -> builtins.bytes:
        start = offset % len(self.block)
        return (self.block[start:] + self.block * (length // len(self.block) + 1))[:length]

    def read(self, length: int = 65536) -> builtins.bytes:
        if self._fails_at is not None and self._at >= self._fails_at:
            raise OSError("the client went away")
        # Not a multiple of any block size
        piece = self.bytes(self._at, min(length, 3 * MIB + 7, self.length - self._at))
        self._at += len(piece)
        return piece

    def digest(self, algorithm: str) -> str:
        digest = hashlib.new(algorithm)
        for start in range(0, self.length, len(self.block)):
            digest.update(self.block[: min(len(self.block), self.length - start)])
        return digest.hexdigest()


class Verifier:
    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def update(self, data: bytes) -> None:
        self.digest.update(data)


class Stage:
    """An array, the stores on it, and a client of the library."""

    def __init__(self, endpoints: str, name: str, **sections: dict[str, Any]) -> None:
        self.array = SimulatedArray(endpoints, name)
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
        """The names of the volumes, and the entries of hosts and access lists."""
        state = self.array.state()
        hosts = [row["name"] for row in state["hosts"]] + [str(mapping) for mapping in state["mappings"]]
        return sorted(row["name"] for row in state["volumes"]), hosts


def add(store: str, image: str, content: Any, size: int, verifier: Any = None, algorithm: str = "sha256") -> Any:
    return multi_backend.add_with_multihash(CONF, image, content, size, store, algorithm, verifier=verifier)


def whole(uri: str, store: str, offset: int = 0, chunk_size: int | None = None) -> tuple[bytes, int]:
    pieces, length = multi_backend.get(uri, store, offset=offset, chunk_size=chunk_size)
    return b"".join(pieces), length


def store_of(name: str) -> Any:
    return location.SCHEME_TO_CLS_BACKEND_MAP["datera"][name]["store"]


def life(stage: Stage, kind: str, budget: bool = True) -> None:
    """All operations on an image over one data path, from upload to deletion."""
    image, content, verifier = new_id(), Content(SIZE), Verifier()
    mark = stage.array.mark()
    added = step(f"{kind}: upload", lambda: add(kind, image, content, SIZE, verifier))
    uri = f"datera://{stage.entry['address']}:{stage.entry['port']}/app_instances/{image}"
    expected_result = (uri, SIZE, content.digest("md5"), content.digest("sha256"), {"store": kind})
    step(f"{kind}: the result of the upload", lambda: added, expected_result)
    if budget:
        # The older store needs 16 to 18 (wire sheet, section 5)
        sent = [request for request in stage.array.requests(mark) if "log" not in request["path"]]
        step(f"{kind}: the requests of the upload above 13", lambda: max(0, len(sent) - 13), 0)
    step(f"{kind}: the verifier got all bytes", lambda: verifier.digest.hexdigest(), content.digest("sha256"))
    step(f"{kind}: nobody has access after the upload", stage.left, ([f"OS-IMAGE-{image}"], []))
    with stage.look() as array:
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        step(f"{kind}: size", lambda: (volume.size, volume.options["replica_count"]), (GIB, 2))
        notes = {"checksum": content.digest("md5"), "length": str(SIZE), "type": "image"}
        step(f"{kind}: the metadata for Cinder", lambda: array.metadata(volume), notes)
    data = content.bytes(0, SIZE)
    mark = stage.array.mark()
    step(f"{kind}: download", lambda: whole(uri, kind) == (data, SIZE), True)
    if budget:
        step(f"{kind}: the requests of the download above 11", lambda: max(0, len(stage.array.requests(mark)) - 11), 0)
    step(f"{kind}: nobody has access after the download", lambda: stage.left()[1], [])
    step(f"{kind}: length", lambda: multi_backend.get_size_from_uri_and_backend(uri, kind), SIZE)
    for offset, length in ((0, 1), (9 * MIB + 1, 5 * MIB + 3), (SIZE - 7, 7), (513, None)):
        end = SIZE if length is None else offset + length
        expected = (data[offset:end], end - offset)
        step(f"{kind}: {length} from {offset}", lambda start=offset, n=length: whole(uri, kind, start, n), expected)
    step(f"{kind}: a range that exceeds the end", lambda: whole(uri, kind, SIZE - 5, 100), (data[-5:], 5))
    step(f"{kind}: a range that begins at the end", lambda: whole(uri, kind, SIZE, 100), (b"", 0))
    again = Content(SIZE)
    step(f"{kind}: upload the same image again", lambda: add(kind, image, again, SIZE), refused=exceptions.Duplicate)
    step(f"{kind}: the first image is unchanged", lambda: whole(uri, kind, 0, 100), (data[:100], 100))

    # Two readers of one image at the same time: the first to end does not take it from the other
    first, _length = multi_backend.get(uri, kind)
    second, _length = multi_backend.get(uri, kind)
    begun = next(first), next(second)
    step(
        f"{kind}: delete while it is read", lambda: multi_backend.delete(uri, kind), refused=exceptions.InUseByStore
    ) if budget else None
    step(f"{kind}: the first reader gets all bytes", lambda: begun[0] + b"".join(first) == data, True)
    step(f"{kind}: the second reader gets all bytes", lambda: begun[1] + b"".join(second) == data, True)
    half, _length = multi_backend.get(uri, kind)
    next(half)
    step(f"{kind}: a reader stops early", half.close)
    step(f"{kind}: nobody has access after a reader stops", lambda: stage.left()[1], [])
    reading, length = multi_backend.get(uri, kind)
    while length:
        length -= len(next(reading))
    step(f"{kind}: access ends with the last piece", lambda: stage.left()[1], [])
    with stage.look() as array:
        volume = array.volumes([f"OS-IMAGE-{image}"]).items[0]
        array.set_metadata(volume, dict(notes, checksum="0" * 32))
    broken = exceptions.BackendException
    step(f"{kind}: a changed image is refused", lambda: whole(uri, kind), refused=broken, message="not what was stored")
    step(f"{kind}: delete", lambda: multi_backend.delete(uri, kind), None)
    step(f"{kind}: nothing remains", stage.left, ([], []))
    step(f"{kind}: delete again", lambda: multi_backend.delete(uri, kind), refused=NOT_FOUND, message=image)
    step(f"{kind}: read a deleted image", lambda: multi_backend.get(uri, kind), refused=NOT_FOUND)
    step(
        f"{kind}: the length of a deleted image",
        lambda: multi_backend.get_size_from_uri_and_backend(uri, kind),
        refused=NOT_FOUND,
    )

    # Uploads that fail leave nothing
    for name, content_, size, kind_of in (
        ("too short", Content(MIB), 2 * MIB, exceptions.Invalid),
        ("too long", Content(10 * MIB), 9 * MIB, exceptions.Invalid),
        ("the client goes", Content(20 * MIB, fails_at=9 * MIB), 20 * MIB, OSError),
        ("the client goes, unknown length", Content(20 * MIB, fails_at=9 * MIB), 0, OSError),
    ):
        step(
            f"{kind}: {name}",
            lambda failing=content_, declared_size=size: add(kind, new_id(), failing, declared_size),
            refused=kind_of,
        )
        step(f"{kind}: nothing remains after {name}", stage.left, ([], []))
    empty = new_id()
    step(
        f"{kind}: upload an empty image",
        lambda: add(kind, empty, io.BytesIO(b""), 0)[1:3],
        (0, hashlib.md5(b"").hexdigest()),
    )
    step(f"{kind}: read an empty image", lambda: whole(uri.replace(image, empty), kind), (b"", 0))
    step(f"{kind}: delete an empty image", lambda: multi_backend.delete(uri.replace(image, empty), kind))
