# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects by key, found by some of their properties too, and every change can be taken back."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Undo = List[Callable[[], None]]


class Table(Dict[K, V]):
    """A dict whose changes are noted in ``undo``; the last of these calls takes back the last change.

    :param indexes: a name, and the property of an object that ``by`` finds it by. One look-up among ten thousand
        objects must not cost a walk through all of them, because a task may make ten thousand look-ups.
    """

    def __init__(self, undo: Undo, **indexes: Callable[[V], Any]) -> None:
        super().__init__()
        self._undo = undo
        self._properties = indexes
        self._indexes: Dict[str, Dict[Any, Dict[K, V]]] = {name: {} for name in indexes}

    def by(self, index: str, value: Any) -> List[V]:
        """The objects with this value of an indexed property."""
        return list(self._indexes[index].get(value, {}).values())

    def __setitem__(self, key: K, value: V) -> None:
        self._undo.append(partial(self._put, key, self.get(key)))
        self._put(key, value)

    def __delitem__(self, key: K) -> None:
        self._undo.append(partial(self._put, key, self[key]))
        self._put(key, None)

    def discard(self, key: K) -> None:
        if key in self:
            del self[key]

    def _put(self, key: K, value: Optional[V]) -> None:
        old = super().pop(key, None)
        for name, of in self._properties.items():
            index = self._indexes[name]
            if old is not None:
                index[of(old)].pop(key, None)
            if value is not None:
                index.setdefault(of(value), {})[key] = value
        if value is not None:
            super().__setitem__(key, value)
