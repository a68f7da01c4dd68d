"""How a row of a table turns logits into labels, read from a short text."""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from .measures import Task


@dataclass(frozen=True)
class Call:
    """A name with keyword settings."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Mode:
    """Say what happens to the logits.

    Parameters
    ----------
    kind : str     'plain': the link alone; 'trained': the head of the bundle; 'post': given
                   priors, applied after the training; 'baseline': one of `priorseg.baselines`
    calls : tuple  the priors or the baseline
    """

    kind: str
    calls: tuple[Call, ...] = ()


def parse_mode(text: str) -> Mode:
    """Read ``plain``, ``trained``, ``post:volume + star(label=1)`` or ``baseline:name(...)``.

    Settings are plain Python literals; a hyphen in a name may be an underscore.

    Raises
    ------
    ValueError  for anything else; shows the text.
    """
    kind, _, rest = text.partition(":")
    kind, rest = kind.strip(), rest.strip()
    if kind in ("plain", "trained") and not rest:
        return Mode(kind)
    if kind in ("post", "baseline") and rest:
        calls = _calls(rest, text)
        if kind == "post" or len(calls) == 1:
            return Mode(kind, calls)
    raise ValueError(
        f"mode {text!r} must be plain, trained, post:PRIOR(...) + PRIOR(...), or "
        "baseline:NAME(...)."
    )


def mode_text(mode: Mode) -> str:
    """Write a mode as `parse_mode` reads it."""
    calls = []
    for call in mode.calls:
        settings = ", ".join(f"{key}={value!r}" for key, value in call.settings.items())
        calls.append(f"{call.name.replace('_', '-')}({settings})")
    return ":".join([mode.kind, " + ".join(calls)]) if calls else mode.kind


def _calls(rest: str, text: str) -> tuple[Call, ...]:
    # a hyphen in a name would read as minus; those of numbers (1e-3) and of quoted texts stay
    plain = re.sub(
        r"'[^']*'|\"[^\"]*\"|(?<![\w.])[A-Za-z_]\w*(?:-\w+)+",
        lambda found: found[0] if found[0][0] in "'\"" else found[0].replace("-", "_"),
        rest,
    )
    try:
        return tuple(_flat(ast.parse(plain, mode="eval").body))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"mode {text!r} cannot be read: {error}") from None


def _flat(node: ast.expr) -> list[Call]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_flat(node.left), *_flat(node.right)]
    if isinstance(node, ast.Name):
        return [Call(node.id)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.args:
        settings = {str(word.arg): ast.literal_eval(word.value) for word in node.keywords}
        return [Call(node.func.id, settings)]
    raise ValueError("names with keyword settings are needed, like star(label=1)")


def find_baseline(call: Call, task: Task) -> Callable[..., Any]:
    """Look a baseline up and give it its settings; the task's objects if it takes them.

    Raises
    ------
    ValueError  for an unknown name or setting; says which are known.
    """
    from ..baselines import BASELINES

    table: Mapping[str, Callable[..., Any]] = BASELINES
    found = table.get(call.name) or table.get(call.name.replace("_", "-"))
    if found is None:
        raise ValueError(f"baseline {call.name!r} is unknown. Known: {', '.join(table)}.")
    takes = dict(list(inspect.signature(found).parameters.items())[2:])  # after probs and image
    given: dict[str, Any] = {"objects": list(task.objects.values()), "single": not task.many}
    settings = {key: value for key, value in given.items() if key in takes} | dict(call.settings)
    free = any(one.kind is one.VAR_KEYWORD for one in takes.values())
    unknown = sorted(set(settings) - set(takes)) if not free else []
    if unknown:
        raise ValueError(
            f"baseline {call.name!r} has no setting {unknown}; it has {', '.join(takes) or 'none'}."
        )
    return partial(found, **settings)
