"""conf/ says what the classes say, every recipe makes a spec, and a word that means nothing is refused."""

from pathlib import Path

import pytest
import yaml

from randfeat import config
from randfeat.config import choices, combinations, compose, mappings
from randfeat.errors import ConfigError
from randfeat.menu import DATA_OF
from randfeat.registry import FAMILIES, part_class, part_names
from randfeat.spec import RunSpec
from tests.zoo import IMAGES, ZOO

CONF = Path(__file__).parents[1] / "conf"
RECIPES = [
    "autoencoder",
    "bn_only",
    "default",
    "echo_state",
    "elm",
    "elm_lrf",
    "graph_random",
    "lenet_random",
    "ml_elm",
    "patch_neighbours",
    "random_patches",
    "rf_elm",
    "subsets",
    "vgg_random",
    "wrn_fraction",
]
N_CASES = {"subsets": 6}
PARTS = [(family, name) for family in FAMILIES for name in part_names(family)]


def test_the_collections_have_their_sizes():
    assert sorted(choices()) == RECIPES
    assert {family: len(part_names(family)) for family in FAMILIES} == {
        "data": 20,
        "arch": 26,
        "init": 29,
        "subset": 17,
        "solver": 6,
    }


@pytest.mark.parametrize(("family", "name"), PARTS)
def test_a_conf_file_repeats_its_class(family, name):
    path, cls = CONF / family / f"{name}.yaml", part_class(family, name)
    assert yaml.safe_load(path.read_text()) == cls().settings()
    assert path.read_text().splitlines()[0] == f"# {cls.__doc__.splitlines()[0]}"


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_makes_specs_that_round_trip(recipe):
    specs = [RunSpec.from_mapping(mapping) for _, mapping in mappings([f"conf={recipe}"])]
    assert len({spec.key for spec in specs}) == len(specs) == N_CASES.get(recipe, 1)
    assert len({spec.twin.key for spec in specs}) == 1
    for spec in specs:
        again = RunSpec.from_mapping(spec.to_mapping())
        assert again == spec
        assert again.key == spec.key
        assert spec.twin.twin == spec.twin
        assert spec.twin.subset.part == "all"
        assert spec.key != spec.twin.key


def test_a_part_that_is_picked_starts_from_its_own_defaults():
    spec = RunSpec.from_mapping(compose(["conf=vgg_random", "solver=sgd", "arch=mlp", "arch.depth=2", "solver.epochs=3"]))
    assert (spec.arch.width, spec.arch.depth, spec.solver.epochs, spec.solver.lr) == (1000, 2, 3, 0.1)


def test_the_same_part_named_again_keeps_the_recipe_s_settings():
    assert RunSpec.from_mapping(compose(["conf=bn_only", "arch=resnet"])).arch.depth == 14


def test_the_twin_s_solver_is_the_recipe_s_or_the_words():
    assert RunSpec.from_mapping(compose(["conf=elm"])).twin.solver.part == "adam"
    spec = RunSpec.from_mapping(compose(["conf=elm", "twin=sgd", "twin.epochs=4"]))
    assert (spec.twin.solver.part, spec.twin.solver.epochs) == ("sgd", 4)
    assert spec.key == RunSpec.from_mapping(compose(["conf=elm"])).key


