# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The array's refusals (sections 1.14 and 1.15)."""

from __future__ import annotations

from ...rules import ArrayError, BadName, BadSize, InUse, LimitReached, NameTaken, NoSpace
from . import ledger


class Refusal(Exception):
    """A refusal: its HTTP status, ``name``, code and message."""

    def __init__(self, status: int, name: str, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.code = ledger.CODES.get(name, 1) if code is None else code


def invalid(message: str, code: int | None = None) -> Refusal:
    return Refusal(400, "InvalidRequestError", message, code)


def missing(path: str) -> Refusal:
    """A refusal whose message begins like this is an empty list for the SDK (1.14)."""
    return Refusal(404, "NotFoundError", f"No data at {path}")


def conflict(message: str) -> Refusal:
    return Refusal(409, "ConflictError", message)


def unprocessable(message: str) -> Refusal:
    return Refusal(422, "ValidationFailedError", message)


def unauthorized(message: str) -> Refusal:
    return Refusal(401, "AuthFailedError", message)


def from_array(error: ArrayError) -> Refusal:
    """The refusal that stands for an error of the simulator's array."""
    if isinstance(error, NoSpace):
        return invalid(ledger.FULL)
    if isinstance(error, NameTaken):
        return conflict(f"{error.what} {error.name} exists")
    if isinstance(error, BadSize):
        return invalid(ledger.SHRINK if error.reason == "shrink" else f"Invalid size {error.name}")
    if isinstance(error, LimitReached):
        return invalid(f"Limit reached: {error.reason}")
    if isinstance(error, InUse):
        return invalid(ledger.IN_USE)
    if isinstance(error, BadName):
        return unprocessable(f"name {error.name}")
    return missing(error.name)
