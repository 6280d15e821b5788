# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list that an array returns in pages is read completely, or the read fails."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash.errors import BadReply, Busy
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.dsware.wire import Page, read_pages

NAMES = ("volName",)


class Pages:
    """An array whose pages have at most ``limit`` volumes.

    :ivar counted_by_limit: page numbers count pages of ``limit``, and not of the requested size.
    """

    def __init__(self, count: int, limit: int = 1000, counted_by_limit: bool = True, reports: bool = True) -> None:
        self.names = [f"v{number}" for number in range(count)]
        self.limit, self.counted_by_limit, self.reports = limit, counted_by_limit, reports
        self.requests: list[tuple[int, int]] = []
        self.before: dict[int, Any] = {}

    def read_page(self, page: int, size: int) -> Page:
        self.requests.append((page, size))
        self.before.pop(len(self.requests), lambda: None)()
        length = min(size, self.limit)
        first = (page - 1) * (length if self.counted_by_limit else size)
        rows: list[dict[str, Any]] = [{"volName": name} for name in self.names[first : first + length]]
        return rows, len(self.names) if self.reports else None

    def read(self, size: int = 10) -> list[str]:
        return [str(row["volName"]) for row in read_pages("volumes", self.read_page, size, NAMES)]


@pytest.mark.parametrize("reports", [True, False], ids=["with a total", "without a total"])
@pytest.mark.parametrize("counted_by_limit", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 4, 10, 1000])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25])
def test_a_short_page_does_not_end_the_list(count: int, limit: int, counted_by_limit: bool, reports: bool) -> None:
    array = Pages(count, limit, counted_by_limit, reports)
    assert sorted(array.read()) == sorted(array.names)


def test_one_request_reads_a_list_that_fits_on_one_page() -> None:
    array = Pages(9)
    array.read()
    assert array.requests == [(1, 10)]


def test_a_list_that_ends_before_its_total_is_an_error() -> None:
    array = Pages(25)
    with pytest.raises(BadReply, match="lists 10 of 25 volumes, and has no further page"):
        read_pages("volumes", lambda page, size: array.read_page(page, size) if page == 1 else ([], 25), 10, NAMES)


@pytest.mark.parametrize("change", ["deleted", "added", "replaced"])
def test_a_list_that_changes_while_it_is_read_is_read_again(change: str) -> None:
    """A deletion on the first page moves an object there from the second page, which was not read yet."""
    array = Pages(25)

    def change_names() -> None:
        if change != "added":
            array.names.pop(0)
        if change != "deleted":
            array.names.insert(0, "fresh")
        if change == "replaced":
            array.names.insert(0, array.names.pop())

    array.before[2] = change_names
    assert sorted(array.read()) == sorted(array.names)


def test_a_list_that_changes_at_every_read_is_an_error() -> None:
    array = Pages(25)
    array.before = {number: lambda: array.names.insert(0, f"more{len(array.names)}") for number in range(1, 1000)}
    with pytest.raises(Busy, match="he list of volumes changed each time it was read"):
        array.read()
    assert len(array.requests) < 20


def test_an_array_that_repeats_its_first_page_ends_the_read() -> None:
    array = Pages(25)
    names = read_pages("volumes", lambda page, size: (array.read_page(1, size)[0], None), 10, NAMES)
    assert len(names) == 10
    with pytest.raises(Busy):
        read_pages("volumes", lambda page, size: array.read_page(1, size), 10, NAMES)


def test_objects_without_a_name_are_not_merged() -> None:
    rows = [{"volId": 1}, {"volId": 2}]
    assert read_pages("volumes", lambda page, size: (rows, 2), 10, NAMES) == rows
