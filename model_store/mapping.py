"""A file's content as memory shared between processes."""

import errno
import os
import stat
from mmap import ACCESS_COPY, mmap
from pathlib import Path

_CHUNK_BYTES = 2**20


def map_file(path: Path) -> mmap | bytes:
    """A file's content as memory that is shared with every process that reads it.

    Raises:
        FileNotFoundError: not there.
        OSError: not a plain file, or the disk failed.
    """
    # A symbolic link is not followed, and a pipe does not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if status.st_size == 0:
            return b""
        _read_through(descriptor)
        return mmap(descriptor, status.st_size, access=ACCESS_COPY)
    finally:
        os.close(descriptor)


def _read_through(descriptor: int) -> None:
    """Reads the file once: a bad sector is an error here, in a mapping it kills the process."""
    buffer = bytearray(_CHUNK_BYTES)
    while os.readv(descriptor, [buffer]):
        pass
