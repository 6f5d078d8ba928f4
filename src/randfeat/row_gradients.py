"""Convolutions and linear maps whose backward pass forms the gradient of some rows of the weight, and of no other."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

Rows = slice | Tensor
"""Rows of a tensor (first axis): a run of neighbours, of which no copy is needed, or whole numbers."""

Geometry = tuple[list[int], list[int], list[int]]
"""Stride, padding and dilation of a convolution."""


def as_rows(index: Tensor, device: torch.device) -> Rows:
    """These whole numbers, as a run where they are one."""
    first, n = int(index[0]), len(index)
    return slice(first, first + n) if index.tolist() == list(range(first, first + n)) else index.to(device)


class Product(Function):
    """``W * x + b``: the convolution of a geometry or, without one, ``x W^T + b``.

    Gradients go to ``x``, to ``trained``, the rows of the weight that train, to ``bias`` and to ``trained_bias``, its rows
    that train. The numbers are those of ``weight`` and ``bias``. There are no second derivatives.

    Cost: where k of n rows train, the gradient of the weight costs k / n of the whole one.
    """

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
        """(N, ..., D) or (N, C, H, W) -> the product, in the type of x."""
        ctx.save_for_backward(x, weight)
        ctx.n_rows, ctx.rows, ctx.bias_rows, ctx.geometry = len(trained), rows, bias_rows, geometry
        return F.linear(x, weight, bias) if geometry is None else F.conv2d(x, weight, bias, *geometry)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients that are needed."""
        x, weight = ctx.saved_tensors
        axis = grad_y.ndim - 1 if ctx.geometry is None else 1
        others = [other for other in range(grad_y.ndim) if other != axis]
        grad_x = grad_rows = grad_bias = grad_bias_rows = None
        needs_x, needs_rows, needs_bias, needs_bias_rows = ctx.needs_input_grad[:4]
        if needs_x:
            grad_x = grad_y @ weight if ctx.geometry is None else _by_library(grad_y, x, weight, ctx.geometry, 0)
        if needs_rows:
            grad_rows = _of_weight(_taken(grad_y, ctx.rows, axis), x, weight[: ctx.n_rows], ctx.geometry)
        if needs_bias:
            grad_bias = grad_y.sum(others)
        if needs_bias_rows:
            grad_bias_rows = _taken(grad_y, ctx.bias_rows, axis).sum(others)
        return grad_x, grad_rows, grad_bias, grad_bias_rows, None, None, None, None


def _taken(y: Tensor, rows: Rows, axis: int) -> Tensor:
    """These rows along an axis; of images whose channels lie together, so that they still do."""
    if isinstance(rows, slice):
        return y.narrow(axis, rows.start, rows.stop - rows.start)
    return y.movedim(axis, -1).index_select(-1, rows).movedim(-1, axis)


def _of_weight(grad_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry | None) -> Tensor:
    """The gradient of the rows whose outputs have this gradient; ``weight`` has their shape, its numbers do not count."""
    if geometry is None:
        return grad_y.flatten(0, -2).T @ x.flatten(0, -2)
    return _by_library(grad_y, x, weight, geometry, 1)


def _by_library(grad_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, which: int) -> Tensor:
    """The gradient of a convolution's input (``which`` 0) or weight (1)."""
    wanted = [which == 0, which == 1, False]
    gradient: Tensor = torch.ops.aten.convolution_backward(
        grad_y, x, weight, None, *geometry, False, [0, 0], 1, wanted
    )[which]  # fmt: skip
    return gradient
