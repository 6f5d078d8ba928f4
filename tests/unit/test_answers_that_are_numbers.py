"""Rows with an answer at every place, or numbers for an answer: what probes give of them, and what tables show."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call, jacrev

from randfeat.network import chain
from randfeat.probe.features import features
from randfeat.probe.jacobian import OUTPUTS, jacobian
from randfeat.probe.spectrum import spectrum
from randfeat.record import Record
from randfeat.report.comparison import comparison
from randfeat.report.diff import diff
from randfeat.report.frame import frame
from randfeat.report.sides import Side
from randfeat.report.tables import summarise
from randfeat.seeds import stream
from randfeat.typing import Task
from tests.making import a_record, a_spec


class Places(nn.Module):
    def forward(self, x):
        return x.movedim(1, -1)


def network(side=4):
    """Two channels in, one convolution to three maps, an answer of two numbers at every pixel."""
    task = Task((2, side, side), 2, (side, side), numbers=True)
    with torch.device("meta"):
        net = chain({"conv": nn.Conv2d(2, 3, 3, padding=1), "pixels": Places()}, task)
    return net.eval(), {name: normal(*t.shape, seed=1) for name, t in net.named_parameters()}


def normal(*shape, seed=0):
    return torch.from_numpy(stream(seed, "test", *map(str, shape)).standard_normal(shape))


@pytest.mark.parametrize("side", [4, 8])
def test_the_jacobian_is_that_of_all_answers_of_a_row_or_of_the_first_hundred_numbers(side):
    net, w = network(side)
    x = normal(3, 2, side, side)
    found = jacobian(net, w, x)
    whole = [jacrev(lambda row: functional_call(net, w, (row[None],)).flatten())(row).flatten(1) for row in x]
    J = torch.stack(whole)[:, :OUTPUTS]
    assert J.shape[1] == min(2 * side**2, 100)
    s = torch.linalg.svdvals(J)
    assert found["jacobian_square/input"] == pytest.approx(float(J.square().mean()), rel=1e-9)
    assert found["singular_largest/input"] == pytest.approx(float(s[:, 0].mean()), rel=1e-9)
    assert found["condition/input"] == pytest.approx(float((s[:, 0] / s[:, -1]).median()), rel=1e-6)
    assert found["singular_largest/head"] == found["singular_smallest/head"] == 1


def test_maps_have_the_same_spectrum_before_and_after_they_stand_on_the_last_axis():
    net, w = network(8)
    found = spectrum(net, w, normal(5, 2, 8, 8))
    of = {unit: {name: value for name, value in found.items() if name.endswith(f"/{unit}")} for unit in ("conv", "pixels")}
    assert len(of["conv"]) > 3
    for name, value in of["conv"].items():
        assert found[name.replace("/conv", "/pixels")] == pytest.approx(value, rel=1e-12)


def test_rows_without_classes_have_ranks_and_no_separability():
    net, w = network()
    x = normal(12, 2, 4, 4)
    found = features(net, w, x, x.movedim(1, -1))
    of_classes = features(net, w, x, torch.arange(12) % 3)
    assert {name.partition("/")[0] for name in found} == {"rank", "participation"}
    assert found.items() < of_classes.items()


def numbered(explained, loss, subset="last") -> Record:
    metrics = {"test/accuracy": 0.02, "test/explained": explained, "test/loss": loss}
    return a_record(a_spec(subset=subset), metrics=metrics)


def test_a_comparison_shows_the_share_explained_beside_the_twin_s():
    shown = comparison([numbered(0.25, 0.7)], [numbered(0.75, 0.3, "all")]).set_index("")
    assert shown.loc["test explained"].tolist() == ["0.25", "0.75", "-0.5"]
    assert "test explained" not in comparison([a_record()], [None]).set_index("").index


def test_the_share_kept_is_of_accuracies_of_classes_alone():
    assert comparison([numbered(0.25, 0.7)], [numbered(0.75, 0.3, "all")]).set_index("").loc["kept %"].tolist() == ["-", "", ""]
    of_numbers = [numbered(0.25, 0.7), numbered(0.75, 0.3, "all")]
    assert summarise(frame(of_numbers), metric="test/accuracy", where=["subset=last"])["kept"].isna().all()


def test_a_table_shows_the_share_explained_where_all_its_answers_are_numbers():
    of_numbers = [numbered(0.25, 0.7), numbered(0.75, 0.3, "all")]
    (line,) = summarise(frame(of_numbers), where=["subset=last"]).to_dict("records")
    assert (line["test/explained"], line["twin test/explained"], line["gap test/explained"]) == (0.25, 0.75, -0.5)
    mixed = frame([*of_numbers, a_record(a_spec(arch="mlp"))])
    assert "test/accuracy" in summarise(mixed)
    assert summarise(mixed, where=["arch=vgg", "subset=last"])["test/explained"].tolist() == [0.25]


@pytest.mark.parametrize(("b", "worse"), [(0.2, True), (0.3, False)])
def test_less_explained_is_worse(b, worse):
    side = {name: Side(name, frame([numbered(share, 0.5)])) for name, share in (("A", 0.25), ("B", b))}
    found = diff(side["A"], side["B"])
    assert [line.metric for line in found.lines][:3] == ["test/accuracy", "test/explained", "test/loss"]
    assert found.worse(["test/explained"]) is worse
