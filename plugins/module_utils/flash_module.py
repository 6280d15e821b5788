# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only file that knows AnsibleModule: options, connection, check and diff mode, results.

A module file is its documentation, its options and one call: ``run_plan`` for what changes an array, ``run_facts`` for
what only reads one.
"""

from __future__ import annotations

import math
import os
import re
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import AnsibleFallbackNotFound
from ansible.module_utils.common.validation import check_type_dict, check_type_list

try:
    from ansible.module_utils.secrets import register_secrets
except ImportError:  # it is new in ansible-core 2.22
    register_secrets = None

from .openflash import facts, report
from .openflash.apply import Applied, apply, nothing
from .openflash.array import Array
from .openflash.connect import VENDORS, connect
from .openflash.errors import CONNECT, BadReply, FlashError, Interrupted, Invalid, MissingLibrary, NotDone, context
from .openflash.model import Connection
from .openflash.plan.desired import Desired
from .openflash.plan.draft import Plan
from .openflash.plan.planner import plan
from .openflash.plan.policy import Policy
from .openflash.plan.world import Actual
from .openflash.read import read
from .openflash.transport import environment, interruption, programs
from .openflash.transport.journal import SHORTEST
from .openflash.transport.proxy import parse_proxy
from .openflash.units import parse_endpoint, redact_url, url_secrets

Spec = Dict[str, Dict[str, Any]]
Params = Mapping[str, Any]

ENV = environment.OPTIONS


def _from_env(variable: str) -> str:
    """The variable's value; an empty variable is an unset one."""
    value = os.environ.get(variable)
    if not value:
        raise AnsibleFallbackNotFound
    return value


def _env(option: str, **spec: Any) -> Dict[str, Any]:
    """A connection option, which alone may come from the environment."""
    spec["fallback"] = (_from_env, [ENV + option.upper()])
    return spec


def _connection_options() -> Spec:
    options: Spec = {
        "vendor": _env("vendor", type="str", required=True, choices=sorted(VENDORS)),
        "address": _env("address", type="list", elements="str", required=True),
        "port": _env("port", type="int"),
        "username": _env("username", type="str"),
        "password": {"type": "str", "no_log": True},
        "private_key_file": _env("private_key_file", type="path"),
        "private_key_passphrase": {"type": "str", "no_log": True},
        "validate_certs": _env("validate_certs", type="bool", default=True),
        "ca_path": _env("ca_path", type="path"),
        "tls_server_name": _env("tls_server_name", type="str"),
        "proxy": _env("proxy", type="str"),
        "host_key": _env("host_key", type="str", no_log=False),
        "known_hosts": _env("known_hosts", type="path"),
        "host_key_policy": _env(
            "host_key_policy", type="str", choices=["strict", "accept_new"], default="strict", no_log=False
        ),
        "timeout": _env("timeout", type="float", default=30.0),
        "wait_timeout": _env("wait_timeout", type="float", default=600.0),
        "max_concurrency": _env("max_concurrency", type="int", default=4),
    }
    options.update({name: _env(name, **spec) for name, spec in VENDOR_OPTIONS.items()})
    return options


VENDOR_OPTIONS: Spec = {
    "cluster": {"type": "str"},
    "array_version": {"type": "str"},
    "target_ports": {"type": "list", "elements": "str"},
    "ssh_agent": {"type": "bool"},
    "device_root": {"type": "path"},
    "copy_checksum": {"type": "bool"},
    "pool_selection": {"type": "str", "choices": ["largest", "smallest"]},
    "dedup_only_pools": {"type": "list", "elements": "str"},
    "dedup_capable_pools": {"type": "list", "elements": "str"},
    "remove_empty_hosts": {"type": "bool"},
    "allow_untested_version": {"type": "bool"},
    "tenant": {"type": "str"},
    "create_tenant": {"type": "bool"},
    "ldap_server": {"type": "str"},
    "api_version": {"type": "str"},
    "scheme": {"type": "str", "choices": ["http", "https"]},
    "offline_changes": {"type": "bool"},
    "transport": {"type": "str", "choices": ["rest", "socket"]},
    "storage_pools": {"type": "list", "elements": "str"},
    "agents": {"type": "dict"},
    "attach_tool": {"type": "path"},
    "wire_extensions": {"type": "bool"},
}
"""Options that only some vendors use; connect.VENDORS says which."""

