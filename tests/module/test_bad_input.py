# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: each kind has its own message, and nothing changes on the array."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.model import NameRule
from tests.module.arrays import ArrayUnderTest, Result

pytestmark = pytest.mark.wire

VOLUME: dict[str, Any] = {"name": "db1", "size": "10GiB"}


OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 42 + "E"


def refused_by_every_module(array: ArrayUnderTest, *texts: str, kind: str, **connection: Any) -> Result:
    """The result of a wrong connection, for which every module fails with the same message and asks for no change."""
    before, mark = array.state(), array.mark()
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", VOLUME),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_group", {"name": "db"}),
        ("flash_array", {"volumes": [VOLUME]}),
        ("flash_facts", {}),
        ("flash_info", {}),
    ]
    if array.row.hosts:
        tasks.append(("flash_host_map", {"host": "server", "initiators": [array.row.initiators[0]]}))
    messages = set()
    for module, args in tasks:
        result = array.task(module, connection={"timeout": 3.0, **connection}, **args)
        assert result.failed
        assert not result.changed
        for text in texts:
            assert text in result.msg
        error = result["error"]
        assert error["kind"] == kind
        assert error["hint"]
        assert "Traceback" not in result.stdout + result.stderr
        assert result["api"]["writes"] == 0
        messages.add(result.msg)
    assert len(messages) == 1
    assert array.state() == before
    assert array.writes(mark) == []
    return result


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]


@pytest.mark.common
def test_an_unknown_vendor_is_refused_with_the_known_ones(array: ArrayUnderTest) -> None:
    result = array.task("flash_volume", connection={"vendor": "acme"}, **VOLUME)
    assert result.failed
    assert "value of vendor must be one of: " in result.msg
    assert array.endpoint["vendor"] in result.msg
    assert "acme" in result.msg


@pytest.mark.common
def test_a_port_on_which_nothing_listens_is_reported(array: ArrayUnderTest) -> None:
    port = unused_port()
    refused_by_every_module(
        array, f"127.0.0.1:{port}", "connection refused", "Check port", kind="unreachable", port=port
    )


@pytest.mark.common
def test_an_address_that_does_not_resolve_is_reported(array: ArrayUnderTest) -> None:
    refused_by_every_module(
        array, "array.invalid", "does not resolve", "Check address", kind="unreachable", address="array.invalid"
    )


@pytest.mark.common
def test_a_port_that_does_not_answer_within_the_timeout_is_reported(array: ArrayUnderTest, silent_port: int) -> None:
    result = array.task("flash_facts", connection={"port": silent_port, "timeout": 0.3})
    assert result.failed
    assert f"127.0.0.1:{silent_port}" in result.msg
    assert result["error"]["kind"] in ("timeout", "unreachable")


@pytest.mark.trust("tls")
@pytest.mark.common
def test_a_certificate_that_is_not_trusted_is_refused(array: ArrayUnderTest) -> None:
    refused_by_every_module(array, "its certificate is not trusted", "Set ca_path", kind="unreachable", ca_path=None)


@pytest.mark.trust("ssh")
def test_an_unknown_host_key_is_refused(array: ArrayUnderTest) -> None:
    refused_by_every_module(array, "its host key is not known", "set host_key", kind="unreachable", host_key=None)


@pytest.mark.trust("tls")
@pytest.mark.common
def test_a_certificate_for_another_name_is_refused(array: ArrayUnderTest) -> None:
    texts = ("its certificate is for another name than other.example.org", "Set tls_server_name")
    result = refused_by_every_module(array, *texts, kind="unreachable", tls_server_name="other.example.org")
    where = f"{array.endpoint['address']}:{array.endpoint[array.row.port]}"
    assert result.msg.startswith(f"Cannot connect to {where}: ")


