# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module oslo_conf as a user runs it. What the editor does to a file is judged in tests/openstack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.module.playbooks import Player

CANARY, OLD, URL = "Canary-Secret-7731", "Former-Secret-1881", "Url-Secret-4242"
CONF = f"""\
# The operator's own words
[DEFAULT]
enabled_backends = lvm
transport_url = rabbit://cinder:{URL}@control:5672/
# san_password = {OLD}-in-a-comment

[lvm]
volume_group = cinder
"""
BACKEND = {
    "name": "xtremio",
    "options": {"san_ip": "192.0.2.1", "driver_ssl_cert_verify": True, "multi": ["a", "b"]},
    "secrets": {"san_password": CANARY},
}
SECTIONS = [BACKEND, {"name": "DEFAULT", "members": [{"name": "enabled_backends", "present": ["xtremio"]}]}]
WRITTEN = f"""
[xtremio]
san_ip = 192.0.2.1
driver_ssl_cert_verify = true
multi = a
multi = b
san_password = {CANARY}
"""


@pytest.fixture
def player(tmp_path: Path) -> Player:
    return Player(tmp_path)


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "cinder.conf"
    path.write_bytes(CONF.encode())
    path.chmod(0o640)
    return path


def task(path: Path, **options: Any) -> dict[str, Any]:
    return {"name": "Edit", "openflash.storage.oslo_conf": {"path": str(path), **options}}


def run(player: Player, *tasks: dict[str, Any]) -> Any:
    return player.results(tasks, {})


def messages(player: Player, *tasks: dict[str, Any]) -> list[str]:
    """How tasks fail, one play for all of them."""
    results = run(player, *({**one, "ignore_errors": True} for one in tasks))
    assert [one["failed"] for one in results] == [True] * len(tasks)
    return [one["msg"] for one in results]


def test_add_again_and_remove(player: Player, conf: Path) -> None:
    """Nothing in check mode, nothing the second time, and in the end the file of the beginning."""
    leaving = {"name": "DEFAULT", "members": [{"name": "enabled_backends", "absent": ["xtremio"]}]}
    removed = [{"name": "xtremio", "state": "absent"}, leaving]
    checked = task(conf, sections=SECTIONS) | {"check_mode": True}
    results = run(player, checked, task(conf, sections=SECTIONS, backup=True), task(conf, sections=SECTIONS))
    assert [one["changed"] for one in results] == [True, True, False]
    names = ["san_ip", "driver_ssl_cert_verify", "multi", "san_password"]
    assert results[0]["changes"] == results[1]["changes"] == {"xtremio": names, "DEFAULT": ["enabled_backends"]}
    assert conf.read_text() == CONF.replace("= lvm", "= lvm, xtremio") + WRITTEN
    assert conf.stat().st_mode & 0o777 == 0o640
    assert Path(results[1]["backup_file"]).read_text() == CONF
    assert run(player, task(conf, sections=removed), task(conf, sections=removed))[1]["changed"] is False
    assert conf.read_text() == CONF


def test_a_check_alone_changes_nothing(player: Player, conf: Path) -> None:
    before = conf.stat()
    (result,) = run(player, task(conf, sections=SECTIONS) | {"check_mode": True})
    assert result["changed"]
    after = conf.stat()
    assert (conf.read_text(), after.st_mtime_ns, after.st_ino) == (CONF, before.st_mtime_ns, before.st_ino)


def test_no_secret_at_any_verbosity(player: Player, conf: Path) -> None:
    """Neither a new one nor an old one, nor one that stands near, and yet it is told that one is another now."""
    conf.write_text(CONF + f"\n[xtremio]\nsan_password = {OLD}\n", encoding="utf-8")
    for arguments in (["--check", "--diff", "-vvvv"], ["--diff", "-vvvv"]):
        played = player.play([task(conf, sections=SECTIONS)], {}, *arguments)
        assert played.rc == 0, played.output
        # With -vvvv Ansible shows the arguments of the task, which are masked; the play itself is the user's.
        for secret in (CANARY, OLD, URL):
            assert secret not in played.output
        assert "+san_password = ******** (changed)" in played.output
        assert "+san_ip = 192.0.2.1" in played.output
    assert CANARY in conf.read_text()


def test_a_dollar_in_a_secret_is_one(player: Player, conf: Path) -> None:
    values = {"options": {"state_path": "$pybasedir/x"}, "secrets": {"san_password": "a$b$$c"}}
    assert run(player, task(conf, section="lvm", **values), task(conf, section="lvm", **values))[1]["changed"] is False
    assert "state_path = $pybasedir/x\nsan_password = a$$b$$$$c\n" in conf.read_text()


def test_exclusive(player: Player, conf: Path) -> None:
    (result,) = run(player, task(conf, section="lvm", options={"lvm_type": "thin"}, exclusive=True))
    assert result["changes"] == {"lvm": ["volume_group", "lvm_type"]}
    assert conf.read_text().endswith("[lvm]\nlvm_type = thin\n")


