# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals as the array writes them (sections 1.14 and 1.15 of the sheet)."""

from __future__ import annotations

from ...rules import ArrayError, BadName, BadSize, InUse, LimitReached, NameTaken, NoSpace
from . import guesses


class DateraError(Exception):
    """A refusal: its HTTP status, ``name``, code and message."""

    def __init__(self, status: int, name: str, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.message = message
        self.code = guesses.CODES.get(name, 1) if code is None else code


def invalid(message: str, code: int | None = None) -> DateraError:
    return DateraError(400, "InvalidRequestError", message, code)


def missing(path: str) -> DateraError:
    """The SDK takes a list whose refusal begins with these words for an empty one (1.14)."""
    return DateraError(404, "NotFoundError", f"No data at {path}")


def conflict(message: str) -> DateraError:
    return DateraError(409, "ConflictError", message)


def unprocessable(message: str) -> DateraError:
    return DateraError(guesses.VALIDATION_STATUS, "ValidationFailedError", message)


def unauthorized(message: str) -> DateraError:
    return DateraError(401, "AuthFailedError", message)


def from_array(error: ArrayError) -> DateraError:
    """The vendor's words for what the array itself refuses."""
    if isinstance(error, NoSpace):
        return invalid(guesses.FULL)
    if isinstance(error, NameTaken):
        return conflict(f"{error.what} {error.name} exists")
    if isinstance(error, BadSize):
        return invalid(guesses.SHRINK if error.reason == "shrink" else f"Invalid size {error.name}")
    if isinstance(error, LimitReached):
        return invalid(f"Limit reached: {error.reason}")
    if isinstance(error, InUse):
        return invalid(guesses.IN_USE)
    if isinstance(error, BadName):
        return unprocessable(f"name {error.name}")
    return missing(error.name)
