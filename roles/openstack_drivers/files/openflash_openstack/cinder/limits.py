# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits of volume types, which a driver sets on the array: QoS specs for the back end, and extra specs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

from openflash import errors
from openflash.array import VolumeChanges

from . import specs
from .volumes import Volumes


class Limit(NamedTuple):
    """A spec that limits something."""

    option: str
    """What the library calls it."""
    convert: Callable[[int], int] = int
    """From the unit of the spec to that of the library."""
    unit: str = "requests per second"


class Limits(Volumes):
    """The limits of a volume are those of its type. Some grow with the volume."""

    SCOPE = ""
    """What extra specs begin with, and a colon after it. QoS specs have the same names without."""
    LIMITS: ClassVar[Mapping[str, Limit]]
    """By the name of the spec. Where two set the same, the first one counts."""
    SHARES: ClassVar[Mapping[str, Limit]]
    """By the name of the spec, what a volume gets for each GiB. The smaller one counts where there is a limit too."""

    def _limits_volumes(self) -> bool:
        return True

    def _check_qos(self, type_specs: Mapping[str, str]) -> None:
        if not self._limits_volumes():
            super()._check_qos(type_specs)
            return
        unknown = sorted(set(specs.qos(type_specs)) - set(self.LIMITS) - set(self.SHARES))
        if unknown:
            raise errors.Invalid(
                "the volume type has QoS specs for the back end that this array does not have: %s" % ", ".join(unknown),
                hint="It has %s." % ", ".join(sorted([*self.LIMITS, *self.SHARES])),
            )

    def _requested(self, type_specs: Mapping[str, str]) -> dict[str, str]:
        """QoS specs count before extra specs."""
        scope = self.SCOPE + ":"
        found = {key[len(scope) :]: value for key, value in type_specs.items() if key.startswith(scope)}
        found.update(specs.qos(type_specs))
        return found

    def _limits(self, requested: Mapping[str, str], size: int) -> dict[str, Any]:
        """The limits by the library's names.

        :param size: GiB, for what a type gives to each.
        """
        found: dict[str, Any] = {}
        if not self._limits_volumes():
            return found
        for name, limit in self.LIMITS.items():
            value = limit.convert(number(name, requested.get(name) or "0"))
            if value:
                found.setdefault(limit.option, value)
        for name, share in self.SHARES.items():
            value = share.convert(number(name, requested.get(name) or "0") * size)
            if value:
                found[share.option] = min(value, found.get(share.option, value))
        return found

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """With the limits of its type for the new size, which are set first: they do no harm to the smaller volume."""
        requested = self._requested(specs.specs_of(volume))
        before, after = (self._limits(requested, int(size)) for size in (volume.size, new_size))
        changed = {key: value for key, value in after.items() if before.get(key) != value}
        if changed:
            doing = "set the limits of volume %s for %s GiB" % (volume.id, new_size)
            with self._on_array(doing, volume, volume=volume.id) as array:
                VolumeChanges.of(array).set_volume(self._read(array, volume), changed)
        super().extend_volume(volume, new_size)

    def _changed(self, now: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
        """Limits that the new type does not have are removed."""
        options = {limit.option for limit in (*self.LIMITS.values(), *self.SHARES.values())}
        removed = {option: 0 for option in options if option in now and option not in requested}
        return dict(super()._changed(now, requested), **removed)

    def _init_vendor_properties(self) -> tuple[dict[str, Any], str]:
        """The extra specs, for whoever makes a volume type by what Cinder lists of a backend's capabilities."""
        found: dict[str, Any] = {}
        if self._limits_volumes():
            for name, limit in {**self.LIMITS, **self.SHARES}.items():
                what = "%s, for each GiB" % limit.unit if name in self.SHARES else limit.unit
                self._set_property(
                    found,
                    "%s:%s" % (self.SCOPE, name),
                    title(name),
                    "%s, 0 for no limit" % what,
                    "integer",
                    minimum=0,
                    default=0,
                )
        return found, self.SCOPE


def title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def number(name: str, text: str) -> int:
    """:raises Invalid: it is none."""
    try:
        return int(float(text))
    except ValueError:
        raise errors.Invalid("%s is %r and no number" % (name, text)) from None