CONNECTION = _connection_options()

_SECRETS_FROM_ENV = ("password", "private_key_passphrase")

POLICY: Spec = {
    "unmap": {"type": "bool", "default": False},
    "delete_snapshots": {"type": "bool", "default": False},
    "shared": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "openstack_owned": {"type": "bool", "default": False},
    "assume_unmapped": {"type": "bool", "default": False},
    "allow_empty": {"type": "bool", "default": False},
}
"""What a task may permit; each module offers those that it needs."""


def policy_options(*names: str) -> Spec:
    return {name: dict(POLICY[name]) for name in names}


def one_or_many(single: str, plural: str, options: Spec, task_options: Spec, needs: Optional[str]) -> Dict[str, Any]:
    """The arguments of AnsibleModule for a module that takes one object or a list of them.

    The options of an object are also the defaults of every item of the list, where they carry no default of their own.
    """
    suboptions = {name: {k: v for k, v in spec.items() if k != "default"} for name, spec in options.items()}
    if needs is None:
        suboptions[single] = dict(suboptions[single], required=True)
    spec = dict(options)
    spec[plural] = {"type": "list", "elements": "dict", "options": suboptions}
    spec["continue_on_error"] = {"type": "bool", "default": False}
    spec.update(task_options)
    spec.update(CONNECTION)
    return {
        "argument_spec": spec,
        "mutually_exclusive": [(single, plural)],
        "required_one_of": [(needs or single, plural)],
        "supports_check_mode": True,
    }


def items_of(params: Params, single: str, plural: str, options: Spec) -> List[Dict[str, Any]]:
    """The objects of a task, each with its own options or else those of the task."""
    own = {name: params.get(name) for name in options}
    if params.get(plural) is None:
        return [own]
    merged = []
    for item in params[plural]:
        values = dict(own, **{single: None})
        values.update({name: value for name, value in item.items() if value is not None})
        merged.append(values)
    return merged


# -- null and empty ----------------------------------------------------------------------------------------------------

NAMES = frozenset(
    ("name", "volume", "host", "group", "pool", "backup", "snapshot", "source_volume", "source_snapshot", "rename_from")
    + ("cluster", "tenant", "checksum")
)
"""Options that name an object, or its content. One that came out empty must not make the task act on something else, or
on more."""

_CHOOSE = ("storage_pools", "target_ports")
"""Lists of the connection that choose some of what there is. Left out they choose all, which empty must not mean."""

_MAY_BE_NULL = frozenset(("pool",))
"""Names that only choose where an object is put: null leaves the choice to the array."""


def _check_options(given: Params, spec: Spec, where: str) -> None:
    for option, value in given.items():
        rule = spec.get(option, {})
        what = "the option %s%s" % (option, where)
        if option in NAMES:
            _check_name(what, value, option in _MAY_BE_NULL)
        elif value is None:
            continue
        elif rule.get("type") == "dict" and "options" in rule:
            _check_options(check_type_dict(value), rule["options"], " of %s" % option)
        elif rule.get("type") == "list":
            for number, entry in enumerate(check_type_list(value), 1):
                if "options" in rule:
                    _check_options(check_type_dict(entry), rule["options"], " of entry %d of %s" % (number, option))
                else:
                    _check_name("entry %d of %s" % (number, what), entry, False)


def _check_name(what: str, value: Any, may_be_null: bool) -> None:
    if value is None and may_be_null or value is not None and str(value).strip():
        return
    raise Invalid(
        "%s is %s" % (what, "null" if value is None else "empty: %r" % value),
        hint="A look-up that found nothing gives such a value. To name none on purpose, leave it out: default(omit).",
    )


