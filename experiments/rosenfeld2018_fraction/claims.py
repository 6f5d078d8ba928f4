"""Accuracy when a share of the filters trains, and what the others are worth. Limits were set before the runs."""

import math

import pandas as pd

from randfeat.study import Claim, Table, Verdict, cells, within

SOURCE = "Rosenfeld and Tsotsos 2018, the authors' notebooks"
LAST, BEST = "test/accuracy", "test/best_accuracy"
MEANS = {LAST: "last %", BEST: "best epoch %", f"twin {LAST}": "all, last %", f"twin {BEST}": "all, best epoch %"}
FACTS = {"trained_params": "trained", "share": "share %"}
PUBLISHED = {
    "wrn": {
        "all": {"none": 96.10},
        "70 %": {"random": 95.90, "zero": 95.98},
        "40 %": {"random": 95.75, "zero": 95.49},
        "10 %": {"random": 94.12, "zero": 91.53},
        "7 %": {"random": 92.86, "zero": 89.18},
        "5 filters": {"random": 84.43, "zero": 66.47},
        "1 filter": {"random": 69.17, "zero": 23.35},
    },
    "densenet": {
        "all": {"none": 95.35},
        "40 %": {"random": 93.33, "zero": 92.46},
        "10 %": {"random": 88.73, "zero": 82.11},
        "1 filter": {"random": 85.48, "zero": 54.84},
    },
    "vgg": {
        "all": {"none": 92.85},
        "40 %": {"random": 91.50, "zero": 91.20},
        "10 %": {"random": 87.59, "zero": 82.79},
        "1 filter": {"random": 70.35, "zero": 21.72},
    },
    "alexnet": {
        "all": {"none": 72.80},
        "40 %": {"random": 71.83, "zero": 51.99},
        "10 %": {"random": 63.3, "zero": 10.0},
        "1 filter": {"random": 46.62, "zero": 10.0},
    },
}
HUNDRED = {"all": {"none": 81.57}, "10 %": {"random": 73.2, "zero": 64.1}, "1 filter": {"random": 34.85, "zero": 3.43}}
DIGITISED = {("cifar10", "alexnet", "10 %", "random"), ("cifar100", "wrn", "10 %", "random")}
NORM = {"train": {"7 %": 71.5, "10 %": 68.8, "1 filter": 49.9}, "freeze": {"7 %": 48.4, "10 %": 55.4, "1 filter": 25.9}}
BLOCK = {"stem": 64.76, "block1": 73.02, "block2": 76.32, "block3": 76.33, "head": 68.63}
PARAMETERS = [
    ("WRN-28-10 (paper)", "all", 36_479_194, 96.10),
    ("WRN-28-10 (paper)", "10 %", 3_669_829, 94.12),
    ("WRN-28-10 (paper)", "7 %", 2_530_629, 92.86),
    ("WRN-28-10 (paper)", "1 filter", 99_909, 69.17),
    ("DenseNet-BC-100-12 (paper)", "all", 769_162, 95.35),
    ("DenseNet-BC-100-12 (paper)", "10 %", 90_196, 88.73),
    ("DenseNet-BC-100-12 (paper)", "1 filter", 57_529, 85.48),
]
NAMES = {"wrn": "WRN", "densenet": "DenseNet", "vgg": "VGG", "alexnet": "AlexNet"}


def network(row):
    """``WRN-10-1``, ``DenseNet-BC-10-12``, ``VGG-11 of width 16``, ``AlexNet of width 16``."""
    if row["arch"] == "alexnet":
        return f"AlexNet of width {row['arch.width']:.0f}"
    if row["arch"] == "vgg":
        return f"VGG-{row['arch.depth']:.0f} of width {row['arch.width']:.0f}"
    if row["arch"] == "densenet":
        return f"DenseNet-BC-{row['arch.depth']:.0f}-{row['arch.growth']:.0f}"
    return f"WRN-{row['arch.depth']:.0f}-{row['arch.widen']:.0f}"


def filters(row):
    """``all``, a share ``10 %``, or a number ``1 filter``."""
    if row["subset"] == "all":
        return "all"
    count = pd.to_numeric(row.get("subset.count", math.nan), errors="coerce")
    if math.isnan(count):
        return f"{100 * row.get('subset.fraction', math.nan):.0f} %"
    return f"{count:.0f} filter{'s' if count > 1 else ''}"


def fraction(label):
    """``10 %`` as 0.1, all as 1; a number of filters is no one share of layers of many widths."""
    return 1.0 if label == "all" else float(label[:-2]) / 100 if label.endswith("%") else math.nan


