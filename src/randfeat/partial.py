"""A weight of which some rows train: products take the whole of it, and form the gradient of these rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Rows = slice | Tensor
"""Rows of a tensor (first axis): a run of neighbours, of which no copy is needed, or whole numbers."""


def as_rows(index: Tensor, device: torch.device) -> Rows:
    """These whole numbers, as a run where they are one."""
    first, n = int(index[0]), len(index)
    return slice(first, first + n) if index.tolist() == list(range(first, first + n)) else index.to(device)


class PartlyTrained(Tensor):
    """A whole weight or bias whose gradient goes to ``trained``, its ``rows`` that train.

    ``F.conv2d`` (of one group) and ``F.linear``, which layers call, form the gradient of the input with the whole weight,
    where the input needs one, and that of the weight for the rows alone. Every other operation takes ``plain``, the same
    as an ordinary tensor, differentiable in ``trained``.

    Cost: where k of n rows train, the gradient of the weight costs k / n of the whole one.
    """

    whole: Tensor
    plain: Tensor
    trained: Tensor
    rows: Rows

    @classmethod
    def of(cls, plain: Tensor, trained: Tensor, rows: Rows) -> PartlyTrained:
        """The tensor ``plain``, which holds ``trained`` in its ``rows``."""
        whole = plain.detach()
        tensor = whole.as_subclass(cls)
        tensor.whole, tensor.plain, tensor.trained, tensor.rows = whole, plain, trained, rows
        return tensor

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.conv2d and (y := _conv2d(*args, **kwargs)) is not None:
            return y
        if func is F.linear and (y := _linear(*args, **kwargs)) is not None:
            return y
        return func(*map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(map(_plain, value))
    return value.plain if isinstance(value, PartlyTrained) else value


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    """``x W^T + b``, where the weight trains by rows; else None."""
    return _product(x, weight, bias, None) if isinstance(weight, PartlyTrained) and x.ndim > 1 else None


def _conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor | None:
    """The convolution, where the weight trains by rows and there is one group of a batch of images; else None."""
    if not isinstance(weight, PartlyTrained) or groups > 1 or isinstance(padding, str) or x.ndim != 4:
        return None
    return _product(x, weight, bias, (_pair(stride), _pair(padding), _pair(dilation)))


Geometry = tuple[list[int], list[int], list[int]]
"""Stride, padding and dilation of a convolution."""


def _pair(numbers: int | tuple[int, ...]) -> list[int]:
    return [numbers, numbers] if isinstance(numbers, int) else list(numbers) * (2 // len(numbers))


def _product(x: Tensor, weight: PartlyTrained, bias: Tensor | None, geometry: Geometry | None) -> Tensor:
    """In the precision that autocast asks for, as the product of ordinary tensors is."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) and x.dtype != torch.float64 else x.dtype
    trained_bias, bias_rows = None, None
    if isinstance(bias, PartlyTrained):
        bias, trained_bias, bias_rows = bias.whole, bias.trained, bias.rows
    bias = None if bias is None else bias.to(dtype)
    whole = weight.whole.to(dtype)
    y: Tensor = _Product.apply(x.to(dtype), weight.trained, bias, trained_bias, whole, weight.rows, bias_rows, geometry)
    return y


class _Product(Function):
    """``W * x + b``, the convolution of a geometry or, without one, ``x W^T + b``."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        trained: Tensor,
        bias: Tensor | None,
        trained_bias: Tensor | None,
        weight: Tensor,
        rows: Rows,
        bias_rows: Rows | None,
        geometry: Geometry | None,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.n_rows, ctx.rows, ctx.bias_rows, ctx.geometry = len(trained), rows, bias_rows, geometry
        return F.linear(x, weight, bias) if geometry is None else F.conv2d(x, weight, bias, *geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = _linear_gradient if ctx.geometry is None else _convolution_gradient
        channel = -1 if ctx.geometry is None else 1
        others = [axis for axis in range(grad_y.ndim) if axis != channel % grad_y.ndim]
        grad_x = grad_rows = grad_bias = grad_bias_rows = None
        needs_x, needs_rows, needs_bias, needs_bias_rows = ctx.needs_input_grad[:4]
        if needs_x:
            grad_x = gradient(grad_y, x, weight, ctx.geometry, 0)
        if needs_rows:
            grad_rows = gradient(_taken(grad_y, ctx.rows, channel), x, weight[: ctx.n_rows], ctx.geometry, 1)
        if needs_bias:
            grad_bias = grad_y.sum(others)
        if needs_bias_rows:
            grad_bias_rows = _taken(grad_y, ctx.bias_rows, channel).sum(others)
        return grad_x, grad_rows, grad_bias, grad_bias_rows, None, None, None, None


def _linear_gradient(grad_y: Tensor, x: Tensor, weight: Tensor, geometry: None, which: int) -> Tensor:
    """With respect to the input (``which`` 0) or the weight (1), of which the shape alone counts."""
    return grad_y @ weight if which == 0 else grad_y.flatten(0, -2).T @ x.flatten(0, -2)


def _convolution_gradient(grad_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, which: int) -> Tensor:
    """With respect to the input (``which`` 0) or the weight (1), of which the shape alone counts."""
    wanted = [which == 0, which == 1, False]
    found = torch.ops.aten.convolution_backward(grad_y, x, weight, None, *geometry, False, [0, 0], 1, wanted)
    gradient: Tensor = found[which]
    return gradient


def _taken(y: Tensor, rows: Rows, axis: int) -> Tensor:
    """These rows along an axis; of images whose channels lie together, so that they still do."""
    if isinstance(rows, slice):
        return y.narrow(axis, rows.start, rows.stop - rows.start)
    return y.movedim(axis, -1).index_select(-1, rows).movedim(-1, axis)
