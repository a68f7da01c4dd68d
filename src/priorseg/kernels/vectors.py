"""Vectors of numbers that compiled loops hold in registers.

Written as loops over arrays, sums of many shifted rows keep their accumulators in memory. A
vector is one value to the compiler: it stays in registers, whatever their width on the machine.
"""

import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import intrinsic, models, overload, register_model

BYTES = 256  # of one vector; four of the widest registers there are
LANES = BYTES // 4  # float32 numbers in one vector


def _intrinsic(generator: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function for compiled loops from one that writes its machine code."""
    return cast(Callable[..., Any], intrinsic(generator))


class Vector(types.Type):
    """The type of a vector of floating point numbers.

    Parameters
    ----------
    number : types.Float
    """

    def __init__(self, number: types.Float) -> None:
        self.number = number
        self.count = 8 * BYTES // number.bitwidth
        super().__init__(name=f"vector({number} x {self.count})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        scalar = ir.DoubleType() if kind.number == types.float64 else ir.FloatType()
        super().__init__(manager, kind, ir.VectorType(scalar, kind.count))  # type: ignore[no-untyped-call]


def _check_bounds(context: Any, builder: Any, count: int, array: Any, index: Any) -> None:
    end = builder.add(index, ir.Constant(index.type, count))
    early = builder.icmp_signed("<", index, ir.Constant(index.type, 0))
    late = builder.icmp_signed(">", end, array.nitems)
    with builder.if_then(builder.or_(early, late), likely=False):
        message = ("a vector lies outside its array",)
        context.call_conv.return_user_exc(builder, IndexError, message)


def _place(context: Any, builder: Any, sig: Any, args: Any) -> tuple[Any, int]:
    """Point at element args[1] of the array args[0]; give its alignment too.

    Bounds are checked where numba checks those of single elements: under NUMBA_BOUNDSCHECK=1.
    """
    array = context.make_array(sig.args[0])(context, builder, args[0])
    if config.BOUNDSCHECK:  # type: ignore[attr-defined]
        _check_bounds(context, builder, Vector(sig.args[0].dtype).count, array, args[1])
    scalar = context.get_value_type(sig.args[0].dtype)
    point = builder.gep(array.data, [args[1]], source_etype=scalar)
    return point, scalar.get_abi_size(context.target_data)


@_intrinsic
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """Read array[index : index + lanes] of a contiguous array; nothing checks the bounds."""
    kind = Vector(array.dtype)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        point, size = _place(context, builder, sig, args)
        return builder.load(point, align=size, typ=context.get_value_type(kind))

    return kind(array, types.intp), generate


@_intrinsic
def store(typingctx: Any, array: Any, index: Any, vector: Any) -> Any:
    """Write array[index : index + lanes] of a contiguous array; nothing checks the bounds."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        point, size = _place(context, builder, sig, args)
        typed = builder.bitcast(point, context.get_value_type(vector).as_pointer())
        builder.store(args[2], typed, align=size)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _spread(builder: Any, value: Any, count: int) -> Any:
    undefined = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), count), None)
    return builder.shuffle_vector(one, undefined, mask)


@_intrinsic
def spread(typingctx: Any, value: Any) -> Any:
    """Repeat a number in every lane."""
    kind = Vector(value)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _spread(builder, args[0], kind.count)

    return kind(value), generate


def _pairwise(name: str) -> Any:
    """Make the intrinsic of an operation on two vectors."""

    @_intrinsic
    def operation(typingctx: Any, one: Any, two: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            flags = ["contract"] if name != "fdiv" else []
            return getattr(builder, name)(args[0], args[1], flags=flags)

        return one(one, two), generate

    return operation


_add, _sub, _mul, _div = (_pairwise(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


@_intrinsic
def greatest(typingctx: Any, one: Any, two: Any) -> Any:
    """Take the larger number in every lane; of nan and a number, the second."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args), *args)

    return one(one, two), generate


@_intrinsic
def least(typingctx: Any, one: Any, two: Any) -> Any:
    """Take the smaller number in every lane; of nan and a number, the second."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *args), *args)

    return one(one, two), generate


def _operate(symbol: Callable[..., Any], operation: Any) -> None:
    def plain(one: Any, two: Any) -> Any:
        if isinstance(one, Vector) and isinstance(two, Vector):
            return lambda one, two: operation(one, two)
        if isinstance(one, Vector):
            return lambda one, two: operation(one, spread(two))
        if isinstance(two, Vector):
            return lambda one, two: operation(spread(one), two)
        return None

    overload(symbol, strict=False)(plain)


for _symbol, _operation in (
    (operator.add, _add),
    (operator.sub, _sub),
    (operator.mul, _mul),
    (operator.truediv, _div),
):
    _operate(_symbol, _operation)


@_intrinsic
def round_down(typingctx: Any, vector: Any) -> Any:
    """Round every lane down to a whole number."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = args[0].type
        name = f"llvm.floor.v{vector.count}f{vector.number.bitwidth}"
        shape = ir.FunctionType(kind, [kind])
        floor = cgutils.get_or_insert_function(builder.module, shape, name)  # type: ignore[no-untyped-call]
        return builder.call(floor, [args[0]])

    return vector(vector), generate


@_intrinsic
def power_of_two(typingctx: Any, vector: Any) -> Any:
    """Give 2**n for whole float32 numbers n from -126 to 127."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = ir.VectorType(ir.IntType(32), vector.count)

        def constant(value: int) -> Any:
            return ir.Constant(whole, [value] * vector.count)

        bits = builder.shl(builder.add(builder.fptosi(args[0], whole), constant(127)), constant(23))
        return builder.bitcast(bits, args[0].type)

    return vector(vector), generate
