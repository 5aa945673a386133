"""What the operating system refuses, in words for a user."""

from __future__ import annotations

import errno

from expander.base.errors import OutputError

_HINTS = {
    errno.ENOSPC: "free some space and run the same command again: what was written is kept",
    errno.EDQUOT: "your disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the file system is mounted read-only; write somewhere else",
    errno.EACCES: "you lack the permission; check the owner and mode of the folder, or write somewhere else",
    errno.EPERM: "you lack the permission; check the owner and mode of the folder, or write somewhere else",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EEXIST: "a part of the path is a file, not a folder",
    errno.ELOOP: "it is a symbolic link, which is never followed here; remove it",
    errno.EFBIG: "a limit on the size of files is set; see 'ulimit -f'",
    errno.ENOLCK: "the file system has no locks, so two runs could spoil each other; write somewhere else",
    errno.ENOSYS: "the file system has no locks, so two runs could spoil each other; write somewhere else",
}


def output_error(action: str, what: str, error: OSError) -> OutputError:
    """``cannot ACTION WHAT: reason``, with a hint where one is known; ``error`` is its cause."""
    reason = error.strerror or str(error)
    failure = OutputError(f"cannot {action} {what}: {reason}", hint=_HINTS.get(error.errno or 0))
    failure.__cause__ = error
    return failure
