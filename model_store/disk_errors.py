"""What the system's errors mean, in words that hold no path and may go to a caller over HTTP."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from model_store.errors import StorageError

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than is allowed there",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not do that there",
    errno.EPERM: "this user may not do that there, or the file system has no hard links",
    errno.EOPNOTSUPP: "the file system has no hard links",
    errno.ENOENT: "a folder on the way there does not exist",
    errno.ENOTDIR: "something on the way there is not a folder",
    errno.ELOOP: "it is a symbolic link, which is not followed",
    errno.EINVAL: "it is not a plain file",
    errno.EIO: "the disk failed",
}


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Turns the system's errors into one sentence without a path: `what`, then the reason.

    A FileExistsError is let through: that a name is taken is no failure of the disk.
    """
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise StorageError(f"{what}: {reason_of(error)}.") from error


def reason_of(error: OSError) -> str:
    """What the system's error means, without a path."""
    code = error.errno or errno.EIO
    return _REASONS.get(code) or os.strerror(code).lower()
