"""A tensor of which some rows train, as layers compute with it: no gradient of a frozen row is formed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from randfeat.row_gradients import Geometry, Product, Rows


class PartlyTrained(Tensor):
    """A whole weight or bias whose gradient goes to ``trained``, its ``rows`` that train.

    ``F.conv2d`` (of one group) and ``F.linear``, which layers call, form the gradient of the input with the whole weight,
    where the input needs one, and that of the weight for the rows alone. Every other operation takes ``plain``, the same
    as an ordinary tensor, differentiable in ``trained``.
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


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    """``x W^T + b``, where the weight trains by rows; else None."""
    return _product(input, weight, bias, None) if isinstance(weight, PartlyTrained) and input.ndim > 1 else None


def _conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | tuple[int, ...] | str = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor | None:
    """The convolution, where the weight trains by rows and there is one group of a batch of images; else None."""
    if not isinstance(weight, PartlyTrained) or groups > 1 or isinstance(padding, str) or input.ndim != 4:
        return None
    return _product(input, weight, bias, (_pair(stride), _pair(padding), _pair(dilation)))


def _pair(numbers: int | tuple[int, ...]) -> list[int]:
    return [numbers, numbers] if isinstance(numbers, int) else list(numbers) * (2 // len(numbers))


def _product(x: Tensor, weight: PartlyTrained, bias: Tensor | None, geometry: Geometry | None) -> Tensor:
    """In the precision that autocast asks for, as the product of ordinary tensors is."""
    kind = x.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) and x.dtype != torch.float64 else x.dtype
    whole_bias: Tensor | None = bias
    trained_bias: Tensor | None = None
    bias_rows: Rows | None = None
    if isinstance(bias, PartlyTrained):
        whole_bias, trained_bias, bias_rows = bias.whole, bias.trained, bias.rows
    if whole_bias is not None:
        whole_bias = whole_bias.to(dtype)
    whole = weight.whole.to(dtype)
    y: Tensor = Product.apply(x.to(dtype), weight.trained, whole_bias, trained_bias, whole, weight.rows, bias_rows, geometry)
    return y
