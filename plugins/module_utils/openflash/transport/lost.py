# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request that was sent and whose answer never came: whether the array carried it out, only its state can tell."""

from __future__ import annotations

from typing import Callable, Optional, Tuple, Type, TypeVar, Union

from ..errors import BadReply, FlashError, Timeout, Unreachable
from .deadline import Deadline

ATTEMPTS = 3
"""So often one request is sent at most, where that does no harm."""
READS = 4
"""So often the state is read after a lost answer, with growing pauses, before the request is sent again."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

_UNDECIDED = (
    "Whether the array will still grow it cannot be known, so nothing more was sent: a volume that grows twice cannot "
    "be made smaller. Wait until the array is at rest, look at the size, and run the task again."
)

Sent = TypeVar("Sent")
Found = TypeVar("Found")


def growing_pauses(seconds: float) -> Deadline:
    """How often the state is read within so many seconds."""
    return Deadline(seconds, first=FIRST_PAUSE, longest=LONGEST_PAUSE)


class LostAnswer(FlashError):
    """The array may have done it. Catch this, read the state, and decide; never just repeat."""

    maybe_done = True
    timeout = 30.0
    """Seconds that the task allows the array for an answer, which is also how long the change is looked for."""

    def allowing(self, timeout: float) -> LostAnswer:
        """The same error, with the task's own timeout."""
        self.timeout = timeout
        return self


class NotTaken(LostAnswer, Unreachable):
    """The array said that it does not take the request: nothing was done, and it may be sent again."""

    kind = "unreachable"
    maybe_done = False


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
    pace: Callable[[float], Deadline] = growing_pauses,
) -> Union[Sent, Found]:
    """Make one change for certain: what ``send`` gives, or what ``look`` finds where that cannot be known.

    Only for a change that does no harm when it is made twice, because the array refuses the second one or because it
    comes to the same. For any other there is ``grow_once``.

    :param look: reads the state after a lost answer; what it finds says that the change was made. None, False: it was
        not. It is asked READS times, with growing pauses, before the request is sent again. The pauses of all attempts
        together are not longer than the task's timeout.
    :param refusals: with which the array refuses what is done already. Then too ``look`` decides; where it finds
        nothing, the refusal stands. After a lost answer the refusal may be of our own first request, so the state is
        read with pauses as well.
    """
    left = ATTEMPTS
    deadline: Optional[Deadline] = None
    unsure: Tuple[Type[FlashError], ...] = (LostAnswer, *refusals)
    while True:
        left -= 1
        try:
            return send()
        except unsure as error:
            if deadline is None and isinstance(error, LostAnswer):
                deadline = pace(error.timeout)
            reads = 1
            while True:
                found = look()
                if found is not None and found is not False:
                    return found
                if reads == READS or deadline is None or not deadline.pause():
                    break
                reads += 1
            if not left or not isinstance(error, LostAnswer) or (deadline is not None and deadline.expired()):
                raise


def found_after(
    error: LostAnswer,
    look: Callable[[], Optional[Found]],
    pace: Callable[[float], Deadline] = growing_pauses,
) -> Optional[Found]:
    """What ``look`` finds after this lost answer, asked READS times with growing pauses; None when it finds nothing."""
    deadline = pace(error.timeout)
    for _read in range(READS - 1):
        found = look()
        if found is not None and found is not False:
            return found
        if not deadline.pause():
            break
    found = look()
    return None if found is False else found


def repeat(send: Callable[[], Sent], pace: Callable[[float], Deadline] = growing_pauses) -> Sent:
    """Make a change that comes to the same when it is made twice: after a lost answer and a pause it is sent again."""
    deadline: Optional[Deadline] = None
    for attempt in range(ATTEMPTS):
        try:
            return send()
        except LostAnswer as error:
            deadline = deadline or pace(error.timeout)
            if attempt == ATTEMPTS - 1 or not deadline.pause():
                raise
    raise AssertionError("the last attempt returns or raises")


def grow_once(
    send: Callable[[], object],
    read: Callable[[], int],
    size: int,
    seen_within: float,
    show: Callable[[int], str] = str,
    pace: Callable[[float], Deadline] = growing_pauses,
) -> int:
    """Send a request to grow by a difference so that the array takes it once; the size in bytes that is there then.

    Sent twice the volume would be too large, and it cannot be made smaller. No array says whether it is still at work
    on a request whose answer was lost, so a size that has not changed proves nothing. After a lost answer the size is
    read until it is what was asked for, for as long as the task allows for an answer; if it is not, that is the error.

    :param send: sends the request; of an array that refuses it nothing is asked any more.
    :param read: the size now, in bytes. One request for each poll.
    :param size: what was asked for, in bytes.
    :param seen_within: seconds within which the array shows a change that it has confirmed.
    :param show: a size for people.
    :raises LostAnswer: the answer was lost, and the volume has not grown within the task's timeout.
    :raises Timeout: the array confirmed the change, and does not show it.
    """
    lost: Optional[LostAnswer] = None
    for attempt in range(ATTEMPTS):
        try:
            send()
            break
        except NotTaken as error:
            if attempt == ATTEMPTS - 1 or not pace(error.timeout).pause():
                raise
        except LostAnswer as error:
            lost = error
            break
    deadline = pace(lost.timeout if lost else seen_within)
    while True:
        try:
            now = read()
        except FlashError as error:
            if lost is None:
                raise
            lost.reason += ", and its size cannot be read (%s)" % error.reason
            lost.hint = _UNDECIDED
            raise lost from None
        if now >= size:
            return now
        if not deadline.pause():
            break
    if lost is None:
        raise Timeout(
            "the array confirmed the change, and still reports %s instead of %s after %g s"
            % (show(now), show(size), seen_within),
            hint="Run the task again when the array shows the size.",
        )
    lost.reason += ", and after %g s it still has %s instead of %s" % (lost.timeout, show(now), show(size))
    lost.hint = _UNDECIDED
    raise lost
