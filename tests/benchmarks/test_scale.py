import subprocess
import sys
import time

import psutil
import pytest

from benchmarks.scale import memory_and_cpu

HELD = 2**26
FORKED = f"""
import os, time
held = b"x" * {HELD}
if os.fork():
    print("forked", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which pages are shared")
def test_what_a_fork_shares_with_its_parent_counts_once() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORKED], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"forked\n"
        time.sleep(0.1)
        memory, _ = memory_and_cpu(parent.pid)
        for child in (*psutil.Process(parent.pid).children(), parent):
            child.kill()
    assert HELD < memory < 1.6 * HELD