@pytest.mark.common
def test_a_message_keeps_the_case_of_the_name_of_an_option(array: ArrayUnderTest) -> None:
    """Also at the beginning of a sentence: the option is ca_path and not Ca_path."""
    for connection in ({"ca_path": "/nowhere/file"}, {"port": 0}, {"timeout": 0}, {"address": ""}):
        result = array.task("flash_facts", connection={"host_key": None, "known_hosts": "/nowhere/file", **connection})
        option = next(iter(connection))
        if (option, array.row.trust) == ("ca_path", None):
            assert not result.failed  # a wire without certificates ignores it
            continue
        assert result.failed
        assert option in result.msg or "known_hosts" in result.msg
        assert not re.search(r"\b(Ca_path|Known_hosts|Port 0|Timeout must|Address is)", result.msg)


@pytest.mark.trust("ssh")
def test_a_host_key_that_differs_from_the_known_one_is_refused(array: ArrayUnderTest) -> None:
    refused_by_every_module(
        array, "differs from the known one", "put it into host_key", kind="unreachable", host_key=OTHER_KEY
    )


@pytest.mark.common
def test_without_verification_any_certificate_is_accepted(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"ca_path": None, "validate_certs": False})
    assert not result.failed
    assert result.stderr == ""


@pytest.mark.common
def test_a_missing_file_of_certificates_or_host_keys_is_reported(array: ArrayUnderTest) -> None:
    message = "ca_path /nowhere/file does not exist" if array.speaks_tls else "known_hosts /nowhere/file cannot be read"
    connection = {"ca_path": "/nowhere/file", "host_key": None, "known_hosts": "/nowhere/file"}
    result = array.task("flash_facts", connection=connection)
    assert result.failed == (array.speaks_tls or array.speaks_ssh)
    assert not result.failed or message in result.msg


@pytest.mark.trust("tls", "ssh")
def test_a_wrong_password_is_reported_and_not_shown(array: ArrayUnderTest) -> None:
    result = refused_by_every_module(
        array, "did not accept the user name and password", kind="unauthorized", password="not-the-Password-1"
    )
    assert result["error"]["code"] or array.speaks_ssh
    assert "not-the-Password-1" not in result.stdout


@pytest.mark.trust("tls", "ssh")
@pytest.mark.parametrize(
    ("missing", "demands", "hint"),
    [
        (("password",), "demands a password", "Set password"),
        (("username",), "demands a user name, and", "Set username."),
        (("username", "password"), "demands a user name and a password", "Set username and password"),
    ],
)
@pytest.mark.common
def test_a_missing_user_name_or_password_is_named(
    array: ArrayUnderTest, missing: tuple[str, ...], demands: str, hint: str
) -> None:
    result = refused_by_every_module(array, demands, hint, kind="invalid", **dict.fromkeys(missing))
    assert result.msg.startswith("Cannot connect to 127.0.0.1")
    for option, title in (("username", "user name"), ("password", "password")):
        assert (title in result["error"]["reason"]) == (option in missing)
    key = array.speaks_ssh and "password" in missing
    assert ("private_key_file" in result["error"]["hint"]) == key


@pytest.mark.trust("tls", "ssh")
@pytest.mark.parametrize(
    ("variable", "value"), [("FLASH_ADDRESS", "192.0.2.1"), ("FLASH_VENDOR", "other")], ids=["address", "vendor"]
)
@pytest.mark.common
def test_a_password_of_the_environment_that_is_not_used_is_reported(
    array: ArrayUnderTest, variable: str, value: str
) -> None:
    env = {"FLASH_PASSWORD": "not-the-Password-1", variable: value}
    result = array.task("flash_facts", connection={"password": None}, env=env)
    option = variable.removeprefix("FLASH_").lower()
    why = f"FLASH_PASSWORD is set, but it is not used, since {variable} is {value} and not the {option} of this task."
    assert why in result["error"]["hint"]
    assert "not-the-Password-1" not in result.stdout
    unset = array.task("flash_facts", connection={"password": None})
    assert "FLASH_PASSWORD" not in unset.msg


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("socks5://127.0.0.1:1080", "proxy is a SOCKS proxy, and only HTTP proxies are supported"),
        ("socks5h://me:word@127.0.0.1:1080", "proxy is a SOCKS proxy"),
        ("ftp://127.0.0.1:21", "proxy is not a URL that begins with http:// or https://"),
        ("http://127.0.0.1:3128/array", "proxy has a path after its host and port"),
        ("http://127.0.0.1:3128?x=1", "proxy has a path after its host and port"),
        ("http://127.0.0.1:0", "the host of proxy '127.0.0.1:0' is not a host name or an IP address"),
        ("http://", "the host of proxy '' is not a host name or an IP address"),
        ("http://me:wo/rd@127.0.0.1:3128", "has a character that is not allowed there in a URL"),
    ],
)
def test_an_impossible_proxy_is_refused(xtremio: ArrayUnderTest, proxy: str, reason: str) -> None:
    result = refused_by_every_module(xtremio, "Cannot connect to 127.0.0.1: ", reason, kind="invalid", proxy=proxy)
    assert "word" not in result["error"]["reason"].replace("password", "")


