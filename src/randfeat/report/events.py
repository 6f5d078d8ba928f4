"""Event files for TensorBoard, beside the records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from randfeat.errors import ConfigError
from randfeat.store import Store

if TYPE_CHECKING:
    from randfeat.run import Run


def event_writer(log: str | None, store: Store) -> Callable[[Run], None]:
    """What writes a finished run's curve and metrics to ``tensorboard/<key>/``; nothing where no log is asked for."""
    if log is None:
        return lambda run: None
    if log != "tensorboard":
        raise ConfigError(f"--log {log} is unknown. Use --log tensorboard.")
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise ConfigError(
            "--log tensorboard needs TensorBoard. Install it with: pip install 'randfeat[tensorboard]'."
        ) from None

    def write(run: Run) -> None:
        with SummaryWriter(str(store.tensorboard(run.record.key))) as writer:
            for row in run.curve:
                for name, value in row.items():
                    writer.add_scalar(f"curve/{name}", value, int(row["epoch"]))
            for name, value in run.record.metrics.items():
                writer.add_scalar(f"final/{name}", value, len(run.curve))

    return write
