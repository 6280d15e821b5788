# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images from web servers, and the data paths to volumes: masking, CHAP, stale devices."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.images.lab import MIB, Lab, sha256
from tests.support.diffs import after
from tests.support.iscsi import IscsiHost, Refused
from tests.support.running import wait_until

CHAP = {"chap_username": "of-user", "chap_password": "chap-secret-15"}


# ---- web servers -----------------------------------------------------------------------------------------------------


class Web:
    """A web server with some files, which records the requested paths."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requested: list[str] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.requested.append(self.path)
                name = self.path.split("?")[0]
                if name == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "file:///etc/passwd")
                    self.end_headers()
                    return
                data = web.files.get(name)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"") + (100 if name == "/cut" else 0)))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_args: Any) -> None:
                return

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(60)


@pytest.fixture
def web() -> Iterator[Web]:
    running = Web()
    yield running
    running.stop()


def test_an_image_is_fetched_from_a_web_server_once(datera: Lab, web: Web) -> None:
    """This array keeps a note of the image, so the second task needs no file."""
    image = datera.image("qcow2", datera.raw())
    web.files["/image"] = image.read_bytes()
    url, checksum = web.url("/image?token=of-secret-token"), f"sha256:{sha256(image)}"
    predicted = datera.run(path=url, checksum=checksum, check=True)
    assert predicted.changed
    assert web.requested == []
    assert "Check mode does not fetch the image" in predicted.warnings[0]
    assert predicted["volume"]["size"] is None, "the size is not known before the image is fetched"
    assert predicted["volume"]["size_text"] is None, "the size is not known before the image is fetched"
    sized = datera.run(path=url, checksum=checksum, check=True, size="20GiB", diff=True)
    assert sized["volume"]["size"] is None
    assert "size" not in after(sized["diff"])["volume golden"]
    imported = datera.imported(url, checksum=checksum)
    assert imported.changed
    assert imported["image"]["source"] == web.url("/image?***")
    assert len(web.requested) == 1
    assert datera.imported(url, checksum=checksum).changed is False
    assert datera.imported(image).changed is False, "the same image as a local file"
    assert len(web.requested) == 1
    assert [path.name for path in (datera.folder / "state").iterdir()] == []


def test_a_bad_answer_of_a_web_server_is_refused_before_any_write(dsware: Lab, web: Web) -> None:
    data = dsware.raw().read_bytes()
    web.files.update({"/image": data, "/cut": data})
    checksum = f"sha256:{sha256(dsware.folder / 'image.raw')}"
    for path, message, args in (
        ("/missing", "answers 404", {}),
        ("/cut", "ends after", {}),
        ("/moved", "redirects to file", {}),
        ("/image", "more than 1MiB", {"max_size": "1MiB"}),
        ("/image", "it is another image", {"checksum": "sha256:" + "0" * 64}),
    ):
        result = dsware.refused(message, check_mode=False, path=web.url(path), **{"checksum": checksum, **args})
        assert "root:" not in result.stdout
    stopped = Web()
    stopped.stop()
    dsware.refused("cannot be fetched", check_mode=False, path=stopped.url("/image"), checksum=checksum)
    assert dsware.volumes() == set()


SECRETS = ("Geheim7", "Geheim8", "Geheim9")


def test_a_secret_of_an_image_url_is_shown_nowhere(dsware: Lab, web: Web) -> None:
    """Not in a result, an error, a warning, a diff, a file of the run or the list of processes."""
    raw = dsware.raw(size=16 * MIB)
    web.files["/image"] = raw.read_bytes()
    port = web.server.server_port
    url = f"http://Geheim7:Geheim8@127.0.0.1:{port}/image?sig=Geheim9"
    shown = f"http://***@127.0.0.1:{port}/image?***"
    checksum = f"sha256:{sha256(raw)}"
    failing: list[dict[str, Any]] = [
        {"checksum": "sha256:" + "0" * 64},
        {"path": url.replace("/image", "/missing")},
        {"path": url.replace(f":{port}", ":1")},
        {"path": url.replace("http:", "ftp:")},
        {"path": url.replace("http://", "http:/")},
        {"path": url.replace(f":{port}", ":port")},
        {"path": url, "checksum": None},
        {"path": url, "state": "exported", "checksum": None},
        {"path": url, "keep_old": "no number"},
        {"path": url, "state": "nothing"},
        {"path": url, "no_such_option": 1},
        {"path": url, "connection": {"port": 9}},
    ]
    watchers = [Watcher(secret.encode()) for secret in SECRETS[:2]]
    for watcher in watchers:
        watcher.start()
    try:
        results = [dsware.run(path=url, checksum=checksum, check=True, diff=True)]
        for args in failing:
            results.append(dsware.run(**{"path": url, "checksum": checksum, "verbosity": 4, **args}))
            assert results[-1].failed
        results.append(dsware.imported(url, checksum=checksum, verbosity=4, diff=True))
    finally:
        for watcher in watchers:
            watcher.stop()
    assert all(watcher.leaks == [] for watcher in watchers)
    for result in results:
        for secret in SECRETS:
            assert secret not in result.stdout + result.stderr, result.stdout
    for result in (results[0], results[-1]):
        assert result["invocation"]["module_args"]["path"] == result["image"]["source"] == shown
        assert shown in result["plan"][0]
    assert shown in results[1].msg
    for path in (dsware.folder / "state").rglob("*"):
        assert not path.is_file() or b"Geheim" not in path.read_bytes()


def test_a_short_secret_of_a_url_masks_nothing_else(dsware: Lab, web: Web) -> None:
    raw = dsware.raw()
    web.files["/image"] = raw.read_bytes()
    url = web.url("/image?s=e").replace("http://", "http://o:p@")
    imported = dsware.imported(url, checksum=f"sha256:{sha256(raw)}")
    assert imported["plan"][0].startswith("copy image http://***@127.0.0.1:")
    assert imported["volume"]["name"] == "golden"
    assert imported.warnings == []


def test_the_system_log_has_no_secret_of_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible logs the options of a module before any code of the module runs."""
    from ansible.module_utils import basic

    from ansible_collections.openflash.storage.plugins.module_utils import flash_module

    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    args = {"path": "https://Geheim7:Geheim8@images.example/x.raw?sig=Geheim9"}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": args}).encode())
    module = flash_module.Module(argument_spec={"path": {"type": "str"}})
    assert "images.example" in logged[0]
    assert "Geheim" not in logged[0]
    assert module.params["path"] == args["path"], "the module itself needs the secrets"


