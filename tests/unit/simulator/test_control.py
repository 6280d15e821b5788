# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control API: faults in place of others, an array that begins again, and who answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.support.simulator import Simulator

CONTENT = "array: {vendor: xtremio, pools: [{name: x, size: 5TiB}]}\nvolumes: [{name: web1, size: 100GiB}]\n"
KEY = "xtremio.array.ids_reused"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    file = tmp_path_factory.mktemp("content") / "flash1.yml"
    file.write_text(CONTENT, encoding="utf-8")
    fault = {"kind": "busy", "count": 3}
    with Simulator([{"name": "lab", "from": str(file), "faults": [fault], "assume": {KEY: True}}]) as running:
        yield running


def ask(lab: Simulator, method: str, path: str, document: Any = None) -> Any:
    return lab._control(method, path, document)


def test_the_index_names_the_program(lab: Simulator) -> None:
    assert ask(lab, "GET", "/") == {"program": "openflash_simulator", "pid": lab.pid, "arrays": ["lab"]}


def test_faults_replace_all_others_or_none_when_one_is_wrong(lab: Simulator) -> None:
    faults = ask(lab, "PUT", "/arrays/lab/faults", [{"kind": "expired"}, {"kind": "busy"}])
    assert [fault["kind"] for fault in faults] == ["expired", "busy"]
    with pytest.raises(HTTPError):
        ask(lab, "PUT", "/arrays/lab/faults", [{"kind": "busy"}, {"kind": "meltdown"}])
    assert ask(lab, "GET", "/arrays/lab/faults") == faults
    assert ask(lab, "PUT", "/arrays/lab/faults", []) == []


def test_an_array_begins_again_with_its_file_its_faults_and_its_assumptions(lab: Simulator) -> None:
    lab.reset("lab")
    lab.assume({}, "lab")
    assert (lab.state("lab")["volumes"], lab.struck("lab")) == ([], [])
    for _ in range(2):
        ask(lab, "POST", "/arrays/lab/begin")
        assert [volume["name"] for volume in lab.state("lab")["volumes"]] == ["web1"]
        assert [(fault["kind"], fault["count"]) for fault in ask(lab, "GET", "/arrays/lab/faults")] == [("busy", 3)]
        assert ask(lab, "GET", "/arrays/lab/assume")[KEY] is True
