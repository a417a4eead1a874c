"""How the C library of a CPU job handles freed memory, set by the launcher.

XLA takes the buffers of a step anew each time it runs. As a rule the GNU C library
hands such large blocks back to the kernel when they are freed, which then clears every
page again at its first use: 18 % of the processor time of an ESC-10 FixMatch step, 3 %
with what stands here. Resident memory then stays at the largest need so far.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

# Of malloc.h: one arena (the others are always cut off at 64 MiB), its end returned
# only above 2 GiB, and no block with a mapping of its own.
_SETTINGS = {
    'M_ARENA_MAX': (-8, 1),
    'M_TRIM_THRESHOLD': (-1, 2**31 - 1),
    'M_MMAP_MAX': (-4, 0),
}


def keep(environ: Mapping[str, str] = os.environ) -> bool:
    """Lets this process keep the memory that it frees, for the next step to use.

    Args:
      environ: with any ``MALLOC_...`` or ``GLIBC_TUNABLES`` of the user's own in it,
        nothing is changed.

    Returns:
      Whether it does now; False too where the C library is another.
    """
    if any(name.startswith(('MALLOC_', 'GLIBC_TUNABLES')) for name in environ):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - musl and others lack it
        return all(library.mallopt(*pair) == 1 for pair in _SETTINGS.values())
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no CDLL(None)
        return False
