# Copyright (c) 2026 openflash.storage contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutation testing of what decides about data: ``make mutants``.

Each mutant is the library with one comparison, one condition or one default turned round, in a temporary copy of the
checkout. The tests named for the file must fail with it. Mutants that survive are printed, and make the exit status 1.

    python tests/mutants.py [--list] [PART ...]

With PART, only mutants whose description contains one of these texts.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = "plugins/module_utils/openflash"
PLAN_TESTS = (
    *(f"tests/unit/openflash/test_plan_{name}.py" for name in ("volumes", "snapshots", "hosts", "prune")),
    "tests/unit/openflash/test_desired.py",
    "tests/unit/openflash/test_read.py",
)
FILES: dict[str, tuple[str, ...]] = {
    f"{LIBRARY}/plan/rules.py": PLAN_TESTS,
    f"{LIBRARY}/plan/prune.py": PLAN_TESTS,
    f"{LIBRARY}/plan/planner.py": PLAN_TESTS,
    f"{LIBRARY}/apply.py": ("tests/unit/openflash/test_apply.py", *PLAN_TESTS),
}
"""What is mutated, and the tests that must notice."""
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


class Turn(ast.NodeTransformer):
    """Turns the place with this number round; without one it only counts them."""

    def __init__(self, number: int = -1) -> None:
        self.number, self.count = number, 0
        self.place: ast.AST | None = None

    def _is_it(self, node: ast.AST) -> bool:
        self.count += 1
        if self.count - 1 != self.number:
            return False
        self.place = node
        return True

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if self._is_it(node):
            node.ops[0] = OPPOSITE[type(node.ops[0])]()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if self._is_it(node):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        return node.operand if isinstance(node.op, ast.Not) and self._is_it(node) else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool) and self._is_it(node):
            node.value = ast.Constant(not node.value.value)
        return node


def mutants() -> Iterator[tuple[str, str, str]]:
    """File, description, and the text of the file with one place turned round."""
    for file in FILES:
        source = (ROOT / file).read_text(encoding="utf-8")
        counting = Turn()
        counting.visit(ast.parse(source))
        for number in range(counting.count):
            turn = Turn(number)
            changed = turn.visit(ast.parse(source))
            line = getattr(turn.place, "lineno", 0)
            yield file, f"{file}:{line}: {source.splitlines()[line - 1].strip()} ({number})", ast.unparse(changed)


def main(arguments: list[str]) -> int:
    parts = [one for one in arguments if one != "--list"]
    chosen = [one for one in mutants() if not parts or any(part in one[1] for part in parts)]
    if "--list" in arguments:
        print(*(about for _file, about, _text in chosen), sep="\n")
        return 0
    surviving = []
    with tempfile.TemporaryDirectory(prefix="openflash-mutants-") as folder:
        copy = Path(folder) / "checkout"
        ignored = shutil.ignore_patterns(".venv", ".git", "build", ".*cache", "__pycache__")
        shutil.copytree(ROOT, copy, symlinks=True, ignore=ignored)
        command = [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--timeout", "120"]
        for file, about, text in chosen:
            original = (copy / file).read_text(encoding="utf-8")
            (copy / file).write_text(text, encoding="utf-8")
            ended = subprocess.run([*command, *FILES[file]], cwd=copy, capture_output=True, check=False, timeout=600)
            (copy / file).write_text(original, encoding="utf-8")
            print("killed  " if ended.returncode else "SURVIVES", about, flush=True)
            if not ended.returncode:
                surviving.append(about)
    print(f"{len(chosen) - len(surviving)} of {len(chosen)} mutants are noticed")
    return 1 if surviving else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
