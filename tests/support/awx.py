# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX 24.6.1 does with a credential and a job, for tests of what this collection gives it.

Facts of awx/main/models/credential.py (inject_credential), awx/main/fields.py (schemas of credential types),
awx/main/utils/safe_yaml.py (extra variables) and awx/main/tasks/jobs.py (the private data directory of a job).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jsonschema import Draft4Validator

from tests.module.playbooks import ROOT
from tests.support.clients import client_python

Data = dict[str, Any]
NOBODY = 64321
"""A user that has no entry in passwd, as the container of a job may have."""


class _Loader(yaml.SafeLoader):
    """Reads the tag !unsafe as the text that it is."""


def _text(_loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


_Loader.add_constructor("!unsafe", _text)


def load(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506  a safe loader


def data(name: str) -> Any:
    """What a file of playbooks/vars has."""
    return load((ROOT / f"playbooks/vars/{name}.yml").read_text(encoding="utf-8"))


# ---- credentials -----------------------------------------------------------------------------------------------------

_TEXT = {"type": "string"}
INPUTS: Data = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "required": {"type": "array", "items": _TEXT},
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "label"],
                "properties": {
                    "id": {"type": "string", "pattern": "^[a-zA-Z_]+[a-zA-Z0-9_]*$"},
                    "label": _TEXT,
                    "help_text": _TEXT,
                    "type": {"enum": ["string", "boolean"]},
                    "format": {"enum": ["ssh_private_key", "url"]},
                    "choices": {"type": "array", "minItems": 1, "items": _TEXT, "uniqueItems": True},
                    "multiline": {"type": "boolean"},
                    "secret": {"type": "boolean"},
                    "ask_at_runtime": {"type": "boolean"},
                    "default": {},
                },
            },
        },
    },
}
INJECTORS: Data = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {r"^template(\.[a-zA-Z_]+[a-zA-Z0-9_]*)?$": _TEXT},
        },
        "env": {
            "type": "object",
            "additionalProperties": False,
            "patternProperties": {"^[a-zA-Z_]+[a-zA-Z0-9_]*$": {"type": "string", "pattern": "^[\x00-\x7f]*$"}},
        },
        "extra_vars": {"type": "object"},
    },
}


class _Namespace:
    """What templates of files are called by: ``tower.filename`` of a single one, else ``tower.filename.NAME``."""

    filename: Any


def check_type(credential_type: Mapping[str, Any]) -> None:
    """Raises an error where AWX would refuse the credential type."""
    inputs, injectors = credential_type["inputs"], credential_type["injectors"]
    Draft4Validator(INPUTS).validate(inputs)
    Draft4Validator(INJECTORS).validate(injectors)
    names = [field["id"] for field in inputs["fields"]]
    assert len(set(names)) == len(names)
    assert "tower" not in names
    assert set(inputs["required"]) <= set(names)
    for field in inputs["fields"]:
        assert field["type"] == "string" or not {"choices", "multiline", "format", "secret"} & set(field)
    assert not [name for name in injectors["env"] if name.startswith("ANSIBLE_")], "AWX refuses these names"
    tower = _Namespace()
    files = injectors.get("file", {})
    tower.filename = "EXAMPLE_FILENAME" if "template" in files else _Namespace()
    for label in files:
        if label != "template":
            assert len(files) == sum(1 for other in files if other != "template"), "one file or several"
            setattr(tower.filename, label.split(".")[1], "EXAMPLE_FILENAME")
    example = {**dict.fromkeys(names, "EXAMPLE"), "tower": tower}
    for text in (*injectors["env"].values(), *files.values()):
        ImmutableSandboxedEnvironment(undefined=StrictUndefined).from_string(text).render(example)


