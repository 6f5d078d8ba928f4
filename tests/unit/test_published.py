"""Recipes of published sizes: each makes its network, whose parameters are as many as published."""

from __future__ import annotations

import functools

import pytest
import torch

from randfeat import config
from randfeat.config import combinations, compose
from randfeat.errors import ConfigError
from randfeat.menu import choices, collections, recipes
from randfeat.network import Network
from randfeat.registry import make_part
from randfeat.spec import RunSpec
from randfeat.typing import Task

TASKS = {
    "cifar10": Task((3, 32, 32), 10),
    "imagefolder": Task((3, 224, 224), 1000),
    "mnist": Task((1, 28, 28), 10),
}
TORCHVISION = {
    "googlenet": "googlenet",
    **{name: name for name in ("alexnet", "vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32", "vit_h_14")},
    **{f"vgg_{n}{norm}": f"vgg{n}{norm}" for n in (11, 13, 16, 19) for norm in ("", "_bn")},
    **{f"resnet_{n}": f"resnet{n}" for n in (18, 34, 50, 101, 152)},
}
COUNTS = {
    "alexnet_cifar": 2_472_266,
    "densenet_40_12": 1_019_722,
    "densenet_bc_100_12": 769_162,
    "densenet_bc_190_40": 25_624_430,
    "densenet_bc_250_24": 15_324_406,
    "lenet_1989": 10_024,  # 9,760 in the paper, whose maps see fewer maps and have more biases
    "lenet_5": 61_706,
    "mixer_b_16": 59_880_472,
    "resnet_20": 269_722,
    "resnet_32": 464_154,
    "resnet_44": 658_586,
    "resnet_56": 853_018,
    "resnet_110": 1_727_962,
    "wrn_16_10": 17_116_634,
    "wrn_28_10": 36_479_194,
    "wrn_40_8": 35_748_314,
}
MILLIONS = {
    "densenet_100_24": "27.2",
    "mixer_b_32": "60.29",
    "mixer_l_16": "208.2",
    "vgg_19_cifar": "20.04",
    "wrn_16_8": "11.0",
    "wrn_40_4": "8.9",
}


@functools.cache
def mapping(recipe: str) -> dict:
    return compose([f"conf=published/{recipe}"])


@functools.cache
def net_of(recipe: str) -> Network:
    task = Task((1, 16, 16), 10) if recipe == "lenet_1989" else TASKS[mapping(recipe)["data"]["part"]]
    return make_part("arch", mapping(recipe)["arch"]).build(task)


def count(module) -> int:
    return sum(tensor.numel() for tensor in module.parameters())


def test_every_published_size_has_a_number_here():
    assert sorted(choices("published")) == sorted([*TORCHVISION, *COUNTS, *MILLIONS])
    assert len(choices("published")) == 42


@pytest.mark.parametrize("recipe", list(COUNTS))
def test_a_network_has_exactly_the_published_number_of_parameters(recipe):
    assert count(net_of(recipe)) == COUNTS[recipe]


@pytest.mark.parametrize("recipe", list(MILLIONS))
def test_a_network_has_the_published_millions_of_parameters(recipe):
    digits = len(MILLIONS[recipe].partition(".")[2])
    assert f"{count(net_of(recipe)) / 1e6:.{digits}f}" == MILLIONS[recipe]


@pytest.mark.parametrize("recipe", list(TORCHVISION))
def test_a_network_has_the_shapes_of_torchvision_s(recipe):
    """As multisets; torchvision keeps queries, keys and values of an attention in one tensor."""
    from torchvision import models

    without = {"aux_logits": False, "init_weights": False} if recipe == "googlenet" else {}
    with torch.device("meta"):
        theirs = models.get_model(TORCHVISION[recipe], **without)
    shapes = []
    for name, tensor in theirs.named_parameters():
        pieces = tensor.chunk(3) if "in_proj" in name else (tensor,)
        shapes += [tuple(piece.shape) for piece in pieces]
    assert sorted(tuple(tensor.shape) for tensor in net_of(recipe).parameters()) == sorted(shapes)


def test_the_network_of_1989_is_for_images_of_its_size():
    assert RunSpec.from_mapping(mapping("lenet_1989")).data.task == Task((1, 16, 16), 10)


