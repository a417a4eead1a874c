"""Freed memory is kept for the next step, unless the user says otherwise."""

import platform
import subprocess
import sys

import pytest

from experiments import allocation

# Each round takes 64 MiB from the C library, writes to every page and frees them.
PROGRAM = """
import ctypes, resource, sys
from experiments import allocation
assert sys.argv[1] == 'default' or allocation.keep({})
library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = [ctypes.c_void_p]
for done in range(9):
    if done == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = library.malloc(ctypes.c_size_t(64 << 20))
    ctypes.memset(block, 1, 64 << 20)
    library.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(name, root):
    """Returns the page faults of eight rounds after the first."""
    command = [sys.executable, '-c', PROGRAM, name]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs the GNU C library')
def test_pages_are_cleared_once(root):
    assert faults('kept', root) < 100 < faults('default', root)


@pytest.mark.parametrize('name', ['MALLOC_ARENA_MAX', 'GLIBC_TUNABLES'])
def test_the_user_wins(name):
    assert not allocation.keep({name: '1'})
