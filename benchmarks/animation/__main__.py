"""`make bench-animation`: how well the face follows, in tables.

Each module of `MODULES` has `tables() -> Iterator[Table]`; a table is printed as soon as it is measured. Arguments, if
any, are the modules wanted.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from rich.console import Console

MODULES = ("lip_sync", "streams", "latency")
_WIDTH = 150


def main(wanted: Sequence[str]) -> None:
    """Measures and prints.

    Raises:
        SystemExit: An unknown module.
    """
    unknown = [name for name in wanted if name not in MODULES]
    if unknown:
        raise SystemExit(f"no such table: {', '.join(unknown)}; there are {', '.join(MODULES)}")
    console = Console(width=_WIDTH)
    for name in wanted or MODULES:
        module = importlib.import_module(f"benchmarks.animation.{name}")
        for table in module.tables():
            console.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
