"""What is freed and asked for again costs nothing."""

import subprocess
import sys

# Pages that the system hands out while four MiB are taken, written and freed a hundred times.
PROBE = """
import resource
from app.memory import LARGEST_KEPT_BYTES, keep_freed_memory
if {kept}:
    keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        blocks = [bytearray(LARGEST_KEPT_BYTES // 4) for _ in range(4)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""


def pages_asked_for(*, kept: bool) -> int:
    command = [sys.executable, "-c", PROBE.format(kept=kept)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_of_one_chunk_serves_the_next() -> None:
    assert pages_asked_for(kept=True) < 100 < pages_asked_for(kept=False)
