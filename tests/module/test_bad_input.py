# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people get wrong: each a message of its own, and nothing changed on the array."""

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


def of_connection(array: ArrayUnderTest, *words: str, kind: str, **connection: Any) -> Result:
    """When the connection is wrong every module fails in the same words, and asks for no change."""
    before, mark = array.state(), array.mark()
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("flash_volume", VOLUME),
        ("flash_snapshot", {"name": "monday", "volume": "db1"}),
        ("flash_array", {"volumes": [VOLUME]}),
        ("flash_facts", {}),
    ]
    if array.row.hosts:
        tasks.append(("flash_host_map", {"host": "server", "initiators": [array.row.initiators[0]]}))
    messages = set()
    for module, args in tasks:
        result = array.task(module, connection={"timeout": 3.0, **connection}, **args)
        assert result.failed
        assert not result.changed
        for word in words:
            assert word in result.msg
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
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen(16)
        yield one.getsockname()[1]


def test_an_unknown_vendor(array: ArrayUnderTest) -> None:
    result = array.task("flash_volume", connection={"vendor": "acme"}, **VOLUME)
    assert result.failed
    assert "value of vendor must be one of: " in result.msg
    assert array.endpoint["vendor"] in result.msg
    assert "acme" in result.msg


def test_nobody_listens_there(array: ArrayUnderTest) -> None:
    port = unused_port()
    of_connection(array, f"127.0.0.1:{port}", "connection refused", "Check port", kind="unreachable", port=port)


def test_a_name_that_does_not_resolve(array: ArrayUnderTest) -> None:
    of_connection(
        array, "array.invalid", "does not resolve", "Check address", kind="unreachable", address="array.invalid"
    )


def test_no_answer_within_the_timeout(array: ArrayUnderTest, silent_port: int) -> None:
    result = array.task("flash_facts", connection={"port": silent_port, "timeout": 0.3})
    assert result.failed
    assert f"127.0.0.1:{silent_port}" in result.msg
    assert result["error"]["kind"] in ("timeout", "unreachable")


@pytest.mark.trust("tls")
def test_a_certificate_that_is_not_trusted(array: ArrayUnderTest) -> None:
    of_connection(array, "its certificate is not trusted", "Set ca_path", kind="unreachable", ca_path=None)


@pytest.mark.trust("ssh")
def test_a_host_key_that_is_not_known(array: ArrayUnderTest) -> None:
    of_connection(array, "its host key is not known", "set host_key", kind="unreachable", host_key=None)


@pytest.mark.trust("tls")
def test_a_certificate_of_another(array: ArrayUnderTest) -> None:
    words = ("its certificate is for another name than other.example.org", "Set tls_server_name")
    result = of_connection(array, *words, kind="unreachable", tls_server_name="other.example.org")
    where = f"{array.endpoint['address']}:{array.endpoint[array.row.port]}"
    assert result.msg.startswith(f"Cannot connect to {where}: ")


def test_the_name_of_an_option_keeps_its_case(array: ArrayUnderTest) -> None:
    """At the beginning of a sentence too: ca_path is an option, and Ca_path is none."""
    for connection in ({"ca_path": "/nowhere/file"}, {"port": 0}, {"timeout": 0}, {"address": ""}):
        result = array.task("flash_facts", connection={"host_key": None, "known_hosts": "/nowhere/file", **connection})
        option = next(iter(connection))
        if (option, array.row.trust) == ("ca_path", None):
            assert not result.failed  # a wire without certificates does not look at it
            continue
        assert result.failed
        assert option in result.msg or "known_hosts" in result.msg
        assert not re.search(r"\b(Ca_path|Known_hosts|Port 0|Timeout must|Address is)", result.msg)


@pytest.mark.trust("ssh")
def test_a_host_key_of_another(array: ArrayUnderTest) -> None:
    of_connection(array, "differs from the known one", "put it into host_key", kind="unreachable", host_key=OTHER_KEY)


