"""What an architecture cannot be built for, and the line that says what would do."""

from __future__ import annotations

import pytest

from randfeat.errors import ConfigError
from randfeat.typing import Task
from tests.zoo import TASKS, build


@pytest.mark.parametrize(
    ("part", "settings", "task", "text"),
    [
        (
            "wrn",
            {"depth": 17},
            TASKS["32"],
            "arch.depth of a wrn must be 6n+4 (10, 16, 22, 28, ...), got 17. Use 16.",
        ),
        (
            "resnet",
            {"depth": 15},
            TASKS["32"],
            "arch.depth of a resnet must be 6n+2 (8, 14, 20, ...), got 15. Use 14.",
        ),
        (
            "lenet",
            {"form": "lenet1989", "pool": "max"},
            TASKS["28"],
            "arch.pool acts in arch.form=lenet5. Leave it out, or use that form.",
        ),
        (
            "densenet",
            {"depth": 39},
            TASKS["32"],
            "arch.depth of a densenet with bottleneck must be 6n+4 (10, 16, 22, ...), got 39. Use 40.",
        ),
        (
            "densenet",
            {"depth": 7},
            TASKS["32"],
            "arch.depth of a densenet with bottleneck must be 6n+4 (10, 16, 22, ...), got 7. Use 10.",
        ),
        (
            "densenet",
            {"depth": 12, "bottleneck": False},
            TASKS["32"],
            "arch.depth of a densenet without bottleneck must be 3n+4 (7, 10, 13, ...), got 12. Use 13.",
        ),
        (
            "densenet",
            {},
            Task((3, 3, 9), 2),
            "arch=densenet needs images of 4x4 or more, but they are 3x9. Use data.resize=4.",
        ),
        (
            "alexnet",
            {"form": "imagenet"},
            TASKS["32"],
            "arch=alexnet needs images of 63x63 or more, but they are 32x32. Use data.resize=63.",
        ),
        (
            "alexnet",
            {"dropout": 0},
            TASKS["32"],
            "arch.dropout acts on fc1 and fc2 of arch.form=imagenet. Leave it out, or use that form.",
        ),
        (
            "plain",
            {"halvings": 4},
            TASKS["8"],
            "arch=plain needs images of 16x16 or more, but they are 8x8. Use data.resize=16.",
        ),
        (
            "lenet",
            {},
            TASKS["8"],
            "arch=lenet needs images of 12x12 or more, but they are 8x8. Use data.resize=12.",
        ),
        (
            "mlp",
            {"widths": [8, 4], "depth": 2},
            TASKS["8"],
            "arch.widths gives the depth and every width. Leave out arch.depth and arch.width.",
        ),
        (
            "mlp",
            {"widths": []},
            TASKS["8"],
            "arch.widths=[] has no layer. Give the width of each, such as arch.widths=[64,32].",
        ),
        (
            "mixer",
            {"patch": 5},
            TASKS["28"],
            "arch.patch must divide both sides of the images, which are 28x28, got 5. Use arch.patch=4, or data.resize=30.",
        ),
        (
            "vit",
            {"patch": 16},
            Task((1, 12, 8), 4),
            "arch.patch must divide both sides of the images, which are 12x8, got 16. Use arch.patch=4, or data.resize=16.",
        ),
        (
            "vit",
            {"heads": 3},
            TASKS["8"],
            "arch.width of a vit must be a multiple of arch.heads, got 64 and 3. Use arch.heads=2, or arch.width=63.",
        ),
        (
            "vit",
            {"width": 6, "heads": 16},
            TASKS["8"],
            "arch.width of a vit must be a multiple of arch.heads, got 6 and 16. Use arch.heads=6, or arch.width=16.",
        ),
        ("vgg", {}, Task((20,), 3), "arch=vgg needs images, but the data are vectors of 20. Use arch=mlp."),
        (
            "torchvision",
            {"name": "resnet19"},
            TASKS["32"],
            "arch.name=resnet19 is none of torchvision's classification models. Did you mean 'resnet18'? "
            "Try resnet18, vgg11_bn, densenet121 or vit_b_16.",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_says_what_would(part, settings, task, text):
    with pytest.raises(ConfigError) as error:
        build(part, task, **settings)
    assert str(error.value) == text
