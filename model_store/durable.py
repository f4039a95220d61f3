"""Files that are whole or not there: temporary names, locks, exclusive claims and fsync.

A writer holds a lock on its temporary file for as long as the file has that name. Whoever can take
the lock therefore knows that the writer is dead and may remove the file.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from mmap import mmap
from pathlib import Path

_TEMPORARY = re.compile(r"\.writing-[0-9a-f]{16}\.tmp")


@contextmanager
def temporary_file(folder: Path, content: bytes) -> Iterator[Path]:
    """A file of this content, on the disk for good, under a name that is gone afterwards."""
    descriptor, path = _create_locked(folder)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
        yield path
    finally:
        _discard(descriptor, path)


def claim_next(temporary: Path, first: int, path_of: Callable[[int], Path]) -> int:
    """Gives the file the first number from `first` on that nobody has; never replaces a file."""
    number = first
    while True:
        try:
            os.link(temporary, path_of(number))
        except FileExistsError:
            number += 1
        else:
            return number


def replace_file(path: Path, content: bytes) -> None:
    """Writes a whole file over another: readers see the old content or the new, for good."""
    with temporary_file(path.parent, content) as temporary:
        temporary.replace(path)
        sync_folder(path.parent)


def write_new_file(path: Path, content: bytes | mmap) -> None:
    """Writes a file for good, or none.

    Raises:
        FileExistsError: there is one; it is left alone.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _write_all(descriptor, content)
        os.fsync(descriptor)
    except BaseException:
        path.unlink()
        raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes a folder for good, unless its name is taken."""
    with suppress(FileExistsError):
        folder.mkdir()
        sync_folder(folder.absolute().parent)


def is_real_folder(path: Path) -> bool:
    """A folder, and not a symbolic link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def sync_folder(folder: Path) -> None:
    """Puts the folder's names on the disk; some file systems cannot, and need not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Removes the temporary files of dead writers, as far as this user can."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                with suppress(OSError):
                    _remove_if_abandoned(path)


def probe(folder: Path) -> None:
    """Writes, links and removes a small file, as a publisher would."""
    with temporary_file(folder, b"\0") as temporary:
        linked = folder / _temporary_name()
        os.link(temporary, linked)
        linked.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the lock of this file, which is made if missing and stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _create_locked(folder: Path) -> tuple[int, Path]:
    while True:
        path = folder / _temporary_name()
        # Readable by all and writable by none: a published version never changes.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o444)
        try:
            if _lock_in_time(descriptor, path):
                return descriptor, path
        except BaseException:
            _discard(descriptor, path)
            raise
        _discard(descriptor, path)


def _lock_in_time(descriptor: int, path: Path) -> bool:
    """Locks the new file, unless a sweep came first and took it away as a dead writer's."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _discard(descriptor: int, path: Path) -> None:
    """Removes a temporary name, or leaves it to the next sweep, and lets go of the lock."""
    with suppress(OSError):
        path.unlink()
    os.close(descriptor)


def _remove_if_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _temporary_name() -> str:
    return f".writing-{secrets.token_hex(8)}.tmp"


def _write_all(descriptor: int, content: bytes | mmap) -> None:
    with memoryview(content) as view:
        position = 0
        while position < len(view):
            position += os.write(descriptor, view[position:])
