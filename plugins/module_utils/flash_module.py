# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only file that knows AnsibleModule: connect, read, plan, check and diff mode, results.

A module file is its documentation, its options and one call: ``run_objects``, ``run_document`` or ``run_image`` for a
module that changes an array, ``run_facts`` or ``run_info`` for one that only reads.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule

try:
    from ansible.module_utils.secrets import register_secrets
except ImportError:  # new in ansible-core 2.22
    register_secrets = None

from . import flash_payload  # noqa: F401  # pylint: disable=unused-import  # its import is all that it takes
from .flash_connection import check_positive, connection_of, secrets_in_urls, shown, shown_address
from .flash_options import CONNECTION, POLICY, Params, Spec, check_options, items_of, one_or_many
from .openflash import difference, facts, gathering, paths, report
from .openflash.apply import Applied, apply, nothing
from .openflash.array import Array
from .openflash.connect import connect
from .openflash.errors import CONNECT, FlashError, Interrupted, NotDone, context
from .openflash.identify import check_identities, identified
from .openflash.plan.desired import GATHERED, DesiredState
from .openflash.plan.draft import Plan, assumption
from .openflash.plan.planner import plan as make_plan
from .openflash.plan.rules import Policy
from .openflash.plan.selection import selection
from .openflash.plan.step import Line
from .openflash.plan.world import Actual
from .openflash.printable import in_line, printable_data
from .openflash.progress import Reports
from .openflash.read import read
from .openflash.transport import environment, interruption, programs
from .openflash.transport.journal import SHORTEST

# -- modules that change an array --------------------------------------------------------------------------------------

Shape = Callable[[report.Reporter, DesiredState], Tuple[Dict[str, Any], List[report.Entry]]]
AddDetails = Callable[[Array, report.Reporter, DesiredState, List[report.Entry]], Dict[str, Any]]


def run_objects(
    single: str,
    plural: str,
    options: Spec,
    task_options: Spec,
    desired: Callable[[Sequence[Params], Params], DesiredState],
    entries: Callable[[report.Reporter, DesiredState], List[report.Entry]],
    result: str,
    needs: Optional[str] = None,
    add_details: Optional[AddDetails] = None,
) -> None:
    """A module that takes one object or a list of them.

    :param single: the option that names the one object, and that excludes the list.
    :param plural: the option that lists many.
    :param needs: the option that must be given without the list, where that is not ``single``.
    :param add_details: called after everything went well. It may ask the array for more, completes the entries, and
        returns further fields of the result.
    """
    module = Module(**one_or_many(single, plural, options, task_options, needs))
    if plural in module.given and module.params[plural] is None:
        module.params[plural] = []  # null names nothing: the options outside the list are not an object then

    def shape(reporter: report.Reporter, desired_state: DesiredState) -> Tuple[Dict[str, Any], List[report.Entry]]:
        found = entries(reporter, desired_state)
        if module.params.get(plural) is None:
            return {result: found[0].after}, found
        return {plural: found}, found

    _run(module, lambda params: desired(items_of(params, single, plural, options), params), shape, add_details)


def run_document(options: Spec, task_options: Spec, desired: Callable[[Params], DesiredState]) -> None:
    """flash_array: several kinds of object in one document, or an array as such a document."""
    spec: Spec = dict(options)
    spec["continue_on_error"] = {"type": "bool", "default": False}
    spec.update(task_options)
    spec.update(CONNECTION)
    module = Module(argument_spec=spec, supports_check_mode=True, required_if=[("prune", True, ("prune_prefix",))])
    if module.params["state"] == GATHERED:
        _gather(module)
        return

    def shape(reporter: report.Reporter, desired_state: DesiredState) -> Tuple[Dict[str, Any], List[report.Entry]]:
        sections = report.document(reporter, desired_state)
        return dict(sections), [entry for section in sections.values() for entry in section]

    _run(module, desired, shape)


