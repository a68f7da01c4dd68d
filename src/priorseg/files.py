"""Replace files and folders whole: after a failure the old one is still there, and nothing else."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path


def replace_by(file: Path, write: Callable[[Path], object]) -> None:
    """Write beside a file, then put the new one in its place in one step.

    Parameters
    ----------
    file : what is to be replaced or made; a link is followed
    write : call with a path in the same folder and of the same ending

    Raises
    ------
    OSError  if the folder cannot be written.
    """
    file = file.resolve()  # of a link, its target
    part = file.with_name(f".{file.stem}-{uuid.uuid4().hex[:8]}{file.suffix.lower()}")
    try:
        write(part)
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def replace_whole(target: Path, data: bytes) -> None:
    """Replace a file by other bytes; after a failure the old one is still there, whole.

    Raises
    ------
    OSError  if the file cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def replace_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Write a folder beside another, then put it in its place.

    Two renames are needed where a folder is replaced; if the second fails the old one returns.

    Parameters
    ----------
    folder : what is to be replaced or made
    write : call with a path in the same folder, which does not exist yet

    Raises
    ------
    OSError  if the parent cannot be written.
    """
    folder = folder.resolve()
    mark = uuid.uuid4().hex[:8]
    part = folder.with_name(f".{folder.name}-{mark}")
    old = folder.with_name(f".{folder.name}-{mark}-old")
    try:
        write(part)
        if folder.exists():
            folder.rename(old)
        try:
            part.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
