# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limits of a volume, which are those of its QoS policy (sheet, section 2.3).

This client makes a policy for each volume, with a name that follows from that of the volume. A policy of another name
may be that of other volumes too: it is never changed or deleted, and a volume that gets other limits leaves it.

A policy that may be there already is made and modified, whatever the array answers to the first, because the code for a
name that is in use is not known. A limit that is removed stays in the policy as one that limits nothing, so that the
policy is found by its volume, and deleted with it.
"""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from typing import Any, Callable, Iterable, Mapping as Map

from ...array import VolumeChanges
from ...errors import FlashError
from ...model import Volume
from ...properties import QOS
from ...transport.confirm import confirm, repeat
from ...units import KIB, MIB
from .codes import NameTaken
from .names import marker, policy_name
from .policies import LIMITS, NOT_NOW
from .reading import Reading, with_limits
from .wire import Policy


class Limits(Reading, VolumeChanges):
    """What a Dsware does with the limits of volumes."""

    def set_volume(self, volume: Volume, options: Map[str, Any]) -> Volume:
        """Two requests where the policy is that of this client: read it, and change it. Up to five else."""
        with self._doing("set the limits of volume %s" % volume.name, volume.name):
            self._require("set_volume", volume, options=options)
            present = self._wire.policy_of(volume.name)
            known = with_limits(volume, present)
            policy = _policy(volume.name, {name: known.options.get(name) for name in LIMITS}, options)
            own = present is not None and present.name == policy.name
            if policy.iops or policy.mib_per_second:
                if own:
                    self._wire.modify_policy(policy)
                else:
                    self._make_policy(policy)
                    self._give(volume.name, policy.name, present.name if present is not None else "")
            elif own:
                self._wire.modify_policy(policy)
            elif present is not None and present.name:
                self._take_out(volume.name, present.name)
            return replace(volume, options=dict(known.options, **options))

    def _begin_limits(self, volume: str, options: Map[str, Any]) -> bool:
        """Make the policy of a volume that is to be made: one request. What the array refuses then leaves no volume.

        :returns: False when there is a volume of that name, whose policy it may be. It is not changed.
        """
        if not any(options.get(name) for name in LIMITS):
            return False
        return self._make_policy(_policy(volume, {}, options), lambda: self._wire.volume(volume) is None)

    def _end_limits(self, made: Volume, options: Map[str, Any], begun: bool) -> Volume:
        """Give a new volume the policy that was made for it: one request.

        :param begun: what _begin_limits has returned.
        """
        if self.capabilities.refusal(QOS) is not None:
            return made
        requested = {name: options.get(name) for name in LIMITS}
        if not any(requested.values()):
            return replace(made, options=dict(made.options, **requested))
        if not begun:
            return self.set_volume(made, {name: value or 0 for name, value in requested.items()})
        self._give(made.name, policy_name(made.name), "")
        return replace(made, options=dict(made.options, **{name: value or 0 for name, value in requested.items()}))

    def _make_policy(self, policy: Policy, may_change: Callable[[], bool] = lambda: True) -> bool:
        """Make the policy, or change the one that a killed run has left: one or two requests.

        :param may_change: asked where the array refuses to make it.
        :returns: whether it has these limits.
        """
        unchanged = []

        def changed() -> bool:
            if not may_change():
                unchanged.append(policy)
                return True
            try:
                self._wire.modify_policy(policy)
            except NOT_NOW:
                raise
            except FlashError as error:
                if error.code is None:
                    raise
                return False  # there is none of that name, so the first answer says what is wrong
            return True

        confirm(lambda: self._wire.create_policy(policy), changed, (FlashError,))
        return not unchanged

    def _give(self, volume: str, policy: str, present: str) -> None:
        """Give the volume the policy, after taking it out of the present one, if it has one."""
        if present:
            self._take_out(volume, present)
        confirm(lambda: self._wire.associate(volume, policy), lambda: self._has_policy(volume, policy), (FlashError,))

    def _take_out(self, volume: str, policy: str) -> None:
        confirm(
            lambda: self._wire.disassociate(volume, policy),
            lambda: not self._has_policy(volume, policy),
            (FlashError,),
        )

    def _has_policy(self, volume: str, name: str) -> bool:
        found = self._wire.policy_of(volume)
        return found is not None and found.name == name

    def _delete_policy(self, volume: str, snapshots: Iterable[str]) -> None:
        """Delete the policy that this client has made for a volume which is to be deleted.

        One request where there is none. Where there is one, a snapshot of the volume records until it is deleted that
        it may still be there: a run that is killed in between leaves the volume without it.

        :param snapshots: the names of the volume's snapshots.
        """
        name, token = policy_name(volume), marker("policy", volume)
        own = self._has_policy(volume, name)
        if not own and token not in snapshots:
            return
        with suppress(NameTaken):
            repeat(lambda: self._wire.create_snapshot(token, volume))
        if own:
            self._take_out(volume, name)
        try:
            repeat(lambda: self._wire.delete_policy(name))
        except NOT_NOW:
            raise
        except FlashError as error:
            # Perhaps an earlier run has deleted it: the code for a policy that does not exist is not known.
            if error.code is None:
                raise
        self._delete_snapshot(token)

    @abstractmethod
    def _delete_snapshot(self, name: str) -> None:
        """Delete a snapshot, which may be gone already."""


def _policy(volume: str, present: Map[str, Any], options: Map[str, Any]) -> Policy:
    """The policy of the volume with the requested limits, and the present ones where none is requested."""
    iops, rate = (present.get(name) if options.get(name) is None else options[name] for name in LIMITS)
    return Policy(policy_name(volume), int(iops or 0), int(rate or 0) * KIB // MIB)