# ---- paths -----------------------------------------------------------------------------------------------------------


def test_a_path_may_begin_with_the_home_directory_of_the_user(dsware: Lab) -> None:
    raw = dsware.raw()
    home = {"HOME": str(dsware.folder)}

    def run(**args: Any) -> Any:
        return dsware.array.modules.run("flash_image", {**dsware.array.connection, **dsware.args(**args)}, env=home)

    imported = run(path="~/image.raw")
    assert not imported.failed, imported.msg
    assert imported["image"]["source"] == str(raw)
    exported = run(path="~/out.raw", state="exported", format="raw")
    assert not exported.failed, exported.msg
    assert exported["image"]["dest"] == str(dsware.folder / "out.raw")
    assert (dsware.folder / "out.raw").exists()
    for args in ({"path": "~no-such-user/image.raw"}, {"path": "~no-such-user/out.raw", "state": "exported"}):
        refused = run(**args)
        assert refused.failed
        assert "home of a user that this host does not have" in refused.msg


# ---- masking and CHAP ------------------------------------------------------------------------------------------------


def iscsi_address(lab: Lab, name: str, host: str) -> tuple[str, str, int]:
    """Portal, target and LUN of the volume for this host."""
    with lab.array.library() as array:
        (mapping,) = [mapping for mapping in array.mappings(volumes=[name]) if mapping.host == host]
        port = next(port for port in array.ports_of([name]) if port.protocol == "iscsi")
        return str(port.portal), port.address, mapping.lun


def test_another_initiator_cannot_log_in_to_the_volume_of_an_image(datera: Lab) -> None:
    """With CHAP: a new volume requires the credentials of the task from its creation on."""
    datera.imported(datera.raw(), **CHAP)
    datera.map_to_another_host("golden")
    address = iscsi_address(datera, "golden", "other")
    iqn = "iqn.2026-01.org.example:other"
    IscsiHost(iqn, CHAP["chap_username"], CHAP["chap_password"]).io(datera.folder, *address, "read 0 512")
    for host in (
        IscsiHost("iqn.2026-01.org.example:another", CHAP["chap_username"], CHAP["chap_password"]),
        IscsiHost(iqn, CHAP["chap_username"], "another-secret"),
        IscsiHost(iqn),
    ):
        with pytest.raises(Refused):
            host.io(datera.folder, *address, "read 0 512")


def test_a_volume_that_requires_chap_is_exported_with_the_credentials_of_the_task(datera: Lab) -> None:
    source = datera.raw()
    datera.imported(source, **CHAP)
    out = datera.folder / "out.qcow2"
    for args in ({}, {**CHAP, "chap_password": "another-secret"}):
        result = datera.refused("CHAP credentials", path=out, state="exported", check_mode=False, **args)
        assert result["error"]["kind"] == "unauthorized"
        assert "chap_username" in result.msg
    assert not out.exists()
    assert datera.exported(out, verify=False, **CHAP).changed


