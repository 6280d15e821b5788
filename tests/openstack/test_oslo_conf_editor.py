# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The editor of configuration files, compared with oslo.config's own parser.

For any file, oslo.config reads the requested values afterwards, reads everything else as before, and the lines of
everything else are the same bytes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings, strategies as st

from ansible_collections.openflash.storage.plugins.filter.cinder_backends import cinder_backends
from ansible_collections.openflash.storage.plugins.filter.glance_datera_store import glance_datera_store
from ansible_collections.openflash.storage.plugins.filter.oslo_literal import oslo_literal
from ansible_collections.openflash.storage.plugins.module_utils.oslo_conf import ConfError, Document, escaped, normal
from ansible_collections.openflash.storage.plugins.modules import oslo_conf
from tests.module.arrays import ROOT
from tests.openstack.conftest import CLIENTS, HERE
from tests.support.clients import client_python

Sections = dict[str, dict[str, list[str]]]
Parse = Callable[[str], dict[str, Any]]


class Judge:
    def __init__(self) -> None:
        python = client_python(CLIENTS / "requirements-cinder29.txt")
        self._process = subprocess.Popen(
            [str(python), str(HERE / "parse_conf.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, text: str) -> dict[str, Any]:
        return self._ask(text)

    def read(self, text: str, options: dict[str, list[str]]) -> dict[str, Any]:
        """The values that a service reads for these options, by group."""
        return self._ask({"text": text, "options": options})

    def _ask(self, question: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    judge = Judge()
    yield judge
    judge.stop()


@pytest.fixture(scope="module")
def parse(judge: Judge) -> Parse:
    return judge


# -- files --------------------------------------------------------------------------------------------------------

SECTIONS = ["DEFAULT", "xtremio", "XtremIO", "nova", "a b"]
KEYS = ["enabled_backends", "san_ip", "multi", "a-b", "debug"]
WORDS = st.sampled_from(
    [
        "",
        "x",
        "a,b",
        "a, b , c",
        '"quoted"',
        "'",
        "'a b'",
        "with = equals",
        "a:b",
        "# no comment",
        "[x]",
        "ä",
        "$a",
        "a,,b,",
    ]
)
SPACE = st.sampled_from(["", " ", "  ", "\t"])
FREE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


@st.composite
def assignments(draw: st.DrawFn) -> list[str]:
    head = draw(st.sampled_from(KEYS)) + draw(SPACE) + draw(st.sampled_from("=:")) + draw(SPACE)
    lines = [head + draw(WORDS | FREE) + draw(SPACE)]
    return lines + [" " + draw(SPACE) + draw(WORDS) for _more in range(draw(st.integers(0, 2)))]


LINES = st.one_of(
    assignments(),
    assignments(),
    st.sampled_from(SECTIONS).map(lambda name: [f"[{name}]"]),
    st.sampled_from([[""], ["  "], ["# a comment = 1"], ["; san_ip = old"], ["#enabled_backends = <None>"]]),
)


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = ["[DEFAULT]"] if draw(st.booleans()) else [f"[{draw(st.sampled_from(SECTIONS))}]"]
    for block in draw(st.lists(LINES, max_size=12)):
        lines += block
    line_end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    return line_end.join(lines) + draw(st.sampled_from([line_end, line_end, ""]))


# One line with the characters of a password
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12) | WORDS
MEMBERS = st.sampled_from(["a", "b", "xtremio", "c"])


def same_but(before: Sections, after: Sections, section: str, key: str) -> None:
    """Check that all other options have the same values."""

    def rest(sections: Sections) -> Sections:
        kept = {
            name: {option: values for option, values in options.items() if (name, option) != (normal(section), key)}
            for name, options in sections.items()
        }
        return {name: options for name, options in kept.items() if options}

    assert rest(after) == rest(before)


def untouched(text: str, section: str, key: str) -> list[str]:
    """The lines of a file apart from one key, without the blank lines and the header that come with a new section."""
    document = Document(text)
    return [
        item.text.rstrip("\r\n")
        for item in document._items
        if not (item.kind == "option" and item.key == key and normal(item.section) == normal(section))
        and not item.blank
        and not (item.kind == "section" and normal(item.section) == normal(section))
    ]


# -- properties ---------------------------------------------------------------------------------------------------

RUNS = settings(max_examples=150, deadline=None)


@RUNS
@given(text=files())
def test_the_editor_reads_what_oslo_config_reads(parse: Parse, text: str) -> None:
    judged = parse(text)
    if "error" in judged:
        with pytest.raises(ConfError):
            Document(text)
        return
    document = Document(text)
    assert str(document) == text
    for section, options in judged["sections"].items():
        assert document.keys(section) == list(options)
        for key, values in options.items():
            assert document.values(section, key) == values


@RUNS
@given(
    text=files(),
    section=st.sampled_from(SECTIONS + ["new"]),
    key=st.sampled_from(KEYS),
    values=st.lists(VALUES, max_size=3),
)
def test_oslo_config_reads_the_values_that_were_set(
    parse: Parse, text: str, section: str, key: str, values: list[str]
) -> None:
    judged = parse(text)
    assume("error" not in judged)
    document = Document(text)
    document.set(section, key, values)
    edited = str(document)
    after = parse(edited)["sections"]
    assert after.get(normal(section), {}).get(key, []) == values
    same_but(judged["sections"], after, section, key)
    assert untouched(edited, section, key) == untouched(text, section, key)
    document.set(section, key, values)
    assert str(document) == edited


@RUNS
@given(text=files(), section=st.sampled_from(SECTIONS), key=st.sampled_from(KEYS), member=MEMBERS)
@example("[DEFAULT]\nenabled_backends = a,\n  b\nenabled_backends =\n", "DEFAULT", "enabled_backends", "c")
def test_members_of_a_list_are_added_and_removed(parse: Parse, text: str, section: str, key: str, member: str) -> None:
    def members(sections: Sections) -> list[str]:
        value = sections.get(normal(section), {}).get(key, [""])[-1]
        return [name.strip() for name in value.split(",") if name.strip()]

    judged = parse(text)
    assume("error" not in judged)
    before = members(judged["sections"])
    document = Document(text)
    document.add_member(section, key, member)
    edited = str(document)
    after = parse(edited)["sections"]
    assert members(after) == before + ([] if member in before else [member])
    same_but(judged["sections"], after, section, key)
    assert untouched(edited, section, key) == untouched(text, section, key)
    document.remove_member(section, key, member)
    after = parse(str(document))["sections"]
    assert member not in members(after)
    same_but(judged["sections"], after, section, key)
    if member not in before and before:
        assert members(after) == before


@RUNS
@given(text=files(), section=st.sampled_from(SECTIONS))
def test_a_removed_section_is_gone_and_all_others_stay(parse: Parse, text: str, section: str) -> None:
    judged = parse(text)
    assume("error" not in judged)
    document = Document(text)
    document.remove_section(section)
    after = parse(str(document))["sections"]
    assert normal(section) not in after
    assert after == {
        name: section_options for name, section_options in judged["sections"].items() if name != normal(section)
    }


@RUNS
@given(
    text=files(), options=st.dictionaries(st.sampled_from(KEYS), st.lists(VALUES, min_size=1, max_size=2), min_size=1)
)
def test_a_new_section_leaves_no_trace(parse: Parse, text: str, options: dict[str, list[str]]) -> None:
    """A section that is added and removed again leaves the same bytes, except for a line end at the end of the file."""
    assume("error" not in parse(text))
    document = Document(text)
    for key, values in options.items():
        document.set("new", key, values)
    assert parse(str(document))["sections"]["new"] == options
    document.remove_section("new")
    line_end = document._end if text and text[-1] not in "\r\n" else ""
    assert str(document) == text + line_end


# Characters of passwords, with those that have a meaning in a template, a parser or a list
PASSWORDS = st.text("Tr$\\%\"'{}()_a1 ,;:=#@/[]-.ä\t", max_size=10) | VALUES


@RUNS
@given(
    values=st.dictionaries(st.sampled_from(["san_password", "san_login", "a"]), PASSWORDS, min_size=1),
    group=st.sampled_from(["DEFAULT", "xtremio"]),
)
def test_a_value_that_means_itself_is_what_a_service_gets(judge: Judge, values: dict[str, str], group: str) -> None:
    document = Document("[DEFAULT]\na = other\nTr = other\n")
    for name, value in values.items():
        document.set(group, name, [escaped(value)])
    assert judge.read(str(document), {group: list(values)}) == {group: values}


@RUNS
@given(login=PASSWORDS, password=PASSWORDS, tenant=PASSWORDS, cluster=PASSWORDS, path=PASSWORDS)
def test_cinder_reads_the_values_of_a_backend(
    judge: Judge, login: str, password: str, tenant: str, cluster: str, path: str
) -> None:
    """The filter converts the entries of the role cinder_backend, and the module oslo_conf writes them."""
    entry = {"address": "192.0.2.7", "username": f"u{login}", "password": f"p{password}", "ca_path": f"/{path}"}
    label = f"b{cluster}"
    backends = cinder_backends(
        [
            {**entry, "name": "datera", "vendor": "datera", "tenant": f"t{tenant}", "volume_backend_name": label},
            {**entry, "name": "xtremio", "vendor": "xtremio", "cluster": f"c{cluster}"},
        ]
    )
    document = Document("[DEFAULT]\na = other\nTr = other\n")
    for backend in backends:
        oslo_conf._apply(document, {"state": "present", "members": None, **backend["section"]})
    names = ["san_login", "san_password", "driver_ssl_cert_path", "datera_tenant_id", "xtremio_cluster_name"]
    read = judge.read(str(document), {"datera": [*names, "volume_backend_name"], "xtremio": names})
    for section in ("datera", "xtremio"):
        assert read[section]["san_login"] == f"u{login}"
        assert read[section]["san_password"] == f"p{password}"
        assert read[section]["driver_ssl_cert_path"] == f"/{path}"
    assert read["datera"]["datera_tenant_id"] == f"t{tenant}"
    assert read["datera"]["volume_backend_name"] == label
    assert read["xtremio"]["xtremio_cluster_name"] == f"c{cluster}"


@RUNS
@given(login=PASSWORDS, tenant=PASSWORDS, path=PASSWORDS)
def test_glance_reads_the_values_of_its_store(judge: Judge, login: str, tenant: str, path: str) -> None:
    """As the filter of the role glance_datera writes them."""
    values = {"datera_san_login": login, "datera_tenant_id": tenant, "datera_ca_file": path}
    document = Document("[glance_store]\n[DEFAULT]\na = other\n")
    for name, value in values.items():
        document.set("glance_store", name, [oslo_literal(value)])
    assert judge.read(str(document), {"glance_store": list(values)}) == {"glance_store": values}


def test_the_role_glance_datera_writes_every_text_as_one_that_means_itself() -> None:
    names = yaml.safe_load((ROOT / "roles/glance_datera/vars/main.yml").read_text())["glance_datera_given"]
    options = {**dict.fromkeys(names, "a$b"), "datera_san_port": 7718}
    values = {"store": "pictures", "multiple": True, "default": False, "options": options, "password": "secret"}
    section = glance_datera_store(values)["present"][-1]["options"]
    assert section == {**dict.fromkeys(names, "a$$b"), "datera_san_port": 7718}


@pytest.mark.parametrize("value", ["a\nb", "a\r", "a\u2028b", "a\x0bb"])
def test_a_value_with_a_line_break_is_refused(value: str) -> None:
    with pytest.raises(ConfError, match="line break"):
        Document("").set("DEFAULT", "a", [escaped(value)])


# -- differences --------------------------------------------------------------------------------------------------

SECRET = "c4n4ry-Pa55"

FILES_WITH_A_SECRET = [
    f"transport_url = rabbit://u:{SECRET}@h1:5672,u:{SECRET}@h2:5672/vhost",
    f"transport_url = rabbit://u:{SECRET}@h1,u:{SECRET}@h2,u:{SECRET}@h3/",
    f"transport_url = rabbit://u:{SECRET}@h1,\n    u:{SECRET}@h2/",
    f"transport_url = rabbit://h1:5672,u:{SECRET}@h2/",
    f"transport_url = rabbit://u:a/{SECRET}@h1,u:{SECRET}@h2/",
    f"transport_url = rabbit://u:a@{SECRET}@h1/",
    f"transport_url = rabbit://u:a {SECRET}@h1/",
    f"connection = mysql+pymysql://cinder:{SECRET}@db/cinder?charset=utf8",
    f"sql_connection = postgresql://cinder:{SECRET}@db/cinder",
    f"connection = mysql://db/cinder?user=cinder&password={SECRET}",
    f"backend_url = redis://:{SECRET}@h:6379",
    f"memcache_secret_key = {SECRET}",
    f"hmac_keys = {SECRET}",
    f"swift_store_key = {SECRET}",
    f"san_pwd = {SECRET}",
    f"multi_password = a\n  {SECRET}",
    f"# transport_url = rabbit://u:{SECRET}@h1,u:{SECRET}@h2/",
    f"# transport_url = rabbit://u:{SECRET}@h1,\n#   u:{SECRET}@h2/",
    f"#san_password = {SECRET}",
    f"; san_password: {SECRET}",
    f"a = see http://docs/x and rabbit://u:{SECRET}@h1/",
    f"given = {SECRET}",
]


@pytest.mark.parametrize("lines", FILES_WITH_A_SECRET)
def test_no_secret_of_a_file_is_shown(lines: str) -> None:
    text = f"[DEFAULT]\n{lines}\nb = 1\n"
    for ends in ("\n", "\r\n"):
        shown = Document(text.replace("\n", ends)).shown(["DEFAULT"], ["given"])
        assert "c4n4ry" not in shown
        assert "Pa55" not in shown
        assert shown.endswith("b = 1\n")


def test_the_hosts_of_a_url_are_shown() -> None:
    text = f"[DEFAULT]\ntransport_url = rabbit://u:{SECRET}@h1:5672,u:{SECRET}@h2:5672/vhost\n"
    shown = Document(text).shown(["DEFAULT"], [])
    assert shown == "[DEFAULT]\ntransport_url = rabbit://u:********@h1:5672,u:********@h2:5672/vhost\n"


# -- examples -----------------------------------------------------------------------------------------------------

EXAMPLES = [
    ("[DEFAULT]\nenabled_backends = lvm\n", "[DEFAULT]\nenabled_backends = lvm, new\n"),
    ("[DEFAULT]\nenabled_backends=lvm,ceph\n", "[DEFAULT]\nenabled_backends=lvm,ceph,new\n"),
    ("[DEFAULT]\r\nenabled_backends : a, b\r\n", "[DEFAULT]\r\nenabled_backends : a, b, new\r\n"),
    ("[DEFAULT]\nenabled_backends = a,\n  b\n# c\n", "[DEFAULT]\nenabled_backends = a,\n  b, new\n# c\n"),
    ("[DEFAULT]\n# enabled_backends = x\n", "[DEFAULT]\nenabled_backends = new\n# enabled_backends = x\n"),
    ("[DEFAULT]\nenabled_backends =\n", "[DEFAULT]\nenabled_backends = new\n"),
    ("[a]\nb = 1", "[a]\nb = 1\n\n[DEFAULT]\nenabled_backends = new\n"),
]


@pytest.mark.parametrize(("before", "after"), EXAMPLES)
def test_a_member_is_added_in_the_style_of_the_line(before: str, after: str) -> None:
    document = Document(before)
    document.add_member("DEFAULT", "enabled_backends", "new")
    assert str(document) == after