@pytest.mark.common
def test_an_array_that_a_proxy_cannot_reach_is_reported(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"proxy": "http://127.0.0.1:9", "timeout": 2.0})
    messages = {"ssh": "managed over SSH", "tls": "the proxy 127.0.0.1:9 cannot be reached", None: "through a proxy"}
    assert result.failed
    assert messages[array.row.trust] in result.msg
    assert result["error"]["hint"]


@pytest.mark.trust(None)
def test_an_account_is_not_sent_on_a_wire_without_a_login(array: ArrayUnderTest) -> None:
    """The module_defaults of several arrays may set it."""
    result = array.task("flash_facts", connection={"username": "admin", "password": "not-the-Password-1"})
    assert not result.failed
    assert "not-the-Password-1" not in result.stdout + str(array.requests(0))


@pytest.mark.common
def test_a_port_of_another_service_is_reported(array: ArrayUnderTest) -> None:
    port = int(array.simulator.endpoints["control"].rsplit(":", 1)[1])
    message, kind = ("does not speak", "unreachable")
    if array.row.trust is None:
        message, kind = ("Check that the address and port", "bad_reply")
    refused_by_every_module(array, f"127.0.0.1:{port}", message, kind=kind, port=port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port_is_refused(xtremio: ArrayUnderTest, port: int) -> None:
    texts = ("Cannot connect to 127.0.0.1: ", f"port {port} is impossible")
    xtremio.refuses("flash_facts", *texts, connection={"port": port}, kind="invalid")


@pytest.mark.parametrize("option", ["timeout", "wait_timeout", "max_concurrency"])
def test_a_number_of_0_is_refused(xtremio: ArrayUnderTest, option: str) -> None:
    xtremio.refuses("flash_facts", f"{option} must be more than 0", connection={option: 0}, kind="invalid")


@pytest.mark.parametrize("address", ["https://127.0.0.1", "127.0.0.1/api", "", " , "])
def test_an_impossible_address_is_refused(xtremio: ArrayUnderTest, address: str) -> None:
    xtremio.refuses("flash_facts", "address", connection={"address": address}, kind="invalid")


def test_a_missing_cluster_is_reported_with_the_existing_ones(array: ArrayUnderTest) -> None:
    texts = ("no cluster north", "Set cluster to one of: ")
    if not array.has_option("cluster"):
        texts = ("cluster is not one of vendor", "It is used with vendor: ")
    refused_by_every_module(array, *texts, kind="invalid", cluster="north")


def test_one_of_several_clusters_must_be_named(arrays: dict[str, ArrayUnderTest]) -> None:
    several = arrays["xtremio-clusters"]
    refused_by_every_module(several, "manages 2 clusters", "east, west", kind="invalid", cluster=None)


@pytest.mark.parametrize("version", ["new", "2.4.0"])
def test_an_impossible_version_is_refused(xtremio: ArrayUnderTest, version: str) -> None:
    result = xtremio.task("flash_facts", array_version=version)
    assert result.failed
    assert version in result.msg


@pytest.mark.common
def test_a_second_address_is_tried_when_the_first_does_not_answer(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"address": [f"127.0.0.1:{unused_port()}", "127.0.0.1"]})
    assert not result.failed, result.msg