def _run(
    module: Module, desired: Callable[[Params], DesiredState], shape: Shape, add_details: Optional[AddDetails] = None
) -> None:
    """Connect, read, plan, and apply unless in check mode. Ends with _finish, whatever happens."""
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    try:
        with context(array=shown_address(module.params)):
            module.check_given()
            desired_state = desired(module.params)
        with _connected(module, result) as array:
            desired_state = identified(array, desired_state)
            actual = read(array, desired_state)
            check_identities(desired_state, actual.volumes)
            plan = make_plan(desired_state, actual, _policy(module.params), array.capabilities, module.check_mode)
            for error in plan.errors:
                error.fill(array=array.label)
            applied = _apply(module, array, actual, plan)
            # First of all, so that the result has it whatever fails from here on
            done, left_out = _steps(plan, applied)
            result.update(changed=bool(done), plan=[in_line(line.text) for line in done])
            if left_out:
                result["not_done"] = [in_line(line.text) for line in left_out]
            _assume(module, result, plan)
            problem = _problem(plan, applied)
            reporter = report.Reporter(plan, applied)
            shaped, entries = shape(reporter, desired_state)
            result.update(shaped)
            if module._diff:
                refused = ["%s: %s" % (error.doing, error.reason) for error in plan.refusals]
                text = difference.text(done, left_out, refused)
                result["diff"] = difference.diff(array.label, text, reporter.everything(desired_state))
            for text in plan.warnings:
                module.warn(text)
            if add_details is not None and problem is None:
                result.update(add_details(array, reporter, desired_state, entries))
                shown = [entry.after for entry in entries]
                problem = paths.enforce(array, desired_state, shown, module.params, module.check_mode, module.warn)
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    _finish(module, result, problem)


def _apply(module: AnsibleModule, array: Array, actual: Actual, plan: Plan) -> Optional[Applied]:
    """Carry the plan out; no step of it when an object is refused and continue_on_error is off. None in check mode."""
    if plan.errors and not module.params["continue_on_error"]:
        return nothing(plan, actual, array)
    if module.check_mode:
        return None
    return apply(plan, actual, array, module.params["max_concurrency"], module.params["continue_on_error"])


def _steps(plan: Plan, applied: Optional[Applied]) -> Tuple[List[Line], List[Line]]:
    """The steps that were carried out, or would be, in the order of the plan, and those that were left out."""
    done = {id(step) for step in (plan.steps if applied is None else applied.done)}
    left_out = [step for step in plan.steps if id(step) not in done] + list(plan.withheld)
    return [plan.line(step) for step in plan.steps if id(step) in done], [plan.line(step) for step in left_out]


def _assume(module: AnsibleModule, result: Dict[str, Any], plan: Plan) -> None:
    """Report what check mode assumes, and what takes something away and is therefore left out."""
    if not plan.assumes:
        return
    result["assumes"] = list(plan.assumes)
    module.warn(assumption(plan.assumes))
    if plan.withheld and not plan.errors:
        lines = ", ".join(step.line for step in plan.withheld)
        module.warn("Not in the plan, because it needs what is missing, and carried out when that is made: %s" % lines)


def _policy(params: Params) -> Policy:
    return Policy(**{name: bool(params.get(name)) for name in POLICY})


def _problem(plan: Plan, applied: Optional[Applied]) -> Optional[FlashError]:
    """The error that the task fails with: the first one, which also says how many more there are.

    What was left out because of another error does not count as an error.
    """
    outcomes = plan.outcomes.items()
    errors: Dict[Any, FlashError] = {key: outcome.error for key, outcome in outcomes if outcome.error is not None}
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
    hints = [first.hint]
    if len(distinct) > 1:
        hints.append("%d more failed; see the error of each object." % (len(distinct) - 1))
    if plan.withheld:
        hints.append("Nothing is taken away when anything is refused: not_done lists what was left out.")
    first.hint = " ".join(filter(None, hints)) or None
    return first


# -- what only reads ---------------------------------------------------------------------------------------------------


def _gather(module: Module) -> None:
    """flash_array with ``state: gathered``. Ends with _finish, whatever happens."""
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    try:
        with context(array=shown_address(module.params)):
            module.check_given()
            selected = selection(module.params)
        with _connected(module, result) as array:
            result.update(gathering.gather(array, selected))
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    _finish(module, result, problem)


def run_facts(options: Spec) -> None:
    """flash_facts: everything under ``ansible_facts.flash`` and nothing else."""

    def shape(found: Dict[str, Any], result: Dict[str, Any]) -> None:
        found.update({name: result.pop(name) for name in ("api", "calls") if name in result})
        result["ansible_facts"] = {"flash": found}

    _run_reading(options, shape)


