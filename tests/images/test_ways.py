# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How images and bytes get here: web servers, masking, CHAP, devices that are in the way."""

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
    """A web server that knows some files, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.asked.append(self.path)
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


def test_an_image_comes_from_a_web_server_and_only_once(datera: Lab, web: Web) -> None:
    """Where the array itself notes which image it was."""
    image = datera.image("qcow2", datera.raw())
    web.files["/image"] = image.read_bytes()
    url, checksum = web.url("/image?token=of-secret-token"), f"sha256:{sha256(image)}"
    predicted = datera.run(path=url, checksum=checksum, check=True)
    assert predicted.changed
    assert web.asked == []
    assert "Check mode does not fetch the image" in predicted.warnings[0]
    assert predicted["volume"]["size"] is None, "it is not known"
    assert predicted["volume"]["size_text"] is None, "it is not known"
    sized = datera.run(path=url, checksum=checksum, check=True, size="20GiB", diff=True)
    assert sized["volume"]["size"] is None
    assert "size" not in after(sized["diff"])["volume golden"]
    made = datera.imported(url, checksum=checksum)
    assert made.changed
    assert made["image"]["source"] == web.url("/image?***")
    assert len(web.asked) == 1
    assert datera.imported(url, checksum=checksum).changed is False
    assert datera.imported(image).changed is False, "the same image from elsewhere"
    assert len(web.asked) == 1
    assert [path.name for path in (datera.folder / "state").iterdir()] == []


def test_what_a_web_server_gives_is_not_trusted(dsware: Lab, web: Web) -> None:
    data = dsware.raw().read_bytes()
    web.files.update({"/image": data, "/cut": data})
    checksum = f"sha256:{sha256(dsware.folder / 'image.raw')}"
    for path, words, args in (
        ("/missing", "answers 404", {}),
        ("/cut", "ends after", {}),
        ("/moved", "redirects to file", {}),
        ("/image", "more than 1MiB", {"max_size": "1MiB"}),
        ("/image", "it is another image", {"checksum": "sha256:" + "0" * 64}),
    ):
        result = dsware.refused(words, both=False, path=web.url(path), **{"checksum": checksum, **args})
        assert "root:" not in result.stdout
    gone = Web()
    gone.stop()
    dsware.refused("cannot be fetched", both=False, path=gone.url("/image"), checksum=checksum)
    assert dsware.volumes() == set()


SECRETS = ("Geheim7", "Geheim8", "Geheim9")


def test_what_is_secret_in_the_url_of_an_image_is_shown_nowhere(dsware: Lab, web: Web) -> None:
    """Not in a result, an error, a warning, a diff, a file of the run, the list of processes or the system's log."""
    raw = dsware.raw(size=16 * MIB)
    web.files["/image"] = raw.read_bytes()
    port = web.server.server_port
    url = f"http://Geheim7:Geheim8@127.0.0.1:{port}/image?sig=Geheim9"
    shown = f"http://***@127.0.0.1:{port}/image?***"
    checksum = f"sha256:{sha256(raw)}"
    wrong: list[dict[str, Any]] = [
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
        for args in wrong:
            results.append(dsware.run(**{"path": url, "checksum": checksum, "verbosity": 4, **args}))
            assert results[-1].failed
        results.append(dsware.imported(url, checksum=checksum, verbosity=4, diff=True))
    finally:
        for watcher in watchers:
            watcher.stop()
    assert all(watcher.seen == [] for watcher in watchers)
    for result in results:
        for secret in SECRETS:
            assert secret not in result.stdout + result.stderr, result.stdout
    for result in (results[0], results[-1]):
        assert result["invocation"]["module_args"]["path"] == result["image"]["source"] == shown
        assert shown in result["plan"][0]
    assert shown in results[1].msg
    for path in (dsware.folder / "state").rglob("*"):
        assert not path.is_file() or b"Geheim" not in path.read_bytes()


def test_a_short_secret_of_a_url_garbles_nothing_else(dsware: Lab, web: Web) -> None:
    raw = dsware.raw()
    web.files["/image"] = raw.read_bytes()
    url = web.url("/image?s=e").replace("http://", "http://o:p@")
    made = dsware.imported(url, checksum=f"sha256:{sha256(raw)}")
    assert made["plan"][0].startswith("copy image http://***@127.0.0.1:")
    assert made["volume"]["name"] == "golden"
    assert made.warnings == []


def test_the_log_of_the_system_gets_no_secret_of_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible logs the options of a module before the module has a say."""
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
    assert module.params["path"] == args["path"], "the module itself needs them"


# ---- paths -----------------------------------------------------------------------------------------------------------


def test_a_path_may_begin_with_the_home_of_the_user(dsware: Lab) -> None:
    raw = dsware.raw()
    home = {"HOME": str(dsware.folder)}

    def run(**args: Any) -> Any:
        return dsware.array.modules.run("flash_image", {**dsware.array.connection, **dsware.args(**args)}, env=home)

    made = run(path="~/image.raw")
    assert not made.failed, made.msg
    assert made["image"]["source"] == str(raw)
    out = run(path="~/out.raw", state="exported", format="raw")
    assert not out.failed, out.msg
    assert out["image"]["dest"] == str(dsware.folder / "out.raw")
    assert (dsware.folder / "out.raw").exists()
    for args in ({"path": "~no-such-user/image.raw"}, {"path": "~no-such-user/out.raw", "state": "exported"}):
        refused = run(**args)
        assert refused.failed
        assert "home of a user that this host does not have" in refused.msg


# ---- masking and CHAP ------------------------------------------------------------------------------------------------


def way(lab: Lab, name: str, host: str) -> tuple[str, str, int]:
    """Portal, target and LUN."""
    with lab.array.library() as array:
        (mapping,) = [one for one in array.mappings(volumes=[name]) if one.host == host]
        port = next(port for port in array.ports_of([name]) if port.protocol == "iscsi")
        return str(port.portal), port.address, mapping.lun


def test_another_initiator_is_kept_out_of_an_image(datera: Lab) -> None:
    """With CHAP on: a new volume asks for the credentials of the task from the beginning."""
    datera.imported(datera.raw(), **CHAP)
    datera.map_elsewhere("golden")
    found = way(datera, "golden", "other")
    iqn = "iqn.2026-01.org.example:other"
    IscsiHost(iqn, CHAP["chap_username"], CHAP["chap_password"]).io(datera.folder, *found, "read 0 512")
    for host in (
        IscsiHost("iqn.2026-01.org.example:another", CHAP["chap_username"], CHAP["chap_password"]),
        IscsiHost(iqn, CHAP["chap_username"], "another-secret"),
        IscsiHost(iqn),
    ):
        with pytest.raises(Refused):
            host.io(datera.folder, *found, "read 0 512")


def test_a_volume_that_asks_for_chap_is_read_with_it(datera: Lab) -> None:
    source = datera.raw()
    datera.imported(source, **CHAP)
    out = datera.folder / "out.qcow2"
    for args in ({}, {**CHAP, "chap_password": "another-secret"}):
        result = datera.refused("CHAP credentials", path=out, state="exported", both=False, **args)
        assert result["error"]["kind"] == "unauthorized"
        assert "chap_username" in result.msg
    assert not out.exists()
    assert datera.exported(out, verify=False, **CHAP).changed


def test_an_array_that_wants_chap_gets_some_made_up(xtremio: Lab) -> None:
    """And without, nobody gets in: the cluster asks for it."""
    assert xtremio.row.simulator["chap"] is True
    assert xtremio.imported(xtremio.raw()).changed
    xtremio.map_elsewhere("golden")
    found = way(xtremio, "golden", "other")
    with pytest.raises(Refused, match="Authentication failure"):
        IscsiHost("iqn.2026-01.org.example:other").io(xtremio.folder, *found, "read 0 512")


class Watcher(threading.Thread):
    """Reads the command lines and environments of all processes as long as it runs."""

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self._secret = secret
        self._over = threading.Event()
        self.programs: set[bytes] = set()
        self.seen: list[str] = []

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
                        self.seen.append(f"{folder.name}/{name}")

    def stop(self) -> None:
        self._over.set()
        self.join(60)


def test_a_secret_is_in_no_list_of_processes_and_in_no_result(datera: Lab) -> None:
    secret = CHAP["chap_password"]
    watcher = Watcher(secret.encode())
    watcher.start()
    try:
        made = datera.imported(datera.raw(size=64 * MIB), verbosity=3, diff=True, **CHAP)
    finally:
        watcher.stop()
    assert b"qemu-img" in watcher.programs
    assert watcher.seen == []
    assert secret not in made.stdout + made.stderr
    for path in datera.folder.rglob("*"):
        assert path.name == "image.raw" or not path.is_file() or secret.encode() not in path.read_bytes()


# ---- devices ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ["violin", "flashsystem"])
def test_a_stale_path_at_the_lun_is_not_written_through(request: pytest.FixtureRequest, row: str) -> None:
    """A volume was unmapped while this host still had its disk, and the next one gets its LUN."""
    lab: Lab = request.getfixturevalue(row)
    lab.done("flash_volume", name="gone", size="1GiB")
    addresses = ["10:00:00:00:c9:f1:00:01", "10:00:00:00:c9:f1:00:02"]
    lab.done("flash_host_map", host="this-host", initiators=addresses, volume="gone", lun=0)
    (Path(lab.array.endpoint["device_root"]) / "sys/class/scsi_host/host1/scan").write_text("- - -")
    wait_until(lambda: len(lab.disks()) == 2, 30, "the host does not find its disks")
    lab.done("flash_host_map", host="this-host", volume="gone", state="absent")
    stale = lab.disks()
    content = lab.content("gone")
    result = lab.run(path=lab.raw())
    assert result.failed
    assert "earlier volume" in result.msg
    assert "/device/delete" in result.msg
    assert lab.content("gone") == content
    assert lab.volumes() == {"gone"}
    assert lab.array.luns() == {}
    assert lab.disks() == stale
    for name in stale:
        (Path(lab.array.endpoint["device_root"]) / f"sys/block/{name}/device/delete").write_text("1")
    wait_until(lambda: not lab.disks(), 30, "the host keeps its disks")
    assert lab.imported(lab.raw()).changed


def test_no_path_is_said_before_anything_is_made(violin: Lab) -> None:
    remote = Path(violin.array.endpoint["device_root"]) / "sys/class/fc_remote_ports"
    hidden = remote.with_name("hidden")
    remote.rename(hidden)
    try:
        result = violin.run(path=violin.raw())
    finally:
        hidden.rename(remote)
    assert result.failed
    assert "none of the array's ports is zoned to it" in result.msg
    violin.nothing_left()
    assert violin.volumes() == set()


def test_the_kernels_way_can_be_asked_for(xtremio: Lab) -> None:
    """And is said to be missing where it is."""
    empty = xtremio.folder / "root"
    empty.mkdir()
    result = xtremio.run(path=xtremio.raw(), data_path="kernel", connection={"device_root": str(empty)})
    assert result.failed
    assert "no Fibre Channel adapter" in result.msg
    assert "data_path: user_space" in result.msg
    xtremio.nothing_left()