@pytest.mark.common
def test_all_addresses_are_named_when_none_answers(array: ArrayUnderTest) -> None:
    ports = [unused_port(), unused_port()]
    result = array.task("flash_facts", connection={"address": [f"127.0.0.1:{port}" for port in ports]})
    assert result.failed
    assert all(str(port) in result.msg for port in ports)


# ---- objects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ("10", "a bare number, which means bytes"),
        ("10 potatoes", "is not a size"),
        ("-10GiB", "is not a size"),
        ("", "is not a size"),
        ("0", "a size of 0 is not possible"),
        ("1e9", "is not a size"),
        ("10GiBs", "is not a size"),
        ("0x10GiB", "is not a size"),
        ("16EiB", "is not a size"),
        ("4096PiB", "a size of 4096PiB is impossible"),
        ("0.3GiB", "is not a whole number of bytes"),
    ],
)
def test_an_impossible_size_is_refused(xtremio: ArrayUnderTest, size: str, message: str) -> None:
    xtremio.refuses("flash_volume", message, name="db1", size=size, kind="invalid")


@pytest.mark.common
def test_a_size_is_needed_for_a_new_volume(array: ArrayUnderTest) -> None:
    array.refuses("flash_volume", "volume db1 on", "creating it needs a size", "10GiB", name="db1", kind="invalid")


NAMES = (
    *("a", "Db1", "a.b", "a_b", "a-b", "a:b", "a@b", "a+b", "1a", "x" * 20, "x" * 100, "a b", "k\u00e4se"),
    *("a/b", "12345", "-a", "a,b", "a*", "a\nb", "a;b", "a'b", "x" * 300),
)


def accepts(rule: NameRule, name: str) -> bool:
    return len(name) <= rule.longest and re.fullmatch(rule.pattern, name) is not None


def test_a_name_that_the_array_does_not_accept_is_refused(array: ArrayUnderTest) -> None:
    rules = array.name_rules
    array.done("flash_volume", **VOLUME)
    initiators = [array.row.initiators[0]]
    tasks: list[tuple[str, str, NameRule, dict[str, Any]]] = [
        ("flash_volume", "volumes", rules.volume_name, {"size": "10GiB"}),
        ("flash_volume", "volumes", rules.volume_name, {"source_volume": "db1"}),
        ("flash_snapshot", "snapshots", rules.snapshot_name, {"volume": "db1"}),
    ]
    if array.row.hosts:
        tasks.append(("flash_host_map", "maps", rules.host_name, {"initiators": initiators}))
    for module, key_of_list, rule, options in tasks:
        illegal = [name for name in NAMES if not accepts(rule, name)]
        assert illegal
        key = "host" if key_of_list == "maps" else "name"
        result = array.refuses(
            module,
            rule.description,
            **{key_of_list: [{key: name, **options} for name in illegal]},
            continue_on_error=True,
            kind="invalid",
        )
        assert len(result[key_of_list]) == len(illegal)
        for name, entry in zip(illegal, result[key_of_list], strict=True):
            assert entry["error"]["kind"] == "invalid"
            assert repr(name) in entry["error"]["msg"]
    reason = array.cannot("rename_volume")
    kind = "unsupported" if reason else "invalid"
    array.refuses("flash_volume", reason or rules.volume_name.description, name="a/b", rename_from="db1", kind=kind)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused(xtremio: ArrayUnderTest, name: str) -> None:
    xtremio.refuses("flash_volume", "name", name=name, size="10GiB", kind="invalid")
    xtremio.refuses("flash_host_map", "host", host=name, kind="invalid")
    xtremio.refuses("flash_snapshot", "name", name=name, volume="db1", kind="invalid")