# -- the connection ----------------------------------------------------------------------------------------------------


def connection_of(module: AnsibleModule) -> Connection:
    """The connection that the task describes; Invalid when an option is of another vendor than the task's."""
    params = module.params
    vendor = params["vendor"]
    for name in VENDOR_OPTIONS:
        if params.get(name) is not None and name not in VENDORS[vendor].options:
            users = [key for key in sorted(VENDORS) if name in VENDORS[key].options]
            raise Invalid(
                "the option %s is not one of vendor %s" % (name, vendor),
                hint="It is used with %s." % (", ".join("vendor: " + user for user in users) or "no vendor"),
            )
    for name in _CHOOSE:
        if params[name] is not None and not [text for text in params[name] if text.strip()]:
            raise Invalid("the option %s is empty, and would choose nothing" % name, hint="Leave it out to choose all.")
    for name in ("timeout", "wait_timeout", "max_concurrency"):
        check_positive(name, params[name])
    address = tuple(text.strip() for text in params["address"] if text.strip())
    if not address:
        raise Invalid("address is empty", hint="Set it to the host name or the IP address of the array.")
    joined = ",".join(address)
    # A comma in a password has split the option into texts of which only the last one has the "@".
    for text in [joined] if "@" in joined else address:
        parse_endpoint(text, 443)
    if params["port"] is not None and not 0 < params["port"] < 65536:
        raise Invalid("port %d is impossible" % params["port"], hint="A port is a number from 1 to 65535.")
    if params["proxy"]:
        parse_proxy(params["proxy"])
    given: Dict[str, Any] = {name: params[name] for name in CONNECTION if name not in VENDOR_OPTIONS}
    given.update(address=address, withheld=_withheld(params, "password"))
    given.update({name: _secret(module, name) for name in _SECRETS_FROM_ENV})
    options = {name: params[name] for name in VENDOR_OPTIONS if params.get(name) is not None}
    return Connection(options=options, **given)


_LONGEST = 2000000
"""Seconds. The timers of an operating system take little more."""


def check_positive(option: str, value: float) -> None:
    """Invalid unless a number of seconds, or of things, is more than 0 and one that can be waited for."""
    if not (math.isfinite(value) and 0 < value <= _LONGEST):
        raise Invalid("%s must be more than 0 and at most %d" % (option, _LONGEST))


def _secret(module: Module, name: str) -> Optional[str]:
    """The task's secret, or the environment's if the environment means this very array."""
    given = module.params[name]
    value = os.environ.get(ENV + name.upper())
    if given or not value:
        return str(given) if given else None
    if _withheld(module.params, name):
        return None
    module.hide([value])
    return value


def _withheld(params: Params, name: str) -> Optional[str]:
    """Why the secret of the environment is not used, in a sentence; None when it is, or there is none."""
    if params[name] or not os.environ.get(ENV + name.upper()):
        return None
    for option, is_set in (("vendor", [params["vendor"]]), ("address", list(params["address"]))):
        meant = os.environ.get(ENV + option.upper())
        if meant and [text.strip() for text in meant.split(",")] != is_set:
            why = "%s is %s and not the %s of this task" % (ENV + option.upper(), redact_url(meant), option)
            return "%s is set, but it is not used, since %s." % (ENV + name.upper(), why)
    return None


# -- modules that change an array --------------------------------------------------------------------------------------

Shape = Callable[[report.Reporter, Desired], Tuple[Dict[str, Any], List[report.Entry]]]
Also = Callable[[Array, report.Reporter, Desired, List[report.Entry]], Dict[str, Any]]


