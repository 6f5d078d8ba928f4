"""Event files for TensorBoard, beside the records."""

from __future__ import annotations

from collections.abc import Callable

from randfeat.errors import ConfigError, ResultsError
from randfeat.record import Record
from randfeat.store import Store

Write = Callable[[Record, list[dict[str, float]]], None]


def event_writer(log: str | None, store: Store) -> Write:
    """What writes a run's curve and metrics to ``tensorboard/<key>/``; nothing where no log is asked for."""
    if log is None:
        return lambda record, curve: None
    if log != "tensorboard":
        raise ConfigError(f"--log {log} is unknown. Use --log tensorboard.")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "--log tensorboard needs TensorBoard. Install it with: pip install 'randfeat[tensorboard]'."
        ) from None

    def write(record: Record, curve: list[dict[str, float]]) -> None:
        folder = store.tensorboard(record.key)
        try:
            with SummaryWriter(str(folder)) as writer:
                for row in curve:
                    for name, value in row.items():
                        writer.add_scalar(f"curve/{name}", value, int(row["epoch"]))
                for name, value in record.metrics.items():
                    writer.add_scalar(f"final/{name}", value, len(curve))
        except OSError as error:
            raise ResultsError(f"{folder} cannot be written: {(error.strerror or str(error)).lower()}.") from error

    return write