def labelled(rows):
    """The rows with the labels of their cells, and the share of the parameters that trains, in per cent."""
    return rows.assign(
        network=rows.apply(network, axis=1),
        filters=rows.apply(filters, axis=1),
        other=rows["subset.frozen"].fillna("none") if "subset.frozen" in rows else "none",
        share=100 * rows["trained_params"] / rows["params"] if "params" in rows else math.nan,
    )


def cell(rows, **labels):
    """Best-epoch accuracy of the runs with these labels, by seed."""
    for name, label in labels.items():
        rows = rows[rows[name] == label]
    return rows.set_index("seeds.weights")[BEST] if BEST in rows else pd.Series(dtype=float)


def difference(first, second):
    """First less second for the seeds that both have."""
    return (first - second).dropna()


def published(row):
    """The paper's best epoch of a cell of the arms fraction and hundred."""
    of = HUNDRED if row["data"] == "cifar100" else PUBLISHED[row["arch"]]
    return of.get(row["filters"], {}).get(row["other"])


def fractions(*archs):
    """A line per network, filters that train, and what the others are."""

    def table(rows):
        own = labelled(rows[rows["arch"].isin(archs)])
        by = {"data": "data", "arch": "arch", "network": "network", "filters": "filters", "other": "other rows"}
        made = cells(own, by, MEANS, FACTS, published)
        if not len(made):
            return made
        read = [
            "digitised" if cell_of in DIGITISED else "notebook"
            for cell_of in zip(made["data"], made["arch"], made["filters"], made["other rows"], strict=True)
        ]
        made = made.drop(columns=["data", "arch"]).assign(source=read)
        made.insert(2, "fraction", made["filters"].map(fraction))
        return whole_numbers(made[[*(name for name in made if name not in ("n", "words")), "n", "words"]])

    return table


def parameters(rows):
    """A line per network and number of trained parameters, where the other rows are random; then the paper's."""
    own = labelled(rows)
    own = own[own["other"] != "zero"]
    ours = cells(own, {"network": "network", "filters": "filters"}, {BEST: "best epoch %", LAST: "last %"}, FACTS)
    if not len(ours):
        return ours
    paper = [dict(zip(("network", "filters", "trained", "best epoch %"), line, strict=True)) for line in PARAMETERS]
    made = pd.concat([ours, pd.DataFrame(paper)], ignore_index=True)
    whole = made.groupby("network")["trained"].transform("max")
    made["share %"] = made["share %"].fillna(100 * made["trained"] / whole)
    return whole_numbers(made.assign(words=made["words"].fillna("-")))


def whole_numbers(made):
    """The table with trained parameters as whole numbers."""
    return made.assign(trained=made["trained"].round().astype(int)) if "trained" in made else made


def norms(rows):
    """A line per number of filters, with gains and shifts of norm layers learned or as drawn."""
    by = {"network": "network", "filters": "filters", "subset.norm": "norm"}
    return whole_numbers(cells(labelled(rows), by, MEANS, FACTS, lambda row: NORM[row["subset.norm"]][row["filters"]]))


def blocks(rows):
    """A line per block that trains alone, with gains and shifts of norm layers learned everywhere or as drawn."""
    named = labelled(rows)
    named = named.assign(block=named["subset.block"].fillna("head"))
    by = {"network": "network", "block": "trains", "subset.norm": "norm everywhere"}
    theirs = {(name, "train"): accuracy for name, accuracy in BLOCK.items()}
    return whole_numbers(cells(named, by, MEANS, FACTS, lambda row: theirs.get((row["block"], row["subset.norm"]))))


def heads(rows):
    """The line of the head alone with the norm layers, in a DenseNet."""
    return whole_numbers(cells(labelled(rows), {"network": "network"}, MEANS, FACTS, lambda row: BLOCK["head"]))


def gap(rows, arch):
    """Everything trained less a tenth of the filters, the others random."""
    own = labelled(rows[rows["arch"] == arch])
    return difference(cell(own, filters="all"), cell(own, filters="10 %", other="random"))


def gain(rows, arch, label):
    """Random less zeroed rows."""
    own = labelled(rows[rows["arch"] == arch])
    return difference(cell(own, filters=label, other="random"), cell(own, filters=label, other="zero"))


def steps(rows):
    """The finding of the worst step of a wide residual net up in fractions, or from one filter to five."""
    own = labelled(rows[rows["arch"] == "wrn"])
    ladder = [("7 %", "10 %"), ("10 %", "40 %"), ("40 %", "70 %"), ("70 %", "all"), ("1 filter", "5 filters")]
    random = own[own["other"] != "zero"]
    found = [within(difference(cell(random, filters=high), cell(random, filters=low)), low=-1) for low, high in ladder]
    return worst(found)


