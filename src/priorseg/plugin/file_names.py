"""Names of files: without their endings, and safe."""

from pathlib import Path

from ..exchange import formats


def stem_of(name: str) -> str:
    """Take the ending off a name, the long ones whole."""
    endings = [ending for one in formats() for ending in one.endings]
    for ending in sorted(endings, key=len, reverse=True):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return Path(name).stem


def plain(name: str) -> str:
    """Make a file name of any text."""
    safe = "".join(one if one.isalnum() or one in " -_." else "_" for one in name)
    return safe.strip(" .") or "image"


def same(one: Path, two: Path) -> bool:
    """Say whether two paths lead to one file."""
    try:
        return one.resolve() == two.resolve()
    except (OSError, RuntimeError, ValueError):  # a ring of links, a zero byte
        return False
