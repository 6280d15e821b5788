# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module oslo_conf, in one test as a task of a play. Changes of files are tested in tests/openstack."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import Modules, Result
from tests.module.playbooks import Player

NEW_SECRET, OLD_SECRET, URL_SECRET = "Canary-Secret-7731", "Former-Secret-1881", "Url-Secret-4242"
CONF = f"""\
# A comment of the operator
[DEFAULT]
enabled_backends = lvm
transport_url = rabbit://cinder:{URL_SECRET}@control:5672/
# san_password = {OLD_SECRET}-in-a-comment

[lvm]
volume_group = cinder
"""
BACKEND = {
    "name": "xtremio",
    "options": {"san_ip": "192.0.2.1", "driver_ssl_cert_verify": True, "multi": ["a", "b"]},
    "secrets": {"san_password": NEW_SECRET},
}
SECTIONS = [BACKEND, {"name": "DEFAULT", "members": [{"name": "enabled_backends", "present": ["xtremio"]}]}]
WRITTEN = f"""
[xtremio]
san_ip = 192.0.2.1
driver_ssl_cert_verify = true
multi = a
multi = b
san_password = {NEW_SECRET}
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
    return {"path": str(path), **options}


def edit(modules: Modules, args: dict[str, Any], *, check: bool = False) -> Result:
    """The result of a task that must succeed."""
    result = modules.run("oslo_conf", args, check=check)
    assert not result.failed, result.msg
    return result


def message(modules: Modules, args: dict[str, Any], *, check: bool = False) -> str:
    """The message of a task that must fail."""
    result = modules.run("oslo_conf", args, check=check)
    assert result.failed
    assert "Traceback" not in result.stdout + result.stderr
    return result.msg


def test_a_section_is_added_once_and_removed_without_a_trace(modules: Modules, conf: Path) -> None:
    """Check mode predicts the change, the second run changes nothing, and the removal restores the file."""
    without_member = {"name": "DEFAULT", "members": [{"name": "enabled_backends", "absent": ["xtremio"]}]}
    removed = [{"name": "xtremio", "state": "absent"}, without_member]
    results = [
        edit(modules, task(conf, sections=SECTIONS), check=True),
        edit(modules, task(conf, sections=SECTIONS, backup=True)),
        edit(modules, task(conf, sections=SECTIONS)),
    ]
    assert [result["changed"] for result in results] == [True, True, False]
    names = ["san_ip", "driver_ssl_cert_verify", "multi", "san_password"]
    assert results[0]["changes"] == results[1]["changes"] == {"xtremio": names, "DEFAULT": ["enabled_backends"]}
    assert conf.read_text() == CONF.replace("= lvm", "= lvm, xtremio") + WRITTEN
    assert conf.stat().st_mode & 0o777 == 0o640
    assert Path(results[1]["backup_file"]).read_text() == CONF
    assert edit(modules, task(conf, sections=removed)).changed
    assert not edit(modules, task(conf, sections=removed)).changed
    assert conf.read_text() == CONF


def test_check_mode_does_not_touch_the_file(modules: Modules, conf: Path) -> None:
    before = conf.stat()
    assert edit(modules, task(conf, sections=SECTIONS), check=True).changed
    after = conf.stat()
    assert (conf.read_text(), after.st_mtime_ns, after.st_ino) == (CONF, before.st_mtime_ns, before.st_ino)


def test_no_secret_is_shown_at_any_verbosity(player: Player, conf: Path) -> None:
    """Neither the new, nor the old, nor one of another line; but that a secret has changed is shown."""
    conf.write_text(CONF + f"\n[xtremio]\nsan_password = {OLD_SECRET}\n", encoding="utf-8")
    tasks = [{"name": "Edit", "openflash.storage.oslo_conf": task(conf, sections=SECTIONS)}]
    for arguments in (["--check", "--diff", "-vvvv"], ["--diff", "-vvvv"]):
        completed = player.play(tasks, {}, *arguments)
        assert completed.rc == 0, completed.output
        # With -vvvv Ansible shows the arguments of the task, which are masked; the play itself is the user's.
        for secret in (NEW_SECRET, OLD_SECRET, URL_SECRET):
            assert secret not in completed.output
        assert "+san_password = ******** (changed)" in completed.output
        assert "+san_ip = 192.0.2.1" in completed.output
    assert NEW_SECRET in conf.read_text()


def test_a_dollar_in_a_secret_is_escaped(modules: Modules, conf: Path) -> None:
    values = {"options": {"state_path": "$pybasedir/x"}, "secrets": {"san_password": "a$b$$c"}}
    assert edit(modules, task(conf, section="lvm", **values)).changed
    assert not edit(modules, task(conf, section="lvm", **values)).changed
    assert "state_path = $pybasedir/x\nsan_password = a$$b$$$$c\n" in conf.read_text()


def test_exclusive_removes_the_other_options_of_the_section(modules: Modules, conf: Path) -> None:
    result = edit(modules, task(conf, section="lvm", options={"lvm_type": "thin"}, exclusive=True))
    assert result["changes"] == {"lvm": ["volume_group", "lvm_type"]}
    assert conf.read_text().endswith("[lvm]\nlvm_type = thin\n")


def test_a_symbolic_link_is_kept_and_its_target_edited(modules: Modules, conf: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.conf"
    link.symlink_to(conf)
    result = edit(modules, task(link, section="lvm", options={"lvm_type": "thin"}))
    assert link.is_symlink()
    assert result["path"] == str(conf)
    assert "lvm_type = thin" in conf.read_text()


def test_a_new_file_is_created_with_a_safe_mode(modules: Modules, tmp_path: Path) -> None:
    path = tmp_path / "drop-in.conf"
    assert edit(modules, task(path, section="a", options={"b": 1}, create=True)).changed
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("[a]\nb = 1\n", 0o600)
    assert edit(modules, task(path, section="a", options={"b": 1}, mode="0640")).changed
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_the_validation_refuses_is_not_installed(modules: Modules, conf: Path) -> None:
    """Also in check mode; the old file is kept."""
    validator = conf.parent / "validator.py"
    validator.write_text("import sys; sys.exit('san_ip is odd' if 'odd' in open(sys.argv[1]).read() else 0)")
    command = f"{sys.executable} {validator} %s"
    odd = task(conf, section="lvm", options={"san_ip": "odd"}, validate=command)
    for check in (True, False):
        complaint = message(modules, odd, check=check)
        assert complaint == f"Editing {conf}: the new file is refused, and the old one stays as it is: san_ip is odd"
    assert conf.read_text() == CONF
    assert edit(modules, task(conf, section="lvm", options={"san_ip": "even"}, validate=command)).changed


UNREADABLE = {
    "volume_group = x\n": "line 1 has an option, but there is no section above it",
    "[lvm\n": "line 1 begins with [ and does not end with ]",
    f"[lvm]\n{NEW_SECRET}\n": "line 2 is not a section or a comment, and has neither = nor :",
    "[lvm]\n# x\n  more\n": "line 3 begins with white space",
}


def test_a_file_that_cannot_be_edited_is_reported_and_kept(modules: Modules, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.conf" for number in range(len(UNREADABLE) + 1)]
    for path, content in zip(paths, UNREADABLE, strict=False):
        path.write_text(content, encoding="utf-8")
    for path, complaint in zip(paths, [*UNREADABLE.values(), "No such file or directory"], strict=True):
        reported = message(modules, task(path, section="lvm", options={"a": "b"}))
        assert reported.startswith(f"Editing {path}: {complaint}")
        assert NEW_SECRET not in reported
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


@pytest.mark.parametrize(("options", "complaint"), MISTAKES)
def test_bad_options_are_named(modules: Modules, conf: Path, options: dict[str, Any], complaint: str) -> None:
    assert complaint in message(modules, task(conf, **options))
    assert conf.read_text() == CONF


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can set another owner")
def test_the_owner_of_the_file_is_kept(modules: Modules, conf: Path) -> None:
    os.chown(conf, 12345, 12346)
    edit(modules, task(conf, section="lvm", options={"a": "b"}))
    assert (conf.stat().st_uid, conf.stat().st_gid, conf.stat().st_mode & 0o777) == (12345, 12346, 0o640)