def test_a_conf_folder_of_the_user_s_own_comes_first(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.yaml").write_text("# Mine.\ndefaults:\n  - default\n  - _self_\narch:\n  width: 3\n")
    monkeypatch.chdir(tmp_path)
    assert RunSpec.from_mapping(compose(["conf=mine"])).arch.width == 3
    assert choices()["mine"] == "Mine."
    assert RunSpec.from_mapping(compose(["conf=mine", "arch=mlp"])).arch.part == "mlp"
    assert RunSpec.from_mapping(compose(["conf=elm"])).arch.part == "mlp"


def test_a_part_of_the_user_s_own_replaces_the_package_s_in_every_recipe(tmp_path, monkeypatch):
    (tmp_path / "conf" / "arch").mkdir(parents=True)
    (tmp_path / "conf" / "arch" / "vgg.yaml").write_text("# Narrow.\npart: vgg\nwidth: 5\n")
    monkeypatch.chdir(tmp_path)
    assert RunSpec.from_mapping(compose(["conf=vgg_random"])).arch.width == 5
    assert RunSpec.from_mapping(compose(["conf=elm", "arch=vgg"])).arch.width == 5
    assert choices("arch")["vgg"] == "Narrow."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"arch: [unclosed", "conf=broken and these words do not make a configuration: "),
        (b"defaults:\n  - broken\n  - _self_\n", "conf=broken includes itself. Take it out of its own defaults."),
        (b"# caf\xe9\narch:\n  width: 3\n", "conf=broken and these words do not make a configuration: "),
    ],
)
def test_a_conf_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, text, message):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "broken.yaml").write_bytes(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        compose(["conf=broken"])
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
    assert compose(["conf=elm"])["arch"]["part"] == "mlp"


def test_twin_null_gives_the_twin_the_run_s_own_solver_or_sgd():
    assert RunSpec.from_mapping(compose(["conf=elm", "twin=null"])).twin.solver.part == "sgd"


def test_a_fully_trained_run_draws_no_subset():
    specs = [RunSpec.from_mapping(compose(["subset=all", "solver=sgd", f"seeds.subset={k}"])) for k in (0, 3)]
    assert specs[0].key == specs[1].key
    last = RunSpec.from_mapping(compose(["conf=elm", "twin=sgd"]))
    whole = RunSpec.from_mapping(compose(["conf=elm", "subset=all", "solver=sgd"]))
    assert [last.with_seed(k).twin.key for k in range(3)] == [whole.with_seed(k).key for k in range(3)]


ERRORS = [
    (["arch=vgg", "arch.wdith=3"], "arch=vgg has no setting 'wdith'. Did you mean 'width'? Settings: activation, depth,"),
    (["+arch.wdith=3"], "arch=vgg has no setting 'wdith'. Did you mean 'width'?"),
    (["+foo=3"], "there is no setting 'foo'."),
    (["sede.weights=3"], "there is no setting 'sede'. Did you mean 'seeds'?"),
    (["seeds=3"], "seeds=3 gives no setting. Use seeds.SETTING=VALUE, as in seeds.weights=3, or --seeds 3 for three"),
    (["wdith=3"], "there is no setting 'wdith'. Did you mean 'arch.width'?"),
    (["twin.lr=0.1"], "twin has settings but no solver. Use twin=sgd or twin=adam."),
    (["twin=adam", "twin.lr=abc"], "twin.lr must be a number > 0, got 'abc'."),
    (["hydra.run.dir=x"], "'hydra.run.dir=x' is not a word like arch=vgg or arch.width=16."),
    (["arch@foo=mlp"], "'arch@foo=mlp' is not a word like arch=vgg or arch.width=16."),
    (["=3"], "'=3' is not a word like arch=vgg or arch.width=16."),
    (["conf=elm", "conf=default"], "conf is given twice. Leave one of them out."),
    (["arch=mlp", "arch.width=10000000000", "arch.depth=2"], "arch=mlp with these settings has tensors"),
    (["seeds.wieghts=3"], "seeds has no setting 'wieghts'. Did you mean 'weights'?"),
    (["arch=vggg"], "arch=vggg is unknown. Did you mean 'vgg'? Parts: alexnet, autoencoder, conv_pool, densenet, gat,"),
    (["conf=vgg_randon"], "conf=vgg_randon is unknown. Did you mean 'vgg_random'? Recipes: autoencoder, bn_only, default,"),
    (["arch.width=abc"], "arch.width must be a whole number >= 1, got 'abc'."),
    (["arch.width=0"], "arch.width must be a whole number >= 1, got 0."),
    (["arch.width=2.5"], "arch.width must be a whole number >= 1, got 2.5."),
    (["arch.depth=12"], "arch.depth must be one of 11, 13, 16, 19, got 12."),
    (["precision=float23"], "precision must be one of float32, float64, mixed, got 'float23'. Did you mean 'float32'?"),
    (
        ["subset=middle"],
        "solver=ridge fits the last layer only, but subset=middle trains 'block3_1.conv.weight'. "
        "Use subset=last, or solver=sgd.",
    ),
    (
        ["subset=order"],
        "solver=ridge fits the last layer only, but subset=order trains 'block1_1.conv.weight'. "
        "Use subset=last, or solver=sgd.",
    ),
    (
        ["subset=head", "subset.share=0.5"],
        "solver=ridge fits the last layer only, but subset=head trains only a part of 'head.weight'. "
        "Use subset=last, or solver=sgd.",
    ),
    (
        ["subset=patterns", 'subset.rules=["head.weight=train","*=freeze"]'],
        "solver=ridge fits the last layer only, but subset=patterns leaves 'head.bias' as drawn. "
        "Use subset=last, or solver=sgd.",
    ),
    (
        ["subset=combination", "subset.how=intersection", 'subset.of=[last,"order(direction=up, until=1)"]'],
        "solver=ridge fits the last layer only, but subset=combination lets 'head.weight' begin at ",
    ),
    (
        ["subset=patterns", "subset.rules=[head.*=train]"],
        "'subset.rules=[head.*=train]' is not a word like arch=vgg or arch.width=16. Text with brackets, stars or = needs "
        "double quotes, and the whole word single ones: 'subset.rules=[\"...\"]'.",
    ),
    (["subset=patterns", "subset.rules=[head]"], "subset.rules: 'head' must be PATTERN=train, PATTERN=freeze or PATTERN=SHARE"),
    (["subset=patterns", 'subset.rules=["*=1.5"]'], "subset.rules: '*=1.5' must be PATTERN=train, PATTERN=freeze or"),
    (["subset=combination", "subset.of=[]"], "subset.of needs one policy or more, such as subset.of=[first,last]"),
    (
        ["subset=combination", 'subset.of=["fraction(frozen=zero)"]'],
        "in 'fraction(frozen=zero)': frozen=zero does nothing there. Use subset.frozen=zero.",
    ),
    (
        ["subset=combination", 'subset.of=["last(statistics=batch)"]'],
        "in 'last(statistics=batch)': statistics=batch does nothing there. Use subset.statistics=batch.",
    ),
    (
        ["subset=combination", "subset.of=none", "solver=sgd"],
        "subset=combination with these switches trains nothing. Use subset=none to score the network as drawn.",
    ),
    (["data.val_share=0"], "solver=ridge chooses on validation rows, but data.val_share=0 keeps none."),
    (["twin=ridge"], "twin=ridge cannot train a whole network. Use twin=sgd or twin=adam."),
    (["arch.width=1,2"], "'arch.width=1,2' does not describe one run."),
    (["nonsense"], "'nonsense' is not a word like arch=vgg or arch.width=16."),
    (["~arch"], "'~arch' does not describe one run."),
    (
        ["init=delta_orthogonal", "arch=torchvision", "arch.name=resnet50"],
        "init=delta_orthogonal needs convolutions with no fewer outputs than inputs and with kernels of odd side; "
        "not so: 'layer1_1.layer1.1.conv1.weight' (64 outputs, 256 inputs), ",
    ),
    (["arch=lenet"], "arch=lenet needs images of 12x12 or more, but they are 8x8. Use data.resize=12."),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_a_word_that_means_nothing_is_refused(words, message):
    with pytest.raises(ConfigError) as caught:
        RunSpec.from_mapping(compose(words))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_words_that_list_values_make_all_combinations_in_hydra_s_own_grammar():
    assert combinations([]) == [[]]
    assert combinations(["conf=elm", "init=he,glorot", "arch.depth=range(1,6,2)"]) == [
        ["conf=elm", f"init={law}", f"arch.depth={depth}"] for law in ("he", "glorot") for depth in (1, 3, 5)
    ]
    assert combinations(["arch.widths=[8,8],[16,4]"]) == [["arch.widths=[8,8]"], ["arch.widths=[16,4]"]]
    assert combinations(["data.path='a,b'", "arch.width=choice(4)"]) == [["data.path='a,b'", "arch.width=4"]]
    assert combinations(["init=glob(*,exclude=[o*])"]) == [[f"init={name}"] for name in choices("init") if name[0] != "o"]


@pytest.mark.parametrize("words", [["init=he,glorot", "arch.depth=11,13"], ["conf=elm,vgg_random"]])
def test_every_combination_composes(words):
    keys = [RunSpec.from_mapping(compose(each)).key for each in combinations(words)]
    assert len(set(keys)) == len(keys) == 2 ** len(words)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "init.gain=interval(0,1)",
            "'init.gain=interval(0,1)' has no list of values. Use init.gain=range(START,STOP,STEP) or init.gain=A,B.",
        ),
        ("init=glob(x*)", "'init=glob(x*)' matches no part. glob() is for conf and the families, as in init=glob(*)."),
        (
            "arch.width=glob(*)",
            "'arch.width=glob(*)' matches no part. glob() is for conf and the families, as in init=glob(*).",
        ),
        ("nonsense", "'nonsense' is not a word like arch=vgg or arch.width=16."),
        ("seeds.weights=range(3,3)", "'seeds.weights=range(3,3)' lists no value. List 1 to 100,000."),
        (
            "seeds.weights=range(0,10000000000)",
            "'seeds.weights=range(0,10000000000)' lists more than 100,000 values. List 1 to 100,000.",
        ),
    ],
)
def test_a_word_without_a_list_of_values_is_refused(word, message):
    with pytest.raises(ConfigError) as caught:
        combinations([word])
    assert str(caught.value) == message


