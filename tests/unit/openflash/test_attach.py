# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of this host, in folders like those of the kernel: their identity, their users, and what a copy writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Iterator

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach import content
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.disks import (
    Disk,
    Disks,
    Tree,
    parse_page_83,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.fibre_channel import FibreChannel
from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.iscsi import Iscsi
from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import (
    Conflict,
    FlashError,
    InUse,
    Timeout,
    Unauthorized,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import FC, ISCSI, Port

MIB = 1024**2
NAA = "60050760b12cb8570000000000000001"
OTHER = "60050760b12cb8570000000000000002"


def page_83(*identities: str) -> bytes:
    """A page with an NAA descriptor of the logical unit for each identity."""
    descriptors = b"".join(bytes([1, 3, 0, len(identity) // 2]) + bytes.fromhex(identity) for identity in identities)
    return bytes([0, 0x83]) + len(descriptors).to_bytes(2, "big") + descriptors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("dev/disk/by-id", "sys/block", "proc/self", "etc"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def add_disk(root: Path, name: str, known_as: str, reported: str, size: int = MIB) -> Path:
    """Add a path that the kernel has recorded with one identity, and whose disk reports the same or another one."""
    block = root / "sys/block" / name
    (block / "device").mkdir(parents=True)
    (block / "holders").mkdir()
    (block / "device/wwid").write_text(f"naa.{known_as}\n")
    (block / "device/vpd_pg83").write_bytes(page_83(reported))
    with (root / "dev" / name).open("wb") as stream:
        stream.truncate(size)
    link = root / "dev/disk/by-id" / ("wwn-0x" + known_as)
    if not link.is_symlink():
        link.symlink_to("../../" + name)
    return block


# ---- identity --------------------------------------------------------------------------------------------------------


def test_page_83_has_the_identities_of_the_logical_unit() -> None:
    port = bytes([0x61, 0x93, 0, 8]) + b"\x50" * 8  # of the target port and not of the disk
    vendor = bytes([0x02, 0x01, 0, 4]) + b"IBM "  # a text, which is not compared
    descriptors = port + vendor + page_83(NAA)[4:]
    page = bytes([0, 0x83]) + len(descriptors).to_bytes(2, "big") + descriptors
    assert parse_page_83(page) == (NAA,)


@pytest.mark.parametrize("page", [b"", b"\0", b"\0\x80\0\4abcd", page_83(NAA)[:10], page_83(), b"\0\x83\xff\xff"])
def test_a_malformed_page_83_has_no_identities(page: bytes) -> None:
    assert parse_page_83(page) == ()


def test_a_disk_is_found_by_its_identity(root: Path) -> None:
    add_disk(root, "sda", OTHER, OTHER)
    add_disk(root, "sdb", NAA, NAA)
    disks = Disks(Tree(str(root)))
    disk = disks.find(NAA, MIB)
    assert disk == Disk(str(root / "dev/sdb"), NAA, MIB)
    assert disks.paths(NAA) == ["sdb"]
    assert disks.find("6" * 32, MIB) is None
    with disks.reading(disk) as descriptor:
        assert os.pread(descriptor, 4, 0) == bytes(4)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.pwrite(descriptor, b"x", 0)


def test_a_multipath_device_is_preferred(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    add_disk(root, "sdb", NAA, NAA)
    (root / "dev/disk/by-id" / ("dm-uuid-mpath-3" + NAA)).symlink_to("../../dm-0")
    disk = Disks(Tree(str(root))).find(NAA, MIB)
    assert disk == Disk(str(root / "dev/dm-0"), NAA, MIB, "dm-0")


def test_without_udev_a_disk_is_found_by_the_identity_that_the_kernel_recorded(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    (root / "dev/disk/by-id" / ("wwn-0x" + NAA)).unlink()
    assert Disks(Tree(str(root))).find(NAA, MIB) == Disk(str(root / "dev/sda"), NAA, MIB)


def test_a_link_to_a_reused_lun_is_refused(root: Path) -> None:
    add_disk(root, "sda", NAA, OTHER)
    disks = Disks(Tree(str(root)))
    disk = disks.find(NAA, MIB)
    assert disk is not None
    for open_disk in (disks.reading, disks.writing):
        with pytest.raises(Conflict, match="LUN has been used again for another volume"), open_disk(disk):
            pass
    assert disks.stale(OTHER) == ["sda"]
    assert disks.stale(NAA) == []


def test_a_disk_of_another_size_than_the_volume_is_refused(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    disks = Disks(Tree(str(root)))
    disk = disks.find(NAA, 2 * MIB)
    assert disk is not None
    with pytest.raises(Conflict, match="1MiB on this host and 2MiB on the array"), disks.writing(disk):
        pass


def test_a_disk_that_does_not_answer_is_refused(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    (root / "dev/sda").unlink()
    disks = Disks(Tree(str(root)))
    disk = disks.find(NAA, MIB)
    assert disk is not None
    with pytest.raises(Conflict, match="does not answer"), disks.reading(disk):
        pass


# ---- use -------------------------------------------------------------------------------------------------------------


def in_use(root: Path, name: str = "sda") -> str:
    disks = Disks(Tree(str(root)))
    with pytest.raises(InUse) as caught, disks.writing(Disk(str(root / "dev" / name), NAA, MIB)):
        pass
    return str(caught.value)


def test_a_disk_that_is_part_of_another_device_is_refused(root: Path) -> None:
    block = add_disk(root, "sda", NAA, NAA)
    (block / "holders/dm-7").mkdir()
    assert "part of dm-7" in in_use(root)


def test_a_disk_with_a_mounted_partition_is_refused(root: Path) -> None:
    block = add_disk(root, "sda", NAA, NAA)
    (block / "sda1").mkdir()
    (block / "sda1/dev").write_text("8:1\n")
    (root / "proc/self/mountinfo").write_text("36 25 8:1 / /srv rw - ext4 /dev/whatever rw\n")
    assert "mounted on /srv" in in_use(root)


def test_a_mounted_disk_is_also_found_by_its_name(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    (root / "proc/self/mountinfo").write_text("36 25 0:40 / /srv rw - btrfs /dev/sda rw\n")
    assert "mounted on /srv" in in_use(root)


def test_a_disk_with_swap_space_is_refused(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    (root / "proc/swaps").write_text("Filename Type Size Used Priority\n/dev/sda partition 1 0 -2\n")
    assert "swap space" in in_use(root)


def test_a_disk_that_another_copy_writes_is_refused(root: Path) -> None:
    add_disk(root, "sda", NAA, NAA)
    disks = Disks(Tree(str(root)))
    disk = Disk(str(root / "dev/sda"), NAA, MIB)
    with disks.writing(disk):
        assert "locked" in in_use(root)
    with disks.writing(disk):
        pass


# ---- copies ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A source with holes and data, and a target with other data."""
    length = 3 * content.CHUNK + 512
    source = os.open(str(tmp_path / "source"), os.O_RDWR | os.O_CREAT)
    target = os.open(str(tmp_path / "target"), os.O_RDWR | os.O_CREAT)
    os.ftruncate(source, length)
    os.pwrite(source, b"first", 0)
    os.pwrite(source, b"across", content.CHUNK - 3)
    os.pwrite(source, b"last", length - 4)
    os.ftruncate(target, length)
    os.pwrite(target, b"\xff" * content.CHUNK, 2 * content.CHUNK)
    yield source, target
    os.close(source)
    os.close(target)


@pytest.mark.parametrize("checksum", [False, True])
def test_a_copy_is_complete_and_overwrites_the_target(files: tuple[int, int], checksum: bool) -> None:
    source, target = files
    length = os.fstat(source).st_size
    progress: list[tuple[int, int]] = []
    copied = content.copy(source, target, length, checksum, lambda done, of: progress.append((done, of)))
    assert os.pread(target, length, 0) == os.pread(source, length, 0)
    assert copied.length == length
    assert (copied.sha256 is not None) == checksum
    assert progress[-1] == (length, length)
    assert progress == sorted(progress)


def test_zeros_are_not_written_over_zeros(files: tuple[int, int]) -> None:
    source, target = files
    length = os.fstat(source).st_size
    content.copy(source, target, length)
    assert content.copy(source, target, length).written <= 3 * content.CHUNK + 512
    os.ftruncate(source, 0)
    os.ftruncate(target, 0)
    os.ftruncate(source, length)
    os.ftruncate(target, length)
    assert content.copy(source, target, length).written == 0


def test_a_source_that_ends_early_is_an_error(files: tuple[int, int]) -> None:
    source, target = files
    with pytest.raises(Conflict, match="source ends"):
        content.copy(source, target, os.fstat(source).st_size + 512)


def test_a_target_that_is_too_small_is_an_error(tmp_path: Path, files: tuple[int, int]) -> None:
    source, _ = files
    small = os.open(str(tmp_path / "small"), os.O_RDWR | os.O_CREAT)
    try:
        with pytest.raises(Conflict, match="target ends"):
            content.copy(source, small, os.fstat(source).st_size)
    finally:
        os.close(small)


# ---- data paths ------------------------------------------------------------------------------------------------------

TARGET = Port("node1:0", FC, "500507612cb85711", up=True)


def add_adapter(root: Path, state: str = "Online", target: str = "500507612cb85711") -> None:
    for folder, files in (
        ("fc_host/host1", {"port_name": "0x10000000c9f10001", "port_state": state}),
        ("fc_remote_ports/rport-1:0-0", {"port_name": "0x" + target, "port_state": "Online"}),
        ("scsi_host/host1", {"scan": ""}),
    ):
        home = root / "sys/class" / folder
        home.mkdir(parents=True)
        for name, text in files.items():
            (home / name).write_text(text + "\n")


def test_fibre_channel_gives_the_reason_for_a_missing_path(root: Path) -> None:
    fabric = FibreChannel(Tree(str(root)))
    assert fabric.no_path([TARGET]) == "it has no Fibre Channel adapter"
    add_adapter(root, "Linkdown")
    assert fabric.no_path([TARGET]) == "none of its Fibre Channel ports is online"


def test_a_fibre_channel_path_needs_a_port_of_the_array(root: Path) -> None:
    fabric = FibreChannel(Tree(str(root)))
    add_adapter(root, target="500507612cb85799")
    assert fabric.initiators() == ("10000000c9f10001",)
    assert fabric.no_path([]) == "the array has no active Fibre Channel port"
    assert fabric.no_path([TARGET]) == "none of the array's ports is zoned to it"
    assert fabric.no_path([Port("x", FC, "500507612cb85799")]) is None


def test_fibre_channel_scans_for_the_lun_until_the_timeout(root: Path) -> None:
    add_adapter(root)
    with pytest.raises(Timeout, match="did not appear on this host within 0.2 s"):
        FibreChannel(Tree(str(root)), timeout=0.2).attach(NAA, MIB, 5, [TARGET])
    assert (root / "sys/class/scsi_host/host1/scan").read_text().startswith("- - 5")


ISCSIADM = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
  *--login) {login} ;;
  *show) {show} ;;
esac
exit 0
"""


NEW = ["-o new", "-o update -n node.startup -v manual", "-o update -n node.session.scan -v manual"]


def iscsi(root: Path, login: str, show: str = "exit 21") -> Iscsi:
    """An initiator whose program logs its arguments."""
    (root / "etc/iscsi").mkdir()
    (root / "etc/iscsi/initiatorname.iscsi").write_text("## a comment\nInitiatorName=IQN.2026-01.org.example:here\n")
    program = root / "iscsiadm"
    program.write_text(ISCSIADM.format(log=root / "log", login=login, show=show))
    program.chmod(0o755)
    return Iscsi(Tree(str(root)), timeout=1.0, program=str(program))


@pytest.fixture
def portal() -> Iterator[Port]:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        yield Port("ip1", ISCSI, "iqn.1986-03.com.ibm:2145.x.node1", f"127.0.0.1:{listening.getsockname()[1]}", True)


def logged(root: Path) -> list[str]:
    lines = (root / "log").read_text().splitlines()
    return [line.split(" ", 6)[-1] for line in lines]


def test_iscsi_gives_the_reason_for_a_missing_path(root: Path, portal: Port) -> None:
    assert Iscsi(Tree(str(root))).no_path([portal]) == "it has no iSCSI initiator name"
    fabric = iscsi(root, "true")
    assert fabric.initiators() == ("iqn.2026-01.org.example:here",)
    assert fabric.no_path([TARGET]) == "the array has no iSCSI portal that is up"
    assert "answers it" in str(fabric.no_path([Port("x", ISCSI, "iqn.2026-01.org.example:x", "127.0.0.1:1")]))
    assert fabric.no_path([portal]) is None
    fabric.program = str(root / "none")
    assert "is not installed" in str(fabric.no_path([portal]))


def test_a_new_iscsi_session_ends_with_the_attachment(root: Path, portal: Port) -> None:
    fabric = iscsi(root, "true")
    fabric.scan(5, [portal])
    fabric.close()
    fabric.close()
    assert logged(root) == ["-o show", *NEW, "--login", "--rescan", "--logout", "-o delete"]


def test_an_existing_iscsi_session_is_kept(root: Path, portal: Port) -> None:
    fabric = iscsi(root, "exit 15")
    fabric.scan(5, [portal])
    fabric.close()
    fabric.close()
    assert logged(root) == ["-o show", *NEW, "--login", "--rescan", "-o delete"]


def add_session(root: Path, port: Port, number: int = 7, target: str | None = None) -> Path:
    """Add a session as the kernel shows it, with the file that starts a scan; the folder of the session."""
    folder = root / f"sys/devices/platform/host{number}/session{number}"
    (folder / f"target{number}:0:0").mkdir(parents=True)
    home = root / f"sys/class/iscsi_session/session{number}"
    home.mkdir(parents=True)
    (home / "device").symlink_to(folder)
    (home / "targetname").write_text(f"{target or port.address}\n")
    address, _colon, number_of_port = str(port.portal).partition(":")
    connection = root / f"sys/class/iscsi_connection/connection{number}:0"
    connection.mkdir(parents=True)
    (connection / "persistent_address").write_text(f"{address}\n")
    (connection / "persistent_port").write_text(f"{number_of_port}\n")
    scan = root / f"sys/class/scsi_host/host{number}/scan"
    scan.parent.mkdir(parents=True)
    scan.write_text("")
    return folder


@pytest.mark.parametrize("login", ["true", "exit 15"])
def test_a_scan_is_for_the_lun_of_the_volume_alone(root: Path, portal: Port, login: str) -> None:
    add_session(root, portal)
    add_session(root, portal, 8, "iqn.2026-01.org.example:another")
    fabric = iscsi(root, login)
    fabric.scan(5, [portal])
    assert (root / "sys/class/scsi_host/host7/scan").read_text() == "0 0 5"
    assert (root / "sys/class/scsi_host/host8/scan").read_text() == ""
    assert "--rescan" not in logged(root)


def test_a_session_whose_other_disk_is_in_use_is_kept(root: Path, portal: Port) -> None:
    folder = add_session(root, portal)
    fabric = iscsi(root, "true")
    fabric.scan(5, [portal])
    block = add_disk(root, "sdx", OTHER, OTHER)
    home = folder / "target7:0:0/7:0:0:6"
    (block / "device").rename(home)
    (block / "device").symlink_to(home)
    (block / "holders/dm-0").mkdir()
    fabric.close()
    assert not {"--logout", "-o delete"} & set(logged(root))


def test_a_session_without_a_disk_in_use_ends(root: Path, portal: Port) -> None:
    folder = add_session(root, portal)
    fabric = iscsi(root, "true")
    fabric.scan(5, [portal])
    block = add_disk(root, "sdx", OTHER, OTHER)
    home = folder / "target7:0:0/7:0:0:6"
    (block / "device").rename(home)
    (block / "device").symlink_to(home)
    fabric.close()
    assert logged(root)[-2:] == ["--logout", "-o delete"]


@pytest.mark.parametrize("login", ["true", "exit 15", "echo not today >&2; exit 8"])
def test_an_iscsi_record_of_the_administrator_is_neither_reset_nor_deleted(
    root: Path, portal: Port, login: str
) -> None:
    """It may hold CHAP credentials, and the login at the start of the host."""
    fabric = iscsi(root, login, show="true")
    try:
        fabric.scan(5, [portal])
    except FlashError:
        pass
    fabric.close()
    assert not {*NEW, "-o delete"} & set(logged(root))
    assert ("--logout" in logged(root)) == (login == "true"), "only a session of this attachment ends"


@pytest.mark.parametrize("show", ["echo database failure >&2; exit 6", "echo no iscsid >&2; exit 20"])
def test_no_iscsi_record_is_created_when_it_is_not_known_whether_one_exists(
    root: Path, portal: Port, show: str
) -> None:
    """A new record would replace the administrator's, with its CHAP credentials and start-up mode."""
    fabric = iscsi(root, "true", show)
    with pytest.raises(FlashError, match="-o show failed: (database failure|no iscsid)"):
        fabric.scan(5, [portal])
    fabric.close()
    assert logged(root) == ["-o show"]


@pytest.mark.parametrize("status", [21, 255])
def test_a_new_iscsi_record_does_not_log_in_at_the_start_of_the_host(root: Path, portal: Port, status: int) -> None:
    fabric = iscsi(root, "true", f"exit {status}")
    fabric.scan(5, [portal])
    assert logged(root)[:4] == ["-o show", *NEW]


def test_a_missing_program_is_reported_with_its_packages(root: Path) -> None:
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.fabric import run_command
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.attach.qemu import Qemu
    from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import MissingProgram

    for program, packages in (
        ("iscsiadm", ("open-iscsi", "iscsi-initiator-utils")),
        ("multipath", ("multipath-tools", "device-mapper-multipath")),
    ):
        with pytest.raises(MissingProgram) as missing:
            run_command((str(root / program), "--version"))
        text = str(missing.value)
        assert missing.value.kind == "missing_program"
        assert "library" not in text
        assert all(name in text for name in (program, *packages))
    with pytest.raises(MissingProgram, match="no program qemu-img-of-nobody on this host"):
        Qemu(program="qemu-img-of-nobody")


def test_the_reason_for_a_missing_iscsi_path_names_the_packages_of_the_program(
    root: Path, portal: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    iscsi(root, "true")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "iscsiadm is not installed (Debian and Ubuntu: open-iscsi" in str(Iscsi(Tree(str(root))).no_path([portal]))


def test_an_iscsi_login_that_fails_at_every_portal_is_an_error(root: Path, portal: Port) -> None:
    fabric = iscsi(root, "echo not today >&2; exit 8")
    with pytest.raises(FlashError, match="not today"):
        fabric.scan(5, [portal])


def test_a_refused_iscsi_login_names_the_file_with_the_credentials(root: Path, portal: Port) -> None:
    fabric = iscsi(root, "echo authorization failure >&2; exit 24")
    with pytest.raises(Unauthorized, match="authorization failure") as refused:
        fabric.scan(5, [portal])
    assert "iscsid.conf" in str(refused.value)