def run_objects(
    single: str,
    plural: str,
    options: Spec,
    task_options: Spec,
    desired: Callable[[Sequence[Params], Params], Desired],
    entries: Callable[[report.Reporter, Desired], List[report.Entry]],
    result: str,
    needs: Optional[str] = None,
    also: Optional[Also] = None,
) -> None:
    """A module that takes one object or a list of them.

    :param single: the option that names the one object, and that excludes the list.
    :param plural: the option that lists many.
    :param needs: the option that must be given without the list, where that is not ``single``.
    :param also: asks the array for more, once everything went well, puts some into the entries and returns the rest.
    """
    module = Module(**one_or_many(single, plural, options, task_options, needs))
    if plural in module.given and module.params[plural] is None:
        module.params[plural] = []  # null names nothing; the options outside the list are not an object of their own

    def shape(reporter: report.Reporter, wished: Desired) -> Tuple[Dict[str, Any], List[report.Entry]]:
        found = entries(reporter, wished)
        if module.params.get(plural) is None:
            return {result: found[0].after}, found
        return {plural: found}, found

    _run(module, lambda params: desired(items_of(params, single, plural, options), params), shape, also)


def run_document(options: Spec, task_options: Spec, desired: Callable[[Params], Desired]) -> None:
    """flash_array: several kinds of object in one document."""
    spec: Spec = dict(options)
    spec["continue_on_error"] = {"type": "bool", "default": False}
    spec.update(task_options)
    spec.update(CONNECTION)
    module = Module(argument_spec=spec, supports_check_mode=True, required_if=[("prune", True, ("prune_prefix",))])

    def shape(reporter: report.Reporter, wished: Desired) -> Tuple[Dict[str, Any], List[report.Entry]]:
        sections = report.document(reporter, wished)
        return dict(sections), [entry for section in sections.values() for entry in section]

    _run(module, desired, shape)


def _run(module: Module, desired: Callable[[Params], Desired], shape: Shape, also: Optional[Also] = None) -> None:
    """Connect, read, plan, and apply unless in check mode; the one way out is _finish."""
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    try:
        with context(array=_shown_address(module.params)):
            module.check_given()
            wished = desired(module.params)
        with _connected(module, result) as array:
            actual = read(array, wished)
            drawn = plan(wished, actual, _policy(module.params), array.capabilities)
            for error in drawn.errors:
                error.fill(array=array.label)
            applied = _apply(module, array, actual, drawn)
            # What was done is told first, so that it is known whatever fails from here on.
            result.update(_done(drawn, applied))
            problem = _problem(drawn, applied)
            reporter = report.Reporter(drawn, applied)
            shaped, entries = shape(reporter, wished)
            result.update(shaped)
            if module._diff:
                result["diff"] = report.diff(entries + reporter.removed(), array.label)
            for text in drawn.warnings:
                module.warn(text)
            if also is not None and problem is None:
                result.update(also(array, reporter, wished, entries))
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    _finish(module, result, problem)


def _apply(module: AnsibleModule, array: Array, actual: Actual, drawn: Plan) -> Optional[Applied]:
    """Carry the plan out, but nothing of it when a wish is refused and all are to stop; None for a mere prediction."""
    if drawn.errors and not module.params["continue_on_error"]:
        return nothing(drawn, actual, array)
    if module.check_mode:
        return None
    return apply(drawn, actual, array, module.params["max_concurrency"], module.params["continue_on_error"])


def _done(drawn: Plan, applied: Optional[Applied]) -> Dict[str, Any]:
    """The steps that were carried out, or would be, in the order of the plan, and those that the task left out."""
    done = {id(step) for step in (drawn.steps if applied is None else applied.done)}
    told: Dict[str, Any] = {"changed": bool(done), "plan": [step.line for step in drawn.steps if id(step) in done]}
    left = [step.line for step in drawn.steps if id(step) not in done] + [step.line for step in drawn.withheld]
    if left:
        told["not_done"] = left
    return told


def _policy(params: Params) -> Policy:
    return Policy(**{name: bool(params.get(name)) for name in POLICY})


