"""The learner's version under observation: its calls noted, its shapes and its time checked."""

import collections
import dataclasses
import functools
import inspect
import types
from collections.abc import Callable

import jaxtyping
import numpy as np

from flaxvid.exercise import compared, limits, mine, wording


class ChangedArgumentError(AssertionError):
    """Raised after a call that has written into an array it was given."""


@dataclasses.dataclass
class Watch:
    """What the learner's version was last called with, and what came of it."""

    limit: limits.Limit
    """Of all calls together, and of the tests around them."""
    calls: int = 0
    call: str = ""
    result: object = None
    raised: BaseException | None = None
    annotation: object = None
    """Of what the learner's version gives back."""
    comparison: tuple[str, object, object] | None = None
    """Operator, left and right of the last comparison that failed since the call."""
    record: collections.deque[compared.Call] = dataclasses.field(
        default_factory=lambda: collections.deque(maxlen=100)
    )
    """The last calls: a failed assertion need not be about the very last."""


def watched(thing: Callable, reference: Callable, watch: Watch) -> Callable:
    """The learner's version, checked against the package's shapes, its last call on record."""
    shown = getattr(thing, "__name__", reference.__name__)
    if not inspect.isclass(thing):
        return _watched_function(thing, reference, watch, shown)
    methods = {
        name: _watched_function(getattr(thing, name), method, watch, _of_a_class(shown, name))
        for name, method in vars(reference).items()
        if inspect.isfunction(method) and hasattr(thing, name)
    }
    return type(thing)(thing.__name__, (thing,), {**methods, "__module__": thing.__module__})


def _of_a_class(shown, method):
    """How a method's call begins: `MLP` for what makes one, `MLP(...)` for a call of it."""
    if method == "__init__":
        return shown
    return f"{shown}(...)" if method == "__call__" else f"{shown}(...).{method}"


def _watched_function(function, reference, watch, name):
    typed = _typed(function, reference)
    is_method = next(iter(inspect.signature(reference).parameters), "") == "self"
    parameters = list(inspect.signature(reference).parameters)

    def checked(*arguments, **options):
        try:
            return typed(*arguments, **options)
        except jaxtyping.TypeCheckError as error:
            if "the parameters of" not in str(error).partition("\n")[0]:
                raise
        # What the types forbid, the learner's own lines have to refuse.
        return function(*arguments, **options)

    returns = inspect.unwrap(reference).__annotations__.get("return", inspect.Signature.empty)
    return _recorded(checked, function, watch, name, is_method, parameters, returns)


def _recorded(checked, function, watch, name, is_method=False, parameters=(), returns=None):
    """`checked`, which calls `function`, with its last call on record; what it makes likewise."""

    @functools.wraps(function)
    def recorded(*arguments, **options):
        watch.calls += 1
        watch.result, watch.raised, watch.comparison = None, None, None
        told = wording.call(name, arguments[is_method:], options)
        watch.call = told
        given = dict(zip(parameters, arguments, strict=False)) | options
        before = {key: value.copy() for key, value in given.items() if _is_small(value)}
        places = compared.places_now()
        try:
            with limits.enforced(watch.limit), mine.kept_running():
                result = checked(*arguments, **options)
            if changed := _put_back(before, given):
                raise ChangedArgumentError(
                    f"{changed[0]} is not as it was before the call: write into a copy, "
                    f"{changed[0]}.copy(), and leave what you are given as it is"
                )
        except BaseException as error:
            _put_back(before, given)
            if watch.raised is not error:  # a call inside of this one may have raised it
                watch.call, watch.raised = told, error
            watch.record.append(compared.Call(told, None, error, returns, places))
            raise
        if isinstance(result, types.FunctionType):  # a step, a schedule: what matters is its call
            result = _recorded(result, result, watch, told)
        watch.call, watch.result, watch.annotation = told, result, returns
        watch.record.append(compared.Call(told, result, None, returns, places))
        return result

    return recorded


def _is_small(value):
    return isinstance(value, np.ndarray) and value.size < 1e6


def _put_back(before, given):
    """Undoes what was written into the arguments, which later calls share; whose arrays it was."""
    changed = [
        name
        for name, array in before.items()
        if not np.array_equal(array, given[name], equal_nan=array.dtype.kind in "fc")
    ]
    for name in changed:
        given[name][...] = before[name]
    return changed


def _typed(function, reference):
    """A copy of a function with the reference's annotations, checked at every call."""
    try:
        from beartype import beartype
    except ImportError:
        return function
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        return function  # compiled or decorated: its annotations would not be its code's
    typed = types.FunctionType(
        function.__code__,
        function.__globals__,
        # jaxtyping writes a def of this name, and a lambda has none.
        function.__name__ if function.__name__.isidentifier() else reference.__name__,
        function.__defaults__,
        function.__closure__,
    )
    typed.__kwdefaults__ = function.__kwdefaults__
    typed.__annotations__ = inspect.unwrap(reference).__annotations__
    return jaxtyping.jaxtyped(typechecker=beartype)(typed)


def changed_signature(thing: Callable, reference: Callable) -> str:
    """What is wrong with the learner's parameters, or nothing."""
    if inspect.isclass(reference) != inspect.isclass(thing):
        return f"This exercise is a {'class' if inspect.isclass(reference) else 'function'}."
    missing = [
        name
        for name, method in vars(reference).items()
        if inspect.isclass(reference)
        and inspect.isfunction(method)
        and (name in ("__init__", "__call__") or not name.startswith("_"))
        and name not in vars(thing)
    ]
    if missing:
        base = next((kind for kind in thing.__mro__[1:] if missing[0] in vars(kind)), None)
        whose = f"; that of {base.__name__}, from which it inherits, does not count" if base else ""
        return f"Your class lacks {missing[0]} of its own{whose}."
    try:
        # Of a class, those of what makes one: its metaclass takes anything.
        mine, own = (
            list(
                inspect.signature(one.__init__ if inspect.isclass(one) else one).parameters.values()
            )
            for one in (thing, reference)
        )
    except (TypeError, ValueError):
        return "Its parameters cannot be read; write it with def."
    if [_parameter(p) for p in mine] != [_parameter(p) for p in own]:
        return f"Its parameters must stay ({', '.join(map(_without_annotation, own))})."
    return ""


def _parameter(parameter):
    """Name, kind and default; a default that cannot be compared, such as an array, by its text."""
    return parameter.name, parameter.kind, repr(parameter.default)


def _without_annotation(parameter):
    return str(parameter.replace(annotation=parameter.empty))
