# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request that was sent and whose answer never came: whether the array carried it out, only its state can tell."""

from __future__ import annotations

from typing import Callable, Optional, Tuple, Type, TypeVar, Union

from ..errors import BadReply, FlashError, Timeout, Unreachable

ATTEMPTS = 3
"""So often one request is sent at most, where that does no harm."""

Sent = TypeVar("Sent")
Found = TypeVar("Found")


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


def settle(
    send: Callable[[], Sent],
    look: Callable[[], Optional[Found]],
    refusals: Tuple[Type[FlashError], ...] = (),
) -> Union[Sent, Found]:
    """Make one change for certain: what ``send`` gives, or what ``look`` finds where that cannot be known.

    :param look: asked when an answer was lost; what it finds says that the change was made. None, False: it was not, so
        it is sent again.
    :param refusals: with which the array refuses what is done already. Then too ``look`` decides; where it finds
        nothing, the refusal stands.
    """
    left = ATTEMPTS
    unsure: Tuple[Type[FlashError], ...] = (LostAnswer, *refusals)
    while True:
        left -= 1
        try:
            return send()
        except unsure as error:
            found = look()
            if found is not None and found is not False:
                return found
            if not left or not isinstance(error, LostAnswer):
                raise


def repeat(send: Callable[[], Sent]) -> Sent:
    """Make a change that does the same twice as once: where the answer is lost it is sent again."""
    return settle(send, lambda: None)