def test_chap_credentials_are_generated_on_an_array_that_requires_chap(xtremio: Lab) -> None:
    """The cluster requires CHAP: an initiator without credentials cannot log in."""
    assert xtremio.row.simulator["chap"] is True
    assert xtremio.imported(xtremio.raw()).changed
    xtremio.map_to_another_host("golden")
    address = iscsi_address(xtremio, "golden", "other")
    with pytest.raises(Refused, match="Authentication failure"):
        IscsiHost("iqn.2026-01.org.example:other").io(xtremio.folder, *address, "read 0 512")


class Watcher(threading.Thread):
    """Reads the command lines and environments of all processes as long as it runs."""

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self._secret = secret
        self._over = threading.Event()
        self.programs: set[bytes] = set()
        self.leaks: list[str] = []

    def run(self) -> None:
        while not self._over.is_set():
            for folder in Path("/proc").iterdir():
                if not folder.name.isdigit() or int(folder.name) == os.getpid():
                    continue
                for name in ("cmdline", "environ"):
                    try:
                        data = (folder / name).read_bytes()
                    except OSError:
                        continue
                    if name == "cmdline":
                        self.programs.add(os.path.basename(data.split(b"\0")[0]))
                    if self._secret in data:
                        self.leaks.append(f"{folder.name}/{name}")

    def stop(self) -> None:
        self._over.set()
        self.join(60)


def test_a_secret_is_in_no_list_of_processes_and_in_no_result(datera: Lab) -> None:
    secret = CHAP["chap_password"]
    watcher = Watcher(secret.encode())
    watcher.start()
    try:
        imported = datera.imported(datera.raw(size=64 * MIB), verbosity=3, diff=True, **CHAP)
    finally:
        watcher.stop()
    assert b"qemu-img" in watcher.programs
    assert watcher.leaks == []
    assert secret not in imported.stdout + imported.stderr
    for path in datera.folder.rglob("*"):
        assert path.name == "image.raw" or not path.is_file() or secret.encode() not in path.read_bytes()


# ---- devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["violin", "flashsystem"])
def test_nothing_is_written_to_a_stale_device_at_the_same_lun(request: pytest.FixtureRequest, row: str) -> None:
    """A volume was unmapped while this host still has its disk, and the next volume gets its LUN."""
    lab: Lab = request.getfixturevalue(row)
    lab.done("flash_volume", name="unmapped", size="1GiB")
    addresses = ["10:00:00:00:c9:f1:00:01", "10:00:00:00:c9:f1:00:02"]
    lab.done("flash_host_map", host="this-host", initiators=addresses, volume="unmapped", lun=0)
    (Path(lab.array.endpoint["device_root"]) / "sys/class/scsi_host/host1/scan").write_text("- - -")
    wait_until(lambda: len(lab.disks()) == 2, 30, "the host has not found the disks")
    lab.done("flash_host_map", host="this-host", volume="unmapped", state="absent")
    stale = lab.disks()
    content = lab.content("unmapped")
    result = lab.run(path=lab.raw())
    assert result.failed
    assert "earlier volume" in result.msg
    assert "/device/delete" in result.msg
    assert lab.content("unmapped") == content
    assert lab.volumes() == {"unmapped"}
    assert lab.array.luns() == {}
    assert lab.disks() == stale
    for name in stale:
        (Path(lab.array.endpoint["device_root"]) / f"sys/block/{name}/device/delete").write_text("1")
    wait_until(lambda: not lab.disks(), 30, "the host has not removed the disks")
    assert lab.imported(lab.raw()).changed


def test_a_missing_path_is_reported_before_anything_is_created(violin: Lab) -> None:
    remote = Path(violin.array.endpoint["device_root"]) / "sys/class/fc_remote_ports"
    hidden = remote.with_name("hidden")
    remote.rename(hidden)
    try:
        result = violin.run(path=violin.raw())
    finally:
        hidden.rename(remote)
    assert result.failed
    assert "none of the array's ports is zoned to it" in result.msg
    violin.assert_nothing_unfinished()
    assert violin.volumes() == set()


def test_data_path_kernel_fails_on_a_host_without_fibre_channel(xtremio: Lab) -> None:
    empty = xtremio.folder / "root"
    empty.mkdir()
    result = xtremio.run(path=xtremio.raw(), data_path="kernel", connection={"device_root": str(empty)})
    assert result.failed
    assert "no Fibre Channel adapter" in result.msg
    assert "data_path: user_space" in result.msg
    xtremio.assert_nothing_unfinished()
