"""Small changes to flaxvid's own versions of the exercises: each must fail the exercise's tests.

A mutant has one change: an operator, a comparison, a constant, an axis, the order of arguments,
a call or a cast left out, a mask negated, a mean for a sum. `EQUIVALENT` in `equivalent.py` lists
those that no call can tell from the original, each with its reason.
"""

import ast
import contextlib
import copy
import dataclasses
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator

import hypothesis
import pytest
from _pytest import runner

from flaxvid.exercise import catalogue, checking, instrument, limits

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.MatMult: ast.Mult,
}
ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}
PAIRS = [
    *(("mean", "sum"), ("max", "min"), ("maximum", "minimum"), ("any", "all"), ("abs", "square")),
    *(("psum", "pmean"), ("zeros", "ones"), ("zeros_like", "ones_like"), ("sigmoid", "tanh")),
    *(("softmax", "log_softmax"), ("floor", "ceil"), ("sqrt", "square"), ("isqrt", "sqrt")),
    *(("stack", "concatenate"), ("permutation", "arange"), ("value_and_grad", "grad")),
    *(("merge", "split"), ("train_def", "eval_def"), ("norm1", "norm2"), ("fc1", "fc2")),
    *(("randint", "uniform"), ("multinomial", "integers"), ("fullmatch", "match")),
    *(("isqrt", "sqrt"), ("UserError", "ValueError"), ("normal", "truncated_normal")),
]
# Which checks, on a CPU, never reach: tests/models/test_fused_attention.py looks at it.
FOR_A_GPU = {"_without_scores"}
TWINS = dict(PAIRS) | {b: a for a, b in PAIRS}
MASKS = {"mask", "where", "real", "frames_real"}
ERRORS = {"UserError", "ValueError", "TypeError", "VideoError", "WeightsError", "ManifestError"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change to one exercise."""

    exercise: str
    change: str
    """`line 12: a < b -> a <= b`; the line counts from the first one of the definition."""
    tree: Callable[[], ast.Module] = dataclasses.field(repr=False, compare=False)

    def make(self) -> Callable:
        """The mutant itself; whatever making it raises would fail any test."""
        module, name = catalogue.module_and_attribute(self.exercise)
        # Of its own: the other functions of the module keep the original.
        space = dict(vars(module))
        exec(compile(self.tree(), f"<{self.exercise}>", "exec"), space)
        return space[name]


def of(exercise: str) -> list[Mutant]:
    """Every mutant of an exercise, of its own lines and of the private functions it calls."""
    return [Mutant(exercise, where, tree) for where, tree in changed(source(exercise))]


def changed(tree: ast.Module) -> list[tuple[str, Callable[[], ast.Module]]]:
    """All that differ from a piece of code in one place: each with its line and its change, and a
    function that makes its code."""
    found, names = {}, set()
    places, statements = _places(tree)
    for node in list(_inside(tree)):
        block, number = statements[node]
        before = ast.unparse(block[number])
        for new, change in _changes(node):
            with _put(places[node], new):
                after = ast.unparse(block[number])
            where = f"{getattr(node, 'lineno', 0)}: {change}"
            while where in names:
                where += "'"
            # Two changes give the same code if they give the same statement.
            if after != before and (id(block), number, after) not in found:
                found[id(block), number, after] = (
                    where,
                    functools.partial(_copied, tree, places[node], new),
                )
                names.add(where)
    return list(found.values())


def _places(tree):
    """Of every node, where it hangs: parent, field, place in a list; and block and number of the
    outermost statement of its function."""
    places, statements = {}, {}
    for parent in ast.walk(tree):
        apart = isinstance(parent, ast.FunctionDef | ast.Module)
        for field, value in ast.iter_fields(parent):
            for number, node in enumerate(value if isinstance(value, list) else [value]):
                if isinstance(node, ast.AST) and node not in places:
                    places[node] = parent, field, number if isinstance(value, list) else None
                    of_block = apart and field == "body"
                    statements[node] = (value, number) if of_block else statements[parent]
    return places, statements


@contextlib.contextmanager
def _put(place, new):
    """A node in the place of another, for as long as it is needed."""
    parent, field, number = place
    holder, key = (vars(parent), field) if number is None else (getattr(parent, field), number)
    old, holder[key] = holder[key], new
    try:
        yield
    finally:
        holder[key] = old


def _copied(tree, place, new):
    with _put(place, new):
        return ast.fix_missing_locations(copy.deepcopy(tree))


def source(exercise: str) -> ast.Module:
    """An exercise and the private functions of its module that it calls."""
    module, _ = catalogue.module_and_attribute(exercise)
    own = inspect.unwrap(catalogue.reference(exercise))
    wanted, body = [own], []
    # What opens a file is the ground under many functions, and no part of an exercise.
    deep = not exercise.startswith("video.decode.")
    while wanted:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(wanted.pop()))).body
        body.append(tree)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for other in sorted(names) if deep else ():
            thing = inspect.unwrap(vars(module).get(other, None))
            known = {node.name for node in body}
            if (
                other[0] == "_"
                and other not in FOR_A_GPU
                and inspect.isfunction(thing)
                and other not in known | {own.__name__}
            ):
                wanted.append(thing)
    return ast.Module(body[::-1], [])


def _inside(tree) -> Iterator[ast.AST]:
    """The nodes that do something: no annotations, docstrings, or words of messages."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.arg):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        yield node
        if isinstance(node, ast.Raise):
            continue
        if isinstance(node, ast.FunctionDef):
            yield from _inside(node.args)
            for child in node.body[ast.get_docstring(node) is not None :]:
                yield child
                if not isinstance(child, ast.Raise):
                    yield from _inside(child)
            continue
        yield from _inside(node)


def _changes(node) -> Iterator[tuple[ast.AST, str]]:
    """What can be put in the place of a node, and how one would write the change."""
    for new in _alternatives(node):
        yield new, f"{_text(node)} -> {_text(new)}"


def _text(node):
    return textwrap.shorten(" ".join(ast.unparse(node).split()), 110) or "nothing"


def _changed(node, **fields):
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _alternatives(node) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(op=op):
            if type(op) in OPERATORS:
                yield _changed(node, op=OPERATORS[type(op)]())
            if isinstance(op, ORDERED):
                yield _changed(node, left=node.right, right=node.left)
            if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div | ast.Pow):
                yield node.left
        case ast.Compare(ops=[*ops]):
            for place, op in enumerate(ops):
                for other in COMPARISONS.get(type(op), []):
                    yield _changed(node, ops=[*ops[:place], other(), *ops[place + 1 :]])
        case ast.BoolOp(op=op, values=values):
            yield _changed(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
            for place in range(len(values)):
                rest = values[:place] + values[place + 1 :]
                yield rest[0] if len(rest) == 1 else _changed(node, values=rest)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from (ast.Constant(other) for other in _constants(value))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield _changed(node, test=ast.UnaryOp(ast.Not(), test))
            yield _changed(node, test=ast.Constant(False))
            if not isinstance(node, ast.While):
                yield _changed(node, test=ast.Constant(True))
        case ast.Assign() | ast.AugAssign() | ast.Expr():
            yield ast.Pass()
            if isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
                yield _changed(node, op=OPERATORS[type(node.op)]())
        case ast.Raise():
            yield ast.Pass()
            if isinstance(node.exc, ast.Call):
                for error in ("ValueError", "RuntimeError"):
                    if not ast.unparse(node.exc.func).endswith(error):
                        plain = ast.Call(ast.Name(error, ast.Load()), node.exc.args, [])
                        yield _changed(node, exc=plain)
        case ast.Subscript(value=value, slice=index, ctx=ast.Load()):
            if isinstance(value, ast.Name) and value.id in MASKS:
                yield ast.UnaryOp(ast.Invert(), node)
            if isinstance(index, ast.Slice):
                yield value
        case ast.Attribute(attr=attr) if attr in TWINS:
            yield _changed(node, attr=TWINS[attr])
        case ast.comprehension(ifs=[_, *_]):
            yield _changed(node, ifs=[])
        case ast.Tuple(elts=[_, _, *_] as elts, ctx=ast.Load()):
            yield _changed(node, elts=elts[::-1])
        case ast.Call():
            yield from _calls(node)


def _calls(node) -> Iterator[ast.AST]:
    function, args = node.func, node.args
    for place in range(len(args) - 1):
        if ast.unparse(function).rpartition(".")[2] in COMMUTATIVE:
            continue
        swapped = [*args[:place], args[place + 1], args[place], *args[place + 2 :]]
        yield _changed(node, args=swapped)
    for place in range(len(node.keywords)):
        yield _changed(node, keywords=node.keywords[:place] + node.keywords[place + 1 :])
    if isinstance(function, ast.Attribute) and not _is_module(function.value):
        yield function.value  # .astype(...), .sum(...), .reshape(...) left out
    elif args and not isinstance(args[0], ast.Starred):
        yield args[0]
    for place, arg in enumerate(args):
        if isinstance(arg, ast.Name) and arg.id in MASKS:
            negated = ast.UnaryOp(ast.Invert(), arg)
            yield _changed(node, args=[*args[:place], negated, *args[place + 1 :]])
            none = ast.Constant(None)
            yield _changed(node, args=[*args[:place], none, *args[place + 1 :]])


COMMUTATIVE = {"max", "min", "maximum", "minimum", "add", "array_equal", "moveaxis", "swapaxes"}
MODULES = {"np", "jnp", "jax", "math", "einops", "optax", "nnx", "layers", "attention", "schemes"}
MODULES |= {"states", "metrics", "scores", "read", "errors", "manifest", "step", "gradients"}


def _is_module(node):
    return isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[0] in MODULES


def _constants(value) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1)
        case float():
            yield from (value + 1.0, value / 2 if value else value - 1.0)
        case str() if "->" in value:
            yield from _patterns(value)


