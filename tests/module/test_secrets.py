# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets go only to the array: not into results, output, differences, errors, files or the process list."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.module.arrays import FILES, ONE_OF_EACH_WIRE, TRANSPORTS, ArrayUnderTest, Modules, Row
from tests.module.playbooks import Player
from tests.support.clients import client_python
from tests.support.running import join
from tests.support.simulator import Simulator

MASKS_RESULTS = importlib.util.find_spec("ansible.module_utils.secrets") is None
"""Up to ansible-core 2.21 secrets are masked in results; from 2.22 on in what is displayed."""

PASSWORD = "canary-Pa55/word+%&'\\"
CHAP = "canary-chap-01234"
DISCOVERY = "canary-disc-56789"
PROXY = "canary-proxy-2468"


def forms(secret: str) -> set[str]:
    """The secret in each form in which it could appear: plain, quoted, encoded."""
    from json import dumps
    from urllib.parse import quote, quote_plus

    basic = base64.b64encode(f"admin:{secret}".encode()).decode()
    alone = base64.b64encode(secret.encode()).decode()
    return {secret, dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret), basic, alone}


SECRETS = {form for secret in (PASSWORD, CHAP, DISCOVERY, PROXY) for form in forms(secret)}


def assert_no_secret(text: str, where: str) -> None:
    leaked = {secret for secret in SECRETS if secret in text}
    assert not leaked, f"{leaked} in {where}:\n{text}"


def rows(*chosen: Row, slow: tuple[Row, ...] = ()) -> pytest.MarkDecorator:
    parameters = [pytest.param(row, id=row.name, marks=pytest.mark.slow if row in slow else ()) for row in chosen]
    return pytest.mark.parametrize("guarded", parameters, indirect=True, scope="module")


EACH_WIRE = rows(*ONE_OF_EACH_WIRE)
"""For results and errors, into which the array's own client writes."""
EACH_TRANSPORT = rows(*TRANSPORTS)
"""For what is the same for all arrays with the same transport."""
PLAY = rows(*TRANSPORTS, slow=TRANSPORTS[1:])
"""For what Ansible makes of results. The results themselves are tested on each wire."""


