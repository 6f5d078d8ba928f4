"""How laws tell the tensors of recurrent layers from others, and their gates from each other: by attributes of the layer."""

from __future__ import annotations

from randfeat.network import Role, Slot


def gates(slot: Slot) -> tuple[str, ...]:
    """The gates of a recurrent layer to which a tensor belongs, blocks of its rows in this order; none of any other layer.

    They are what the layer's attribute ``gates`` names.
    """
    names: tuple[str, ...] = getattr(slot.layer, "gates", ())
    return names


def is_recurrence(slot: Slot) -> bool:
    """Whether a tensor carries the state of a recurrent layer to its next step: a weight of a layer with ``recurrent`` true."""
    return slot.role is Role.WEIGHT and bool(getattr(slot.layer, "recurrent", False))
