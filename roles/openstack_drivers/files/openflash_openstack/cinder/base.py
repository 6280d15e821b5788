# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every driver has: configuration, sessions, names, statistics.

A vendor's class says what its names and options are; what Cinder asks for is done in volumes.py, connections.py,
management.py and groups.py, for all arrays alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Optional, TypeVar

from cinder import context, coordination, exception
from cinder.volume import driver, volume_utils
from oslo_log import log as logging

from openflash import connect, errors, model
from openflash.array import Array, UnfinishedCopies
from openflash.units import GIB
from openflash.version import __version__

from ..sessions import PASSING, Sessions
from . import options, specs
from .errors import cinder_errors, translated

LOG = logging.getLogger(__name__)

ISCSI, FC = "iSCSI", "FC"
T = TypeVar("T")


class Backend(driver.VolumeDriver):  # type: ignore[misc] # Cinder has no types
    """One backend of Cinder on one array."""

    VERSION = __version__
    SUPPORTS_ACTIVE_ACTIVE = False

    VENDOR = ""
    """The key in the library's table of vendors."""
    VENDOR_NAME = ""
    BACKEND_NAME = ""
    """What the backend is called where volume_backend_name is not set: as the driver that this takes over from."""
    PROTOCOL = ISCSI
    POOLS = False
    """Whether the scheduler chooses among the array's pools. Otherwise the backend is one pool, named like itself, as
    Cinder takes a backend without pools; so volumes keep the pool that they were made in."""
    READS_FIRST = False
    """Whether a volume must be read before anything is done to it, since its name alone is not enough."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configuration.append_config_values(options.SAN)
        self.configuration.append_config_values(options.COMMON)
        self.configuration.append_config_values(options.OF_VENDOR[self.VENDOR])
        self.backend_name = self.configuration.safe_get("volume_backend_name") or self.BACKEND_NAME
        self._sessions: Optional[Sessions] = None
        self._stats: dict[str, Any] = {}
        self._capabilities: Optional[model.Capabilities] = None

    @classmethod
    def get_driver_options(cls) -> list[Any]:
        return options.COMMON + options.OF_VENDOR[cls.VENDOR]

    # -- configuration -----------------------------------------------------------------------------------------------

    def _setting(self, name: str) -> Any:
        return self.configuration.safe_get(name)

    def _connection(self) -> model.Connection:
        """How to reach the array, as the section says."""
        addresses, port = self._addresses()
        verify = bool(self._setting("driver_ssl_cert_verify"))
        return model.Connection(
            vendor=self.VENDOR,
            address=addresses,
            port=port,
            username=self._setting("san_login"),
            password=self._setting("san_password") or None,
            validate_certs=verify,
            ca_path=(self._setting("driver_ssl_cert_path") or None) if verify else None,
            tls_server_name=self._setting("openflash_tls_server_name") if verify else None,
            timeout=float(self._setting("openflash_timeout")),
            wait_timeout=max(float(self._setting("openflash_wait_timeout")), self._patience()),
            options=self._vendor_options(),
        )

    def _patience(self) -> float:
        """Seconds that the options of the driver that this takes over from have a busy array, or its copy, waited for.

        The wait is never shorter. It may be longer: which of the two is longer counts.
        """
        return 0.0

    def _addresses(self) -> tuple[tuple[str, ...], Optional[int]]:
        """Of the array's management, any of which will do, and their port where it is not the usual one."""
        if not self._setting("san_ip"):
            raise errors.Invalid("no san_ip is set", hint="Set it in the section of the backend.")
        return (self._setting("san_ip"),), self._setting("san_api_port")

    def _vendor_options(self) -> dict[str, Any]:
        """What the library calls the options of this vendor's connection."""
        return {}

    def do_setup(self, context: Any) -> None:
        """Prepare; the array is asked for the first time by check_for_setup_error."""
        with cinder_errors(), errors.context(doing="set up the backend %s" % self.backend_name):
            connection = self._connection()
        if connection.validate_certs is False and connect.VENDORS[self.VENDOR].cinder.tls:
            LOG.warning("%s: driver_ssl_cert_verify is off, so the array is not verified.", self.backend_name)
        self._sessions = Sessions(lambda: connect.connect(connection), self._setting("openflash_sessions"))

    def check_for_setup_error(self) -> None:
        """Log in once. An array that cannot be reached now makes the backend down; it comes up with the array.

        What will not pass by itself (a wrong password, a wrong cluster name) keeps the backend from starting.
        """
        try:
            with errors.context(doing="start the backend %s" % self.backend_name), self._session() as array:
                self._check(array)
                self._remove_unfinished(array)
        except PASSING as error:
            LOG.error(
                "%s: the array cannot be reached now; the backend is down until it can: %s", self.backend_name, error
            )
        except errors.FlashError as error:
            raise translated(error) from None

    def _check(self, array: Array) -> None:
        """What must be right before the backend starts."""
        wanted = {ISCSI: model.ISCSI, FC: model.FC}.get(self.PROTOCOL)
        if wanted and wanted not in array.capabilities.protocols:
            raise errors.Unsupported(
                "this array has no %s" % self.PROTOCOL,
                hint="Set volume_driver to the class of a protocol that it has: %s."
                % ", ".join(array.capabilities.protocols),
            )

    def _remove_unfinished(self, array: Array) -> None:
        """Remove the copies that an ended process left unfinished: Cinder deletes what it was creating then, and never
        makes that copy again, so no later call would find them.
        """
        copies = UnfinishedCopies.within(array)
        if copies is None:
            return
        try:
            removed = copies.remove_unfinished()
        except errors.FlashError as error:
            LOG.warning("%s: unfinished copies stay on the array until the next start: %s", self.backend_name, error)
        else:
            if removed:
                LOG.info("%s: removed the unfinished copies %s", self.backend_name, ", ".join(removed))

    # -- sessions ----------------------------------------------------------------------------------------------------

    def _need_sessions(self) -> Sessions:
        if self._sessions is None:
            raise exception.VolumeBackendAPIException(data="the backend %s is not set up" % self.backend_name)
        return self._sessions

    @contextmanager
    def _session(self, subject: Any = None, fresh: bool = False) -> Iterator[Array]:
        """A session for one operation on this volume; the library's errors leave it, and name the array."""
        with self._need_sessions().one(fresh) as array, errors.context(array=array.label):
            self._capabilities = array.capabilities
            yield self._scoped(array, subject)

    def _refusal(self, operation: str) -> Optional[str]:
        """Why the array cannot do this; None where it can. A session is needed only where there was none yet."""
        if self._capabilities is None:
            with self._on_array("read what the array can do"):
                pass
        assert self._capabilities is not None  # noqa: S101  for mypy: every session sets it
        return self._capabilities.refusal(operation)

    def _scoped(self, array: Array, subject: Any) -> Array:
        """Where the volume is, on arrays with tenants."""
        return array

    @contextmanager
    def _on_array(
        self, doing: str, subject: Any = None, volume: Optional[str] = None, snapshot: Optional[str] = None
    ) -> Iterator[Array]:
        """A session for one operation, from which errors leave as Cinder's exceptions.

        :param doing: an infinitive with its object, for whoever reads the error.
        :param volume, snapshot: the id of the one whose absence, or use by somebody, Cinder has an exception for.
        """
        with cinder_errors(volume, snapshot), errors.context(doing=doing), self._session(subject) as array:
            yield array

    def _alone(self, what: str) -> AbstractContextManager[Any]:
        """One at a time in the complete deployment, as far as Cinder's coordination reaches."""
        lock: AbstractContextManager[Any] = coordination.COORDINATOR.get_lock(
            "openflash-%s-%s" % (self._setting("san_ip") or self.backend_name, what)
        )
        return lock

    @classmethod
    def clean_volume_file_locks(cls, volume_id: str) -> None:
        """The file locks of a volume that Cinder has deleted."""
        coordination.synchronized_remove("openflash-*%s*" % volume_id)

    @classmethod
    def clean_snapshot_file_locks(cls, snapshot_id: str) -> None:
        coordination.synchronized_remove("openflash-*%s*" % snapshot_id)

    # -- names and kinds ---------------------------------------------------------------------------------------------

    def _volume_name(self, volume: Any) -> str:
        """What the volume is called on the array."""
        return str(volume.name)

    def _snapshot_name(self, snapshot: Any) -> str:
        return str(snapshot.name)

    def _known(self, array: Array, volume: Any) -> model.Volume:
        """The volume as the library takes it: made of what Cinder knows where that is enough, else read."""
        name = self._volume_name(volume)
        if not self.READS_FIRST:
            return model.Volume(name, int(volume.size) * GIB)
        return self._read(array, volume)

    def _read(self, array: Array, volume: Any) -> model.Volume:
        """The volume as the array reports it.

        :raises NotFound: it is not there.
        """
        found = self._find(array, volume)
        if found is None:
            raise not_there("volume", self._volume_name(volume))
        return found

    def _find(self, array: Array, volume: Any) -> Optional[model.Volume]:
        """The volume as the array reports it; None when it is not there."""
        return volume_named(array, self._volume_name(volume))

    def _known_snapshot(self, array: Array, snapshot: Any) -> model.Snapshot:
        return model.Snapshot(
            self._snapshot_name(snapshot), self._volume_name(snapshot.volume), int(snapshot.volume_size) * GIB
        )

    def _spec(self, volume: Any, type_specs: Optional[Mapping[str, str]] = None) -> model.VolumeSpec:
        """What the volume and its type ask for."""
        found = specs.specs_of(volume) if type_specs is None else type_specs
        return model.VolumeSpec(
            self._volume_name(volume),
            int(volume.size) * GIB,
            pool=self._pool(volume, found),
            provisioning=self._provisioning(found),
            options=self._options(volume, found),
        )

    def _limits_volumes(self) -> bool:
        """Whether the driver limits what hosts do with a volume, so that QoS specs of the back end have an effect."""
        return False

    def _check_qos(self, type_specs: Mapping[str, str]) -> None:
        """:raises Unsupported: the type has QoS specs for the back end, which would have no effect."""
        found = specs.qos(type_specs)
        if found:
            raise errors.Unsupported(
                "the volume type has QoS specs for the back end (%s), and this driver applies none"
                % ", ".join(sorted(found)),
                hint="Use QoS specs with the consumer front-end, which the hypervisor applies.",
            )

    def _pool(self, volume: Any, type_specs: Mapping[str, str]) -> Optional[str]:
        """The pool that the scheduler chose."""
        return volume_utils.extract_host(volume.host, level="pool") if self.POOLS and volume.host else None

    def _provisioning(self, type_specs: Mapping[str, str]) -> Optional[str]:
        return None

    def _options(self, volume: Any, type_specs: Mapping[str, str]) -> dict[str, Any]:
        return {}

    # -- statistics --------------------------------------------------------------------------------------------------

    def get_volume_stats(self, refresh: bool = False) -> dict[str, Any]:
        if refresh or not self._stats:
            self._stats = self._read_stats()
        return self._stats

    def _read_stats(self) -> dict[str, Any]:
        stats: dict[str, Any] = {
            "volume_backend_name": self.backend_name,
            "vendor_name": self.VENDOR_NAME,
            "driver_version": self.VERSION,
            "storage_protocol": self.PROTOCOL,
            "backend_state": "up",
        }
        try:
            with self._session() as array:
                known = array.capabilities
                pools = [self._pool_stats(known, pool) for pool in self._pools_to_schedule(array.pools())]
        except errors.FlashError as error:
            # The next reading, a minute later, tries again.
            LOG.error(
                "%s: the array does not answer for now, so nothing is scheduled to it: %s", self.backend_name, error
            )
            # With all their keys, which the scheduler compares with those of the reading before.
            nothing = model.Pool(self.backend_name, 0, 0, provisioned=0)
            old = self._stats.get("pools") or [self._pool_stats(None, nothing)]
            pools = [dict(pool, total_capacity_gb=0, free_capacity_gb=0) for pool in old]
            stats["backend_state"] = "down"
        # Cinder's list of services reads it with the pools.
        return dict(stats, pools=[dict(pool, backend_state=stats["backend_state"]) for pool in pools])

    def _pools_to_schedule(self, pools: model.Listing[model.Pool]) -> tuple[model.Pool, ...]:
        """The pools that the scheduler chooses among; an array that is one pool has the backend's name."""
        if self.POOLS:
            return tuple(pools)
        provisioned = [pool.provisioned for pool in pools]
        everything = model.Pool(
            self.backend_name,
            sum(pool.size for pool in pools),
            sum(pool.free for pool in pools),
            provisioned=None if None in provisioned else sum(one or 0 for one in provisioned),
            provisioning=tuple(dict.fromkeys(kind for pool in pools for kind in pool.provisioning)),
        )
        return (everything,)

    def _pool_stats(self, known: Optional[model.Capabilities], pool: model.Pool) -> dict[str, Any]:
        thin = model.THIN in pool.provisioning or model.DEDUP in pool.provisioning
        provisioned_known = pool.provisioned is not None
        stats = {
            "pool_name": pool.name,
            "total_capacity_gb": pool.size / GIB,
            "free_capacity_gb": pool.free / GIB,
            "reserved_percentage": self.configuration.reserved_percentage,
            "max_over_subscription_ratio": volume_utils.get_max_over_subscription_ratio(
                self.configuration.max_over_subscription_ratio, supports_auto=thin and provisioned_known
            ),
            "thin_provisioning_support": thin,
            "thick_provisioning_support": model.THICK in pool.provisioning,
            # What volume types of these drivers ask for (see specs.py): both, where there is a choice.
            "thin": either(thin, model.THICK in pool.provisioning),
            "dedup": either(self._dedups(pool), not self._dedups_always(pool)),
            "QoS_support": self._limits_volumes(),
            "multiattach": self._multiattach(),
            "online_extend_support": True,
            "consistent_group_snapshot_enabled": known is not None and known.refusal("groups") is None,
            "filter_function": self.get_filter_function(),
            "goodness_function": self.get_goodness_function(),
        }
        if provisioned_known:
            stats["provisioned_capacity_gb"] = (pool.provisioned or 0) / GIB
        elif thin:
            # The array does not report it: what Cinder has in this pool is known at least.
            where = "%s#%s" % (self.host, pool.name)
            stats["provisioned_capacity_gb"] = self.db.volume_data_get_for_host(context.get_admin_context(), where)[1]
        return dict(stats, **self._more_capabilities(known))

    def _more_capabilities(self, known: Optional[model.Capabilities]) -> dict[str, Any]:
        """What types of this array alone may ask for."""
        return {}

    def _dedups(self, pool: model.Pool) -> bool:
        return model.DEDUP in pool.provisioning

    def _dedups_always(self, pool: model.Pool) -> bool:
        return pool.provisioning == (model.DEDUP,)

    def _multiattach(self) -> bool:
        return True


def either(true: bool, false: bool) -> Any:
    """A capability that types ask for by name, as the text that matches both ``True`` and ``<is> True`` in a type.

    Where there is a choice it is a list, of which the scheduler lets a type have any.
    """
    return ["True", "False"] if true and false else str(true)


def volume_named(array: Array, name: str) -> Optional[model.Volume]:
    """The volume of exactly this name on the array, or None."""
    return readable(array.volumes([name]), name).named(name)


def existing(array: Array, name: str) -> model.Volume:
    """The volume of exactly this name on the array.

    :raises NotFound: it is not there.
    """
    found = volume_named(array, name)
    if found is None:
        raise not_there("volume", name)
    return found


def not_there(kind: str, name: str) -> errors.NotFound:
    return errors.NotFound("%s %s is not there" % (kind, name), target=name)


def readable(found: model.Listing[T], *names: str) -> model.Listing[T]:
    """What was read.

    :raises BadReply: the object of this name is there, but could not be read, and so must not be taken for absent.
    """
    for entry in found.unreadable:
        if entry.name in names + ("?",):
            raise errors.BadReply("%s %s is there, but cannot be read: %s" % (entry.kind, names[0], entry.reason))
    return found