def test_without_verification_the_certificate_does_not_matter(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"ca_path": None, "validate_certs": False})
    assert not result.failed
    assert result.stderr == ""


def test_a_file_of_trusted_keys_that_is_not_there(array: ArrayUnderTest) -> None:
    told = "ca_path /nowhere/file does not exist" if array.speaks_tls else "known_hosts /nowhere/file cannot be read"
    connection = {"ca_path": "/nowhere/file", "host_key": None, "known_hosts": "/nowhere/file"}
    result = array.task("flash_facts", connection=connection)
    assert result.failed == (array.speaks_tls or array.speaks_ssh)
    assert not result.failed or told in result.msg


@pytest.mark.trust("tls", "ssh")
def test_a_wrong_password(array: ArrayUnderTest) -> None:
    result = of_connection(
        array, "did not accept the user name and password", kind="unauthorized", password="not-the-Password-1"
    )
    assert result["error"]["code"] or array.speaks_ssh
    assert "not-the-Password-1" not in result.stdout


@pytest.mark.trust("tls", "ssh")
@pytest.mark.parametrize(
    ("without", "demands", "hint"),
    [
        (("password",), "demands a password", "Set password"),
        (("username",), "demands a user name, and", "Set username."),
        (("username", "password"), "demands a user name and a password", "Set username and password"),
    ],
)
def test_only_what_is_missing_of_the_account_is_named(
    array: ArrayUnderTest, without: tuple[str, ...], demands: str, hint: str
) -> None:
    result = of_connection(array, demands, hint, kind="invalid", **dict.fromkeys(without))
    assert result.msg.startswith("Cannot connect to 127.0.0.1")
    for option, title in (("username", "user name"), ("password", "password")):
        assert (title in result["error"]["reason"]) == (option in without)
    key = array.speaks_ssh and "password" in without
    assert ("private_key_file" in result["error"]["hint"]) == key


@pytest.mark.trust("tls", "ssh")
@pytest.mark.parametrize(
    ("variable", "value"), [("FLASH_ADDRESS", "192.0.2.1"), ("FLASH_VENDOR", "other")], ids=["address", "vendor"]
)
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
def test_a_proxy_that_cannot_be(xtremio: ArrayUnderTest, proxy: str, reason: str) -> None:
    result = of_connection(xtremio, "Cannot connect to 127.0.0.1: ", reason, kind="invalid", proxy=proxy)
    assert "word" not in result["error"]["reason"].replace("password", "")


def test_an_array_that_no_proxy_leads_to(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"proxy": "http://127.0.0.1:9", "timeout": 2.0})
    words = {"ssh": "managed over SSH", "tls": "the proxy 127.0.0.1:9 cannot be reached", None: "through a proxy"}
    assert result.failed
    assert words[array.row.trust] in result.msg
    assert result["error"]["hint"]


@pytest.mark.trust(None)
def test_an_account_where_nobody_logs_in(array: ArrayUnderTest) -> None:
    """A fleet's module_defaults may set it: it is not sent, and not told."""
    result = array.task("flash_facts", connection={"username": "admin", "password": "not-the-Password-1"})
    assert not result.failed
    assert "not-the-Password-1" not in result.stdout + str(array.requests(0))


