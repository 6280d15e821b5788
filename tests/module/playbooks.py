# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a play with ansible-playbook, which packs and starts the modules as for a user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Played:
    """The exit status and output of ansible-playbook."""

    rc: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


@dataclass(frozen=True)
class Player:
    """Its own folder for the play, and an environment without any other settings of Ansible."""

    folder: Path
    limit: int = 300
    """The seconds after which a play is ended."""

    def environ(self, **variables: str) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            **variables,
        }

    def write(self, tasks: Iterable[Mapping[str, Any]], connection: Mapping[str, Any], **play: Any) -> list[str]:
        """The command that plays the tasks, all with this connection."""
        (self.folder / "home").mkdir(exist_ok=True)
        (self.folder / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
        document = [
            {
                "hosts": "localhost",
                "connection": "local",
                "gather_facts": False,
                "vars": {"ansible_python_interpreter": sys.executable},
                "module_defaults": {"group/openflash.storage.flash": dict(connection)},
                "tasks": list(tasks),
                **play,
            }
        ]
        path = self.folder / "play.yml"
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        path.chmod(0o600)
        return ["ansible-playbook", "--inventory", "localhost,", str(path)]

    def play(
        self, tasks: Iterable[Mapping[str, Any]], connection: Mapping[str, Any], *options: str, **env: str
    ) -> Played:
        completed = subprocess.run(
            [*self.write(tasks, connection), *options],
            cwd=self.folder,
            env=self.environ(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.limit,
            check=False,
        )
        return Played(completed.returncode, completed.stdout, completed.stderr)

    def results(self, tasks: Iterable[Mapping[str, Any]], connection: Mapping[str, Any], *options: str) -> list[Any]:
        """What each task registered, as a later task of the play reads it."""
        written: list[Mapping[str, Any]] = [{**task, "register": f"it{number}"} for number, task in enumerate(tasks)]
        registered = ", ".join(f"it{number}" for number in range(len(written)))
        path = self.folder / "results.json"
        copy = {"content": f"{{{{ [{registered}] | to_json }}}}", "dest": str(path), "mode": "0600"}
        written.append({"ansible.builtin.copy": copy, "check_mode": False, "diff": False})
        played = self.play(written, connection, *options)
        assert played.rc == 0, played.output
        results: list[Any] = json.loads(path.read_text(encoding="utf-8"))
        return results
