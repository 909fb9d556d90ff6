"""Mutants of a module: its source with one operator, comparison, number or condition changed."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

_OPERATORS: dict[type, list[type]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.LShift: [ast.RShift],
    ast.RShift: [ast.LShift],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.MatMult: [],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield every mutant of a module: (line, what changed, new source)."""
    tree = ast.parse(source)
    for node in _code(tree):
        for change, what in _changes(node):
            before = copy.copy(node.__dict__)
            change()
            text = ast.unparse(tree)
            node.__dict__.update(before)
            yield getattr(node, "lineno", 0), what, text


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that compute: no docstrings, annotations, error messages or texts."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list") or isinstance(
            tree, ast.Raise | ast.JoinedStr | ast.Assert
        ):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                continue
            if isinstance(node, ast.AST):
                yield node
                yield from _code(node)


def _changes(node: ast.AST) -> Iterator[tuple[Callable[[], None], str]]:
    """Yield (function that changes a field of the node, what it changes) for each way to do so."""

    def put(field: str, value: object) -> Callable[[], None]:
        return lambda: setattr(node, field, value)

    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for other in _OPERATORS.get(type(node.op), []):
            yield put("op", other()), f"{type(node.op).__name__} -> {other.__name__}"
    elif isinstance(node, ast.Compare):
        for index, op in enumerate(node.ops):
            for other in _OPERATORS.get(type(op), []):
                ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield put("ops", ops), f"{type(op).__name__} -> {other.__name__}"
    elif isinstance(node, ast.Constant):
        for value in _other_values(node.value):
            yield put("value", value), f"{node.value} -> {value}"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield put("op", ast.UAdd()), "-x -> x"
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield put("test", ast.UnaryOp(ast.Not(), node.test)), "condition negated"


def _other_values(value: object) -> tuple[object, ...]:
    """Return the values tried in place of a constant."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return (value + 1, value - 1)
    if isinstance(value, float):
        return (value * 2 + 0.5,)
    return ()
