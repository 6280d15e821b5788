# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks/awx.yml creates in AWX works there: credentials are injected, and jobs run as AWX runs them."""

from __future__ import annotations

import json
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.openflash.storage.plugins.module_utils.flash_options import CONNECTION
from tests.module.arrays import ONE_OF_EACH_WIRE, ROOT, ArrayUnderTest, Modules, next_second
from tests.module.playbooks import Player
from tests.support import awx
from tests.support.awx_api import Api, Server, check_survey
from tests.support.clients import client_wheel
from tests.support.simulator import Simulator

ONE, FLEET = awx.data("awx_credential_types")["controller_credential_types"]
PASSWORD = "canary-{{ 7 * 7 }}-Pa55/word+%&'\\\""
SECRET = "canary-"


# ---- credential types ------------------------------------------------------------------------------------------------


def test_awx_accepts_the_credential_types() -> None:
    for credential_type in (ONE, FLEET):
        awx.check_type(credential_type)


def test_the_credential_of_an_array_has_every_connection_option() -> None:
    fields = {field["id"]: field for field in ONE["inputs"]["fields"]}
    assert list(fields) == list(CONNECTION)
    assert ONE["injectors"]["env"].keys() == {f"FLASH_{name.upper()}" for name in CONNECTION}
    for name, spec in CONNECTION.items():
        assert set(spec.get("choices", ())) <= set(fields[name].get("choices", ())), name
        assert fields[name].get("secret", False) or not spec.get("no_log"), name
    assert {name for name in CONNECTION if fields[name].get("secret")} == {
        *("password", "private_key_file", "private_key_passphrase", "proxy"),
    }
    help_text = FLEET["inputs"]["fields"][0]["help_text"]
    assert all(name in help_text for name in CONNECTION)


def test_a_credential_sets_only_what_it_has(tmp_path: Path) -> None:
    """A field that was left empty leaves its option unset, so certificates are verified."""
    inputs = {field["id"]: "" for field in ONE["inputs"]["fields"]}
    inputs |= {"vendor": "xtremio", "address": "192.0.2.7", "username": "ansible", "password": PASSWORD}
    expected = {
        "FLASH_VENDOR": "xtremio",
        "FLASH_ADDRESS": "192.0.2.7",
        "FLASH_USERNAME": "ansible",
        "FLASH_PASSWORD": PASSWORD,
    }
    # What the page of AWX saves for choices, and what its API leaves out
    defaults = {"FLASH_VALIDATE_CERTS": "true", "FLASH_HOST_KEY_POLICY": "strict"}
    for given, found in ((inputs, {**expected, **defaults}), ({k: v for k, v in inputs.items() if v}, expected)):
        env = awx.injected(ONE, given, tmp_path)
        assert {name: value for name, value in env.items() if value} == found


def test_the_content_of_a_file_is_written_for_the_job(tmp_path: Path) -> None:
    inputs = {"vendor": "flashsystem", "address": "192.0.2.7", "private_key_file": "KEY", "known_hosts": "a b c\n"}
    env = awx.injected(ONE, inputs, tmp_path)
    assert Path(env["FLASH_PRIVATE_KEY_FILE"]).read_text() == "KEY\n"
    assert Path(env["FLASH_KNOWN_HOSTS"]).read_text() == "a b c\n"
    assert env["FLASH_CA_PATH"] == ""


# ---- jobs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet(modules: Modules, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One array of each wire with a login, by the name of its host in the inventory, with a password to search for."""
    rows = [row for row in ONE_OF_EACH_WIRE if row.trust is not None and row.name != "xtremio-3.0"]
    with Simulator(
        [{**row.config, "password": PASSWORD} for row in rows], run_dir=tmp_path_factory.mktemp("fleet")
    ) as simulator:
        yield {row.name: ArrayUnderTest(row, simulator, modules) for row in rows}


@pytest.fixture
def arrays_of_fleet(fleet: dict[str, ArrayUnderTest]) -> dict[str, ArrayUnderTest]:
    for array in fleet.values():
        array.reset()
    return fleet


def group_variables() -> dict[str, Any]:
    data = awx.data("awx")
    found: dict[str, Any] = data["controller_groups"][0]["variables"]
    return found


def inventory(names: Any) -> dict[str, Any]:
    return {
        "flash_arrays": {"hosts": sorted(names), "vars": group_variables()},
        "_meta": {"hostvars": {name: {} for name in names}},
    }


def credential(folder: Path, arrays: dict[str, ArrayUnderTest]) -> dict[str, str]:
    """The environment of a job that has the credential of the fleet."""
    (folder / "env").mkdir(parents=True)
    entries = [{"name": name, **array.connection} for name, array in arrays.items()]
    return awx.injected(FLEET, {"arrays": yaml.safe_dump(entries)}, folder / "env")


