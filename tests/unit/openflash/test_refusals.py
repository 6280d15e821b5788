# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of errors for the codes and texts of each array."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.openflash.storage.plugins.module_utils.openflash import errors
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.confirm import AnswerUnreadable
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.http_reply import Reply
from ansible_collections.openflash.storage.plugins.module_utils.openflash.transport.ssh import Output
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.datera import refusals as datera
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.flashsystem import (
    refusals as flashsystem,
)
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.violin import refusals as violin
from ansible_collections.openflash.storage.plugins.module_utils.openflash.vendors.xtremio import refusals as xtremio


def masked(text: str) -> str:
    return text.replace("s3cret", "***")


def reply(status: int, body: Any, content_type: str = "application/json") -> Reply:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {"content-type": content_type}, data, "GET /x")


# -- datera ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "name", "kind", "text"),
    [
        (404, "NotFoundError", errors.NotFound, "does not have what the request names"),
        (409, "ConflictError", datera.NameTaken, "of that name already"),
        (422, "ValidationFailedError", errors.Invalid, "does not take a value of the request"),
        (403, "PermissionDeniedError", errors.Unauthorized, "may not do this"),
        (423, "LockedError", errors.Busy, "has locked the object"),
        (503, "ServiceUnavailableError", errors.Busy, "stayed overloaded"),
        (500, "InternalError", errors.FlashError, "the array failed to do it"),
        (405, "MethodNotAllowedError", errors.FlashError, "has no such operation"),
        (400, "ValidationFailedError", errors.Invalid, "does not take a value of the request"),
        (400, "InvalidRequestError", datera.Rejected, "the array refuses it"),
        (418, "OtherError", errors.FlashError, "the array refused GET /x"),
    ],
)
def test_a_status_of_datera_has_one_meaning(status: int, name: str, kind: Any, text: str) -> None:
    error = datera.error_of(reply(status, {"name": name, "message": "m s3cret", "code": 7}), masked)
    assert type(error) is kind
    assert text in error.reason
    assert (error.code, error.said) == (name + " 7", "m ***")


@pytest.mark.parametrize(
    "text", ["Insufficient capacity", "Not enough space", "out of space", "Limit reached", "Too many volumes"]
)
def test_an_error_of_datera_about_space_or_limits_is_no_space(text: str) -> None:
    for status in (400, 422):
        assert type(datera.error_of(reply(status, {"message": text}), masked)) is errors.NoSpace
    for status in (404, 500):
        assert type(datera.error_of(reply(status, {"message": text}), masked)) is not errors.NoSpace
    assert type(datera.error_of(reply(400, {"name": "InvalidRequestError"}), masked)) is datera.Rejected


def test_only_an_error_of_datera_about_offline_demands_offline() -> None:
    def kind(status: int, name: str, message: Any) -> Any:
        return type(datera.error_of(reply(status, {"name": name, "message": message}), masked))

    assert kind(400, "InvalidRequestError", "Must be OFFLINE") is datera.OfflineDemanded
    assert kind(400, "InvalidRequestError", "it is in use") is datera.Rejected
    assert kind(400, "InvalidRequestError", None) is datera.Rejected
    assert kind(400, "ValidationFailedError", "must be offline") is errors.Invalid
    assert kind(409, "InvalidRequestError", "must be offline") is datera.NameTaken


def test_code_15_of_datera_is_an_existing_snapshot() -> None:
    assert type(datera.error_of(reply(400, {"code": 15, "message": "m"}), masked)) is datera.DuplicateSnapshot
    assert type(datera.error_of(reply(400, {"code": 14, "message": "m"}), masked)) is datera.Rejected
    assert type(datera.error_of(reply(409, {"code": 15, "message": "m"}), masked)) is datera.NameTaken


def test_an_error_of_datera_has_the_code_that_the_array_sent() -> None:
    assert datera.error_of(reply(400, {"message": "m"}), masked).code == "400"
    assert datera.error_of(reply(400, {"code": 0}), masked).code == "0"
    assert datera.error_of(reply(400, {"name": "E s3cret"}), masked).code == "E ***"


@pytest.mark.parametrize("body", [b"<html>", [1], b"", {}])
def test_a_malformed_answer_of_datera_is_a_bad_reply(body: Any) -> None:
    error = datera.error_of(reply(400, body), masked)
    assert type(error) is errors.BadReply
    assert (error.code, error.said) == ("400", None)
    assert not datera.is_busy(reply(503, body)), "a gateway does not know whether the request was carried out"