def _patterns(pattern) -> Iterator[str]:
    """An einops pattern with one bracket, or the axes of one side, in another order."""
    for side in (0, 1):
        sides = pattern.split("->")
        for found in re.finditer(r"\(([^)]+)\)", sides[side]):
            names = found[1].split()
            if len(names) > 1:
                changed = list(sides)
                turned = f"({' '.join(names[1:] + names[:1])})"
                changed[side] = sides[side][: found.start()] + turned + sides[side][found.end() :]
                yield "->".join(changed)
    if "," in pattern:  # einsum
        inputs, _, output = pattern.partition("->")
        yield f"{','.join(inputs.split(',')[::-1])}->{output}"
        for place in range(len(output) - 1):
            swapped = output[:place] + output[place + 1] + output[place] + output[place + 2 :]
            yield f"{inputs}->{swapped}"
    else:
        left, right = pattern.split("->")
        axes = re.findall(r"\([^)]*\)|\S+", right)
        for place in range(len(axes) - 1):
            turned = [*axes[:place], axes[place + 1], axes[place], *axes[place + 2 :]]
            yield f"{left}-> {' '.join(turned)}"


class Trial(checking.Run):
    """The pytest plugin that runs the tests of one exercise on one mutant after the other."""

    def __init__(self, exercise: str, mutants: list[Mutant], seconds: float = 10.0, told=None):
        super().__init__(exercise, instrument.Watch(limits.Limit(float("inf"))))
        self.mutants, self.seconds, self.told = mutants, seconds, told
        self.survivors: list[Mutant] = []
        self.killers: dict[str, int] = {}

    def pytest_runtestloop(self, session):
        # Quick ones first: hypothesis looks for the simplest failure, which takes its time.
        items = sorted(session.items, key=lambda item: _is_searching(item))
        for item in items:
            if _is_searching(item):  # and to find one will do
                found = item.function._hypothesis_internal_use_settings
                quick = hypothesis.settings(found, phases=[hypothesis.Phase.generate])
                item.function._hypothesis_internal_use_settings = quick
        assert items, f"{self.name}: no tests ({self.broken})"
        for mutant in self.mutants:
            killer = self._killer(mutant, items)
            if killer is None:
                self.survivors.append(mutant)
            elif killer in items and not _is_searching(killer):  # what found one will find the next
                items.remove(killer)
                items.insert(0, killer)
            if self.told:
                self.told(mutant, killer)
        return True

    def _killer(self, mutant, items):
        try:
            thing = mutant.make()
        except Exception as error:
            return error
        reference = catalogue.reference(mutant.exercise)
        changed = instrument.changed_signature(thing, reference)
        if changed:
            return changed
        for item in items:
            watch = instrument.Watch(limits.Limit(self.seconds))
            with _in_place(
                instrument.watched(thing, reference, watch), mutant.exercise, item.module
            ):
                reports = runner.runtestprotocol(item, nextitem=item.parent, log=False)
            if any(report.failed for report in reports):
                return item
        return None


@contextlib.contextmanager
def _in_place(thing, exercise, tests):
    """`checking.rebound`, but only what the tests have compiled by name is compiled anew."""
    module, name = catalogue.module_and_attribute(exercise)
    before = getattr(module, name)
    try:
        for replacement in (thing, before):
            setattr(module, name, replacement)
            for compiled in vars(tests).values():
                if hasattr(compiled, "clear_cache"):
                    compiled.clear_cache()
            if replacement is thing:
                yield
    finally:
        setattr(module, name, before)


def _is_searching(item):
    return hasattr(item.function, "hypothesis")


def survivors(exercise: str, mutants: list[Mutant], told: Callable | None = None) -> list[Mutant]:
    """Those mutants of an exercise that pass all its tests."""
    trial = Trial(exercise, mutants, told=told)
    status = checking.run_tests(trial, catalogue.reference(exercise))
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise RuntimeError(f"{exercise}: pytest ended with {status!r}: {trial.broken}")
    return trial.survivors
