"""Who does a sweep, by its flags: this process, processes of this machine, or a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from randfeat.cli.options import device_of
from randfeat.errors import ConfigError

if TYPE_CHECKING:
    from randfeat.crew import AbstractCrew
    from randfeat.store import Store


@dataclass(frozen=True)
class Asked:
    """The flags of ``randfeat sweep`` that do not change a number, as they were typed.

    Raises:
        ConfigError: they contradict each other, or ask for what is not there.
    """

    workers: int | None
    per_gpu: int
    ray: str | None
    cpus: int | None
    gpus: float | None
    device: str
    threads: int | None
    seconds: float
    stack: str

    @property
    def stacks(self) -> bool:
        """Whether runs train together; by default on GPUs."""
        size = self._size
        return size != 1 if size is not None else self._on_gpus

    def crew(self, folder: Path, store: Store) -> AbstractCrew:
        """The crew; on a Ray cluster it is joined now."""
        if self.ray is not None:
            return self._on_ray(self.ray, folder, store)
        if self.cpus or self.gpus is not None:
            raise ConfigError("--cpus and --gpus are for workers on Ray. Use --threads and --per-gpu, or --ray local.")
        if self.workers is None and self.per_gpu > 1:
            raise ConfigError(f"--per-gpu {self.per_gpu} is for workers. Use it with --workers N.")
        return self._here(folder, store) if self.workers is None else self._in_processes(self.workers, folder, store)

    def _here(self, folder: Path, store: Store) -> AbstractCrew:
        import torch

        from randfeat.crew import Here
        from randfeat.sweep import recalling
        from randfeat.work import Worker

        if self.threads is not None:
            torch.set_num_threads(self.threads)
        return Here(Worker(device_of(self.device), folder, recalling(store, folder), self.seconds, stack=self._size))

    def _in_processes(self, workers: int, folder: Path, store: Store) -> AbstractCrew:
        import torch

        from randfeat.processes import Place, Processes

        devices = self._devices(workers)
        share = max(1, (self.threads or torch.get_num_threads()) // workers)
        sharers = self.per_gpu if devices[0] != "cpu" else workers
        return Processes([Place(each, share, sharers, folder, store.folder, self.seconds, self._size) for each in devices])

    def _on_ray(self, address: str, folder: Path, store: Store) -> AbstractCrew:
        from randfeat.cluster import Cluster
        from randfeat.node import Folders

        gpus, size = self._gpus_on_ray(), self._size
        if self.threads is not None and address != "local":
            raise ConfigError(
                f"--threads {self.threads} is for workers on this machine. With --ray {address} use --cpus, for each."
            )
        folders = Folders(folder.absolute(), store.folder.absolute())
        return Cluster(address, self.cpus or 1, gpus, self.threads, folders, self.seconds, size)

    @property
    def _size(self) -> int | None:
        """How many runs train together; None where memory says."""
        if self.stack == "auto":
            return None
        if not self.stack.isdecimal() or int(self.stack) < 1:
            raise ConfigError(f"--stack {self.stack} is neither auto nor a number of runs such as 8.")
        return int(self.stack)

    @property
    def _on_gpus(self) -> bool:
        return bool(self.gpus) or self.device == "cuda" if self.ray is not None else device_of(self.device).type == "cuda"

    def _gpus_on_ray(self) -> float | None:
        """What share of a GPU a worker asks Ray for; None leaves it to what the cluster has."""
        device, gpus = self.device, self.gpus
        if self.workers is not None:
            raise ConfigError(
                "--workers and --ray are two ways of running. Use one of them; --cpus says how many workers fit Ray."
            )
        if self.per_gpu > 1:
            raise ConfigError(f"--per-gpu is for --workers. With --ray use --gpus {1 / self.per_gpu:.3g}.")
        if device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"--device {device} cannot be asked of Ray, which picks the GPU. Use --device auto, cpu or cuda.")
        if (device == "cpu" and gpus) or (device == "cuda" and gpus == 0):
            raise ConfigError(f"--device {device} contradicts --gpus {gpus:g}. Leave one of them out.")
        return gpus if device == "auto" else {"cpu": 0.0, "cuda": gpus or 1.0}[device]

    def _devices(self, workers: int) -> list[str]:
        """A device for each worker."""
        where = device_of(self.device)
        if where.type != "cuda":
            return [str(where)] * workers
        import torch

        gpus = [str(where)] if where.index is not None else [f"cuda:{k}" for k in range(torch.cuda.device_count())]
        if workers > self.per_gpu * len(gpus):
            raise ConfigError(
                f"--workers {workers} is more than {len(gpus)} GPU{'s' * (len(gpus) > 1)} at {self.per_gpu} each. "
                f"Use --per-gpu {-(-workers // len(gpus))}, or --workers {self.per_gpu * len(gpus)}."
            )
        return [gpus[k % len(gpus)] for k in range(workers)]
