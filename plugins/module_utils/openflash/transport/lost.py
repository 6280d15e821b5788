# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request that was sent and whose answer never came: whether the array carried it out, only its state can tell."""

from __future__ import annotations

from ..errors import BadReply, FlashError, Timeout, Unreachable


class LostAnswer(FlashError):
    """The array may have done it. Catch this, read the state, and decide; never just repeat."""

    maybe_done = True


class LostTimeout(LostAnswer, Timeout):
    """No answer within the time allowed."""

    kind = "timeout"


class LostConnection(LostAnswer, Unreachable):
    """The connection ended before the answer."""

    kind = "unreachable"


class LostReply(LostAnswer, BadReply):
    """The answer was cut off, or a gateway answered in the array's place."""

    kind = "bad_reply"