def test_every_name_that_the_array_accepts_can_be_used(array: ArrayUnderTest) -> None:
    rules = array.name_rules
    dot = "." if accepts(rules.volume_name, "a.b") else "-"
    names = [
        name
        for name in NAMES
        if accepts(rules.volume_name, f"{name}{dot}c")
        and accepts(rules.snapshot_name, f"{name}{dot}s")
        and accepts(rules.host_name, name)
    ]
    assert len(names) >= 5
    array.converges("flash_volume", size="10GiB", volumes=[{"name": name} for name in names])
    array.converges("flash_snapshot", snapshots=[{"name": f"{name}{dot}s", "volume": name} for name in names])
    array.converges("flash_volume", volumes=[{"name": f"{name}{dot}c", "source_volume": name} for name in names])
    if array.row.hosts:
        hosts = [{"host": name, "initiators": [array.initiator(number)]} for number, name in enumerate(names)]
        array.converges("flash_host_map", maps=hosts)
        array.converges("flash_host_map", maps=[{"host": name, "volume": name} for name in names])
        assert set(array.luns()) == {(name, name) for name in names}
    last_suffix = "c"
    if array.cannot("rename_volume") is None:
        last_suffix = "d"
        renamed = [{"name": f"{name}{dot}d", "rename_from": f"{name}{dot}c"} for name in names]
        array.converges("flash_volume", volumes=renamed)
    assert {f"{name}{suffix}" for name in names for suffix in ("", f"{dot}s", f"{dot}{last_suffix}")} == set(
        array.volumes()
    )


@pytest.mark.hosts
@pytest.mark.common
def test_an_initiator_that_yaml_reads_as_a_number_is_refused(array: ArrayUnderTest) -> None:
    for address, hint in (
        (10 * 60**7 + 10 * 60**3 + 7, "may have been 10:00:00:00:10:00:00:07"),
        (5e10, "in quotes"),
        ("20000000c9000007:10000000c9000007", "It is two WWNs"),
    ):
        array.refuses("flash_host_map", hint, host="server", initiators=[address], kind="invalid")


@pytest.mark.hosts
@pytest.mark.common
def test_an_initiator_of_another_host_is_a_conflict(array: ArrayUnderTest) -> None:
    address = array.row.initiators[0]
    array.done("flash_host_map", host="server", initiators=[address])
    array.refuses(
        "flash_host_map",
        "host other on",
        f"initiator {address} belongs to host server",
        "remove the initiator from it first",
        host="other",
        initiators=[address],
        kind="conflict",
    )


def test_a_message_has_the_action_the_object_the_array_and_a_hint(array: ArrayUnderTest) -> None:
    array.done("flash_volume", **VOLUME)
    result = array.refuses("flash_volume", name="db1", size="5GiB", kind="refused")
    error = result["error"]
    with array.library() as client:
        label = client.label
    known = array.row.connection.get("cluster") or array.endpoint.get("cluster")
    # The name of the array where it is known, otherwise its address
    where = f"{array.endpoint['address']}:{array.endpoint[array.row.port]}"
    assert label == known if known else label.startswith((array.row.name, where))
    assert result.msg.startswith(f"Cannot create or change volume db1 on {label}: ")
    assert (error["target"], error["array"]) == ("db1", label)
    assert error["doing"] == "create or change volume db1"
    assert error["hint"]


def test_the_error_code_of_the_array_is_reported(array: ArrayUnderTest) -> None:
    array.fault(kind="pool_full", match={"write": True})
    before = array.state()
    result = array.volume(**VOLUME)
    array.clear_faults()
    assert result.failed
    assert result["error"]["code"]
    assert f"(the array answered: {result['error']['code']}" in result.msg
    assert "volume db1" in result.msg
    assert array.state() == before


# ---- options of other vendors ----------------------------------------------------------------------------------------


@pytest.mark.common
def test_unset_options_of_other_vendors_are_ignored(array: ArrayUnderTest) -> None:
    assert not array.task("flash_facts", private_key_file=None, known_hosts=None).failed