@pytest.fixture(scope="module")
def guarded(request: pytest.FixtureRequest, modules: Modules, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The row's array, in its own simulator, with a password that tests search for."""
    folder = tmp_path_factory.mktemp("guarded")
    config = {**request.param.config, "password": PASSWORD}
    with Simulator([config], run_dir=folder) as simulator:
        yield ArrayUnderTest(request.param, simulator, modules)


@pytest.fixture
def canary(guarded: ArrayUnderTest) -> ArrayUnderTest:
    guarded.reset()
    return guarded


def tasks(array: ArrayUnderTest) -> list[tuple[str, dict[str, Any]]]:
    chap = {
        "chap_username": "of-user",
        "chap_password": CHAP,
        "chap_discovery_username": "of-disc",
        "chap_discovery_password": DISCOVERY,
    }
    addresses = list(array.row.initiators)
    return [
        ("flash_volume", {"name": "db1", "size": "10GiB"}),
        ("flash_volume", {"name": "db1", "size": "5GiB"}),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_group", {"name": "group1", "volumes": ["db1"]}),
        ("flash_host_map", {"host": "server", "initiators": addresses, "volume": "db1", **chap}),
        ("flash_host_map", {"maps": [{"host": "server", "volume": "db1", "update_secret": "always", **chap}]}),
        ("flash_host_map", {"host": "server", "chap_username": "x", "chap_password": CHAP, "lun": 3}),
        ("flash_array", {"hosts": [{"name": "server", "initiators": addresses, **chap, "chap_username": "other"}]}),
        ("flash_array", {"state": "gathered", "gather_snapshots": True}),
        ("flash_facts", {}),
        ("flash_info", {}),
        ("flash_facts", {"gather_subset": ["none"]}),
        ("flash_volume", {"name": "bad/name", "size": "10GiB"}),
    ]


@EACH_WIRE
def test_no_result_has_a_secret(canary: ArrayUnderTest) -> None:
    for check in (True, False):
        for module, args in tasks(canary):
            result = canary.task(module, check=check, diff=True, verbosity=4, **args)
            assert_no_secret(result.output, f"the result of {module} {args}")


KINDS = ("reset_before", "reset_after", "truncated", "non_json", "http_status", "busy", "expired", "pool_full")
"""Faults that end a request in an error."""
IN_TURN = [
    pytest.param(row, kind, id=f"{row.name}-{kind}", marks=() if (number + turn) % 2 else pytest.mark.slow)
    for number, row in enumerate(ONE_OF_EACH_WIRE)
    for turn, kind in enumerate(KINDS)
]
"""Every fault on every wire, half of them as slow tests: a wire meets every second fault, a fault every second wire."""


@pytest.mark.parametrize(("guarded", "kind"), IN_TURN, indirect=["guarded"], scope="module")
def test_no_error_has_a_secret(canary: ArrayUnderTest, kind: str) -> None:
    for module, args in tasks(canary):
        canary.fault(kind=kind, count=None)
        connection = {"timeout": 1.0, "wait_timeout": 0.2, **canary.version}
        if kind.startswith("reset") and module not in ("flash_host_map", "flash_facts"):
            canary.clear_faults()
            continue
        result = canary.task(module, diff=True, verbosity=4, connection=connection, **args)
        canary.clear_faults()
        assert_no_secret(result.output, f"{module} with {kind}")


ADDRESSES: list[Any] = [
    f"admin:{CHAP}@127.0.0.1",
    f"https://admin:{CHAP}@127.0.0.1",
    f"https://admin:{CHAP}@127.0.0.1:443/api",
    f"https://admin:{CHAP},and,more@127.0.0.1",
    ["127.0.0.1", f"https://admin:{CHAP}@127.0.0.1"],
    f"127.0.0.1?password={CHAP}",
    f"https://127.0.0.1/?token={CHAP}#{CHAP}",
]

PROXIES = [
    f"http://somebody:{PROXY}@127.0.0.1:9",
    f"http://somebody:{PROXY}@127.0.0.1:9/",
    f"somebody:{PROXY}@127.0.0.1:9",
    f"http://somebody:p@{PROXY}@127.0.0.1:9",
    f"http://somebody:p/{PROXY}@127.0.0.1:9",
    f"http://somebody:p#{PROXY}@127.0.0.1:9",
    f"http://somebody:p?{PROXY}@127.0.0.1:9",
    f"http://somebody:12/{PROXY}@127.0.0.1:9",
    f"http://somebody:{PROXY}@127.0.0.1:9/path",
    f"http://somebody:{PROXY}@127.0.0.1:port",
    f"socks5://somebody:{PROXY}@127.0.0.1:9",
    f"ftp://somebody:{PROXY}@127.0.0.1:9",
]

EARLY: list[dict[str, Any]] = [{"vendor": "acme"}, {"no_such_option": 1}, {"timeout": 0}, {"port": 0}, {"port": "x"}]
"""Options that end a module before it checks the other connection options."""


@EACH_WIRE
@pytest.mark.common
def test_no_error_of_a_wrong_connection_has_a_secret(canary: ArrayUnderTest) -> None:
    wrong: list[dict[str, Any]] = [
        {"address": "array.invalid"},
        {"port": 9},
        {"ca_path": None},
        {"cluster": "north"},
        {"username": "nobody"},
        {"password": f"{CHAP}x"},
        {"tls_server_name": "other"},
        *({"proxy": proxy} for proxy in PROXIES),
        *({"address": address} for address in ADDRESSES),
    ]
    if canary.speaks_ssh:
        wrong.insert(0, {"host_key": None})
    # A wire without TLS or without a login ignores these options, so they do not make a connection wrong.
    ignored: tuple[str, ...] = () if canary.speaks_tls else ("ca_path", "tls_server_name")
    ignored += () if canary.logs_in else ("username", "password")
    for connection in wrong:
        if set(connection) <= set(ignored):
            continue
        result = canary.task("flash_facts", verbosity=4, connection={"timeout": 2.0, **connection})
        assert result.failed
        assert_no_secret(result.output, str(connection))


@EACH_TRANSPORT
@pytest.mark.parametrize("early", EARLY, ids=str)
def test_no_early_error_has_a_secret(canary: ArrayUnderTest, early: dict[str, Any]) -> None:
    for module in ("flash_facts", "flash_array", "flash_image"):
        required: dict[str, Any] = {}
        if module == "flash_image":
            required = {"name": "golden", "path": f"https://me:{CHAP}@127.0.0.1:9/x.raw"}
        for connection in ({"proxy": PROXIES[3]}, {"proxy": PROXIES[2]}, {"address": ADDRESSES[4]}):
            result = canary.task(module, verbosity=4, connection={**connection, **early}, **required)
            assert result.failed
            assert_no_secret(result.output, f"{module} {connection} {early}")


@EACH_TRANSPORT
@pytest.mark.parametrize("option", ["FLASH_PROXY", "FLASH_ADDRESS"])
def test_no_error_about_a_url_of_the_environment_has_a_secret(canary: ArrayUnderTest, option: str) -> None:
    url = f"http://somebody:{PROXY}@127.0.0.1:9"
    missing = {option.removeprefix("FLASH_").lower(): None}
    result = canary.task("flash_facts", verbosity=4, connection=missing, env={option: url})
    assert result.failed
    assert_no_secret(result.output, option)


@EACH_TRANSPORT
@pytest.mark.parametrize("proxy", ["http://me:p@ss/word@127.0.0.1:9", "http://me:p@127.0.0.1:9", "me:p@127.0.0.1:9"])
def test_a_password_of_one_letter_masks_only_itself(canary: ArrayUnderTest, proxy: str) -> None:
    result = canary.task("flash_facts", verbosity=4, connection={"proxy": proxy, "timeout": 2.0})
    assert result.failed
    assert "proxy" in result.msg
    assert "***" not in result.msg
    assert result["invocation"]["module_args"]["proxy"].endswith("***@127.0.0.1:9")
    assert result["invocation"]["module_args"]["private_key_passphrase"] is None


@EACH_TRANSPORT
def test_the_error_of_an_address_with_a_password_names_the_problem(canary: ArrayUnderTest) -> None:
    for address in ADDRESSES[:5]:
        result = canary.task("flash_facts", connection={"address": address})
        assert "address has a user name or password in it" in result.msg
        assert result["error"]["kind"] == "invalid"
        shown = result["invocation"]["module_args"]["address"]
        assert "127.0.0.1" in str(shown)
        assert "admin" not in str(shown)
        assert result.msg.startswith("Cannot connect to ")
        assert "***@127.0.0.1" in result.msg


@PLAY
def test_no_output_of_a_play_has_a_secret(canary: ArrayUnderTest, tmp_path: Path) -> None:
    """At the highest verbosity, in check and diff mode, and in the files that the play leaves."""
    player = Player(tmp_path)
    play = [
        {f"openflash.storage.{module}": args, "ignore_errors": True, "register": f"result{number}"}
        for number, (module, args) in enumerate(tasks(canary))
    ]
    play.append({"ansible.builtin.debug": {"msg": [f"{{{{ result{number} }}}}" for number in range(len(play))]}})
    for options in (["-vvvvv", "--diff"], ["-vvv", "--check", "--diff"]):
        completed = player.play(play, canary.connection, *options, ANSIBLE_LOG_PATH=str(tmp_path / "ansible.log"))
        assert completed.rc == 0, completed.output
        assert_no_secret(completed.output, "the output")
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != "play.yml":
            assert_no_secret(path.read_text(encoding="utf-8", errors="replace"), str(path))


@pytest.mark.slow
@EACH_WIRE
def test_no_artifact_of_ansible_runner_has_a_secret(canary: ArrayUnderTest, tmp_path: Path) -> None:
    """What AWX shows and stores: the output, the events of each task, and the facts. The secrets are variables."""
    runner = client_python(Path(__file__).with_name("requirements-runner.txt")).parent / "ansible-runner"
    player, folder = Player(tmp_path), tmp_path / "runner"
    (folder / "project").mkdir(parents=True)
    (folder / "env").mkdir(mode=0o700)
    secrets = {"flash_password": canary.connection["password"], "flash_chap": CHAP, "flash_discovery": DISCOVERY}
    variables = folder / "env" / "extravars"
    variables.touch(mode=0o600)
    variables.write_text(json.dumps(secrets), encoding="utf-8")
    named = {secret: f"{{{{ {name} }}}}" for name, secret in secrets.items()}
    play = [
        {f"openflash.storage.{module}": args, "ignore_errors": True, "register": f"result{number}"}
        for number, (module, args) in enumerate(tasks(canary))
    ]
    play.append({"ansible.builtin.debug": {"msg": [f"{{{{ result{number} }}}}" for number in range(len(play))]}})
    command = player.write(play, {**canary.connection, "password": named[canary.connection["password"]]})
    text = Path(command[-1]).read_text(encoding="utf-8")
    for secret, name in named.items():
        text = text.replace(secret, json.dumps(name))
    (folder / "project" / "play.yml").write_text(text, encoding="utf-8")
    Path(command[-1]).unlink()
    for options in ("-vvvv --diff", "-vvvv --check --diff"):
        completed = subprocess.run(
            [str(runner), "run", str(folder), "-p", "play.yml", "--inventory", "localhost,", f"--cmdline={options}"],
            env=player.environ(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert completed.returncode == 0, completed.stdout + completed.stderr
        assert_no_secret(completed.stdout + completed.stderr, "the output")
    artifacts = [path for path in (folder / "artifacts").rglob("*") if path.is_file()]
    assert [path for path in artifacts if path.parent.name == "job_events"]
    for path in artifacts:
        assert_no_secret(path.read_text(encoding="utf-8", errors="replace"), str(path))


@EACH_TRANSPORT
def test_no_file_that_a_task_writes_can_be_read_by_others(canary: ArrayUnderTest, tmp_path: Path) -> None:
    """With the widest umask: the file of known hosts of SSH, the log of the play, and what Ansible leaves behind."""
    known = tmp_path / "known_hosts"
    ssh = {"host_key": None, "known_hosts": str(known), "host_key_policy": "accept_new"} if canary.speaks_ssh else {}
    previous = os.umask(0)
    try:
        for module, args in tasks(canary)[:5]:
            canary.task(module, connection=ssh, **args)
    finally:
        os.umask(previous)
    if canary.speaks_ssh:
        assert known.stat().st_mode & 0o077 == 0
    # The results of the tasks are in two files of this test, where ansible-core 2.22 masks nothing
    results = {canary.modules.folder / name for name in FILES}
    for path in {*tmp_path.rglob("*"), *canary.modules.folder.rglob("*")} - results:
        if path.is_file():
            assert path.stat().st_mode & 0o022 == 0, path
            assert_no_secret(path.read_text(encoding="utf-8", errors="replace"), str(path))


@PLAY
def test_no_output_of_a_play_has_the_password_of_the_environment(canary: ArrayUnderTest, tmp_path: Path) -> None:
    connection = {name: value for name, value in canary.connection.items() if name != "password"}
    play: list[dict[str, Any]] = [{"openflash.storage.flash_facts": {}}]
    completed = Player(tmp_path).play(play, connection, "-vvvvv", FLASH_PASSWORD=PASSWORD)
    assert completed.rc == 0, completed.output
    assert_no_secret(completed.output, "the output")


@PLAY
def test_the_process_list_shows_no_secret(canary: ArrayUnderTest, tmp_path: Path) -> None:
    player = Player(tmp_path)
    play = [{f"openflash.storage.{module}": args, "ignore_errors": True} for module, args in tasks(canary)[:5]]
    command = player.write(play, canary.connection)
    canary.fault(kind="latency", seconds=0.1, count=None)
    listings: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            listings.append(
                subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True, timeout=120).stdout
            )
            stop.wait(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        subprocess.run(command, env=player.environ(), cwd=tmp_path, capture_output=True, check=True, timeout=300)
    finally:
        stop.set()
        join(watcher)
        canary.clear_faults()
    assert any("AnsiballZ_flash_" in text for text in listings)
    for text in listings:
        assert_no_secret(text, "the process list")


def data_of(path: Path) -> str:
    """The content of a file without its holes; the file of a volume is as large as the volume."""
    parts, offset, end = [], 0, path.stat().st_size
    with path.open("rb") as stream:
        while offset < end:
            try:
                start = os.lseek(stream.fileno(), offset, os.SEEK_DATA)
            except OSError:
                break  # the remainder is a hole
            offset = os.lseek(stream.fileno(), start, os.SEEK_HOLE)
            parts.append(os.pread(stream.fileno(), offset - start, start))
    return b"".join(parts).decode(errors="replace")


@EACH_WIRE
def test_only_two_files_of_the_simulator_have_its_password(canary: ArrayUnderTest) -> None:
    for module, args in tasks(canary):
        canary.task(module, **args)
    for path in canary.simulator.run_dir.rglob("*"):
        if path.name in ("endpoints.json", "config.yml") or not path.is_file():
            continue
        assert_no_secret(data_of(path), str(path))
    assert canary.simulator.endpoints_path.stat().st_mode & 0o777 == 0o600
    assert_no_secret(str(canary.simulator.journal(canary.row.name)), "the journal")
    assert_no_secret(str(canary.state()), "the state")


@pytest.mark.common
def test_a_secret_that_is_part_of_a_name_is_masked_with_a_warning(array: ArrayUnderTest) -> None:
    array.done("flash_volume", name="my-server-data", size="1GiB")
    task: dict[str, Any] = {
        "host": "server-0001",
        "initiators": list(array.row.initiators),
        "volume": "my-server-data",
        "chap_username": "of-user",
        "chap_password": "server-0001",
    }
    if array.cannot("chap"):
        refused = array.task("flash_host_map", **task)
        assert refused.failed
        assert not MASKS_RESULTS or "server-0001" not in refused.stdout
        return
    result = array.done("flash_host_map", **task)
    (warning,) = result.warnings
    assert "map.host" in warning
    assert "plan" in warning
    if MASKS_RESULTS:
        assert "puts asterisks there" in warning
        assert "server-0001" not in result.stdout
    else:
        assert "does not display that part" in warning
        assert result["map"]["host"] == "server-0001"
        assert "server-0001" in result["_ansible_new_secrets"]
    assert "server-0001" not in warning
    assert "my-server-data" in result.stdout


@pytest.mark.common
def test_without_a_secret_in_a_name_there_is_no_warning(array: ArrayUnderTest) -> None:
    assert array.done("flash_volume", name="db1", size="1GiB").warnings == []
