# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes, addresses, URLs and names in their canonical forms."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given, strategies as st

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import Invalid
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http import HttpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import SshTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.tcp import TcpTransport
from ansible_collections.openflash.storage.plugins.module_utils.openflash.units import (
    GIB,
    KIB,
    MIB,
    PIB,
    TIB,
    format_endpoint,
    format_initiator,
    format_size,
    is_openstack_name,
    parse_endpoint,
    parse_initiator,
    parse_size,
    parse_target,
    redact_url,
    round_up,
    url_secrets,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10G", 10 * GIB),
        ("10GB", 10 * GIB),
        ("10GiB", 10 * GIB),
        ("10gib", 10 * GIB),
        (" 10 GiB ", 10 * GIB),
        ("1.5TiB", 3 * TIB // 2),
        ("512M", 512 * MIB),
        ("2048K", 2 * MIB),
        ("1P", PIB),
        ("1048576", MIB),
        (1048576, MIB),
        ("4k", 4 * KIB),
    ],
)
def test_a_size_is_read_in_every_notation(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "G",
        "10X",
        "10 G B",
        "-1G",
        "1e9",
        "0",
        "0G",
        "ten",
        "10GiBs",
        "1,5G",
        ".5G",
        "0.3KiB",
        "9" * 5000,
        True,
        None,
        1.5,
    ],
)
def test_an_invalid_size_is_refused(text: object) -> None:
    with pytest.raises(Invalid):
        parse_size(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "number"),
    [("0", 0), ("007", 7), (12, 12), ("", None), ("-1", None), ("1.5", None), ("1\n", None), (None, None)],
)
def test_a_whole_number_is_read(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize("text", ["\u00b2", "\u0661", "9" * 5000])
def test_digits_that_no_array_counts_with_are_no_number(text: str) -> None:
    """Superscripts, Arabic digits, and so many that the conversion is refused."""
    assert whole_number(text) is None


def test_the_error_of_a_bare_number_suggests_gibibytes() -> None:
    with pytest.raises(Invalid, match="10GiB"):
        parse_size("10")


@given(st.integers(min_value=MIB, max_value=8 * PIB))
def test_a_formatted_size_is_read_as_the_same_size(size: int) -> None:
    assert parse_size(format_size(size)) == size


@given(st.integers(min_value=1, max_value=PIB), st.integers(min_value=1, max_value=GIB))
def test_rounding_up_adds_less_than_one_step(size: int, step: int) -> None:
    assert 0 <= round_up(size, step) - size < step
    assert round_up(size, step) % step == 0


@pytest.mark.parametrize(
    "address", ["10:00:00:00:C9:00:00:07", "10000000c9000007", "0x10000000C9000007", "10-00-00-00-c9-00-00-07"]
)
def test_a_wwn_is_read_in_every_notation(address: str) -> None:
    assert parse_initiator(address) == ("fc", "10000000c9000007")
    assert format_initiator("10000000c9000007") == "10:00:00:00:c9:00:00:07"


@pytest.mark.parametrize("address", ["iqn.2026-01.org.example:Host1", "IQN.2026-01.org.example:host1"])
def test_an_iqn_is_lower_case(address: str) -> None:
    assert parse_initiator(address) == ("iscsi", "iqn.2026-01.org.example:host1")
    assert format_initiator("iqn.2026-01.org.example:host1") == "iqn.2026-01.org.example:host1"


def test_an_eui_is_lower_case() -> None:
    assert parse_initiator("EUI.02004567A425678D") == ("iscsi", "eui.02004567a425678d")


@pytest.mark.parametrize(
    "address",
    [
        "",
        "host1",
        "0" * 16,
        "10:00:00:00:c9:00:00",
        "iqn.2026-13.org.example:x",
        "iqn.2026-01.org.example:" + "x" * 220,
    ],
)
def test_a_malformed_initiator_is_refused(address: str) -> None:
    with pytest.raises(Invalid):
        parse_initiator(address)


UUID = "6a1bb6ec-1f39-4bd0-8e3a-3f4b6d3a7a01"


@pytest.mark.parametrize(
    "name",
    [
        UUID,
        UUID.replace("-", ""),
        f"volume-{UUID}",
        f"snapshot-{UUID}",
        f"cgsnapshot-{UUID}",
        f"group_snapshot-{UUID}",
        f"OS-{UUID}",
        f"OS-IMAGE-{UUID}",
        f"OS-my.volume_1-{UUID}",
        f"OS--{UUID}",
        f"UNMANAGED-{UUID}",
        "Managed by OpenStack (1.0-ISCSI) with vmemclient (1.1.9)",
        f"{UUID}-source",
        f"volume-{UUID}-source",
        f"revert-{UUID}",
        f"tempvolume-{UUID}clonevolume-{UUID}",
        f"{UUID}.{UUID}",
        f"{UUID}.of-0123456789abcdef",
        f"{UUID}.1764529200",
    ],
)
def test_a_name_of_openstack_or_its_drivers_belongs_to_openstack(name: str) -> None:
    assert is_openstack_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "db1",
        "volume-1",
        "OS-web1",
        "OS-images",
        "os-web1",
        "OS-",
        "UNMANAGED-volume",
        "unmanaged-lab",
        f"unmanaged-{UUID}",
        f"os-{UUID}",
        f"OS-a b-{UUID}",
        f"Volume-{UUID}",
        f"volume-{UUID.upper()}",
        UUID.upper(),
        f"volume-{UUID}-old",
        f"my-volume-{UUID}",
        f"{UUID}\n",
        f"{UUID}.nightly",
        f"{UUID}-unmanaged",
        "managed by openstack (1.0-ISCSI) with vmemclient (1.1.9)",
        "Managed by OpenStackers",
        f"OS-{UUID}-copy",
        UUID.replace("-", "")[:31],
    ],
)
def test_a_name_that_only_resembles_those_of_openstack_does_not_belong_to_it(name: str) -> None:
    assert not is_openstack_name(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://images.example/x.raw", "https://images.example/x.raw"),
        ("https://images.example:8443/a@b/x@1.raw", "https://***@1.raw"),  # a password may hold a slash
        ("https://images.example/a@b/x@1.raw", "https://images.example/a@b/x@1.raw"),
        ("https://[2001:db8::1]/x@1.raw", "https://[2001:db8::1]/x@1.raw"),
        ("https://bob:Secret1@images.example/x.raw", "https://***@images.example/x.raw"),
        ("https://Secret1@images.example/x.raw", "https://***@images.example/x.raw"),
        ("https://bob:Secret1@images.example:8443/x.raw?token=Secret2&b", "https://***@images.example:8443/x.raw?***"),
        ("https://images.example/x.raw?Secret1", "https://images.example/x.raw?***"),
        ("https://images.example?Secret1", "https://images.example?***"),
        ("https://images.example/x.raw#Secret1", "https://images.example/x.raw"),
        ("http://bob:Secret1@Secret2@proxy.example:3128", "http://***@proxy.example:3128"),
        ("http://bob:Secret1/Secret2@proxy.example:3128", "http://***@proxy.example:3128"),
        (
            "http://bob:Secret1?Secret2@proxy.example:3128",
            "http://***@",
        ),  # "bob" could also be the host and this a query
        ("http://bob:Secret1#Secret2@proxy.example:3128", "http://***@"),
        ("https://images.example:8443/x.raw?mail=a:Secret1@b", "https://images.example:8443/x.raw?***"),
        ("https://bob:Secret1@images.example/x.raw?mail=a@Secret2", "https://***@"),
        ("https://images.example:port/x.raw", "https://images.example:port/x.raw"),
        ("http://bob:123/Secret2@proxy.example:3128", "http://***@proxy.example:3128"),
        ("bob:Secret1@proxy.example:3128", "***@proxy.example:3128"),
        ("bob:Secret1/@proxy.example:3128", "***@proxy.example:3128"),
        ("//bob:Secret1@proxy.example", "//***@proxy.example"),
        ("socks5://bob:Secret1@proxy.example", "socks5://***@proxy.example"),
        ("proxy.example:3128", "proxy.example:3128"),
        ("/srv/images/x.raw", "/srv/images/x.raw"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redact_url(url) == shown
    assert redact_url(shown) == shown


_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@given(user=_TEXT, password=_TEXT, query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12))
def test_no_malformed_url_shows_its_password(user: str, password: str, query: str) -> None:
    secret = "Xq7" + password + "Xq7"
    shown = redact_url("https://" + re.sub("[@/?#:]", "", user) + ":" + secret + "@images.example/x.raw?Zw9" + query)
    assert "Xq7" not in shown
    assert "Zw9" not in shown


def test_the_secrets_of_a_url_are_found_encoded_and_decoded() -> None:
    secrets = url_secrets("https://bob:p%40ss@images.example/x.raw?token=a%2Fb&Signature=c+d")
    assert set(secrets) >= {"bob", "p%40ss", "p@ss", "a%2Fb", "a/b", "c+d", "c d"}
    assert "images.example" not in " ".join(secrets)
    assert list(secrets) == sorted(secrets, key=lambda text: (-len(text), text))
    assert url_secrets("https://images.example/x.raw") == ()


@pytest.mark.parametrize(
    ("wwn", "pairs"),
    [
        ("10:00:00:00:10:00:00:07", "10:00:00:00:10:00:00:07"),
        ("21:00:00:24:59:15:00:01", "21:00:00:24:59:15:00:01"),
        ("50:01:43:10:00:00:00:07", "50:01:43:10:00:00:00:07"),
    ],
)
def test_a_wwn_that_yaml_reads_as_a_number_is_refused_with_a_hint(wwn: str, pairs: str) -> None:
    number = yaml.safe_load(wwn)
    assert isinstance(number, int)
    with pytest.raises(Invalid) as caught:
        parse_initiator(str(number))
    assert "in quotes" in str(caught.value.hint)
    assert pairs in str(caught.value.hint)


@pytest.mark.parametrize("text", ["5.0e+10", "1.5", "100000000", "-7", str(yaml.safe_load("0500000000000007"))])
def test_a_number_instead_of_a_wwn_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_initiator(text)
    assert "in quotes" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "20000000c9000007:10000000c9000007",
        "20:00:00:00:c9:00:00:07:10:00:00:00:c9:00:00:07",
        "0x20000000C900000710000000C9000007",
    ],
)
def test_two_joined_wwns_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_initiator(text)
    assert "It is two WWNs" in str(caught.value.hint)
    assert "10:00:00:00:c9:00:00:07" in str(caught.value.hint)


