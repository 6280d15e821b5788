# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the playbooks that ship are described in ``NAME.meta.yml``, and validated before any change."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.module.playbooks import ROOT, Player

FOLDER = ROOT / "playbooks"
PLAYBOOKS = sorted(path.stem for path in FOLDER.glob("*.yml") if not path.name.endswith(".meta.yml"))
CANARY = "canary-7fK2-secret"


def options_of(name: str) -> dict[str, Any]:
    specs = yaml.safe_load((FOLDER / f"{name}.meta.yml").read_text(encoding="utf-8"))["argument_specs"]
    assert list(specs) == [name]
    options: dict[str, Any] = specs[name]["options"]
    return options


def test_every_playbook_that_ships_is_tested() -> None:
    assert PLAYBOOKS == [
        "awx",
        "clone",
        "declare",
        "drift",
        "export",
        "fleet_report",
        "glance_on_datera",
        "golden_image",
        "golden_images",
        "health",
        "kolla_backends",
        "openstack_backends",
        "provision",
        "quickstart",
        "snapshots",
    ]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_variable_that_a_playbook_reads_is_described(name: str) -> None:
    files = [FOLDER / f"{name}.yml", FOLDER / f"tasks/{name}.yml"]
    files += [FOLDER / "vars/awx.yml"] if name == "awx" else []
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.exists())
    prefix = name if name != "golden_images" else "golden"
    variables_read = set(re.findall(rf"\b{prefix}_\w+\b", re.sub(r"#.*|openflash\.storage\.\w+", "", text)))
    internal = set(re.findall(rf"\b(?:set|for) ({prefix}_\w+)", text)) | INTERNAL.get(name, set())
    assert (
        variables_read - internal - {name}
        == {option for option in options_of(name) if option.startswith(prefix)} - {name} - internal
    )


INTERNAL = {
    "awx": {
        *(
            f"awx_{name}"
            for name in ("approved", "common", "credential_names", "credential_types", "fleet_text", "folder")
        ),
        *("awx_hosts_of_arrays", "awx_question_arrays", "awx_templates"),
    },
    "clone": {f"clone_{name}" for name in ("addresses", "larger", "of_snapshot", "result", "system")},
    "declare": {f"declare_{name}" for name in ("content", "file", "kinds", "removes", "result", "sections")},
    "golden_image": {"golden_image_given", "golden_image_lines"},
    "provision": {
        *(f"provision_{name}" for name in ("addresses", "declared", "kind", "lines", "names", "pooled", "result")),
        *("provision_sizes", "provision_system"),
    },
    "snapshots": {f"snapshots_{name}" for name in ("declared", "kept", "names", "result", "series")},
    "health": {
        f"health_{name}"
        for name in ("content", "data", "fails_on", "metrics_path", "now", "path", "reads", "report")
        + ("status", "summary", "unwell")
    },
    "fleet_report": {
        f"fleet_report_{name}"
        for name in ("content", "data", "drift_data", "figures", "history", "now", "path", "plan", "reads")
    },
    "export": {"export_array", "export_made", "export_target"},
    "golden_images": {"golden_clones", "golden_host"},
    "kolla_backends": {"kolla_backends_of_all"},
    "openstack_backends": {f"openstack_backends_{name}" for name in ("dsware", "gone", "services_of_family")},
    "quickstart": {f"quickstart_{name}" for name in ("connection", "content", "failure", "run_dir", "summary")},
}
"""The variables that a playbook sets itself."""


@pytest.mark.parametrize(
    ("name", "hosts", "variables", "message"),
    [
        pytest.param(
            "golden_images",
            "flash_arrays",
            {"golden_images": [{"name": "a", "path": "/a"}]},
            "missing required arguments: golden_connection",
            id="a missing connection",
        ),
        pytest.param(
            "golden_images",
            "flash_arrays",
            {"golden_connection": {"password": CANARY}, "golden_images": [{"name": "a"}]},
            "missing required arguments: path found in golden_images",
            id="an image without a path",
        ),
        pytest.param(
            "golden_images",
            "flash_arrays",
            {
                "golden_connection": {"password": CANARY},
                "golden_images": [{"name": "a", "path": "/a"}],
                "golden_hosts": [{"name": "h", "image": "a", "chap_password": CANARY, "lun": "first"}],
            },
            "'lun' is of type",
            id="a LUN that is not a number",
        ),
        pytest.param(
            "golden_images",
            "flash_arrays",
            {
                "golden_connection": {"password": CANARY},
                "golden_images": [{"name": "a", "path": "/a"}],
                "golden_hosts": [{"name": "h", "image": "b"}],
            },
            "golden_hosts has an image that is not one of",
            id="a host with an undeclared image",
        ),
        pytest.param(
            "drift",
            "flash_arrays",
            {"drift_connection": {"password": CANARY}, "drift_ignore": [{"kind": "volumes"}]},
            "value of kind must be one of: volume, snapshot, group, host, mapping, got: volumes",
            id="drift of a kind that does not exist",
        ),
        pytest.param(
            "health",
            "flash_arrays",
            {"health_connection": {"password": CANARY}, "health_fail_on": "sometimes"},
            "value of health_fail_on must be one of: warning, critical, never, got: sometimes",
            id="a state that does not exist",
        ),
        pytest.param(
            "export",
            "flash_arrays",
            {"export_connection": {"password": CANARY}, "export_snapshots": "some"},
            "'export_snapshots' is of type",
            id="an export of some snapshots",
        ),
        pytest.param(
            "openstack_backends",
            "cinder_volume",
            {"openstack_backends_become": False},
            "missing required arguments: cinder_backend_backends",
            id="missing backends",
        ),
        pytest.param(
            "openstack_backends",
            "cinder_volume",
            {"openstack_backends_become": False, "cinder_backend_backends": []},
            "cinder_backend_backends is empty for one",
            id="an empty list of backends",
        ),
        pytest.param(
            "quickstart",
            "localhost",
            {"quickstart_arrays": "xtremio"},
            "Elements value for option 'quickstart_arrays' is of type",
            id="arrays that are not dictionaries",
        ),
    ],
)
def test_bad_variables_stop_a_playbook_before_any_change(
    tmp_path: Path, name: str, hosts: str, variables: dict[str, Any], message: str
) -> None:
    player = Player(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    inventory = {"all": {"vars": {"ansible_connection": "local"}, "children": {hosts: {"hosts": {"one": None}}}}}
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    (tmp_path / "vars.json").write_text(json.dumps(variables), encoding="utf-8")
    completed = subprocess.run(
        [
            *("ansible-playbook", "-vvv", "--inventory", str(tmp_path / "inventory.yml")),
            *("--extra-vars", f"@{tmp_path / 'vars.json'}", f"openflash.storage.{name}"),
        ],
        env=player.environ(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    output = completed.stdout + completed.stderr
    assert completed.returncode == 2, output
    assert message in output
    assert "changed=0" in output
    assert CANARY not in output
