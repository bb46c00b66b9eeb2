"""`make bench-animation`: how well the face follows, in tables.

Each module of `MODULES` has `tables() -> Iterator[Table]`; a table is printed as soon as it is measured. Arguments, if
any, are the modules wanted.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence

from rich.console import Console

MODULES = ("lip_sync", "streams", "latency", "emotion", "round_trip")
_WIDTH = 150


def main(wanted: Sequence[str]) -> None:
    """Measures and prints.

    Raises:
        SystemExit: An unknown module.
    """
    present = [name for name in MODULES if importlib.util.find_spec(f"benchmarks.animation.{name}")]
    unknown = [name for name in wanted if name not in present]
    if unknown:
        raise SystemExit(f"no such table: {', '.join(unknown)}; there are {', '.join(present)}")
    console = Console(width=_WIDTH)
    for name in wanted or present:
        module = importlib.import_module(f"benchmarks.animation.{name}")
        for table in module.tables():
            console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