def test_datera_is_busy_only_with_its_own_messages() -> None:
    assert datera.is_busy(reply(503, {"message": "overloaded"}))
    assert datera.is_busy(reply(500, {"message": "The REST server is still initializing".replace("The ", "")}))
    assert not datera.is_busy(reply(500, {"message": "failed"}))
    assert not datera.is_busy(reply(500, {"name": "InternalError"}))
    assert not datera.is_busy(reply(400, {"message": datera.INITIALIZING}))


def test_status_401_of_datera_is_an_expired_session() -> None:
    assert datera.is_expired(reply(401, {}))
    assert not datera.is_expired(reply(403, {}))


# -- flashsystem -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codes", "kind", "text"),
    [
        ("5753 5754 5804 5842 8957", errors.NotFound, "does not know an object"),
        ("6035", flashsystem.NameTaken, "of that name already"),
        ("5860 8710", errors.NoSpace, "the pool has no room"),
        ("5738 5703 6527 6017", errors.Invalid, "does not take that name"),
        ("5840", errors.InUse, "it is mapped to a host"),
        ("5871", errors.InUse, "volumes are mapped to it"),
        ("6071 6045", flashsystem.NeedsForce, "mapped to another host"),
        ("5878", flashsystem.AlreadyMapped, "mapped to that host already"),
        ("5879", flashsystem.LunTaken, "another volume at that LUN"),
        ("5867 6578", flashsystem.PortTaken, "one of the ports already"),
        ("6581", errors.NoSpace, "as many iSCSI names"),
        ("5711 5767", errors.Invalid, "does not take a value"),
        ("5741", errors.Invalid, "does not take the filter"),
        ("5701 5707 5709 5713 6070", errors.Unsupported, "does not take a parameter"),
        ("7205", errors.Unsupported, "does not have the command"),
        ("7017", errors.Unauthorized, "not valid any more"),
        ("9999", flashsystem.Rejected, "the array refused svctask x"),
    ],
)
def test_a_code_of_flashsystem_has_one_meaning(codes: str, kind: Any, text: str) -> None:
    for number in codes.split():
        code = f"CMMVC{number}E"
        for output in (
            Output(1, "", code + " s3cret\n text ", "svctask x"),
            Output(1, code + " s3cret\n text", "", "svctask x"),
        ):
            error = flashsystem.error_of(output, masked)
            assert type(error) is kind
            assert text in error.reason
            assert (error.code, error.said) == (code, "*** text")
            assert flashsystem.code_of(output) == code
            assert flashsystem.is_expired(output) is (number == "7017")


def test_a_code_of_flashsystem_without_a_text_has_none() -> None:
    assert flashsystem.error_of(Output(1, "", "CMMVC5753E", "svctask x"), masked).said is None


def test_stderr_of_flashsystem_comes_before_stdout() -> None:
    output = Output(1, "CMMVC5753E", "CMMVC6035E", "svctask x")
    assert flashsystem.code_of(output) == flashsystem.error_of(output, masked).code == "CMMVC6035E"
    assert flashsystem.code_of(Output(0, "id!0", "", "x")) is None


def test_an_unknown_command_of_flashsystem_is_unsupported() -> None:
    error = flashsystem.error_of(Output(127, "", "rbash: x: not\n found", "svctask x"), masked)
    assert type(error) is errors.Unsupported
    assert (error.code, error.said) == (None, "rbash: x: not found")


def test_an_answer_of_flashsystem_without_a_code_is_unreadable() -> None:
    error = flashsystem.error_of(Output(255, "", "", "svctask x"), masked)
    assert type(error) is AnswerUnreadable
    assert "status 255" in error.reason
    assert error.said is None
    assert flashsystem.error_of(Output(1, "", "a  b", "x"), masked).said == "a b"