# -- host and port -------------------------------------------------------------------------------------------------

ENDPOINTS = [
    ("array.example.org", ("array.example.org", 443)),
    (" array ", ("array", 443)),
    ("array:8443", ("array", 8443)),
    ("array_1:1", ("array_1", 1)),
    ("192.0.2.7", ("192.0.2.7", 443)),
    ("192.0.2.7:65535", ("192.0.2.7", 65535)),
    ("2001:db8::7", ("2001:db8::7", 443)),
    ("2001:0DB8:0:0:0:0:0:7", ("2001:db8::7", 443)),
    ("[2001:db8::7]", ("2001:db8::7", 443)),
    ("[2001:db8::7]:8443", ("2001:db8::7", 8443)),
    ("::1", ("::1", 443)),
    ("fe80::1%eth0", ("fe80::1%eth0", 443)),
    ("[fe80::1%eth0]:22", ("fe80::1%eth0", 22)),
]


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS)
def test_a_host_and_its_port_are_read(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text, 443) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ":", ":443", "array:", "array:0", "array:65536", "array:x", "array:-1", "array:+1"),
        *("[array]:443", "[192.0.2.7]", "[::1", "::1]", "[]", "[::1]443", "[::1]:", "[::1]:0", "1:2:3", "::1::2"),
        *("array/api", "array name", "array?x", "array#x", "a,b", "array\\x", "fe80::1%", "array%eth0"),
        *("a" * 64, "array..example", ".array", "array\x001", "array\x1b[2J", "array:" + "9" * 5000, "x" * 10_000),
        *("https://array", "https://array:443/", "admin@array", "admin:Pa55@array", "https://admin:Pa55@array"),
    ],
)
def test_a_malformed_host_or_port_is_refused(text: str) -> None:
    """Every transport refuses it with the same message, before it connects."""
    messages = set()
    for parse in (
        lambda: HttpTransport([text], 443),
        lambda: SshTransport([text], 443, username="admin", password="secret"),
        lambda: TcpTransport([text], 443),
        lambda: parse_endpoint(text, 443),
    ):
        with pytest.raises(Invalid) as caught:
            parse()
        messages.add(str(caught.value))
        assert caught.value.hint
    assert len(messages) == 1
    assert "Pa55" not in messages.pop()


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS)
def test_every_transport_reads_the_same_host_and_port(text: str, endpoint: tuple[str, int]) -> None:
    shown = format_endpoint(*endpoint)
    assert HttpTransport([text], 443).address == shown
    assert SshTransport([text], 443, username="admin", password="secret").address == shown
    assert TcpTransport([text], 443).address == shown


