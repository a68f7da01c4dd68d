"""Sizes and shapes of what was segmented: objects, cup and disc, tables of them.

NumPy arrays in, plain frozen values out; one plane at a time. ``docs/measures.md`` has every
definition and the errors measured on shapes of known size.
"""

from .cup_disc import CupDisc, Isnt, measure_cup_disc
from .objects import ObjectMeasures, measure
from .rim import Reading, RimProfile, Sector
from .sheets import Table, csv_text, write_csv, write_xlsx
from .table import class_table, cup_disc_table, object_table, profile_table

__all__ = [
    "CupDisc",
    "Isnt",
    "ObjectMeasures",
    "Reading",
    "RimProfile",
    "Sector",
    "Table",
    "class_table",
    "csv_text",
    "cup_disc_table",
    "measure",
    "measure_cup_disc",
    "object_table",
    "profile_table",
    "write_csv",
    "write_xlsx",
]
