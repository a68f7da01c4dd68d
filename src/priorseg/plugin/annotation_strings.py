"""Texts of corrections, objects, saving and recovery; part of the one table `strings`."""

GROUND = "background"
CORRECTIONS = "5  Corrections"
BRUSH_CLASS, BRUSH_SIZE = "Class of the brush", "Brush size"
TIP_BRUSH_CLASS = (
    "What the brush paints. Painted pixels stay as they are in every solve; the rest follows them "
    "under all the priors. “Set free” takes paint away."
)
TIP_BRUSH_SIZE = "Diameter of the brush in pixels of the image."
BRUSH, BRUSH_GROUND, BRUSH_FREE = "Paint {name}", "Erase to background", "Set free"
PAINT, TIP_PAINT = "Paint", "Paint with the mouse; press again to stop."
WIPE, TIP_WIPE = "Wipe", "Set all painted pixels free."
NOTHING_PAINTED = "Nothing is painted."
PAINTED_PX = "{count:,} px are painted and hold in every solve."
PAINTED_OUTSIDE = " {count:,} of them lie outside the region and wait until it takes them in."
NO_SUCH_CLASS = "There is no class {label}: choose one in the list beside Paint."
CORRECTIONS_LOST = "The corrections layer was deleted; what you painted still holds."
SHOW_AGAIN = "Show it again"

OBJECTS = "6  Objects"
OBJECT_COLUMNS = ("object", "area", "state")
OBJECT_STATES = {
    "draft": "draft", "imported": "imported", "kept": "kept", "locked": "kept, locked",
}  # fmt: skip
TIP_OBJECTS = "What you keep. Click to look at one, F2 or a double click to rename it."
KEEP, LOCK, DELETE = "Keep", "Lock", "Delete"
TIP_KEEP = (
    "Keep the objects of the result in the layer priorseg objects. Kept again, an object that is "
    "not locked is renewed. While imported objects wait: keep the selected one; all if none is."
)
UNDECIDED = "{count} to decide on: look at each, then Keep or Delete. The result can be kept after."
KEEP_ALL, TIP_KEEP_ALL = "Keep all", "Keep all imported objects."
DISCARD_ALL = "Discard all"
TIP_DISCARD_ALL = "Delete all imported objects that are not kept yet; undo brings them back."
KEPT_ALREADY = "{name} is kept. Select an imported object, or press Keep all."
ALL_DECIDED = "All imported objects are decided on. Keep keeps the result again."
TIP_LOCK = "Priors and the brush never change a locked object."
TIP_DELETE = "Delete the selected object; unlock it first."
OVERLAP = "Where new objects meet kept ones"
TIP_OVERLAP = "Which one gets the pixels that both want."
OVERLAPS = {
    "keep": "Overlap: kept objects stay",
    "replace": "Overlap: new objects win",
    "refuse": "Overlap: ask me, keep nothing",
}
NOTHING_TO_KEEP = "There is no result to keep: press Run under Segment."

IMAGES = "7  Images of the folder"
PREVIOUS, NEXT = "Previous", "Next"
TIP_PREVIOUS = "Open the image before this one in its folder."
TIP_NEXT = "Open the next image of the folder and run the model on it."
NO_FOLDER = "This image has no folder: open it from a file."
PLACE_IN_FOLDER = "{place} of {count} in {folder}"
LAST_IMAGE = "That was the {end} image of the folder."
UNREADABLE = "{name} was passed over: {reason}"

UNDO, REDO = "Undo", "Redo"
TIP_UNDO, TIP_REDO = "Undo: {what}.", "Redo: {what}."
NO_UNDO, NO_REDO = "Nothing to undo.", "Nothing to redo."
STEP_RUN, STEP_PAINT, STEP_FREED = "run", "paint {name}", "set painted pixels free"
STEP_WIPE = "wipe"
SAVING, SAVED = "saving", "saved"
NOT_SAVED = "not saved"
SAVED_NAME = "State of the automatic saving"
TIP_SAVED = "Every step is saved by itself, in {folder}."
MODEL_MISSING = "The model {name} of this annotation is not installed: pick another."
RECOVER, DISCARD, LATER, FINE = "Recover", "Discard", "Later", "OK"
RECOVERABLE = "Work was left unfinished on {name}, {time}: {objects} kept, {clicks} clicks."
TIP_RECOVER = "Open the image and go on where it stopped."
TIP_DISCARD = "Delete what was saved of it."
TIP_LATER = "Leave it; you will be asked again at the next start."
RECOVERED = "Recovered {name} as it was at {time}."
IMAGE_GONE = "The image {path} is gone, or has other pixels. What was saved stays: put it back."
DISCARD_FAILED = "It could not be deleted: {reason}"

PIXEL_SIZE, SIZE_BUTTON = "Size of a pixel", "Size"
TIP_SIZE_BUTTON = "Say how large a pixel is, where the layer and its file do not."
TIP_PIXEL_EDGE = "Edge of a pixel; 0 = not known. Areas and lengths are then in this unit."
TIP_PIXEL_UNIT = "Unit of the edge."
SIZE_FROM = {
    "layer": "Pixel size: of the layer (its scale and units).",
    "file": "Pixel size: from the file.",
    "typed": "Pixel size: typed.",
    "": "Pixel size: not known, areas are in pixels.",
}
