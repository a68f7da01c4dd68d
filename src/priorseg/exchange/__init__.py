"""Masks in and out of files that other programs read and write, without torch and Qt."""

from .masks import Colour, Masks
from .registry import Format, Written, format_of, formats, read, write

__all__ = ["Colour", "Format", "Masks", "Written", "format_of", "formats", "read", "write"]