def run_info(options: Spec) -> None:
    """flash_info: what flash_facts reads, as fields of the result."""
    _run_reading(options, lambda found, result: result.update(found))


def _run_reading(options: Spec, shape: Callable[[Dict[str, Any], Dict[str, Any]], None]) -> None:
    """Read what the task asks for.

    :param shape: puts what was read into the result, once everything went well.
    """
    module = Module(argument_spec=dict(options, **CONNECTION), supports_check_mode=True)
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    found: Dict[str, Any] = {}
    try:
        module.check_given()
        subsets = facts.subsets(module.params["gather_subset"])
        search = facts.search(module.params["query"])
        with _connected(module, result) as array:
            found = facts.gather(array, subsets, module.params["filters"] or {})
            for reason in facts.missing(found):
                module.warn("This subset is left out. " + reason)
            if search is not None:
                found["query"] = search(found)
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    if problem is None:
        shape(found, result)
    _finish(module, result, problem)


# -- the module that moves bytes ---------------------------------------------------------------------------------------


def run_image(options: Spec, task_options: Spec, make_task: Callable[[Params, bool, Reports], Any]) -> None:
    """flash_image: an image into a volume, a volume into an image.

    :param make_task: the class images.task.Task. Ansible would send what is imported here with each of the modules.
    """
    module = Module(argument_spec=dict(options, **dict(task_options, **CONNECTION)), supports_check_mode=True)
    result: Dict[str, Any] = {"changed": False}
    problem: Optional[FlashError] = None
    try:
        module.check_given()
        check_positive("copy_timeout", module.params["copy_timeout"])
        task = make_task(module.params, module.check_mode, module.reports)
        connection = connection_of(module.params, module.hide)
        with _connected(module, result) as array:
            try:
                task.carry_out(array, connection)
            finally:
                result.update(task.result())
                if module._diff:
                    result["diff"] = task.diff(array.label)
                warnings = [assumption(task.outcome.assumes)] if task.outcome.assumes else []
                for text in warnings + task.outcome.warnings:
                    module.warn(text)
    except FlashError as error:
        problem = error
    except Interrupted as stop:
        problem = stop.error
    _finish(module, result, problem)


# -- start and end of a module -----------------------------------------------------------------------------------------


_IN_A_SESSION = """\
import os, sys
os.setsid()
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
kept = {name: value for name, value in os.environ.items() if not name.startswith(sys.argv[1])}
os.execve(sys.argv[2], sys.argv[2:], kept)
"""
"""Makes of a program that run_command starts one that programs.Start describes: in a session of its own, with an empty
input, and without the variables of the environment whose names begin with the first argument."""


PROGRESS = "_openflash_progress"
"""What the action plugins pass besides the options of the task: the file for the progress of copies."""


def _expanded(path: Optional[str]) -> Optional[str]:
    return None if path is None else os.path.expanduser(os.path.expandvars(path))


