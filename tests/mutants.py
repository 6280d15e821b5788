# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation testing of decisions about data: ``make mutants``.

Each mutant is the library with one decision changed: a comparison, a condition, a default or a truth value inverted, a
check or an entry of a table of refusals left out. A unit test must fail with it.

    python tests/mutants.py [--list] [PART ...]

With PART, only mutants whose description contains one of these texts. The unit tests run once, to record which of them
enter which function. Then a forked process replaces the function's code by that of the mutant, and runs the tests that
enter the function until one fails. So a mutant takes a fraction of a second. The output is a line for each mutant, a
table, and the surviving mutants; with one of these the exit status is 1.
"""

from __future__ import annotations

import ast
import copy
import gc
import os
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.mutants_equivalent import EQUIVALENT

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = "plugins/module_utils/openflash"
FILES = (
    *(
        f"{LIBRARY}/plan/{name}.py"
        for name in ("rules", "prune", "snapshots", "hosts", "mappings", "volumes", "planner")
    ),
    f"{LIBRARY}/apply.py",
    *(f"{LIBRARY}/vendors/{name}/capabilities.py" for name in ("datera", "dsware", "flashsystem", "violin", "xtremio")),
    *(f"{LIBRARY}/vendors/{name}/refusals.py" for name in ("datera", "flashsystem", "violin", "xtremio")),
)
"""The mutated files."""
TESTS = tuple(
    f"tests/unit/openflash/test_{name}.py"
    for name in (
        *("plan_volumes", "plan_deletion", "plan_snapshots", "plan_retention", "plan_hosts", "plan_mappings"),
        *("plan_prune", "rules", "desired", "read", "world", "apply"),
        *("capabilities", "refusals", "dsware", "violin", "flashsystem_names"),
    )
)
"""The tests of decisions, which need no simulator, and leave no thread running before the fork."""
TOO_LONG = "ten_thousand"
"""Tests that measure time, which are not run; shorter tests must find the same mutants."""
SECONDS = 10
"""A mutant that computes for longer, or waits for ten times as long, counts as killed."""
MEMORY = 8 << 30
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    function: str
    """The qualified name of the function; "" for a mutant of the module or of a class."""
    change: str
    """The source before and after."""
    make: Callable[[ModuleType], None]
    """Change the imported module."""

    @property
    def description(self) -> str:
        return f"{self.file[len(LIBRARY) + 1 :]}:{self.line}: {self.function or '-'}: {self.change}"

    @property
    def key(self) -> str:
        """The description without the line, by which EQUIVALENT names the mutant."""
        return f"{self.file[len(LIBRARY) + 1 :]}: {self.function or '-'}: {self.change}"


# -- the mutants -------------------------------------------------------------------------------------------------------


def alternatives(node: ast.AST, is_condition: bool) -> Iterator[ast.AST]:
    """What the node could be by mistake."""
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            ops = list(node.ops)
            ops[number] = OPPOSITE[type(operator)]()
            yield ast.Compare(node.left, ops, node.comparators)
            members = node.comparators[number]
            if isinstance(operator, (ast.In, ast.NotIn)) and isinstance(members, ast.Tuple):
                for dropped in range(len(members.elts)):
                    fewer = list(node.comparators)
                    fewer[number] = ast.Tuple(members.elts[:dropped] + members.elts[dropped + 1 :], ast.Load())
                    yield ast.Compare(node.left, node.ops, fewer)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        for dropped in range(len(node.keys)):
            keys, values = list(node.keys), list(node.values)
            del keys[dropped], values[dropped]
            yield ast.Dict(keys, values)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        if ast.unparse(node.value.func).rpartition(".")[2].lstrip("_").startswith("check_"):
            yield ast.If(ast.Constant(False), [node], [])
    elif isinstance(node, (ast.Return, ast.keyword)):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
            changed = copy.copy(node)
            changed.value = ast.Constant(not node.value.value)
            yield changed
    elif is_condition and isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
        yield ast.UnaryOp(ast.Not(), node)


def is_table(node: ast.AST | None) -> bool:
    """Whether the node is a tuple of elements of one kind, and not of the fields of one object."""
    return isinstance(node, ast.Tuple) and len({type(element) for element in node.elts}) == 1


def short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 160 else text[:110] + " ... " + text[-45:]


def mutants_of(file: str) -> Iterator[Mutant]:
    source = (ROOT / file).read_text(encoding="utf-8")
    tree = ast.parse(source)

    def visit(node: ast.AST, scope: tuple[ast.AST, ...], is_condition: bool) -> Iterator[Mutant]:
        """The mutants of the nodes below this one."""
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            scope = (*scope, node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            children = value if isinstance(value, list) else [value]
            for number, child in enumerate(children):
                if not isinstance(child, ast.AST):
                    continue
                condition = name in ("test", "ifs") or (is_condition and name in ("values", "operand"))
                yield from visit(child, scope, condition)
                if not any(isinstance(outer, ast.FunctionDef) for outer in scope):
                    yield from of_class_or_module(child, scope)
                    continue
                for changed in alternatives(child, condition):
                    ast.copy_location(changed, child)
                    place = (node, name, number if isinstance(value, list) else None)
                    yield in_function(child, changed, scope, place)

    def in_function(
        before: ast.AST, after: ast.AST, scope: tuple[ast.AST, ...], place: tuple[ast.AST, str, int | None]
    ) -> Mutant:
        names: list[str] = []
        for outer in scope:
            names.append(outer.name)  # type: ignore[attr-defined]
            if isinstance(outer, ast.FunctionDef):
                break
        function = ".".join(names)

        def make(module: ModuleType) -> None:
            node, field, number = place
            if number is None:
                setattr(node, field, after)
            else:
                getattr(node, field)[number] = after
            code = compile(ast.fix_missing_locations(tree), file, "exec")
            new = next(inner for inner in codes(code) if inner.co_qualname == function)
            for existing in FUNCTIONS[file, function]:
                existing.__code__ = new.replace(co_filename=existing.__code__.co_filename)

        text = f"{short(before)}  ->  {short(after)}"
        if isinstance(after, ast.If) and isinstance(before, ast.Expr):
            text = f"{short(before)}  left out"
        elif isinstance(before, ast.Dict):
            text = f"without {next(k.value for k in before.keys if k not in after.keys)!r}"  # type: ignore
        return Mutant(file, getattr(before, "lineno", 0) or before.value.lineno, function, text, make)  # type: ignore

    def of_class_or_module(node: ast.AST, scope: tuple[ast.AST, ...]) -> Iterator[Mutant]:
        if isinstance(node, ast.AnnAssign) and scope and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, bool):
                yield default(node, scope[-1].name, not node.value.value)  # type: ignore[attr-defined]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and not scope and "/vendors/" in file:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Dict):
                for key in node.value.keys:
                    yield without(target.id, ast.literal_eval(key) if isinstance(key, ast.Constant) else key)
            elif isinstance(target, ast.Name) and is_table(node.value):
                for number, element in enumerate(node.value.elts):  # type: ignore[union-attr]
                    yield without(target.id, number, element)

    def default(node: ast.AnnAssign, owner: str, value: bool) -> Mutant:
        name = ast.unparse(node.target)

        def make(module: ModuleType) -> None:
            init = getattr(module, owner).__init__
            names = init.__code__.co_varnames[1 : init.__code__.co_argcount]
            defaults = list(init.__defaults__)
            defaults[names.index(name) - len(names)] = value
            init.__defaults__ = tuple(defaults)
            type.__setattr__(getattr(module, owner), name, value)

        return Mutant(file, node.lineno, "", f"{owner}.{name} = {value}", make)

    def without(name: str, key: Any, element: ast.AST | None = None) -> Mutant:
        def make(module: ModuleType) -> None:
            table = getattr(module, name)
            if isinstance(table, dict):
                del table[getattr(module, key.id) if isinstance(key, ast.Name) else key]
            else:
                setattr(module, name, table[:key] + table[key + 1 :])

        shown = key.id if isinstance(key, ast.Name) else short(element) if element is not None else repr(key)
        line = next(n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name)
        return Mutant(file, line, "", f"{name} without {shown}", make)

    yield from visit(tree, (), False)


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


FUNCTIONS: dict[tuple[str, str], list[FunctionType]] = {}
"""By file and qualified name: the functions as they were imported."""


# -- the run -----------------------------------------------------------------------------------------------------------


def mutated_file(code: CodeType) -> str:
    """The file of FILES that the code is of, or ""."""
    name = code.co_filename
    return next((file for file in FILES if name.endswith(file)), "") if LIBRARY in name else ""


class Mutation:
    """A plugin of pytest, whose run is: every test once, then every mutant."""

    def __init__(self, mutants: list[Mutant]) -> None:
        self.mutants = mutants
        self.entered: dict[tuple[str, str], list[tuple[float, pytest.Item]]] = {}
        self.surviving: list[Mutant] = []
        self.results: Counter[tuple[str, str]] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if TOO_LONG not in item.nodeid]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not session.items:
            raise pytest.UsageError("there are no tests")
        self._record_entries(session.items)
        for function in [item for item in gc.get_objects() if isinstance(item, FunctionType)]:
            file = mutated_file(function.__code__)
            if file:
                FUNCTIONS.setdefault((file, function.__code__.co_qualname), []).append(function)
        gc.collect()
        gc.freeze()
        for mutant in self.mutants:
            self._test(mutant)
        return True

    def _record_entries(self, items: list[pytest.Item]) -> None:
        """Run every test, and record which functions it enters and how long it takes."""
        entered: set[tuple[str, str]] = set()
        known: dict[CodeType, str] = {}

        def note(frame: FrameType, event: str, _argument: Any) -> None:
            if event == "call":
                code = frame.f_code
                file = known.get(code)
                if file is None:
                    file = known[code] = mutated_file(code)
                if file:
                    entered.add((file, code.co_qualname))

        for item, following in zip(items, [*items[1:], None], strict=True):
            entered.clear()
            begin = time.perf_counter()
            threading.setprofile(note)
            sys.setprofile(note)
            reports = runtestprotocol(item, log=False, nextitem=following)
            sys.setprofile(None)
            threading.setprofile(None)
            duration = time.perf_counter() - begin
            for report in reports:
                if report.failed:
                    raise pytest.UsageError(f"{item.nodeid} fails without a mutant:\n{report.longreprtext}")
            for function in {*entered, *((file, "") for file, _name in entered)}:
                self.entered.setdefault(function, []).append((duration, item))

    def _test(self, mutant: Mutant) -> None:
        tests = sorted(self.entered.get((mutant.file, mutant.function), []), key=lambda test: test[0])
        reason = EQUIVALENT.get(mutant.key)
        result = "killed" if self._is_killed(mutant, [item for _duration, item in tests]) else "SURVIVES"
        if reason is not None:
            result = "equivalent" if result == "SURVIVES" else "NOT EQUIVALENT"
        if result.isupper():
            self.surviving.append(mutant)
        self.results[mutant.file, result.lower()] += 1
        print(f"{result:10} {mutant.description} [{len(tests)} tests]", flush=True)

    def _is_killed(self, mutant: Mutant, items: list[pytest.Item]) -> bool:
        child = os.fork()
        if child == 0:
            os._exit(self._run(mutant, items))
        _pid, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 2:
            raise pytest.UsageError(f"the mutant could not be made: {mutant.description}")
        if os.WIFSIGNALED(status):
            print(f"ended by signal {os.WTERMSIG(status)}: ", end="")
        return status != 0

    def _run(self, mutant: Mutant, items: list[pytest.Item]) -> int:
        """In the forked process: 0 when no test fails, 1 when one fails, 2 when the mutant cannot be made."""
        signal.alarm(10 * SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            modules = list(sys.modules.items())
            end = mutant.file[:-3]
            module = next(
                found for _name, found in modules if (getattr(found, "__file__", "") or "").endswith(end + ".py")
            )
            mutant.make(module)
        except BaseException as error:  # noqa: BLE001
            print(f"{mutant.description}: {error!r}", flush=True)
            return 2
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            for item, following in zip(items, [*items[1:], None], strict=True):
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                    return 1
        except BaseException:  # noqa: BLE001  any exception in the run of a test counts as a failure
            return 1
        return 0


def main(arguments: list[str]) -> int:
    parts = [argument for argument in arguments if argument != "--list"]
    every = [mutant for file in FILES for mutant in mutants_of(file)]
    unused = EQUIVALENT.keys() - {mutant.key for mutant in every}
    if unused:
        print("these equivalent mutants do not exist:", *sorted(unused), sep="\n")
        return 1
    chosen = [mutant for mutant in every if not parts or any(part in mutant.description for part in parts)]
    if "--list" in arguments:
        print(*(mutant.description for mutant in chosen), sep="\n")
        return 0
    os.chdir(ROOT)
    mutation = Mutation(chosen)
    options = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:timeout"]
    status = pytest.main([*options, *TESTS], plugins=[mutation])
    counts = mutation.results
    print(f"\n{'file':34}{'mutants':>9}{'killed':>9}{'equivalent':>12}{'survive':>9}")
    for file in FILES:
        numbers = [counts[file, result] for result in ("killed", "equivalent", "survives", "not equivalent")]
        if sum(numbers):
            total, surviving = sum(numbers), numbers[2] + numbers[3]
            print(f"{file[len(LIBRARY) + 1 :]:34}{total:>9}{numbers[0]:>9}{numbers[1]:>12}{surviving:>9}")
    print(*(f"SURVIVES {mutant.description}" for mutant in mutation.surviving), sep="\n")
    if sum(counts.values()) != len(chosen):
        return int(status) or 1
    return 1 if mutation.surviving else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