@given(
    host=st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9-]{1,8}){0,2}\Z") | st.ip_addresses().map(str),
    port=st.integers(1, 65535),
)
def test_a_formatted_host_and_port_are_read_as_the_same(host: str, port: int) -> None:
    assert parse_endpoint(format_endpoint(host, port), 443) == (host, port)
    assert parse_endpoint(host, port) == (host, port)


@given(st.text(alphabet="a1:[].%@/ ", max_size=12))
def test_every_accepted_text_has_a_valid_host_and_port(text: str) -> None:
    try:
        host, port = parse_endpoint(text, 443)
    except Invalid:
        return
    assert host
    assert 0 < port < 65536
    assert parse_endpoint(format_endpoint(host, port), 443) == (host, port)


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("NAA.500507605E800E41", "naa.500507605e800e41"),
        ("naa.500507605e800e41500507605e800e42", "naa.500507605e800e41500507605e800e42"),
        ("iqn.1986-03.com.ibm:2145.Array.node1", "iqn.1986-03.com.ibm:2145.array.node1"),
        ("eui.02004567A425678D", "eui.02004567a425678d"),
    ],
)
def test_the_name_of_a_target_may_be_an_naa(name: str, canonical: str) -> None:
    assert parse_target(name) == canonical


@pytest.mark.parametrize("name", ["naa.5005", "naa.500507605e800e4", "naa.x00507605e800e41", "500507605e800e41", ""])
def test_a_malformed_name_of_a_target_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        parse_target(name)
