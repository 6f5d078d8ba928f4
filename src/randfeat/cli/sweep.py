"""``randfeat sweep``: all combinations of what the words list, each run once, whatever happens in between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from randfeat.cli.options import RESULTS, DataDir, Device, Results, Words, device_of
from randfeat.errors import ConfigError

if TYPE_CHECKING:
    from randfeat.crew import AbstractCrew
    from randfeat.store import Store


def sweep(
    words: Words = None,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with so many seeds of weights, subset and order.")] = 1,
    twin: Annotated[bool, typer.Option(help="Train the fully trained twins too, each once.")] = True,
    force: Annotated[bool, typer.Option(help="Run again what is on record.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many processes.", show_default="this one")] = None,
    per_gpu: Annotated[int, typer.Option(min=1, metavar="K", help="So many workers share a GPU.")] = 1,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="A Ray cluster: local, auto, HOST:PORT, ray://...")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Of a worker on Ray.", show_default="1")] = None,
    gpus: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of one, of a worker on Ray.", show_default="1 if any")
    ] = None,
    checkpoint: Annotated[float, typer.Option(min=0, metavar="S", help="Seconds between two saved states of a fit.")] = 120,
    results: Results = RESULTS,
    data_dir: DataDir = None,
    device: Device = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads, of all workers.", show_default="all")] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="The table alone.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Facts about every run.")] = False,
) -> None:
    """Run every combination of what the words list, and print one table. What is on record is not run again.

    Lists are written as in Hydra: init=he,glorot 'seeds.weights=range(0,10)' solver.penalty=1,10. A recipe may list cases.
    Exit code 3 if a run failed.
    """
    import torch
    from rich.console import Console

    from randfeat.cli.outcome import print_table
    from randfeat.cli.progress import Reporter
    from randfeat.places import data_folder
    from randfeat.plan import specs_of, with_twins
    from randfeat.store import Store
    from randfeat.sweep import carry_out

    store, folder = Store(results), data_folder(data_dir)
    specs = specs_of(words or [], seeds)
    if ray is None and (cpus or gpus is not None):
        raise ConfigError("--cpus and --gpus are for workers on Ray. Use --threads and --per-gpu, or --ray local.")
    if ray is not None:
        gpus = _gpus_on_ray(workers, per_gpu, device, gpus)
        crew = _cluster(ray, cpus or 1, gpus, threads, folder, store, checkpoint)
    else:
        crew = _crew(workers, per_gpu, device, threads or torch.get_num_threads(), folder, store, checkpoint)
    with Reporter(Console(stderr=True), quiet=quiet, verbose=verbose, then=lambda record, curve: None) as view:
        records = carry_out(with_twins(specs) if twin else specs, store, crew, force=force, view=view)
    for problem in store.problems:
        print(f"note: {problem}", file=sys.stderr)
    print_table([records[spec.key] for spec in specs], [records.get(spec.twin.key) for spec in specs], True)
    if any(record.status != "ok" for record in records.values()):
        raise typer.Exit(3)


def _crew(
    workers: int | None, per_gpu: int, device: str, threads: int, folder: Path, store: Store, seconds: float
) -> AbstractCrew:
    import torch

    from randfeat.crew import Here
    from randfeat.processes import Place, Processes
    from randfeat.sweep import recalling
    from randfeat.work import Worker

    if workers is None:
        torch.set_num_threads(threads)
        return Here(Worker(device_of(device), folder, recalling(store, folder), seconds))
    devices = _devices(workers, per_gpu, device)
    share = max(1, threads // workers)
    sharers = per_gpu if devices[0] != "cpu" else workers
    return Processes([Place(each, share, sharers, folder, store.folder, seconds) for each in devices])


def _cluster(
    address: str, cpus: int, gpus: float | None, threads: int | None, folder: Path, store: Store, seconds: float
) -> AbstractCrew:
    from randfeat.cluster import Cluster
    from randfeat.node import Folders

    if threads is not None and address != "local":
        raise ConfigError(f"--threads {threads} is for workers on this machine. With --ray {address} use --cpus, for each.")
    return Cluster(address, cpus, gpus, threads, Folders(folder.absolute(), store.folder.absolute()), seconds)


def _gpus_on_ray(workers: int | None, per_gpu: int, device: str, gpus: float | None) -> float | None:
    """What share of a GPU a worker asks Ray for; None leaves it to what the cluster has."""
    if workers is not None:
        raise ConfigError("--workers and --ray are two ways of running. Use one of them; --cpus says how many workers fit Ray.")
    if per_gpu > 1:
        raise ConfigError(f"--per-gpu is for --workers. With --ray use --gpus {1 / per_gpu:.3g}.")
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {device} cannot be asked of Ray, which picks the GPU. Use --device auto, cpu or cuda.")
    if (device == "cpu" and gpus) or (device == "cuda" and gpus == 0):
        raise ConfigError(f"--device {device} contradicts --gpus {gpus:g}. Leave one of them out.")
    return gpus if device == "auto" else {"cpu": 0.0, "cuda": gpus or 1.0}[device]


def _devices(workers: int, per_gpu: int, device: str) -> list[str]:
    """A device for each worker."""
    where = device_of(device)
    if where.type != "cuda":
        return [str(where)] * workers
    import torch

    gpus = [str(where)] if where.index is not None else [f"cuda:{k}" for k in range(torch.cuda.device_count())]
    if workers > per_gpu * len(gpus):
        need = -(-workers // len(gpus))
        raise ConfigError(
            f"--workers {workers} is more than {len(gpus)} GPU{'s' * (len(gpus) > 1)} at {per_gpu} each. "
            f"Use --per-gpu {need}, or --workers {per_gpu * len(gpus)}."
        )
    return [gpus[k % len(gpus)] for k in range(workers)]
