"""Texts of the page of files; part of the one table `strings`."""

SAVE_LABELS = "9  Save labels"
WHAT = "What is saved"
TIP_WHAT = (
    "Kept objects by number: each has a number of its own. By class: each pixel has the number of "
    "its class. The result: the labels that are shown, kept or not."
)
WHATS = {
    "objects": "Kept objects, by number",
    "kept": "Kept objects, by class",
    "result": "Result, by class",
}
FORMAT = "Format"
TIP_FORMAT = "How the labels are stored; all formats keep every pixel."
NEEDS = "To write {title}, install {needs}: {install}"
LABELS_PATH = "File of the labels"
TIP_LABELS_PATH = "Where the labels go. Another ending chooses another format."
BROWSE, TIP_BROWSE = "…", "Choose the file in a window."
SAVE, TIP_SAVE = "Save", "Write {name}."
REPLACE, TIP_REPLACE = "Replace", "{name} is there already: replace it."
NO_PATH = "Name a file first."
APPEARED = "{name} is there already. Press Replace to overwrite it."
OWN_IMAGE = "{name} is the image itself. Choose another name."
WRITING, READING, REPLAYING = "Writing {name} …", "Reading {name} …", "Solving once more …"
WRITTEN = "Saved {path}."
BUSY_FILES = "Wait for the file before this one."
NOTHING_KEPT = "No object is kept yet: press Keep under Objects, or save the result."
NO_RESULT_YET = "There is no finished result yet: press Run under Segment."
STILL_SOLVING = "Wait until the result is finished."
STOPPED_SOLVING = "Solving was stopped; nothing was written."
NO_ACCESS = "{name}: {reason}. Choose another file or folder."

IMPORT = "10  Import a mask"
IMPORT_PATH = "File of the mask"
TIP_IMPORT_PATH = "A mask of this image from another program; it must have the image's size."
NUMBERS = "What its numbers are"
TIP_NUMBERS = "Whether a number in the mask is a class, or one object of a class."
AS_CLASSES, AS_OBJECTS = "Numbers are classes", "Numbers are objects: {name}"
OBJECT = "object"
IMPORT_BUTTON = "Import"
TIP_IMPORT = "Take the objects of the mask, not locked; undo takes them back."
IMPORT_AS = "What becomes of its objects"
TIP_IMPORT_AS = (
    "Keep them at once, or list them as imported, to look at each and then keep or discard it."
)
IMPORTS_AS = {"keep": "Keep its objects", "look": "Look at its objects first"}
IMPORTED = "{count} of {name} kept."
TO_LOOK_AT = "{count} of {name} imported, not kept yet: decide on each under Objects."
IMPORT_LEFT_OUT = "{count} left out: here already, or where others are."
LOOK_NOW = "Look at them"
LEFT_OUT = "{count} left out: not kept yet, decide under Objects."
STEP_IMPORT = "import {name}"
OTHER_IMAGE = "{name} belongs to the image before: import it again."

RECIPE = "11  Recipe"
RECIPE_TEXT = (
    "How the result came about: model, settings, every click and painted pixel. "
    "“priorseg replay” makes the same labels from it."
)
RECIPE_PATH = "File of the recipe"
TIP_RECIPE_PATH = "Where the recipe goes; it ends in .toml."
COPY_PYTHON = "Copy as Python"
TIP_COPY_PYTHON = "Copy a program that makes the same labels."
COPIED_PYTHON = "Copied. Run it with: python SCRIPT IMAGE OUT"
NOT_TOML = "A recipe ends in .toml."

SAVED_BY_ITSELF = "Saved by itself"
SESSION_NONE = "Nothing to save yet. Every step will be saved by itself."
SESSION_FOLDER = "Every step is saved by itself in {folder}"
SESSION_TROUBLE = "Not saved: {text}"
