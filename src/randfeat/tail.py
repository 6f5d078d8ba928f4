"""What has been appended to the files of a results folder since someone last looked."""

from __future__ import annotations

from collections.abc import Iterator

from randfeat.errors import ResultsError
from randfeat.record import Record
from randfeat.store import Store


class Tail:
    """Looks at the end of a store's files. What is in them when it is made is not news."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read = {path: path.stat().st_size for path in store.files}

    def news(self) -> Iterator[Record]:
        """The records appended since the last call, by this process or another; a line that is not whole yet comes later."""
        for path in self._store.files:
            start = self._read.get(path, 0)
            with path.open("rb") as file:
                file.seek(start)
                text = file.read()
            whole = text.rfind(b"\n") + 1
            self._read[path] = start + whole
            for line in text[:whole].splitlines():
                try:
                    yield Record.from_line(line.decode(errors="replace"))
                except ResultsError:
                    continue