def test_a_link_stays_one(player: Player, conf: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.conf"
    link.symlink_to(conf)
    (result,) = run(player, task(link, section="lvm", options={"lvm_type": "thin"}))
    assert link.is_symlink()
    assert result["path"] == str(conf)
    assert "lvm_type = thin" in conf.read_text()


def test_a_new_file(player: Player, tmp_path: Path) -> None:
    path = tmp_path / "drop-in.conf"
    (result,) = run(player, task(path, section="a", options={"b": 1}, create=True))
    assert result["changed"]
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("[a]\nb = 1\n", 0o600)
    (result,) = run(player, task(path, section="a", options={"b": 1}, mode="0640"))
    assert result["changed"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_judge_keeps_a_bad_file_out(player: Player, conf: Path) -> None:
    """In check mode, too, and the old file stays."""
    judge = conf.parent / "judge.py"
    judge.write_text("import sys; sys.exit('san_ip is odd' if 'odd' in open(sys.argv[1]).read() else 0)")
    command = f"{sys.executable} {judge} %s"
    odd = task(conf, section="lvm", options={"san_ip": "odd"}, validate=command)
    for message in messages(player, odd | {"check_mode": True}, odd):
        assert message == f"Editing {conf}: the new file is refused, and the old one stays as it is: san_ip is odd"
    assert conf.read_text() == CONF
    assert run(player, task(conf, section="lvm", options={"san_ip": "even"}, validate=command))[0]["changed"]


UNREADABLE = {
    "volume_group = x\n": "line 1 has an option, but there is no section above it",
    "[lvm\n": "line 1 begins with [ and does not end with ]",
    f"[lvm]\n{CANARY}\n": "line 2 is not a section or a comment, and has neither = nor :",
    "[lvm]\n# x\n  more\n": "line 3 begins with white space",
}


def test_files_that_cannot_be_edited(player: Player, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.conf" for number in range(len(UNREADABLE) + 1)]
    for path, content in zip(paths, UNREADABLE, strict=False):
        path.write_text(content, encoding="utf-8")
    found = messages(player, *(task(path, section="lvm", options={"a": "b"}) for path in paths))
    for path, message, complaint in zip(paths, found, [*UNREADABLE.values(), "No such file or directory"], strict=True):
        assert message.startswith(f"Editing {path}: {complaint}")
        assert CANARY not in message
    assert [path.read_text(encoding="utf-8") for path in paths[:-1]] == list(UNREADABLE)
    assert not paths[-1].exists()


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"section": "lvm", "options": {"a": "b\nc"}}, "the value of a has a line break"),
    ({"section": "lvm", "options": {"a": {"b": 1}}}, "the value of a is a dictionary"),
    ({"section": "lvm", "options": {"a=b": 1}}, "cannot be the name of an option"),
    ({"section": "l]vm", "options": {"a": 1}}, "cannot be the name of a section"),
    ({"section": "lvm", "options": {"a": 1}, "secrets": {"a": "2222"}}, "a is in options and in secrets"),
    ({"section": "lvm", "members": [{"name": "a", "present": ["b,c"]}]}, "cannot be a member of a list"),
    ({"section": "lvm", "sections": []}, "mutually exclusive"),
    ({"options": {"a": 1}}, "one of the following is required: section, sections"),
    ({"section": "lvm", "options": {"a": 1}, "validate": "true"}, "validate has no %s"),
    ({"section": None, "state": "absent"}, "the name of a section is null or empty"),
    ({"section": "", "options": {"a": 1}}, "the name of a section is null or empty"),
    ({"section": " ", "state": "absent"}, "the name of a section is null or empty"),
    ({"section": "lvm", "exclusive": True}, "exclusive would remove every option of section lvm"),
    ({"section": "lvm", "exclusive": True, "options": {}, "secrets": None, "members": []}, "exclusive would remove"),
    ({"section": "lvm", "exclusive": True, "options": {"a": None}, "secrets": {"b": []}}, "exclusive would remove"),
    ({"sections": [{"name": "lvm", "exclusive": True, "options": {}}]}, "exclusive would remove every option"),
]


def test_mistakes_are_named(player: Player, conf: Path) -> None:
    found = messages(player, *(task(conf, **options) for options, _complaint in MISTAKES))
    for message, (_options, complaint) in zip(found, MISTAKES, strict=True):
        assert complaint in message
    assert conf.read_text() == CONF


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner takes root")
def test_the_owner_stays(player: Player, conf: Path) -> None:
    os.chown(conf, 12345, 12346)
    run(player, task(conf, section="lvm", options={"a": "b"}))
    assert (conf.stat().st_uid, conf.stat().st_gid, conf.stat().st_mode & 0o777) == (12345, 12346, 0o640)
