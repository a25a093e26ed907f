"""The house keeps its rules: who imports whom, how long a module is, what is written down where."""

from __future__ import annotations

import ast
import re
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("reference", "strategies", "conformance", "benchmarks", "meta_tests")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for room in ROOMS
    for path in (ROOT / room).rglob("*.py")
}

# What each room may import besides the standard library and itself; Jinja2 comes with torch.
ALLOWED = {
    "reference": {"numpy"},
    "strategies": {"numpy", "hypothesis", "reference"},
    "conformance": {"numpy", "hypothesis", "pytest", "torch", "jinja2", "reference", "strategies"},
}

# Published decimals are rounded, and the test that carries them says how.
ROUNDED = "conformance.test_worked_examples"

modules = pytest.mark.parametrize("module", MODULES)


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text())


class _RunsOnly(ast.NodeTransformer):
    """Drops what only the type checker reads."""

    def visit_If(self, node: ast.If) -> ast.AST | None:  # ast's name
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def imports(module: str) -> set[str]:
    """Full names of what a module imports when it is loaded or later, not only for the type checker."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    names = set()
    for node in ast.walk(_RunsOnly().visit(tree(module))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


def test_there_are_modules_in_every_room() -> None:
    assert {module.split(".")[0] for module in MODULES} == set(ROOMS)


@modules
def test_a_room_imports_only_what_it_may(module: str) -> None:
    room = module.split(".")[0]
    if room in ALLOWED:
        foreign = {name.split(".")[0] for name in imports(module)} - sys.stdlib_module_names - {room}
        assert foreign <= ALLOWED[room]


def test_imports_have_no_cycle() -> None:
    graph = {
        module: {name if name in MODULES else name.rpartition(".")[0] for name in imports(module)} - {module}
        for module in MODULES
    }
    tuple(TopologicalSorter(graph).static_order())


@modules
def test_no_module_is_long(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= 400


@modules
def test_no_module_is_a_drawer(module: str) -> None:
    assert not re.search(r"\b(utils?|helpers?|misc|common)$", module)


def test_families_have_the_same_names_in_all_rooms() -> None:
    families = {"regression", "classification", "binary", "distribution", "embedding", "sequence"}
    for room in (
        "reference",
        "conformance.invalid",
        "meta_tests.fifty_digits",
        "meta_tests.kinds_of_case",
    ):
        assert {f"{room}.{family}" for family in families} <= set(MODULES)


@modules
def test_no_tolerance_is_written_by_hand(module: str) -> None:
    if module.startswith("conformance.") and module != ROUNDED:
        source = MODULES[module].read_text()
        # A record gives four digits, and is to be far off.
        source = re.sub(r"math\.isclose\([\w., ]+, rel_tol=1e-4\)", "", source)
        assert not re.findall(r"\b(rtol|atol|allclose|isclose|approx)\b", source)


@modules
def test_every_public_function_and_class_has_a_docstring(module: str) -> None:
    if module.startswith(("reference", "strategies", "conformance")):
        for node in ast.walk(tree(module)):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith(("_", "test_")):
                nested = node.col_offset > 0 and not isinstance(node, ast.ClassDef)
                assert nested or ast.get_docstring(node), f"{module}.{node.name}"


@modules
def test_every_silenced_warning_has_its_reason(module: str) -> None:
    for line in MODULES[module].read_text().splitlines():
        silenced = re.search(r"#\s*(?:type: ignore(?:\[.*?\])?|noqa(?:: \w+)?)(.*)", line)
        assert not silenced or silenced[1].strip().startswith("#"), line


@modules
def test_nothing_is_filtered_or_assumed(module: str) -> None:
    if module.startswith("strategies"):
        called = {node.attr for node in ast.walk(tree(module)) if isinstance(node, ast.Attribute)}
        assert not called & {"filter", "assume"}
