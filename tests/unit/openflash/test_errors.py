# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The messages of errors, and the context that callers add to them."""

from __future__ import annotations

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors


def test_the_message_has_every_part_of_the_error() -> None:
    error = errors.Conflict(
        "it has 1GiB instead of 2GiB",
        doing="create volume db1",
        target="db1",
        array="xbrick1",
        code="vol_obj_name_not_unique",
        hint="Choose another name.",
    )
    assert str(error) == (
        "Cannot create volume db1 on xbrick1: it has 1GiB instead of 2GiB "
        "(the array answered: vol_obj_name_not_unique). Choose another name."
    )
    assert error.as_dict()["kind"] == "conflict"
    assert error.as_dict()["target"] == "db1"


def test_a_code_that_equals_the_text_of_the_array_is_shown_once() -> None:
    assert str(errors.FlashError("no", code="E1", said="E1")).count("E1") == 1


def test_a_context_adds_parts_and_never_replaces_them() -> None:
    with pytest.raises(errors.NotFound) as caught:  # noqa: PT012  the test is about nested contexts
        with errors.context(doing="outer", target="t", array="a"):
            with errors.context(doing="inner"):
                raise errors.NotFound("gone", array="b")
    assert (caught.value.doing, caught.value.target, caught.value.array) == ("inner", "t", "b")


def test_a_missing_library_is_reported_with_the_interpreter_and_the_command() -> None:
    error = errors.MissingLibrary("requests", "to talk to this array")
    assert "ansible_python_interpreter" in str(error)
    assert "pip install requests" in str(error)


def test_every_kind_of_error_has_its_own_name() -> None:
    kinds = [kind.kind for kind in errors.FlashError.__subclasses__() if kind.__module__ == errors.__name__]
    assert len(set(kinds)) == len(kinds) >= 13