EACH = [
    pytest.param(name, marks=() if name.startswith("xtremio") else pytest.mark.slow)
    for name in ("xtremio-4.2-iscsi", "flashsystem-fc", "violin-7.5.5-fc", "dsware-rest", "datera-2.2")
]


@pytest.mark.parametrize("name", EACH)
def test_a_job_plans_applies_and_changes_nothing_again(
    arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path, name: str
) -> None:
    array = arrays_of_fleet[name]
    hosts = array.row.hosts
    answers = {
        "provision_arrays": name,
        "provision_volumes": "web-data 2GiB\r\n\n  web-logs\t1GiB ",
        "provision_host": "web" if hosts else "",
        "provision_initiators": "\r\n".join(array.row.initiators[:2]) if hosts else "",
        "provision_pool": "",
        "provision_provisioning": "",
        "provision_os": "",
        "provision_shared": "false",
    }
    for number, options in enumerate((["--check", "--diff"], ["--diff"], [])):
        folder, mark = tmp_path / f"job{number}", array.mark()
        env = credential(folder, arrays_of_fleet)
        ran = awx.run_job(folder, "provision", inventory(arrays_of_fleet), answers, env, options=options)
        assert ran.rc == 0, ran.output
        results = ran.results("Create and map the volumes")
        assert list(results) == [name]
        assert results[name]["changed"] == (number < 2)
        assert bool(array.writes(mark)) == (number == 1)
        assert SECRET not in ran.text + ran.noted
    assert {"web-data", "web-logs"} <= set(array.volumes())
    assert not hosts or set(array.hosts()) == {"web"}


@pytest.mark.slow
def test_what_somebody_types_into_a_survey_is_no_template(
    arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path
) -> None:
    array, name = arrays_of_fleet["xtremio-4.2-iscsi"], "xtremio-4.2-iscsi"
    typed = f"{{{{ lookup('ansible.builtin.pipe', 'touch {tmp_path}/executed') }}}} 1GiB"
    answers = {"provision_arrays": name, "provision_volumes": typed, "provision_host": ""}
    env = credential(tmp_path / "job", arrays_of_fleet)
    ran = awx.run_job(tmp_path / "job", "provision", inventory([name]), answers, env)
    assert ran.rc != 0, ran.output
    assert not (tmp_path / "executed").exists()
    assert array.volumes() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"provision_arrays": ""}, "empty"),
        ({"provision_volumes": " \n "}, "provision_volumes needs a line NAME SIZE"),
        ({"provision_volumes": "web-data"}, "provision_volumes needs a line NAME SIZE"),
        ({"provision_volumes": "web-data 10"}, "MiB"),
        ({"provision_initiators": "iqn.2026-01.org.example:web"}, "initiators need provision_host"),
        ({"provision_connection": {}}, "vendor"),
    ],
    ids=str,
)
def test_a_wrong_answer_changes_nothing(
    arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path, answers: dict[str, Any], message: str
) -> None:
    name = "xtremio-4.2-iscsi"
    given = {"provision_arrays": name, "provision_volumes": "web-data 1GiB", **answers}
    env = credential(tmp_path / "job", arrays_of_fleet)
    ran = awx.run_job(tmp_path / "job", "provision", inventory(arrays_of_fleet), given, env)
    assert ran.rc != 0, ran.output
    assert message in ran.output.replace("\n", " ")
    assert all(array.volumes() == {} for array in arrays_of_fleet.values())


def test_the_slices_of_a_job_change_disjoint_arrays_to_the_same_state(
    arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path
) -> None:
    names = ["datera-2.2", "xtremio-4.2-iscsi"]
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in names:
        volumes = [{"name": f"web-{number}", "size": "1GiB"} for number in range(2)]
        (documents / f"{name}.yml").write_text(yaml.safe_dump({"volumes": volumes}), encoding="utf-8")
    answers = {
        "declare_arrays": "flash_arrays",
        "declare_prune": "false",
        "declare_prefix": "",
        "declare_unmap": "false",
    }

    def run(job: str, hosts: list[str]) -> awx.Ran:
        env = credential(tmp_path / job, arrays_of_fleet)
        of_template = {"declare_documents": str(documents)}
        return awx.run_job(tmp_path / job, "declare", inventory(hosts), answers, env, of_template=of_template)

    with ThreadPoolExecutor() as pool:
        slices = list(pool.map(run, ("slice1", "slice2"), ([name] for name in names)))
    for name, ran in zip(names, slices, strict=True):
        assert ran.rc == 0, ran.output
        results = ran.results("Make the array hold what is declared")
        assert {host: result["changed"] for host, result in results.items()} == {name: True}
    undivided = run("undivided", names)
    assert undivided.rc == 0, undivided.output
    results = undivided.results("Make the array hold what is declared")
    assert {host: result["changed"] for host, result in results.items()} == dict.fromkeys(names, False)
    assert all(set(arrays_of_fleet[name].volumes()) == {"web-0", "web-1"} for name in names)


