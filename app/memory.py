"""Memory that the arithmetic frees is kept for the next batch, up to a limit."""

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from malloc.h

# Larger than an intermediate of one chunk and smaller than the tensors of a large request, which
# go back to the system as soon as they are freed.
LARGEST_KEPT_BYTES = 2**22
KEPT_BYTES = 2**24


def keep_freed_memory() -> None:
    """Let malloc keep what chunks of rows need one after another.

    By default it returns an array of a mebibyte when it is freed and asks for it again at once, and
    the system clears each page of it: for 256 rows of 784 pixels that takes as long as the model.
    Only glibc's is told, which is nearly every server's.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
    libc.mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