def test_more_combinations_than_one_command_takes_are_counted_and_refused():
    with pytest.raises(ConfigError) as caught:
        combinations(["arch.width=range(1,101)", "solver.penalty=range(0,100)", "seeds.weights=range(0,100)"])
    assert str(caught.value) == "these words make 1,000,000 combinations, and 100,000 is the most. List fewer values."


@pytest.mark.parametrize(
    "words",
    [
        [
            "conf=elm,vgg_random",
            "seeds.weights=range(0,2)",
            "solver.penalty=0.1,[1,2]",
            "+twin=sgd",
            "twin.epochs=2,3",
        ],
        ["arch=mlp", "arch.widths=[8,8],null", "init=he,uniform", "++data.n_train=100,null", "precision=float64,mixed"],
        ["data=npz", "data.path='a,b',\"c d\",e", "arch.width=choice(4,8)", "solver.choose=validation,leave_one_out"],
        ["twin=null,adam", "subset=fraction", "subset.fraction=0.1,0.2", "solver=sgd,adam", "solver.lr=1e-2,1"],
    ],
)
def test_putting_values_in_place_gives_what_hydra_composes(words, monkeypatch):
    """Hydra composes every third: every pair of values is in one of them."""
    count = []
    hydra = config._composed
    monkeypatch.setattr(config, "_composed", lambda words: count.append(words) or hydra(words))
    found = list(mappings(words))
    assert [choice for choice, _ in found] == combinations(words)
    assert len(count) < len(found)
    assert [mapping for _, mapping in found[::3]] == [compose(choice) for choice in combinations(words)[::3]]