@pytest.mark.slow
def test_a_declared_array_is_pruned_only_if_asked(arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    name = "xtremio-4.2-iscsi"
    array = arrays_of_fleet[name]
    array.done("flash_volume", volumes=[{"name": "web-old"}, {"name": "db"}], size="1GiB")
    hosts = inventory([name])
    hosts["_meta"]["hostvars"][name] = {"declare_document": {"volumes": [{"name": "web-0", "size": "1GiB"}]}}
    answers = {"declare_arrays": "flash_arrays", "declare_prefix": "web-", "declare_unmap": "false"}
    for prune, remaining in (("false", {"web-0", "web-old", "db"}), ("true", {"web-0", "db"})):
        env = credential(tmp_path / prune, arrays_of_fleet)
        ran = awx.run_job(tmp_path / prune, "declare", hosts, {**answers, "declare_prune": prune}, env)
        assert ran.rc == 0, ran.output
        assert set(array.volumes()) == remaining
    env = credential(tmp_path / "no prefix", arrays_of_fleet)
    answers |= {"declare_prune": "true", "declare_prefix": ""}
    assert awx.run_job(tmp_path / "no prefix", "declare", hosts, answers, env).rc != 0
    assert set(array.volumes()) == {"web-0", "db"}


@pytest.mark.slow
def test_snapshots_and_a_clone_as_jobs(arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    name = "xtremio-4.2-iscsi"
    array = arrays_of_fleet[name]
    array.done("flash_volume", name="db", size="1GiB")
    answers = {
        "snapshots_arrays": name,
        "snapshots_volumes": "db\n",
        "snapshots_label": "night",
        "snapshots_keep": "2",
        "snapshots_atomic": "true",
    }
    for number in range(3):
        stamp = {"snapshots_stamp": f"2026010{number}"}
        env = credential(tmp_path / f"night{number}", arrays_of_fleet)
        folder = tmp_path / f"night{number}"
        ran = awx.run_job(folder, "snapshots", inventory([name]), {**answers, **stamp}, env)
        assert ran.rc == 0, ran.output
        next_second()
    assert {one for one in array.volumes() if one != "db"} == {"db-night-20260101", "db-night-20260102"}
    cloned = {
        "clone_arrays": name,
        "clone_source": "db",
        "clone_snapshot": "db-night-20260102",
        "clone_name": "db-test",
        "clone_host": "test",
        "clone_initiators": array.initiator(7),
    }
    for number, options in enumerate((["--check"], [], [])):
        env = credential(tmp_path / f"clone{number}", arrays_of_fleet)
        ran = awx.run_job(tmp_path / f"clone{number}", "clone", inventory([name]), cloned, env, options=options)
        assert ran.rc == 0, ran.output
        assert ran.results("Clone and map the volume")[name]["changed"] == (number < 2)
    assert "db-test" in array.volumes()
    assert set(array.hosts()) == {"test"}


@pytest.mark.slow
def test_reports_as_jobs(arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    """They write into a folder beside the project, which is read-only."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name in arrays_of_fleet:
        (documents / f"{name}.yml").write_text("volumes: [{name: web, size: 1GiB}]", encoding="utf-8")
    for playbook, of_template, expected in (
        ("fleet_report", {"fleet_report_folder": str(tmp_path / "fleet-report")}, 0),
        ("drift", {"drift_folder": str(tmp_path / "drift"), "drift_documents": str(documents)}, 2),
    ):
        env = credential(tmp_path / playbook, arrays_of_fleet)
        of_template["drift_openstack"] = "false"
        ran = awx.run_job(tmp_path / playbook, playbook, inventory(arrays_of_fleet), {}, env, of_template=of_template)
        assert ran.rc == expected, ran.output
        assert SECRET not in ran.text + ran.noted
    report = json.loads((tmp_path / "fleet-report/fleet_report.json").read_text(encoding="utf-8"))
    assert {entry["name"] for entry in report["arrays"]} == set(arrays_of_fleet)
    assert SECRET not in "".join(
        path.read_text(encoding="utf-8") for path in tmp_path.glob("[df]*/*") if path.suffix in (".json", ".html")
    )


@pytest.mark.slow
def test_the_credential_of_one_array_as_a_job(arrays_of_fleet: dict[str, ArrayUnderTest], tmp_path: Path) -> None:
    array = arrays_of_fleet["xtremio-4.2-iscsi"]
    (tmp_path / "job/env").mkdir(parents=True)
    inputs = {name: str(value) for name, value in array.connection.items() if name != "ca_path"}
    inputs["ca_path"] = Path(array.connection["ca_path"]).read_text(encoding="utf-8")
    env = awx.injected(ONE, inputs, tmp_path / "job/env")
    hosts = inventory(["xms1"])
    local = ("ansible_connection", "ansible_python_interpreter")
    hosts["flash_arrays"]["vars"] = {name: hosts["flash_arrays"]["vars"][name] for name in local}
    answers = {"provision_arrays": "xms1", "provision_volumes": "web 1GiB", "provision_host": ""}
    ran = awx.run_job(tmp_path / "job", "provision", hosts, answers, env, options=["-vvvv", "--diff"])
    assert ran.rc == 0, ran.output
    assert set(array.volumes()) == {"web"}
    assert SECRET not in ran.text


# ---- AWX -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_playbook_creates_everything_in_awx_and_changes_nothing_again(tmp_path: Path) -> None:
    """By the modules of awx.awx, with a server that has AWX's schemas; see tests/support/awx_api.py."""
    with zipfile.ZipFile(client_wheel("ansible==11.13.0")) as wheel:
        wanted = [name for name in wheel.namelist() if name.startswith("ansible_collections/awx/awx/")]
        wheel.extractall(tmp_path / "collections", wanted)
    player = Player(tmp_path)
    player.write([], {})
    playbooks = [f"playbooks/{path.name}" for path in (ROOT / "playbooks").glob("*.yml")]
    api = Api(playbooks)
    variables = {
        "awx_arrays": ["xms1", "violin2"],
        "awx_fleet": [{"name": "xms1", "vendor": "xtremio", "address": "192.0.2.7", "password": PASSWORD}],
        "awx_slices": "2",
    }
    (tmp_path / "vars.yml").write_text(awx.extra_vars(variables, {}), encoding="utf-8")
    command = ["ansible-playbook", "-i", "localhost,", str(ROOT / "playbooks/awx.yml"), "-e", "@vars.yml", "-vvv"]
    with Server(api) as url:
        path = f"{tmp_path / 'collections'}:{ROOT / 'collections'}"
        env = player.environ(ANSIBLE_COLLECTIONS_PATH=path, CONTROLLER_HOST=url, CONTROLLER_OAUTH_TOKEN="a-token")
        outputs = []
        for _run in range(2):
            outputs.append(
                subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=600, check=False)
            )
            assert outputs[-1].returncode == 0, outputs[-1].stdout + outputs[-1].stderr
            assert SECRET not in outputs[-1].stdout + outputs[-1].stderr
            api.requests, requests = [], api.requests
            assert requests or _run
    # A node that waits for an approval is always sent again: the module compares it with fields that it does not have
    assert [request for request in requests if "workflow" not in request] == []
    assert api.names("credential_types") == {"Flash array", "Flash arrays"}
    assert api.named("credential_types", "Flash array")["injectors"] == ONE["injectors"]
    (arrays,) = {secret for secret in api.secrets if secret != "$encrypted$"}
    assert yaml.safe_load(arrays) == variables["awx_fleet"]
    assert api.named("groups", "flash_arrays")["variables"] == json.dumps(group_variables())
    assert api.names("hosts") == {"xms1", "violin2"}
    used = {entry["playbook"] for entry in api.objects["job_templates"].values()}
    assert used == {
        f"playbooks/{name}.yml"
        for name in (
            *("clone", "declare", "drift", "fleet_report", "golden_image", "openstack_backends"),
            *("provision", "snapshots"),
        )
    }
    for workflow in api.objects["workflow_job_templates"].values():
        name = workflow["name"].removesuffix(" with approval")
        assert name in api.names("job_templates")
    nodes = list(api.objects["workflow_job_template_nodes"].values())
    assert [node.get("job_type") for node in nodes] == ["check", None, "run"] * 3
    assert api.names("workflow_approval_templates") == {
        f"{workflow['name'].removesuffix(' with approval')} - approve"
        for workflow in api.objects["workflow_job_templates"].values()
    }


def test_the_questions_of_a_survey_are_variables_of_its_playbook() -> None:
    for template in awx.data("awx")["awx_templates"]:
        name = Path(template["playbook"].rpartition("/")[2]).stem
        meta = yaml.safe_load((ROOT / f"playbooks/{name}.meta.yml").read_text(encoding="utf-8"))
        options = meta["argument_specs"][name]["options"]
        if "survey_spec" in template:
            check_survey(template["survey_spec"])
        questions = template.get("survey_spec", {"spec": []})["spec"]
        given = {question["variable"] for question in questions} | set(template.get("extra_vars", {}))
        assert given <= set(options), name
        for question in questions:
            assert question["required"] or not options[question["variable"]].get("required"), question
        missing = {option for option, spec in options.items() if spec.get("required")} - given
        assert missing <= set(group_variables()) | {"cinder_backend_backends"}, name