def worst(found):
    """Of several findings the one that fails, else one that is undecided; of equals that with the lowest end."""
    order = [Verdict.FAILS, Verdict.UNDECIDED, Verdict.HOLDS]
    return min(found, key=lambda each: (order.index(each.verdict), math.inf if math.isnan(each.low) else each.low))


def learned(rows, label):
    """Norm layers learned less as drawn."""
    own = labelled(rows)
    return difference(*(cell(own[own["subset.norm"] == norm], filters=label) for norm in ("train", "freeze")))


def middle(rows):
    """The second block alone less the first layer alone, norm layers learned everywhere."""
    own = rows[rows["subset.norm"] == "train"]
    return within(difference(*(cell(own, **{"subset.block": name}) for name in ("block2", "stem"))), low=3)


def worth(arch, label):
    """The claim that random rows beat zeroed ones."""
    theirs = PUBLISHED[arch][label]
    digitised = ", digitised" if ("cifar10", arch, label, "random") in DIGITISED else ""
    what = f"{label} of the filters" if label.endswith("%") else f"{label} per layer"
    return Claim(
        name=f"{NAMES[arch]}, {what}: the others are worth more random than zero",
        rule="random less zero, best epoch, is above 0",
        source=SOURCE,
        published=f"{theirs['random'] - theirs['zero']:+.2f}{digitised}",
        check=lambda rows: within(gain(rows, arch, label), low=0),
        arm="fraction",
    )


TABLES = [
    Table("Fractions: residual and dense networks", fractions("wrn", "densenet"), "fraction"),
    Table("Fractions: chains", fractions("vgg", "alexnet"), "fraction", "chains"),
    Table("Accuracy against trained parameters, other rows random", parameters, "fraction", "parameters"),
    Table("Norm layers learned or as drawn (published: WRN-28-4, 10 epochs, digitised)", norms, "norm", "norm"),
    Table("One block alone (published: the better of WRN-28-4 and DenseNet-BC, 10 epochs)", blocks, "block", "blocks"),
    Table("The head alone, norm layers learned (published: as above)", heads, "head", "head"),
    Table("CIFAR-100", fractions("wrn"), "hundred", "hundred"),
]

CLAIMS = [
    *(
        Claim(
            name=f"{NAMES[arch]}: a tenth of the filters costs little",
            rule="all less 10 %, best epoch, is at most 8 points (the limit for small networks)",
            source=SOURCE,
            published=f"{PUBLISHED[arch]['all']['none'] - PUBLISHED[arch]['10 %']['random']:.2f}",
            check=lambda rows, arch=arch: within(gap(rows, arch), high=8),
            arm="fraction",
        )
        for arch in ("wrn", "densenet", "vgg")
    ),
    *(worth("wrn", label) for label in ("40 %", "10 %", "7 %", "5 filters", "1 filter")),
    *(worth(arch, label) for arch in ("densenet", "vgg", "alexnet") for label in ("10 %", "1 filter")),
    Claim(
        name="WRN, 70 % of the filters: random and zero tie",
        rule="random less zero, best epoch, is within 0.5 points of 0",
        source=SOURCE,
        published="-0.08",
        check=lambda rows: within(gain(rows, "wrn", "70 %"), -0.5, 0.5),
        arm="fraction",
    ),
    Claim(
        name="WRN: more trained filters are no worse",
        rule="each step of 7, 10, 40, 70, 100 % and of 1, 5 filters, best epoch, is above -1 point; shown is the worst step",
        source=SOURCE,
        published="+0.15 the least",
        check=steps,
        arm="fraction",
    ),
    *(
        Claim(
            name=f"WRN, {label} of the filters: learned norm layers gain",
            rule="learned less as drawn, best epoch, is at least 3 points",
            source=SOURCE,
            published=f"{NORM['train'][label] - NORM['freeze'][label]:+.1f}, digitised",
            check=lambda rows, label=label: within(learned(rows, label), low=3),
            arm="norm",
        )
        for label in ("7 %", "10 %")
    ),
    Claim(
        name="WRN: the middle block alone goes further than the first layer alone",
        rule="block2 less stem, best epoch, norm layers learned everywhere, is at least 3 points",
        source=SOURCE,
        published="+11.56",
        check=middle,
        arm="block",
    ),
    Claim(
        name="DenseNet: the head and the norm layers alone go far",
        rule="best epoch of 10, all training rows, is at least 60 %; at the full size alone",
        source=SOURCE,
        published="68.63 (the better of DenseNet-BC and WRN-28-4)",
        check=lambda rows: within(rows[BEST], low=60),
        arm="head",
    ),
]