@pytest.mark.parametrize("recipe", choices("published"))
def test_a_description_tells_the_number_and_fits_a_narrow_terminal(recipe):
    text = choices("published")[recipe]
    assert text.endswith(f": {count(net_of(recipe)):,} parameters.")
    assert 4 + max(map(len, choices("published"))) + len(text) <= 80


@pytest.mark.parametrize(
    ("recipe", "epochs", "batch", "decay", "schedule"),
    [
        ("wrn_28_10", 200, 128, 5e-4, [60, 120, 160]),
        ("densenet_bc_100_12", 300, 64, 1e-4, [150, 225]),
        ("vgg_19_cifar", 164, 128, 1e-4, [81, 122]),
        ("alexnet_cifar", 164, 128, 1e-4, [81, 122]),
        ("resnet_56", 160, 128, 0, [80, 120]),
    ],
)
def test_a_recipe_trains_as_published(recipe, epochs, batch, decay, schedule):
    spec = RunSpec.from_mapping(mapping(recipe))
    solver = spec.solver
    assert (solver.epochs, solver.batch_size, solver.weight_decay, solver.lr, solver.momentum) == (
        epochs,
        batch,
        decay,
        0.1,
        0.9,
    )
    assert [round(share * epochs) for share in solver.milestones] == schedule
    assert (spec.data.flip, spec.data.crop_pad, spec.twin.key) == (True, 4, spec.key)


def test_a_recipe_of_a_collection_takes_words_and_others_build_on_it(tmp_path, monkeypatch):
    spec = RunSpec.from_mapping(compose(["conf=published/wrn_16_8", "arch.widen=1", "subset=last", "data=digits"]))
    assert (spec.arch.depth, spec.arch.widen, spec.arch.dropout, spec.subset.part, spec.data.part) == (
        16,
        1,
        0.3,
        "last",
        "digits",
    )
    (tmp_path / "conf/mine").mkdir(parents=True)
    header = "# @package _global_\n# Narrow.\n"
    (tmp_path / "conf/mine/narrow.yaml").write_text(f"{header}defaults: [/published/resnet_56, _self_]\narch: {{width: 3}}\n")
    (tmp_path / "conf/mine/bare.yaml").write_text("# Bare.\ndefaults: [/elm, _self_]\n")
    monkeypatch.chdir(tmp_path)
    assert collections() == ["mine", "published"]
    assert (choices("mine")["narrow"], recipes()["mine/narrow"]) == ("Narrow.", "Narrow.")
    arch = RunSpec.from_mapping(compose(["conf=mine/narrow"])).arch
    assert (arch.depth, arch.width, arch.shortcut) == (56, 3, "pad")
    with pytest.raises(ConfigError, match=r"^conf=mine/bare describes a part named mine\. Make its first line '# @package _gl"):
        compose(["conf=mine/bare"])


def test_ls_lists_a_collection_by_itself_and_under_its_words(randfeat):
    alone = randfeat("ls", "published").stdout.splitlines()
    assert [line.split()[0] for line in alone] == list(choices("published"))
    everything = randfeat("ls").stdout.splitlines()
    start = everything.index("conf=published/NAME:")
    assert everything[start + 1 : start + 1 + len(alone)] == [f"  {line}" for line in alone]
    assert everything[start + 1 + len(alone)] == "data:"
    assert "there is no family 'publishd'. Did you mean 'published'? Families: conf, published, data," in (
        randfeat("ls", "publishd").stderr
    )


def test_glob_sees_a_collection_where_it_is_named():
    assert [word for (word,) in combinations(["conf=glob(published/wrn_16*)"])] == [
        "conf=published/wrn_16_10",
        "conf=published/wrn_16_8",
    ]
    assert {words[-1] for words in combinations(["conf=glob(*)"])} == {f"conf={name}" for name in choices()}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("wrn_28_10", "conf=wrn_28_10 is unknown. Did you mean 'published/wrn_28_10'? Recipes: autoencoder, "),
        ("lenet_5", "conf=lenet_5 is unknown. Did you mean 'published/lenet_5'? Recipes: autoencoder, "),
        (
            "published/wrn_2810",
            "conf=published/wrn_2810 is unknown. Did you mean 'published/wrn_28_10'? Recipes: autoencoder, ",
        ),
    ],
)
def test_a_recipe_s_name_without_its_collection_is_suggested(name, message):
    with pytest.raises(ConfigError) as caught:
        config.compose([f"conf={name}"])
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(", wrn_fraction, published/NAME (randfeat ls published).")
