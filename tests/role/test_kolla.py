# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook kolla_backends: what kolla-ansible's own merge_configs makes of the override, and an image's layer."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.openstack.conftest import CLIENTS
from tests.role.service_host import changed, failure, playbook
from tests.support.clients import client_python, client_wheel

KOLLA = "kolla-ansible==22.2.0"
REQUIREMENTS = CLIENTS / "requirements-cinder29.txt"
# Each means something to Jinja, to oslo.config, or to both
PASSWORDS = [
    "plain",
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "a{#b",
    "{{{",
    "pa$word$$",
    '"quoted"',
    "'single'",
    "a#b;c",
    "}}",
]
CAPABILITY = "{{ c }}"
# No templates for Ansible itself, as what comes out of a vault is none
UNSAFE = [*PASSWORDS, CAPABILITY]
READ = """
import json, sys
from oslo_config import cfg
names, conf = json.loads(sys.argv[2]), cfg.ConfigOpts()
conf.register_opts([cfg.ListOpt("enabled_backends"), cfg.StrOpt("debug")])
for name in names:
    conf.register_opts([cfg.StrOpt("san_password"), cfg.StrOpt("san_login"), cfg.StrOpt("extra_capabilities")], name)
conf([], default_config_files=[sys.argv[1]], default_config_dirs=[])
print(json.dumps({"enabled": conf.enabled_backends, "debug": conf.debug, "read": [dict(conf[name]) for name in names]}))
"""


class Deployment:
    """The host from which kolla-ansible deploys, with its own action plugin and its own list of overrides."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        self.inventory = folder / "multinode.json"
        self.hosts: dict[str, dict[str, Any]] = {"control01": {}, "control02": {}}
        with zipfile.ZipFile(client_wheel(KOLLA)) as wheel:
            names = {name.partition("share/kolla-ansible/ansible/")[2]: name for name in wheel.namelist()}
            self._unpack(wheel, names["action_plugins/merge_configs.py"], "action_plugins/merge_configs.py")
            tasks = yaml.safe_load(wheel.read(names["roles/cinder/tasks/config.yml"]))
            template = wheel.read(names["roles/cinder/templates/cinder.conf.j2"]).decode()
        (self.merge,) = (task for task in tasks if task["name"] == "Copying over cinder.conf")
        # Of its template what chooses the backends, since the rest needs the variables of a deployment
        (chooses,) = re.findall(
            r"^{% if cinder_enabled_backends %}.*?^{% endif %}\n", template, re.DOTALL | re.MULTILINE
        )
        (folder / "role/templates").mkdir(parents=True)
        (folder / "role/templates/cinder.conf.j2").write_text(f"[DEFAULT]\ndebug = kolla\n{chooses}", encoding="utf-8")
        # The action plugin imports this one module
        (parser,) = (client_python(REQUIREMENTS).parent.parent / "lib").glob(
            "python3*/site-packages/oslo_config/iniparser.py"
        )
        (folder / "python/oslo_config").mkdir(parents=True)
        (folder / "python/oslo_config/__init__.py").touch()
        (folder / "python/oslo_config/iniparser.py").write_bytes(parser.read_bytes())

    def _unpack(self, wheel: zipfile.ZipFile, name: str, target: str) -> None:
        path = self.folder / target
        path.parent.mkdir(parents=True)
        path.write_bytes(wheel.read(name))

    def run(self, *arguments: str, fails: bool = False, **options: Any) -> str:
        """The playbook of this collection."""
        # Nobody listens there: the hosts of a deployment are not contacted
        hosts = {name: {"ansible_host": "127.0.0.1", "ansible_port": 1, **more} for name, more in self.hosts.items()}
        self.inventory.write_text(json.dumps({"cinder-volume": {"hosts": hosts}}), encoding="utf-8")
        given = {"kolla_config": str(self.config), "kolla_build_folder": str(self.folder / "build"), **options}
        return self._play(
            "openflash.storage.kolla_backends",
            {f"cinder_backend_{key}": v for key, v in given.items()},
            *arguments,
            fails=fails,
        )

    def _play(self, play: Path | str, given: dict[str, Any], *arguments: str, fails: bool = False) -> str:
        path = self.folder / "variables.yml"
        text = json.dumps(given)
        for value in (json.dumps(value) for value in UNSAFE):
            text = text.replace(f" {value}", f" !unsafe {value}")
        path.write_text(text, encoding="utf-8")
        before = ["env", f"PYTHONPATH={self.folder}/python"]
        return playbook(play, path, "--inventory", str(self.inventory), *arguments, before=before, fails=fails)

    def merged(self, host: str, *own: str) -> Path:
        """The cinder.conf that kolla-ansible makes for cinder-volume of a host where it enables backends of its own."""
        task = {**self.merge, "delegate_to": "localhost", "with_dict": {"cinder-volume": {}}}
        task.pop("become")
        document = [{"hosts": host, "gather_facts": False, "tasks": [task]}]
        play = self.folder / "kolla.yml"
        play.write_text(json.dumps(document), encoding="utf-8")
        made = self.folder / "made" / host
        (made / "cinder-volume").mkdir(parents=True, exist_ok=True)
        given = {
            "role_path": str(self.folder / "role"),
            "node_custom_config": str(self.config),
            "node_config_directory": str(made),
            "cinder_enabled_backends": [{"name": name} for name in own],
        }
        self._play(play, given, "--inventory", str(self.inventory))
        return made / "cinder-volume" / "cinder.conf"


def read(path: Path, *names: str) -> dict[str, Any]:
    """As the services read it."""
    command = [str(client_python(REQUIREMENTS)), "-c", READ, str(path), json.dumps(names)]
    found: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    )
    return found


def entry(name: str, password: str = PASSWORDS[0], **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "vendor": "xtremio",
        "address": "xms.example.com",
        "username": "cinder",
        "password": password,
        **more,
    }


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(tmp_path)


@pytest.mark.slow
def test_kolla_ansible_gives_cinder_volume_the_backends(deployment: Deployment) -> None:
    """Beside its own, with the same passwords, and none of the operator's overrides is lost."""
    path = deployment.config / "cinder" / "cinder-volume.conf"
    path.parent.mkdir(parents=True)
    path.write_text("# by hand\n[DEFAULT]\ndebug = operator\n", encoding="utf-8")
    backends = [entry(f"x{number}", password) for number, password in enumerate(PASSWORDS)]
    backends[0]["extra_capabilities"] = {"a": {"b": CAPABILITY}}
    names = [one["name"] for one in backends]
    output = deployment.run(backends=backends)
    assert not [one for one in PASSWORDS[1:3] if one in output]
    assert "control02" in output
    assert changed(deployment.run(backends=backends)) == 0
    found = read(deployment.merged("control01", "rbd-1", "lvm-1"), *names)
    assert found["enabled"] == ["rbd-1", "lvm-1", *names]
    assert found["debug"] == "operator"
    assert [one["san_password"] for one in found["read"]] == PASSWORDS
    assert json.loads(found["read"][0]["extra_capabilities"]) == {"a": {"b": CAPABILITY}}
    assert path.read_text(encoding="utf-8").startswith("# by hand\n")
    assert [one for one in read(deployment.merged("control01"), *names)["enabled"] if one] == names

    gone = [{"name": name, "state": "absent"} for name in names]
    deployment.run(backends=gone)
    found = read(deployment.merged("control01", "rbd-1"))
    assert (found["enabled"], found["debug"]) == (["rbd-1"], "operator")