def _problem(drawn: Plan, applied: Optional[Applied]) -> Optional[FlashError]:
    """What the task fails with: the first error, and how many more there are.

    What was left out because of another error is no error of its own.
    """
    errors: Dict[Any, FlashError] = {key: o.error for key, o in drawn.outcomes.items() if o.error is not None}
    if applied is not None:
        errors.update(applied.errors)
    distinct = list({id(error): error for error in errors.values()}.values())
    stopped = applied.interrupted if applied is not None else None
    if stopped is not None and all(isinstance(error, NotDone) for error in distinct):
        return stopped
    if not distinct:
        return None
    distinct = [error for error in distinct if not isinstance(error, NotDone)] or distinct
    first = distinct[0]
    if len(distinct) > 1:
        first.hint = " ".join(
            filter(None, [first.hint, "%d more failed; see the error of each object." % (len(distinct) - 1)])
        )
    return first


# -- the module that only reads ----------------------------------------------------------------------------------------


def run_facts(options: Spec) -> None:
    """flash_facts: everything under ``ansible_facts.flash`` and nothing else."""
    spec: Spec = dict(options)
    spec.update(CONNECTION)
    module = Module(argument_spec=spec, supports_check_mode=True)
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    found: Dict[str, Any] = {}
    try:
        module.check_given()
        subsets = _subsets(module.params["gather_subset"])
        search = _search(module.params["query"])
        with _connected(module, result) as array:
            found = facts.gather(array, subsets, module.params["filters"] or {})
            for reason in facts.missing(found):
                module.warn("This subset of the facts is left out. " + reason)
            if search is not None:
                found["query"] = search(_complete(found))
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    if problem is None:
        found.update({name: result.pop(name) for name in ("api", "calls") if name in result})
        result["ansible_facts"] = {"flash": found}
    _finish(module, result, problem)


def _complete(found: Dict[str, Any]) -> Dict[str, Any]:
    """The facts, for a query, in which what is left out would look like what is not there."""
    reasons = facts.missing(found)
    if reasons:
        raise BadReply(
            "a subset of the facts cannot be read, so the result could be wrong",
            doing="apply query",
            said=" ".join(reasons),
            hint="Leave that subset out of gather_subset.",
        )
    return found


def _subsets(asked: Sequence[str]) -> List[str]:
    """``all``, ``!snapshots`` and plain names, as setup takes them; of an empty list nothing."""
    wanted: List[str] = []
    dropped = [name[1:] for name in asked if name.startswith("!")]
    named = [name for name in asked if not name.startswith("!")]
    for name in named or (["default"] if dropped else []):
        wanted.extend({"all": facts.SUBSETS, "default": facts.DEFAULT}.get(name, (name,)))
    unknown = sorted({name for name in wanted + dropped if name not in facts.SUBSETS})
    if unknown:
        raise Invalid(
            "gather_subset has no %s" % ", ".join(unknown), hint="It takes all, %s." % ", ".join(facts.SUBSETS)
        )
    return [name for name in facts.SUBSETS if name in wanted and name not in dropped]


def _search(expression: Optional[str]) -> Optional[Callable[[Any], Any]]:
    if not expression:
        return None
    try:
        import jmespath
    except ImportError as error:
        raise MissingLibrary("jmespath", "for the option query", str(error)) from error
    try:
        compiled = jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise Invalid("the option query is not a JMESPath expression: %s" % " ".join(str(error).split())) from error

    def search(data: Any) -> Any:
        try:
            return compiled.search(data)
        except jmespath.exceptions.JMESPathError as error:
            raise Invalid("the option query cannot be applied: %s" % " ".join(str(error).split())) from error

    return search


# -- the module that moves bytes ---------------------------------------------------------------------------------------