class Module(AnsibleModule):  # type: ignore[misc] # ansible-core has no types here
    """AnsibleModule with what modules of arrays need besides.

    ``given`` has the options as the task gave them. In ``params`` an option that is null counts as left out.

    Options may be URLs with secrets. However the module ends, it shows them without these, and so does the log. It cuts
    the URL by its structure. To mask the secret would not do: a password of one letter would be masked in every word
    of a result. A secret of at least SHORTEST characters is also masked, wherever else it may occur.
    """

    params: Dict[str, Any]
    given: Dict[str, Any]
    reports: Reports
    """For copies that take long; removed by ``_finish``."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        interruption.install()
        programs.start_with(self._start_program)

    def _start_program(
        self,
        command: List[str],
        descriptors: Tuple[int, ...],
        environ: Dict[str, str],
        watch: Callable[[programs.Process], None],
    ) -> int:
        """A programs.Start that uses run_command, which itself has neither sessions nor empty input."""
        status: int = self.run_command(
            [sys.executable, "-I", "-S", "-c", _IN_A_SESSION, environment.OPTIONS] + command,
            pass_fds=descriptors,
            environ_update=environ,
            before_communicate_callback=watch,
            expand_user_and_vars=False,
            handle_exceptions=False,
            encoding=None,
        )[0]
        return status

    def _load_params(self) -> None:
        """Read the options. Null counts as left out for an option with a default, and for one of the connection."""
        super()._load_params()
        self.reports = Reports(_expanded(self.params.pop(PROGRESS, None)), self._masked)
        self.given = dict(self.params)
        for name, spec in self.argument_spec.items():
            if self.params.get(name) is None and (name in CONNECTION or spec.get("default") is not None):
                self.params.pop(name, None)

    def _masked(self, name: str) -> str:
        """The name with asterisks for each secret of the task in it, as Ansible puts them into a result."""
        secrets = [str(secret) for secret in self.no_log_values if secret]
        for secret in secrets:
            name = name.replace(secret, "********")
        return name

    def check_given(self) -> None:
        """:raises Invalid: a name is null or empty, or an entry of a list of the task is."""
        check_options(self.given, {k: v for k, v in self.argument_spec.items() if k not in CONNECTION})

    def _log_invocation(self) -> None:
        given = self.params
        self.params = dict(given, **shown(given))
        try:
            super()._log_invocation()
        finally:
            self.params = given

    def exit_json(self, **kwargs: Any) -> None:
        self.hide(secrets_in_urls(self.params))
        self.params.update(shown(self.params))
        super().exit_json(**kwargs)

    def fail_json(self, msg: str, **kwargs: Any) -> None:
        self.hide(secrets_in_urls(self.params))
        for name, text in shown(self.params).items():
            if self.params[name] != text:
                msg = msg.replace(str(self.params[name]), str(text))
            self.params[name] = text
        super().fail_json(msg, **kwargs)

    def warn(self, warning: str, **options: Any) -> None:
        """Show a warning, in one line."""
        super().warn(in_line(warning), **options)

    def hide(self, secrets: Iterable[str]) -> None:
        """Have Ansible mask these.

        Up to ansible-core 2.21 they are masked in the result. From 2.22 on they are masked in what Ansible displays and
        logs, and the result keeps them.
        """
        found = [secret for secret in secrets if secret]
        self.no_log_values.update(found)
        self.register(found)

    def register(self, secrets: Iterable[str]) -> None:
        """Have Ansible mask these in all that it displays and logs, where it can (from ansible-core 2.22 on)."""
        if register_secrets is not None:
            register_secrets([secret for secret in secrets if len(secret) >= SHORTEST])


class _connected:
    """An array for the length of a with block. Afterwards the result has the number of requests, whatever happened."""

    def __init__(self, module: Module, result: Dict[str, Any]) -> None:
        self.module = module
        self.result = result
        self.array: Optional[Array] = None

    def __enter__(self) -> Array:
        with context(doing=CONNECT, array=shown_address(self.module.params)):
            self.array = connect(connection_of(self.module.params, self.module.hide))
            self.array.reports = self.module.reports
        return self.array

    def __exit__(self, *_exc: Any) -> None:
        if self.array is None:
            return
        try:
            self.array.close()
        finally:
            # Session tokens, and secrets that the array returned. No result has them, but a traceback may.
            self.module.register(self.array.calls.secrets)
            self.result["api"] = dict(self.array.calls.counts)
            if self.module._verbosity >= 2:
                self.result["calls"] = [call.as_dict() for call in self.array.calls]


_NO_CALLS = {"requests": 0, "writes": 0, "session_requests": 0}


def _finish(module: Module, result: Dict[str, Any], problem: Optional[FlashError]) -> None:
    """The only place that ends a module. What people see of the array passes here, or is an error or a warning."""
    interruption.ignore()
    module.reports.close()
    if "ansible_facts" not in result:
        result.setdefault("api", dict(_NO_CALLS))
    if problem is not None:
        result["error"] = problem.as_dict()
    result = printable_data(_plain(result))
    _warn_masked(module, result)
    if problem is None:
        module.exit_json(**result)
    module.fail_json(msg=str(problem), **result)


def _plain(data: Any) -> Any:
    """The result with its entries as plain data."""
    if isinstance(data, report.Entry):
        return data.as_data()
    if isinstance(data, list):
        return [_plain(item) for item in data]
    return {key: _plain(value) for key, value in data.items()} if isinstance(data, dict) else data


def _warn_masked(module: AnsibleModule, result: Mapping[str, Any]) -> None:
    """Warn of fields that Ansible masks in part, because a secret of the task occurs in them, for example in a name."""
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