def test_a_wrong_port_of_another_service(array: ArrayUnderTest) -> None:
    port = int(array.simulator.endpoints["control"].rsplit(":", 1)[1])
    words, kind = ("does not speak", "unreachable")
    if array.row.trust is None:
        words, kind = ("Check that the address and port", "bad_reply")
    of_connection(array, f"127.0.0.1:{port}", words, kind=kind, port=port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_an_impossible_port(xtremio: ArrayUnderTest, port: int) -> None:
    words = ("Cannot connect to 127.0.0.1: ", f"port {port} is impossible")
    xtremio.refuses("flash_facts", *words, connection={"port": port}, kind="invalid")


@pytest.mark.parametrize("option", ["timeout", "wait_timeout", "max_concurrency"])
def test_an_impossible_number(xtremio: ArrayUnderTest, option: str) -> None:
    xtremio.refuses("flash_facts", f"{option} must be more than 0", connection={option: 0}, kind="invalid")


@pytest.mark.parametrize("address", ["https://127.0.0.1", "127.0.0.1/api", "", " , "])
def test_an_impossible_address(xtremio: ArrayUnderTest, address: str) -> None:
    xtremio.refuses("flash_facts", "address", connection={"address": address}, kind="invalid")


def test_a_cluster_that_is_not_there(array: ArrayUnderTest) -> None:
    words = ("no cluster north", "Set cluster to one of: ")
    if not array.takes("cluster"):
        words = ("cluster is not one of vendor", "It is used with vendor: ")
    of_connection(array, *words, kind="invalid", cluster="north")


def test_one_of_several_clusters_must_be_named(arrays: dict[str, ArrayUnderTest]) -> None:
    several = arrays["xtremio-clusters"]
    of_connection(several, "manages 2 clusters", "east, west", kind="invalid", cluster=None)


@pytest.mark.parametrize("version", ["new", "2.4.0"])
def test_a_version_that_cannot_be(xtremio: ArrayUnderTest, version: str) -> None:
    result = xtremio.task("flash_facts", array_version=version)
    assert result.failed
    assert version in result.msg


def test_a_second_address_is_tried_when_the_first_does_not_answer(array: ArrayUnderTest) -> None:
    result = array.task("flash_facts", connection={"address": [f"127.0.0.1:{unused_port()}", "127.0.0.1"]})
    assert not result.failed, result.msg


def test_no_address_answers(array: ArrayUnderTest) -> None:
    ports = [unused_port(), unused_port()]
    result = array.task("flash_facts", connection={"address": [f"127.0.0.1:{port}" for port in ports]})
    assert result.failed
    assert all(str(port) in result.msg for port in ports)


# ---- objects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "words"),
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
def test_an_impossible_size(xtremio: ArrayUnderTest, size: str, words: str) -> None:
    xtremio.refuses("flash_volume", words, name="db1", size=size, kind="invalid")


def test_a_size_is_needed_for_a_new_volume(array: ArrayUnderTest) -> None:
    array.refuses("flash_volume", "volume db1 on", "creating it needs a size", "10GiB", name="db1", kind="invalid")


NAMES = (
    *("a", "Db1", "a.b", "a_b", "a-b", "a:b", "a@b", "a+b", "1a", "x" * 20, "x" * 100, "a b", "k\u00e4se"),
    *("a/b", "12345", "-a", "a,b", "a*", "a\nb", "a;b", "a'b", "x" * 300),
)


def takes(rule: NameRule, name: str) -> bool:
    return len(name) <= rule.longest and re.fullmatch(rule.pattern, name) is not None


def test_a_name_that_the_array_does_not_take(array: ArrayUnderTest) -> None:
    able = array.name_rules
    array.done("flash_volume", **VOLUME)
    protocol = [array.row.initiators[0]]
    lists: list[tuple[str, str, NameRule, dict[str, Any]]] = [
        ("flash_volume", "volumes", able.volume_name, {"size": "10GiB"}),
        ("flash_volume", "volumes", able.volume_name, {"source_volume": "db1"}),
        ("flash_snapshot", "snapshots", able.snapshot_name, {"volume": "db1"}),
    ]
    if array.row.hosts:
        lists.append(("flash_host_map", "maps", able.host_name, {"initiators": protocol}))
    for module, many, rule, options in lists:
        illegal = [name for name in NAMES if not takes(rule, name)]
        assert illegal
        key = "host" if many == "maps" else "name"
        result = array.refuses(
            module,
            rule.description,
            **{many: [{key: name, **options} for name in illegal]},
            continue_on_error=True,
            kind="invalid",
        )
        assert len(result[many]) == len(illegal)
        for name, entry in zip(illegal, result[many], strict=True):
            assert entry["error"]["kind"] == "invalid"
            assert repr(name) in entry["error"]["msg"]
    why = array.cannot("rename_volume")
    kind = "unsupported" if why else "invalid"
    array.refuses("flash_volume", why or able.volume_name.description, name="a/b", rename_from="db1", kind=kind)


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name(xtremio: ArrayUnderTest, name: str) -> None:
    xtremio.refuses("flash_volume", "name", name=name, size="10GiB", kind="invalid")
    xtremio.refuses("flash_host_map", "host", host=name, kind="invalid")
    xtremio.refuses("flash_snapshot", "name", name=name, volume="db1", kind="invalid")


def test_every_name_that_the_array_takes(array: ArrayUnderTest) -> None:
    able = array.name_rules
    dot = "." if takes(able.volume_name, "a.b") else "-"
    names = [
        name
        for name in NAMES
        if takes(able.volume_name, f"{name}{dot}c")
        and takes(able.snapshot_name, f"{name}{dot}s")
        and takes(able.host_name, name)
    ]
    assert len(names) >= 5
    array.converges("flash_volume", size="10GiB", volumes=[{"name": name} for name in names])
    array.converges("flash_snapshot", snapshots=[{"name": f"{name}{dot}s", "volume": name} for name in names])
    array.converges("flash_volume", volumes=[{"name": f"{name}{dot}c", "source_volume": name} for name in names])
    if array.row.hosts:
        hosts = [{"host": name, "initiators": [array.initiator(at)]} for at, name in enumerate(names)]
        array.converges("flash_host_map", maps=hosts)
        array.converges("flash_host_map", maps=[{"host": name, "volume": name} for name in names])
        assert set(array.luns()) == {(name, name) for name in names}
    last = "c"
    if array.cannot("rename_volume") is None:
        last = "d"
        renamed = [{"name": f"{name}{dot}d", "rename_from": f"{name}{dot}c"} for name in names]
        array.converges("flash_volume", volumes=renamed)
    assert {f"{name}{end}" for name in names for end in ("", f"{dot}s", f"{dot}{last}")} == set(array.volumes())


@pytest.mark.hosts
def test_an_initiator_that_yaml_took_for_a_number(array: ArrayUnderTest) -> None:
    for address, hint in (
        (10 * 60**7 + 10 * 60**3 + 7, "may have been 10:00:00:00:10:00:00:07"),
        (5e10, "in quotes"),
        ("20000000c9000007:10000000c9000007", "It is two WWNs"),
    ):
        array.refuses("flash_host_map", hint, host="server", initiators=[address], kind="invalid")


@pytest.mark.hosts
def test_an_initiator_of_another_host(array: ArrayUnderTest) -> None:
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


def test_a_message_says_what_where_and_what_to_do(array: ArrayUnderTest) -> None:
    array.done("flash_volume", **VOLUME)
    result = array.refuses("flash_volume", name="db1", size="5GiB", kind="refused")
    error = result["error"]
    with array.library() as client:
        label = client.label
    known = array.row.connection.get("cluster") or array.endpoint.get("cluster")
    # The name of the array where it is known, else its address
    where = f"{array.endpoint['address']}:{array.endpoint[array.row.port]}"
    assert label == known if known else label.startswith((array.row.name, where))
    assert result.msg.startswith(f"Cannot create or change volume db1 on {label}: ")
    assert (error["target"], error["array"]) == ("db1", label)
    assert error["doing"] == "create or change volume db1"
    assert error["hint"]


def test_the_array_s_own_code_is_told(array: ArrayUnderTest) -> None:
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


def test_options_of_other_vendors_are_ignored_when_unset_and_empty(array: ArrayUnderTest) -> None:
    assert not array.task("flash_facts", private_key_file=None, known_hosts=None).failed
