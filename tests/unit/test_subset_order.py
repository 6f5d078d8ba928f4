"""When blocks begin to train, by hand on known networks."""

from __future__ import annotations

import pytest

from randfeat.errors import ConfigError
from randfeat.network import unit_of
from randfeat.registry import make_part
from randfeat.typing import Task

TASK = Task((3, 32, 32), 10)
WRN = make_part("arch", {"part": "wrn", "depth": 10}).build(TASK)
MLP = make_part("arch", {"part": "mlp", "depth": 3, "width": 20}).build(TASK)


def begins(net, part="order", seed=0, **settings):
    """Unit -> when all of its tensors begin; they begin together."""
    found = {}
    for name, begin in make_part("subset", {"part": part} | settings).begins(net, seed).items():
        assert found.setdefault(unit_of(name), begin) == begin
    return found


def test_blocks_begin_from_the_head_down_and_a_norm_layer_with_the_block_below_it():
    assert begins(WRN, until=0.5) == pytest.approx(
        {"head": 0, "norm": 0.1, "block3_1": 0.1, "block2_1": 0.2, "block1_1": 0.3, "stem": 0.4}
    )


def test_up_is_down_from_the_other_end():
    up = begins(WRN, direction="up", until=1)
    assert up == pytest.approx({"stem": 0, "block1_1": 0.2, "block2_1": 0.4, "block3_1": 0.6, "norm": 0.6, "head": 0.8})


def test_all_units_of_a_block_begin_together():
    net = make_part("arch", {"part": "resnet", "depth": 14}).build(TASK)
    down = begins(net, until=1)
    assert down == pytest.approx(
        {"stem": 0.8} | {f"block{s}_{k}": 0.2 * (4 - s) for s in (1, 2, 3) for k in (1, 2)} | {"head": 0}
    )


def test_drawn_is_an_order_of_the_blocks_that_the_seed_decides():
    orders = [begins(MLP, direction="drawn", until=1, seed=seed) for seed in range(200)]
    assert all(sorted(order.values()) == [0, 0.25, 0.5, 0.75] for order in orders)
    assert begins(MLP, direction="drawn", until=1, seed=7) == orders[7]
    assert len({tuple(order.items()) for order in orders}) == 24
    firsts = sum(order["head"] == 0 for order in orders)
    assert abs(firsts - 50) < 4 * (200 * 0.25 * 0.75) ** 0.5


def test_until_zero_begins_all_at_once():
    assert set(begins(WRN, until=0).values()) == {0}


def test_in_an_intersection_the_last_to_let_a_tensor_begin_decides():
    of = ["order(until=1)", "order(direction=up, until=1)", "fraction"]
    found = begins(MLP, part="combination", of=of, how="intersection")
    assert found == {"hidden1": 0.75, "hidden2": 0.5, "hidden3": 0.5, "head": 0.75}


def test_in_a_union_the_first_to_let_a_tensor_begin_decides():
    assert begins(MLP, part="combination", of=["order(until=1)", "first"]) == {
        "hidden1": 0, "hidden2": 0.5, "hidden3": 0.25, "head": 0
    }  # fmt: skip
    frozen = ["order(direction=up, until=1)", "order(until=1, head=freeze)"]
    assert begins(MLP, part="combination", of=frozen)["head"] == 0.75


def test_a_union_in_which_a_tensor_would_begin_in_pieces_is_refused():
    with pytest.raises(ConfigError) as error:
        begins(MLP, part="combination", of=["order(until=1)", "fraction"])
    assert str(error.value) == (
        "subset.of lets a part of 'hidden1.linear.weight' begin at 0 of the training and the rest later, but a tensor begins "
        "as one. Use subset.how=intersection."
    )