def test_hosts_with_different_backends_have_an_override_each(deployment: Deployment) -> None:
    """One file for all would give each host the backends of the others, so it is refused."""
    for number, name in enumerate(deployment.hosts):
        deployment.hosts[name] = {"cinder_backend_backends": [entry(f"x{number}")]}
    assert "have different cinder_backend_backends" in failure(deployment.run(fails=True))
    assert not deployment.config.exists()
    deployment.run(kolla_per_host=True)
    for number, name in enumerate(deployment.hosts):
        assert read(deployment.merged(name, "rbd-1"))["enabled"] == ["rbd-1", f"x{number}"]


# Answers as an engine of containers does, and keeps what it is asked for
ENGINE = """#!/bin/sh
cd {folder}
case $1 in
image) cat "$(echo "$3" | tr / _)" 2>/dev/null || exit 1 ;;
build)
    echo "$@" >> built
    label=$(sed -n 's/^LABEL openflash.version="\\([^"]*\\)".*/\\1/p' "$8/Dockerfile")
    labels="\\"openflash.version\\": \\"$label\\", \\"openflash.base\\": \\"${{3#BASE=}}\\""
    echo "[{{\\"Config\\": {{\\"Labels\\": {{$labels}}}}}}]" > "$(echo "$7" | tr / _)" ;;
esac
"""


@pytest.mark.slow
def test_an_image_gets_a_layer_with_the_drivers(deployment: Deployment, tmp_path: Path) -> None:
    """Once for each version of the drivers; the layer's command installs them without an index."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "podman").write_text(ENGINE.format(folder=programs), encoding="utf-8")
    (programs / "podman").chmod(0o755)
    image = {"base": "quay.io/kolla/cinder-volume:2026.1", "name": "registry/cinder-volume:flash"}
    options: dict[str, Any] = {"backends": [entry("x")], "kolla_images": [image], "kolla_engine": "podman"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}:/usr/bin:/bin")
        deployment.run(**options)
        assert changed(deployment.run(**options)) == 0
    built = (programs / "built").read_text(encoding="utf-8").splitlines()
    build = deployment.folder / "build"
    base, name = image["base"], image["name"]
    assert built == [f"build --build-arg BASE={base} --build-arg USER=cinder --tag {name} {build}"]
    (wheel,) = build.glob("*.whl")
    lines = (build / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert f"COPY {wheel.name} /tmp/" in lines
    (run,) = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True, timeout=600)
    run = run.replace("/var/lib/kolla/venv", str(tmp_path / "venv")).replace("/tmp/openflash", f"{tmp_path}/openflash")
    (tmp_path / wheel.name).write_bytes(wheel.read_bytes())
    subprocess.run(["/bin/sh", "-c", run], check=True, timeout=600)
    assert list((tmp_path / "venv/lib").glob("python3*/site-packages/openflash_openstack/cinder/xtremio.py"))