def saved(credential_type: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """The inputs as AWX saves them: a field with choices that is empty gets the first one.

    :raises AssertionError: a field does not exist, is missing, or has a value that is none of its choices.
    """
    fields = {field["id"]: field for field in credential_type["inputs"]["fields"]}
    assert set(inputs) <= set(fields)
    assert set(credential_type["inputs"]["required"]) <= set(inputs)
    kept = {}
    for name, value in inputs.items():
        choices = fields[name].get("choices")
        kept[name] = choices[0] if choices and not value else value
        assert choices is None or kept[name] in choices, f"{name}: {kept[name]}"
    return kept


def injected(credential_type: Mapping[str, Any], inputs: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of a job with this credential, whose files AWX writes into the folder."""
    values: Data = {name: value for name, value in saved(credential_type, inputs).items() if value}
    for field in credential_type["inputs"]["fields"]:
        name = field["id"]
        if field.get("format") == "ssh_private_key" and name in values and not values[name].endswith("\n"):
            values[name] += "\n"
    tower = _Namespace()
    values["tower"] = tower
    render = ImmutableSandboxedEnvironment().from_string
    for number, (label, text) in enumerate(credential_type["injectors"].get("file", {}).items()):
        path = folder / f"tmp{number}"
        path.touch(mode=0o600)
        path.write_text(render(text).render(**values), encoding="utf-8")
        if "." not in label:
            tower.filename = str(path)
            continue
        if not hasattr(tower, "filename"):
            tower.filename = _Namespace()
        setattr(tower.filename, label.split(".")[1], str(path))
    return {name: render(text).render(**values) for name, text in credential_type["injectors"]["env"].items()}


# ---- jobs ------------------------------------------------------------------------------------------------------------


class _Unsafe(yaml.SafeDumper):
    """Writes every text with the tag !unsafe, as AWX writes the answers of a survey."""

    def represent_data(self, data: Any) -> Any:
        return self.represent_scalar("!unsafe", data) if isinstance(data, str) else super().represent_data(data)


def extra_vars(answers: Mapping[str, Any], of_template: Mapping[str, Any]) -> str:
    """The variables of a job. Only those of the job template may be templates of Ansible."""
    parts = [yaml.dump({key: value}, Dumper=_Unsafe) for key, value in answers.items()]
    return "".join([*parts, *(yaml.safe_dump({key: value}) for key, value in of_template.items())])


@dataclass(frozen=True)
class Ran:
    """A job that has ended."""

    rc: int
    output: str
    artifacts: Path

    @property
    def events(self) -> list[Data]:
        paths = sorted((self.artifacts / "job_events").glob("[0-9]*-*.json"))
        return [json.loads(path.read_text(encoding="utf-8")) for path in paths]

    def results(self, task: str) -> dict[str, Data]:
        """The result of a task on each host, as AWX shows it."""
        found = {}
        for event in self.events:
            data = event.get("event_data", {})
            if data.get("task") == task and "res" in data and event["event"].startswith("runner_on_"):
                found[data["host"]] = {**data["res"], "event": event["event"]}
        return found

    @property
    def text(self) -> str:
        """Everything that is kept of the job, but for the runner's own note of the environment it started with.

        AWX does not store that note: it keeps the environment with its secrets replaced.
        """
        paths = [path for path in self.artifacts.rglob("*") if path.is_file() and path.name != "command"]
        return self.output + "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths)

    @property
    def noted(self) -> str:
        """The runner's own note of the command and its environment."""
        return (self.artifacts / "command").read_text(encoding="utf-8")


def run_job(
    folder: Path,
    playbook: str,
    groups: Mapping[str, Any],
    answers: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    of_template: Mapping[str, Any] | None = None,
    options: Sequence[str] = (),
) -> Ran:
    """Run a playbook of the collection as a job of AWX: see the module's docstring.

    :param folder: becomes the private data directory. Files of a credential may be in its folder ``env``.
    :param groups: the inventory as its script prints it, with ``_meta``.
    """
    shutil.copytree(ROOT / "playbooks", folder / "project/playbooks")
    for name in ("env", "inventory", "artifacts", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    script = folder / "inventory/hosts"
    script.write_text(f"#! /usr/bin/env python3\nprint({json.dumps(groups)!r})\n", encoding="utf-8")
    script.chmod(0o700)
    job_env = {
        **env,
        "ANSIBLE_COLLECTIONS_PATH": f"/runner/requirements_collections:{ROOT / 'collections'}",
        # ansible-core starts only with a name of the user and a folder for its files. Where HOME and the entry in
        # passwd are missing, the image of the job has to set these
        "USER": "runner",
        "ANSIBLE_HOME": str(folder / "tmp/.ansible"),
        "ANSIBLE_REMOTE_TMP": str(folder / "tmp/.ansible/tmp"),
        "ANSIBLE_HOST_KEY_CHECKING": "False",
        "ANSIBLE_FORCE_COLOR": "False",
        "ANSIBLE_INVENTORY_UNPARSED_FAILED": "True",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "AWX_PRIVATE_DATA_DIR": str(folder),
        "JOB_ID": "1",
    }
    files = {
        "envvars": json.dumps(job_env),
        "extravars": extra_vars({**answers, "awx_job_id": 1, "awx_job_launch_type": "manual"}, of_template or {}),
        "cmdline": " ".join(["-u", "root", *options]),
        "settings": json.dumps({"suppress_ansible_output": True}),
    }
    for name, text in files.items():
        path = folder / "env" / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    runner = client_python(ROOT / "tests/module/requirements-runner.txt").parent / "ansible-runner"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # The user of a container has this number, no name and no home; what he owns here is what the test's user owns
    user = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
    for read_only in (folder / "project", *(folder / "project").rglob("*")):
        read_only.chmod(0o555 if read_only.is_dir() else 0o444)
    try:
        completed = subprocess.run(
            [*user, str(runner), "run", str(folder), "-p", f"playbooks/{playbook}.yml", "--ident", "1"],
            env={"PATH": programs, "LC_ALL": "C.UTF-8", "TMPDIR": str(folder / "tmp")},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=1800,
            check=False,
        )
    finally:
        for writable in (folder / "project", *(folder / "project").rglob("*")):
            writable.chmod(0o755 if writable.is_dir() else 0o644)
    artifacts = folder / "artifacts/1"
    output = completed.stdout + completed.stderr
    if (artifacts / "stdout").exists():
        output += (artifacts / "stdout").read_text(encoding="utf-8")
    return Ran(completed.returncode, output, artifacts)
