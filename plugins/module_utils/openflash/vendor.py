# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the description of an array consists of: ``vendors/NAME/vendor.py`` has one ``Vendor``.

A description is data, so that every task can read all of them. Only ``Vendor.load`` imports a client.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping as Map, Optional, Tuple

from .array import Array
from .model import Connection

Connect = Callable[[Connection], Array]
"""A client's connect()."""
Entry = Map[str, Any]
"""An entry of the role variable cinder_backend_backends, without the keys that are null."""
Section = Dict[str, Any]
"""Options of a section of cinder.conf. None leaves an option out."""


@dataclass(frozen=True)
class Option:
    """A connection option that only some arrays have. It has no default, since a task may set it for these only."""

    description: Tuple[str, ...]
    """Paragraphs with the markup of Ansible's documentation. The arrays that have the option are added."""
    type: str = "str"
    """As in an argument specification."""
    elements: Optional[str] = None
    choices: Tuple[str, ...] = ()
    needs: str = ""
    """Another option, in markup, without which this one has no effect."""
    is_name: bool = False
    """It names an object, so null and empty are refused."""
    selects: bool = False
    """A list that selects some of what the array has, so an empty one is refused."""


TARGET_PORTS = Option(
    ("Report to hosts only these target ports, as WWN or portal IP address. By default all that are up.",),
    type="list",
    elements="str",
    selects=True,
)
DEVICE_ROOT = Option(
    (
        "Where this host has its devices. Only needed with simulated arrays. With O(vendor=dsware) the folder to use "
        "instead of C(/dev), otherwise the folder that holds C(dev) and C(sys).",
    ),
    type="path",
)


@dataclass(frozen=True)
class Driver:
    """The class of a Cinder driver for one protocol."""

    bundled: str
    """Of this collection."""
    in_tree: Optional[str] = None
    """Of Cinder itself, in the last release that has one; None where the role refuses it."""


@dataclass(frozen=True)
class CinderOption:
    """An option of cinder.conf that only this array's drivers have: as the driver of Cinder names it."""

    name: str
    help: str
    type: str = "str"
    """str, int, bool, list or dict."""
    default: Any = None
    """A list or a dict is empty by default."""
    choices: Tuple[str, ...] = ()


def san_section(entry: Entry, protocol: Optional[str], in_tree: bool) -> Section:
    """The array's address as most drivers have it."""
    return {"san_ip": entry["address"], "san_api_port": entry.get("port")}


def port_in_address(entry: Entry) -> Section:
    """The same for a driver of Cinder that has no option for the port."""
    address, port = entry["address"], entry.get("port")
    return {"san_ip": "%s:%s" % (bracketed(address), port) if port else address}


def bracketed(address: str) -> str:
    """The address as a URL has it: IPv6 in brackets."""
    return "[%s]" % address if ":" in address and not address.startswith("[") else address


@dataclass(frozen=True)
class Cinder:
    """The array as a backend of Cinder."""

    drivers: Map[Optional[str], Driver]
    """By protocol. The first is used unless another is requested. None where the array has a data path of its own."""
    options: Tuple[CinderOption, ...] = ()
    keys: Tuple[str, ...] = ()
    """Keys of an entry of cinder_backend_backends that only this array has."""
    section: Callable[[Entry, Optional[str], bool], Section] = san_section
    """What the role writes for an entry: its protocol, and whether the driver is Cinder's own."""
    tls: bool = True
    """The array is managed over TLS, so the section says how its certificate is verified."""
    in_tree_refusal: str = ""
    """Why the role refuses Cinder's own driver, as the end of a sentence with "because"."""
    in_tree_port: Optional[int] = None
    """The only port that Cinder's own driver connects to."""
    in_tree_package: Optional[str] = None
    """The Python distribution that Cinder's own driver imports."""
    in_tree_capabilities: Tuple[str, ...] = ()
    """Kinds of provisioning that Cinder's own driver does not report, so the role writes them as capabilities."""


@dataclass(frozen=True)
class Vendor:
    """One array."""

    name: str
    """The value of the option ``vendor``, and the name of the array's folders."""
    title: str
    """The array in messages."""
    product: str
    """The models and versions that are supported, for the documentation."""
    management: str
    """The protocols of the management interface, for the documentation."""
    since: str
    """The version of the collection that has it first."""
    load: Callable[[], Connect]
    """Imports the client, and with it only the libraries that this array needs. Returns the client's connect()."""
    libraries: Tuple[str, ...]
    """Python libraries that the client imports."""
    cinder: Cinder
    options: Map[str, Option] = field(default_factory=dict)
    """Connection options that only some arrays have: the keys of Connection.options."""
