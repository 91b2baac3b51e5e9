"""A process of its own, where nothing else takes or frees memory; prints its usage as JSON.

Before it maps the file that it is given, with that in memory, and with as much of its own.
"""

import json
import os
import sys
from dataclasses import asdict
from mmap import ACCESS_READ, mmap
from pathlib import Path

from loadtest.soak.memory import usage_of

if __name__ == "__main__":
    before = usage_of(os.getpid())
    with (
        Path(sys.argv[1]).open("rb") as opened,
        mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped,
    ):
        assert mapped.find(b"x") == -1  # which reads every page
        with_file = usage_of(os.getpid())
        with mmap(-1, len(mapped)) as own:
            own.write(bytes(len(mapped)))
            with_own = usage_of(os.getpid())
    print(json.dumps([asdict(usage) for usage in (before, with_file, with_own)]))