def run_image(options: Spec, task_options: Spec) -> None:
    """flash_image: an image into a volume, a volume into an image."""
    # Here, so that the other modules do not spend their time on it
    from .openflash.images.task import Task

    module = Module(argument_spec=dict(options, **dict(task_options, **CONNECTION)), supports_check_mode=True)
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    try:
        module.check_given()
        check_positive("copy_timeout", module.params["copy_timeout"])
        task = Task(module.params, module.check_mode)
        connection = connection_of(module)
        with _connected(module, result) as array:
            try:
                task.carry(array, connection)
            finally:
                result.update(task.result())
                if module._diff:
                    result["diff"] = task.diff(array.label)
                for text in task.outcome.warnings:
                    module.warn(text)
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    _finish(module, result, problem)


# -- ways in and out ---------------------------------------------------------------------------------------------------


_IN_A_SESSION = """\
import os, sys
os.setsid()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
kept = {name: value for name, value in os.environ.items() if not name.startswith(sys.argv[1])}
os.execve(sys.argv[2], sys.argv[2:], kept)
"""
"""Turns what run_command starts into what programs.Start wants. First argument: how variables to leave out begin."""


class Module(AnsibleModule):  # type: ignore[misc] # ansible-core has no types here
    """AnsibleModule with what it lacks for arrays.

    It knows what the task gave: in ``params`` null and left out are the same, in ``given`` they are not.

    Its options may be URLs with secrets: they are shown without these by whatever way it ends, and in the log. By the
    URL's structure, and not by masking: a password of one letter would be masked in every word of a result. One of
    at least SHORTEST characters is masked besides, should somebody repeat it.
    """

    params: Dict[str, Any]
    given: Dict[str, Any]
    _URLS = ("path", "proxy", "address")

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        interruption.install()
        programs.start_with(self._start_program)

    def _start_program(
        self,
        words: List[str],
        descriptors: Tuple[int, ...],
        environ: Dict[str, str],
        watch: Callable[[programs.Process], None],
    ) -> int:
        """A programs.Start by run_command, which has no sessions and no way to give a program an empty input."""
        status: int = self.run_command(
            [sys.executable, "-I", "-S", "-c", _IN_A_SESSION, ENV] + words,
            pass_fds=descriptors,
            environ_update=environ,
            before_communicate_callback=watch,
            expand_user_and_vars=False,
            handle_exceptions=False,
            encoding=None,
        )[0]
        return status

    def _load_params(self) -> None:
        """Read the options; null for one that has a default, or is of the connection, is the same as left out."""
        super()._load_params()
        self.given = dict(self.params)
        for name, spec in self.argument_spec.items():
            if self.params.get(name) is None and (name in CONNECTION or spec.get("default") is not None):
                self.params.pop(name, None)

    def check_given(self) -> None:
        """Invalid when a name is null or empty, or a list of the task has an entry that is."""
        _check_options(self.given, {k: v for k, v in self.argument_spec.items() if k not in CONNECTION}, "")

    def _log_invocation(self) -> None:
        given = self.params
        self.params = dict(given, **self._redacted())
        try:
            super()._log_invocation()
        finally:
            self.params = given

    def exit_json(self, **kwargs: Any) -> None:
        self._mask()
        self.params.update(self._redacted())
        super().exit_json(**kwargs)

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        self._mask()
        for name, shown in self._redacted().items():
            if self.params[name] != shown:
                msg = msg.replace(str(self.params[name]), str(shown))
            self.params[name] = shown
        super().fail_json(msg, **kwargs)

    def hide(self, secrets: Iterable[str]) -> None:
        """Let Ansible show these nowhere.

        Up to ansible-core 2.21 they are masked in the result. From 2.22 on they are masked in what Ansible displays and
        logs, and a result keeps them.
        """
        found = [secret for secret in secrets if secret]
        self.no_log_values.update(found)
        self.register(found)

    def register(self, secrets: Iterable[str]) -> None:
        """Have these masked in all that Ansible displays and logs, where it can do that (from ansible-core 2.22 on)."""
        if register_secrets is not None:
            register_secrets([secret for secret in secrets if len(secret) >= SHORTEST])

    def _mask(self) -> None:
        for name in ("proxy", "address"):
            for text in _strings(self.params.get(name)):
                # The user name is no secret by itself, and may well be a word such as admin.
                user = text.split("://")[-1].split(":")[0]
                secrets = [secret for secret in url_secrets(text) if secret != user and len(secret) >= SHORTEST]
                self.hide(secrets)

    def _redacted(self) -> Dict[str, Any]:
        given = {name: self.params.get(name) for name in self._URLS}
        return {name: _redacted(name, value) for name, value in given.items() if value is not None}


