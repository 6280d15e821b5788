# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes whose answer was lost: the array may have made the change or not, and only its state shows which."""

from __future__ import annotations

from typing import Callable, Optional, Tuple, Type, TypeVar, Union

from ..errors import BadReply, FlashError, Timeout, Unreachable
from .deadline import Deadline

ATTEMPTS = 3
"""How often one request is sent at most, where sending it again does no harm."""
READS = 4
"""How often the state is read after a lost answer, with growing pauses, before the request is sent again."""
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

_MAY_STILL_GROW = (
    "The array may still be working on the request, so nothing more was sent: a volume that grows twice cannot be made "
    "smaller. Wait until the array is at rest, check the size of the volume, and run the task again."
)

Sent = TypeVar("Sent")
Found = TypeVar("Found")


def growing_pauses(seconds: float) -> Deadline:
    """A deadline after so many seconds, with pauses that suit reading the state of an array until then."""
    return Deadline(seconds, first=FIRST_PAUSE, longest=LONGEST_PAUSE)


class AnswerLost(FlashError):
    """The array may have made the change. Catch this, read the state, and decide; never just send it again."""

    timeout = 30.0
    """Seconds that the task allows the array for an answer, and thus also how long the change is polled for."""

    def with_timeout(self, timeout: float) -> AnswerLost:
        """The same error, with the task's own timeout."""
        self.timeout = timeout
        return self


class NotAccepted(AnswerLost, Unreachable):
    """The array answered that it does not accept the request: nothing was done, and it may be sent again."""

    kind = "unreachable"


class AnswerTimeout(AnswerLost, Timeout):
    """No answer within the time allowed."""

    kind = "timeout"


class ConnectionLost(AnswerLost, Unreachable):
    """The connection ended before the answer."""

    kind = "unreachable"


class AnswerUnreadable(AnswerLost, BadReply):
    """The answer was cut off, or a gateway answered in the array's place."""

    kind = "bad_reply"


def confirm(
    send: Callable[[], Sent],
    read: Callable[[], Optional[Found]],
    refusals: Tuple[Type[FlashError], ...] = (),
    pace: Callable[[float], Deadline] = growing_pauses,
) -> Union[Sent, Found]:
    """Make one change and be certain of it.

    Only for a change that does no harm when it is sent twice, because the array refuses the second request or because
    the result is the same. For an extension by a difference there is ``extend_once``.

    :param send: sends the request.
    :param read: reads the state after a lost answer, and returns what shows that the change was made; None or False
        when it was not. It is called up to READS times, with growing pauses, before the request is sent again. The
        pauses of all attempts together are not longer than the task's timeout.
    :param refusals: errors with which the array refuses what is done already. Then too ``read`` decides; where it finds
        nothing, the refusal is raised. After a lost answer the refusal may be due to our own first request, which is
        not visible yet, so the state is read with pauses then as well.
    :returns: the result of ``send``, or that of ``read`` where the answer was lost.
    :raises AnswerLost: after ATTEMPTS requests, or at the end of the task's timeout, the change is still not visible.
    """
    remaining = ATTEMPTS
    deadline: Optional[Deadline] = None
    undecided: Tuple[Type[FlashError], ...] = (AnswerLost, *refusals)
    while True:
        remaining -= 1
        try:
            return send()
        except undecided as error:
            if deadline is None and isinstance(error, AnswerLost):
                deadline = pace(error.timeout)
            reads = 1
            while True:
                found = read()
                if found is not None and found is not False:
                    return found
                if reads == READS or deadline is None or not deadline.pause():
                    break
                reads += 1
            if not remaining or not isinstance(error, AnswerLost) or (deadline is not None and deadline.expired()):
                raise


def poll_after(
    error: AnswerLost,
    read: Callable[[], Optional[Found]],
    pace: Callable[[float], Deadline] = growing_pauses,
) -> Optional[Found]:
    """What ``read`` finds after this lost answer, in up to READS calls with growing pauses; None: nothing."""
    deadline = pace(error.timeout)
    for _read in range(READS - 1):
        found = read()
        if found is not None and found is not False:
            return found
        if not deadline.pause():
            break
    found = read()
    return None if found is False else found


def repeat(send: Callable[[], Sent], pace: Callable[[float], Deadline] = growing_pauses) -> Sent:
    """Make a change that has the same result when it is made twice: after a lost answer and a pause it is sent again.

    :raises AnswerLost: the answer was lost ATTEMPTS times, or the task's timeout is over.
    """
    deadline: Optional[Deadline] = None
    for attempt in range(ATTEMPTS):
        try:
            return send()
        except AnswerLost as error:
            deadline = deadline or pace(error.timeout)
            if attempt == ATTEMPTS - 1 or not deadline.pause():
                raise
    raise AssertionError("the last attempt returns or raises")


def extend_once(
    send: Callable[[], object],
    read: Callable[[], int],
    size: int,
    visible_within: float,
    show: Callable[[int], str] = str,
    pace: Callable[[float], Deadline] = growing_pauses,
) -> int:
    """Extend a volume by a difference so that the array carries it out once; returns the size afterwards, in bytes.

    Carried out twice, the volume would be too large, and it cannot be made smaller. No array reports whether it is
    still working on a request whose answer was lost, so a size that has not changed proves nothing. After a lost answer
    the size is polled, as long as the task allows the array for an answer, until it is the requested one. If it does
    not become that, the error is raised.

    :param send: sends the request. Any other error of it than AnswerLost is raised at once.
    :param read: the present size in bytes. One request for each poll.
    :param size: the requested size in bytes.
    :param visible_within: seconds within which the array shows a change that it has confirmed.
    :param show: formats a size for the message.
    :raises AnswerLost: the answer was lost, and the volume has not grown within the task's timeout.
    :raises Timeout: the array confirmed the change, and does not show it.
    """
    answer_lost: Optional[AnswerLost] = None
    for attempt in range(ATTEMPTS):
        try:
            send()
            break
        except NotAccepted as error:
            if attempt == ATTEMPTS - 1 or not pace(error.timeout).pause():
                raise
        except AnswerLost as error:
            answer_lost = error
            break
    deadline = pace(answer_lost.timeout if answer_lost else visible_within)
    while True:
        try:
            present_size = read()
        except FlashError as error:
            if answer_lost is None:
                raise
            answer_lost.reason += ", and its size cannot be read (%s)" % error.reason
            answer_lost.hint = _MAY_STILL_GROW
            raise answer_lost from None
        if present_size >= size:
            return present_size
        if not deadline.pause():
            break
    if answer_lost is None:
        raise Timeout(
            "the array confirmed the change, and still reports %s instead of %s after %g s"
            % (show(present_size), show(size), visible_within),
            hint="Run the task again when the array shows the size.",
        )
    answer_lost.reason += ", and after %g s it still has %s instead of %s" % (
        answer_lost.timeout,
        show(present_size),
        show(size),
    )
    answer_lost.hint = _MAY_STILL_GROW
    raise answer_lost