# -- violin ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("0x90010022", violin.NameTaken, "a volume of that name"),
        ("0x9001003c", violin.AlreadyAssigned, "mapped to that host already"),
        ("0x9002002b", violin.NotAssigned, "is not mapped to that host"),
        ("0x09010023", violin.CopyRunning, "from or into it"),
        ("0x09010048", errors.InUse, "it has snapshots"),
        ("0x90010089", violin.CopyRunning, "still copying into the volume"),
        ("0x0901008c", violin.NoArea, "no snapshot resource"),
        ("0x0902000c", errors.Invalid, "does not take this size"),
        ("0x900100cd", violin.ClientTaken, "a host of that name"),
        ("0x09024309", violin.ClientTaken, "an iSCSI target of that name"),
        ("0x50f7564c", errors.Busy, "stayed busy"),
        ("0x12345678", violin.Rejected, "the array refused GET /x"),
    ],
)
def test_a_code_of_violin_has_one_meaning(code: str, kind: Any, text: str) -> None:
    error = violin.error_of(f"No  s3cret. Error: {code}", "GET /x", masked)
    assert type(error) is kind
    assert text in error.reason
    assert (error.code, error.said) == (code, f"No ***. Error: {code}")
    assert violin.is_busy(f"Error: {code}") is (kind is errors.Busy)


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("TimeMark is disabled", violin.NoPolicy, "no snapshot policy"),
        ("Not enough free space", errors.NoSpace, "no room"),
        ("insufficient capacity", errors.NoSpace, "no room"),
        ("Out of space", errors.NoSpace, "no room"),
        ("other", violin.Rejected, "refused GET /x"),
    ],
)
def test_a_text_of_violin_has_one_meaning(text: str, kind: Any, reason: str) -> None:
    error = violin.error_of(text, "GET /x", masked)
    assert type(error) is kind
    assert reason in error.reason
    assert (error.code, error.said) == (None, text)


def test_an_answer_of_violin_without_a_text_is_a_refusal() -> None:
    for message in (None, ""):
        error = violin.error_of(message, "GET /x", masked)
        assert (type(error), error.code, error.said) == (violin.Rejected, None, None)


# -- xtremio -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("system_is_busy", errors.Busy, "stayed busy"),
        ("vol_obj_not_found", errors.NotFound, "does not know an object"),
        ("obj_not_found", errors.NotFound, "does not know an object"),
        ("vol_obj_name_not_unique", xtremio.NameTaken, "an object of that name"),
        ("caption_not_unique", xtremio.NameTaken, "a folder of that name"),
        ("already_mapped", xtremio.AlreadyMapped, "mapped to that host already"),
        ("lun_already_in_use", xtremio.LunTaken, "another volume at that LUN"),
        ("too_many_snapshots_per_vol", errors.TooManyCopies, "as many snapshots and clones"),
        ("too_many_vols", errors.NoSpace, "as many objects of that kind"),
        ("not_enough_free_space", errors.NoSpace, "no room"),
        ("cluster_id_is_required", errors.Invalid, "manages several clusters"),
        ("cluster_not_found", errors.NotFound, "no cluster of that name"),
        ("invalid_vol_size", errors.Conflict, "differ in size"),
        ("cannot_remove_volume_that_is_in_consistency_group", errors.InUse, "in a consistency group"),
        ("cannot_remove_volume_that_has_a_scheduler", errors.InUse, "a snapshot schedule"),
        ("Command Syntax Error: x", errors.Unsupported, "does not take a property"),
        ("something_s3cret", errors.FlashError, "the array refused GET /x"),
    ],
)
def test_a_code_of_xtremio_has_one_meaning(code: str, kind: Any, text: str) -> None:
    answer = reply(400, {"message": code, "error_code": 400})
    error = xtremio.error_of(answer, masked)
    assert type(error) is kind
    assert text in error.reason
    assert error.code == masked(code)
    assert xtremio.is_busy(answer) is (kind is errors.Busy)


def test_xtremio_is_busy_only_with_an_error_status() -> None:
    assert not xtremio.is_busy(reply(200, {"message": "system_is_busy"}))
    assert xtremio.is_busy(reply(500, {"message": "system_is_busy"}))


def test_status_403_of_xtremio_is_unauthorized_unless_its_code_is_known() -> None:
    assert type(xtremio.error_of(reply(403, {"message": "other"}), masked)) is errors.Unauthorized
    assert type(xtremio.error_of(reply(403, {"message": "obj_not_found"}), masked)) is errors.NotFound
    assert type(xtremio.error_of(reply(403, b""), masked)) is errors.Unauthorized


@pytest.mark.parametrize("body", [{"other": 1}, {"message": None}, [1]])
def test_an_answer_of_xtremio_without_a_code_reports_its_status(body: Any) -> None:
    error = xtremio.error_of(reply(404, body), masked)
    assert type(error) is errors.FlashError
    assert error.code == "404"
    assert "HTTP status 404" in error.reason
    assert "address and port" in (error.hint or "")


def test_an_html_page_in_place_of_an_answer_of_xtremio_is_not_quoted() -> None:
    assert xtremio.error_of(reply(500, b"<p>a</p>", "text/html"), masked).said is None
    error = xtremio.error_of(reply(500, b" a\n s3cret ", "text/plain"), masked)
    assert (error.said, error.hint) == ("a ***", None)
    assert xtremio.error_of(Reply(500, {}, b"", "GET /x"), masked).said is None