def _strings(value: Any) -> List[str]:
    """The texts of a value that need not have been checked, a list also as the text with commas that it was."""
    if isinstance(value, (list, tuple)):
        texts = [str(item) for item in value]
        return texts + [",".join(texts)]
    return [value] if isinstance(value, str) else []


def _redacted(option: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        # A password may have a comma in it, at which the option was split into a list.
        joined = ",".join(str(item) for item in value)
        return [redact_url(joined)] if "@" in joined else [redact_url(str(item)) for item in value]
    return redact_url(value) if isinstance(value, str) and _is_like_url(option, value) else value


def _shown_address(params: Params) -> str:
    return ", ".join(_redacted("address", params["address"]))


def _is_like_url(option: str, text: str) -> bool:
    """What is no path. A proxy and an address may leave the scheme out."""
    return option != "path" or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", text) is not None


class _connected:
    """An array for the length of a with block; leaves what it cost in the result, whatever happened."""

    def __init__(self, module: AnsibleModule, result: Dict[str, Any]) -> None:
        self.module = module
        self.result = result
        self.array: Optional[Array] = None

    def __enter__(self) -> Array:
        with context(doing=CONNECT, array=_shown_address(self.module.params)):
            self.array = connect(connection_of(self.module))
        return self.array

    def __exit__(self, *_exc: Any) -> None:
        if self.array is None:
            return
        try:
            self.array.close()
        finally:
            # Session tokens, and secrets that the array returned: the results have none, a traceback may.
            self.module.register(self.array.calls.secrets)
            self.result["api"] = dict(self.array.calls.counts)
            if self.module._verbosity >= 2:
                self.result["calls"] = [call.as_dict() for call in self.array.calls]


_NO_CALLS = {"requests": 0, "writes": 0, "session_requests": 0}


def _finish(module: AnsibleModule, result: Dict[str, Any], problem: Optional[FlashError]) -> None:
    """The only place that ends a module."""
    interruption.ignore()
    if "ansible_facts" not in result:
        result.setdefault("api", dict(_NO_CALLS))
    if problem is not None:
        result["error"] = problem.as_dict()
    result = _plain(result)
    _warn_masked(module, result)
    if problem is None:
        module.exit_json(**result)
    module.fail_json(msg=str(problem), **result)


def _plain(data: Any) -> Any:
    """Entries as the data that they are by now."""
    if isinstance(data, report.Entry):
        return data.as_data()
    if isinstance(data, list):
        return [_plain(item) for item in data]
    return {key: _plain(value) for key, value in data.items()} if isinstance(data, dict) else data


def _warn_masked(module: AnsibleModule, result: Mapping[str, Any]) -> None:
    """Warn of fields that Ansible will not show as they are, because a secret is part of them.

    Ansible masks a secret wherever it occurs, also inside a name. It stays masked.
    """
    secrets = [str(value) for value in module.no_log_values if value]
    fields = sorted({path for path, text in _texts(result, "") if any(secret in text for secret in secrets)})
    if fields:
        module.warn(
            "A secret of this task is part of %s, so Ansible %s. Choose a secret that is not part of a name."
            % (", ".join(fields), "puts asterisks there" if register_secrets is None else "does not display that part")
        )


def _texts(data: Any, path: str) -> Iterator[Tuple[str, str]]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _texts(value, "%s.%s" % (path, key) if path else str(key))
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from _texts(value, path)
    elif isinstance(data, str):
        yield path, data
