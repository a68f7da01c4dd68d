"""Texts of the page of measures; part of the one table `strings`."""

MEASURES = "8  Measures"
MEASURED = "What is measured"
TIP_MEASURED = "The objects that you kept, or those of the result that is seen."
MEASURED_KINDS = {"kept": "Kept objects", "result": "Result"}
EYE, TIP_EYE = "Eye", "Which eye it is: it decides which side of the disc is nasal."
EYES = {"": "eye not known", "right": "right eye", "left": "left eye"}
TIP_MEASURE_TABLE = (
    "One line per object; an outer object counts those inside it. Point at a line to read what to "
    "know about its figures."
)
COLUMNS = (
    "object", "area", "perimeter", "⌀ equal area", "Feret max", "Feret min", "circularity",
    "solidity", "y", "x",
)  # fmt: skip
NOTHING_TO_MEASURE = "Nothing to measure yet: run a model, or keep objects."
MEASURING = "Measuring …"
UNITS_PX = "All in pixels: the size of a pixel is not known."
UNITS_KNOWN = "Lengths in {units}, areas in {units}², places in pixels."
CUP_DISC = "Cup and disc"
RATIOS = "cup-to-disc ratio: vertical {vertical}, horizontal {horizontal}, area {area}"
RIM = "rim area {area} {units}²; widths in {units}: {widths}"
ISNT_HOLDS = "Inferior ≥ superior ≥ nasal ≥ temporal: holds, by {margin:.2g} {units}."
ISNT_FAILS = "Inferior ≥ superior ≥ nasal ≥ temporal: does not hold, by {margin:.2g} {units}."
ISNT_UNKNOWN = "Order of the rim widths not known: {reason}."
NO_FIGURE = "none ({reason})"
PROFILE = "Rim width over the angle"
PROFILE_X, PROFILE_Y = "angle (°), 0 = image right, 90 = up", "rim width ({units})"
COPY_TABLE, TIP_COPY_TABLE = "Copy", "Copy the table, to paste it into a spreadsheet."
SAVE_TABLE = "Save table …"
TIP_SAVE_TABLE = "Save all columns as CSV or XLSX, with cup and disc and the rim profile."
TABLE_KINDS = "Tables (*.csv *.xlsx)"
TABLE_SAVED = "Saved {path}."
TABLE_FAILED = "Not saved: {reason}"