def test_a_conf_that_refers_to_other_values_is_composed_every_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/mine.yaml").write_text("defaults: [elm, _self_]\nseeds: {order: '${seeds.weights}'}\n")
    found = [mapping["seeds"]["order"] for _, mapping in mappings(["conf=mine", "seeds.weights=3,5"])]
    assert found == [3, 5]


def test_a_recipe_may_list_cases(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    lines = (
        "  - subset=last solver.penalty=1,2\n  - [subset=all, solver=adam]\n  - {init: he, arch.widths: [8, 4], twin: null}\n"
    )
    (tmp_path / "conf/mine.yaml").write_text(f"defaults: [elm, _self_]\nsweep:\n{lines}")
    words = combinations(["conf=mine", "init=uniform,glorot"])
    assert words[:4] == [
        ["subset=last", "solver.penalty=1", "conf=mine", "init=uniform"],
        ["subset=last", "solver.penalty=2", "conf=mine", "init=uniform"],
        ["subset=all", "solver=adam", "conf=mine", "init=uniform"],
        ["init=he", "arch.widths=[8, 4]", "twin=null", "conf=mine", "init=uniform"],
    ]
    assert len(words) == 8
    found = [mapping for _, mapping in mappings(["conf=mine", "init=uniform,glorot"])]
    assert [mapping["init"]["part"] for mapping in found] == 4 * ["uniform"] + 4 * ["glorot"]
    assert found[3]["arch"]["widths"] == [8, 4]
    with pytest.raises(ConfigError, match="conf=mine lists several runs"):
        compose(["conf=mine"])


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("{}", "conf=mine: sweep={} is no list of cases."),
        ("[]", "conf=mine: sweep=[] is no list of cases."),
        ("[subset]", "conf=mine: 'subset' is no case of a sweep."),
        ("[3]", "conf=mine: 3 is no case of a sweep."),
        ("[conf=elm]", "conf=mine: 'conf=elm' names a recipe in a case of a sweep."),
    ],
)
def test_cases_that_are_no_words_are_refused(tmp_path, monkeypatch, sweep, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/mine.yaml").write_text(f"defaults: [elm, _self_]\nsweep: {sweep}\n")
    with pytest.raises(ConfigError) as caught:
        combinations(["conf=mine"])
    assert str(caught.value).startswith(message)


def test_an_architecture_that_takes_no_images_comes_with_built_in_data_unless_others_are_named():
    found = {arch: compose([f"arch={arch}"])["data"]["part"] for arch in choices("arch")}
    assert {arch: data for arch, data in found.items() if data != "digits"} == DATA_OF
    assert compose(["arch=lstm", "data=copy"])["data"]["part"] == "copy"
    assert compose(["conf=elm", "arch=lstm"])["data"]["part"] == compose(["conf=elm"])["data"]["part"]
    assert set(DATA_OF) == {name for name, row in ZOO.items() if not set(row.tasks) & set(IMAGES)}
