"""Every text a user sees, in one table."""

from .annotation_strings import *  # noqa: F403
from .file_strings import *  # noqa: F403
from .key_strings import *  # noqa: F403
from .measure_strings import *  # noqa: F403

PARAMETERS = {
    "weight": "strength", "sigma": "detail", "edge": "edges", "volume": "volume",
}  # fmt: skip
LAYERS = {
    "labels": "priorseg labels",
    "outline": "priorseg outline",
    "probability": "priorseg probability",
    "uncertainty": "priorseg uncertainty",
    "difference": "priorseg difference",
    "centres": "priorseg centres",
    "guides": "priorseg guides",
    "corrections": "priorseg corrections",
    "kept": "priorseg objects",
}
TITLE = "Shape priors"
TRUTH = "truth"
KEPT = "{name}: labels"

TABS = {  # page: title, tooltip
    "segment": ("Segment", "Image, model, shape priors and the result."),
    "objects": ("Objects", "Corrections, the objects that you keep, and the next image."),
    "measures": ("Measures", "Areas, diameters and ratios of the objects."),
    "files": ("Save", "Save, export, import; what is saved by itself."),
}

PRIORS = "3  Shape priors"
PRIORS_WAIT = "They appear when the model is loaded."
SMOOTHERS = {
    "threshold_dynamics": "Smooth: threshold dynamics (STD)",
    "total_variation": "Smooth: total variation (TV)",
    "": "Not smoothed",
}
SMOOTHNESS = "Smoothness"
TIP_SMOOTHNESS = (
    "How outlines are kept short. STD blurs and sharpens in turn and rounds corners; TV keeps "
    "straight edges. Both act on all classes."
)
KINDS = {"volume": "volume", "star": "star", "convex": "convex"}
KIND_TIPS = {
    "volume": "Volume: the class gets exactly the number of pixels you ask for.",
    "star": "Star: every ray from a centre meets the class in one piece. Press Place for one.",
    "convex": "Convex: each piece of the class has no dents.",
}
ON, OFF = "on", "off"
TIP_ROW = "Select this class: the fields below the table then belong to it."
TIP_ROW_KEY = "{tip} The next one: {key}"
NESTED = "{inner} inside {outer}"
TIP_NESTED = "Keep the inner class inside the outer one."

OBJECT_VOLUME, WHOLE_CLASS = "object", "all: volume of the class"
ONE_OBJECT, SIZED_OBJECT = "{number}: y {y:.0f}, x {x:.0f}", " · {pixels:,.0f} px"
TIP_OBJECT_VOLUME = (
    "Whose volume the fields below ask for: of the whole class, or of the object of one centre. "
    "Choose it here, or click its centre in the image. The other objects stay free."
)
FREE_OBJECT, TIP_FREE_OBJECT = "Free", "Leave the volume of this object free."
FREE_OBJECTS = "Free the objects"
OBJECT_NOW, OBJECT_FREE = "now: label {hard:,} px", "free · now {hard:,} px"
CENTRE = "centre"
NO_CENTRE = "none yet"
ONE_CENTRE = "y {y:.0f}, x {x:.0f}"
CENTRES = "{count} centres"
ARMED = "click in the image"
PLACE, CLEAR = "Place", "Clear"
TIP_PLACE = "Then click inside the object. Drag a centre to move it, Delete removes it."
TIP_CLEAR = "Remove all centres of this class."
STAR_HINT = "Star is off for {name}: click inside it, or press Place later."
RADII, RADII_NAME = "radii", "Radii of the convexity test, in pixels"
TIP_RADII = (
    "Radii of the discs that look for dents, in pixels, for example 2, 4, 8. Shared by all "
    "convex classes; the final label map is convex whatever the radii."
)
CIRCLES = "Circles"
TIP_CIRCLES = "Draw the radii as circles in the image."
BAD_RADII = "“{text}” is not a list of radii. Type pixels from 1 to 200, such as 2, 4, 8."
AUTO_RADII = "Auto"
TIP_AUTO_RADII = "Radii that suit the size of this object: from 1/60 to 1/7 of its diameter."
NO_OBJECT = "There is no {name} to measure yet: press Run, or type the radii."
VOLUME_UNIT, PIXELS = "Unit of the volume", "px"
TIP_VOLUME_UNIT = (
    "Ask in pixels, in per cent of the region, or in an area. An area needs the size of a pixel: "
    "of the layer, of the file, or typed under 1 Image."
)
FROM_RESULT, FROM_PAINT, LOCK_VOLUME = "= result", "= painted", "Lock"
TIP_FROM_RESULT = "Ask for the volume that the result has now."
TIP_FROM_PAINT = "Ask for as many pixels as you have painted for this class in the region."
TIP_LOCK_VOLUME = "Keep this number when settings go back and for the next images."
NOT_PAINTED = "Nothing is painted for {name} in the region yet: see Corrections under Objects."
SHARE = "{share:.1f} % of region · network alone {network:,} px"
SOFT_HARD = "now: soft {soft:,.0f} px · label {hard:,} px"
TIP_ACTION = "Do this now."

PROGRESS = "Progress of the network"
TIP_PROGRESS = "How many tiles of the image the network has done."
CANCEL = "Cancel"
TIP_CANCEL = "Stop what runs; the last result stays. Key: Esc"
STATE_IDLE = "No image yet"
STATE_NO_MODEL = "Choose a model"
STATE_READY = "Ready: press Run"
STATE_LOADING = "Loading the model"
STATE_LOCATING = "Looking for the optic disc"
STATE_NETWORK = "Running the network"
STATE_SOLVING = "Solving"
STATE_DONE = "Done in {ms:.0f} ms · {sweeps} sweeps"
STATE_PREVIEW = "Preview · {ms:.0f} ms"
STATE_CANCELLED = "Cancelled: the last result stays"
STATE_FAILED = "Failed: see below"
STATE_REFUSED = "Not solved: see below"

IMAGE_TITLE, IMAGE = "1  Image", "Image layer"
TIP_IMAGE = "The image layer that is segmented."
NO_IMAGE = "Drop an image into the window, or open a sample below."
SAMPLES = {"retina": "Open sample: retina", "cell": "Open sample: cell"}
TIP_SAMPLE = "Open a photograph that comes with scikit-image."
PLANE = "plane {plane} of {planes}"
REGION = "Region of interest"
TIP_REGION = (
    "Which part of the image the network sees. A model of the optic disc wants its surroundings, "
    "not the whole photograph."
)
REGIONS = {
    "auto": "Find the disc",
    "pick": "Around my click",
    "whole": "Whole image",
}
SIDE = "Side of the region"
TIP_SIDE = "Side of the square region in pixels; about 1.8 diameters of the object."
PICK = "Pick"
TIP_PICK = "Then click in the image on the middle of the object."
PICKING = "Click on the middle of the object (of the optic disc, for a fundus photograph)."
FOUND = "Disc found at y {y:.0f}, x {x:.0f}. Not there? Press Pick and click on it."
NOT_FOUND = "The disc was not found. Press Pick and click on it."
SAMPLE_WITHOUT_MODEL = "The model {} that suits this sample is not installed."
INVERT = "Objects are bright on dark: invert"
TIP_INVERT = "The models saw dark objects on a bright ground. The layer itself is not changed."
IMAGE_LOST = "The image layer “{name}” was deleted. Choose another image."
IMAGE_CHANGED = "The pixels of “{name}” changed. Run again."
TOO_MANY_AXES = (
    "The layer has {count} axes; a picture or a stack with one or two more axes can be segmented. "
    "Split it: right-click the layer, Split Stack."
)
COLOUR_AS_STACK = (
    "The layer of shape {shape} looks like colours read as a stack. Add it again with "
    "viewer.add_image(data, rgb=True)."
)

MODEL_TITLE, MODEL = "2  Model", "Model"
TIP_MODEL = "The network that segments; it comes with priorseg."
PICK_MODEL = "Pick a model."
NO_MODELS = "No model is installed. Install priorseg again with its model files."
CLASSES = "finds {classes}"
ABOUT, ABOUT_NAME = "About this model", "About the model {name}"
TIP_ABOUT = "What it was trained on, how well it does with and without priors, where it fails."
CARD_DATA, CARD_LICENCE, CARD_SPLIT = "Trained on", "Licence", "Split"
CARD_SEEDS, CARD_FAILURES = "Seeds", "Known failures"
CARD_SCORES = "Scores in %"
CARD_ROWS = {"": "score", "plain": "network alone", "priors": "with priors"}
CARD_EMPTY = "Nothing is said about this model."
CARD_MORE = "All measures and rows: priorseg models --json"
PROPOSED = (
    "The network proposed {count} centres, drawn as rings: look at them one by one, or accept all. "
    "Drag one to move it, Delete removes it, Clear removes all; hold Space to pan."
)
PROPOSALS_LEFT = "{left} of {count} proposals left to decide on"
PROPOSALS_DONE = "All {count} proposals are looked at."
ACCEPT, REJECT, ACCEPT_ALL = "Accept", "Reject", "Accept all"
TIP_ACCEPT = "Make this centre your own: no later run changes it. Then look at the next."
TIP_REJECT = "Remove this centre, solve without it, and look at the next. Undo brings it back."
TIP_ACCEPT_ALL = "Make all proposed centres your own."
NEXT_PROPOSAL, PREVIOUS_PROPOSAL = "Next proposed centre", "Previous proposed centre"
TIP_NEXT_PROPOSAL = "Look at the next proposed centre: the view goes there."
TIP_PREVIOUS_PROPOSAL = "Look at the proposed centre before this one."
STEP_ACCEPT, STEP_REJECT = "accept centre of {name}", "reject centre of {name}"
STEP_ACCEPT_ALL = "accept {count} centres"
NONE_PROPOSED = (
    "The network found no {name} to place a centre in: press Place and click inside one."
)
CLEARED, PROPOSE_AGAIN = "The centres are gone; without one there is no star.", "Propose again"
RUN, TIP_RUN = "Run", "Run the network once on the image; the priors then work on its result."
NEED_IMAGE, NEED_MODEL = "Choose an image first.", "Pick a model first."
RETRY = "Try again"
REMOVE_CENTRES = "Remove the centres"
TRAINED = "Back to trained settings"
OUTSIDE = "That click was outside the image. Press Pick and try again."

LIVE_TITLE = "4  Result"
LIVE = "Live"
TIP_LIVE = "Solve again while a slider moves. Off: only when it is released."
CONVERGE = "Until converged"
TIP_CONVERGE = (
    "Off: as many sweeps as the model was trained with, the same result as in a batch. "
    "On: go on until no probability changes by more than 0.001."
)
HIDE = "Hide"
TIP_HIDE = "Take the result out of sight, to see the image alone; another image is shown with it."
HOLD = "Network only"
TIP_HOLD = "Hold down to see what the network says without any prior."
VIEW, TIP_VIEW = "View", "What is drawn over the image."
VIEWS = {
    "both": "Filled + outline",
    "filled": "Filled",
    "outline": "Outline",
    "probability": "Probability: {name}",
    "uncertainty": "Uncertainty",
    "difference": "Difference to network",
}
LEGEND_UNCERTAINTY = (
    "Entropy of the probabilities: dark = sure, bright = all classes equally likely. It says what "
    "the network and the priors weigh, not whether they are right."
)
LEGEND_DIFFERENCE = (
    "To the network alone: {added:,} px added (blue), {removed:,} px removed (orange), {swapped:,} "
    "px of another class (yellow)."
)
NO_RESULT = "No result yet."
NOTHING_EXACT = "Nothing to certify: volume, star and convex are off."
CERTIFICATES = {
    "total_variation": "smooth (TV)",
    "threshold_dynamics": "smooth (STD)",
    "volume": "volume",
    "star": "star",
    "convex": "convex",
    "nested": "nested",
}
CLICK_INSIDE = "Click inside the {name}. Esc: never mind."
CENTRES_LOST = "The centres layer was deleted: star shapes without a centre are off."
FREE = "Free {name}"
HELP_BUTTON, TIP_HELP = "?", "Show or hide the keys."
NOT_CERTIFIED = "Preview, not certified yet."
LAST_RESULT = "Of the last result; the settings above were changed since:"
NOT_APPLIED = "Press Run: these settings are not applied."
STATE_CANCELLED_EMPTY = "Cancelled: no result yet"
PAINTED_COPY = "{name}: painted copy"
PAINTED = "Each solve rewrites the result. What you painted is kept in the hidden layer “{name}”."
KEPT_PART = "{name}: {kind}"
GREY = "Grey image, model trained on colour: judge the result with care."

CANNOT = "“{name}” cannot be segmented as it is: see below."
CHOOSE_IMAGE = "Choose an image layer."
SPACING = "{spacing:.4g} {units}/px"
SPACINGS = "{y:.4g} × {x:.4g} {units}/px (Y × X)"
NOT_SQUARE = (
    "Pixels are not square: strength and detail count pixels of the finer axis, radii the pixels "
    "of each axis."
)
SHEARED = "The layer is sheared: lengths are measured as if its axes were at right angles."
CHANNELS_FIRST = (
    "Looks like channels first, here read as {count} planes. For colours add it again with "
    "viewer.add_image(np.moveaxis(data, 0, -1), rgb=True)."
)
CONSTANT = "The image is constant: nothing to segment."

FREE_VOLUME = "label map: {hard:,} px ({share:.1f} %), network alone: {network:,} px"
NETWORK_VOLUME = "network alone: {network:,} px ({share:.1f} % of region)"
TIP_FREE_VOLUME = (
    "The volume is free. Switch it on in the table, or move the slider, to ask for a number."
)
CONVEX_FIRST = "Convex goes before volume: {names} cannot have both, and keeps its convexity."
CONVEX_OFF = "Convex off"
NOT_CONVERGED = "Not converged after {sweeps} sweeps in {seconds:.1f} s."
MORE_SWEEPS = "Twice as many sweeps"

GUESSED = "Guessed the disc at y {y:.0f}, x {x:.0f}: check it. Not there? Press Pick and click."
CENTRE_OUTSIDE = "A centre must lie inside the region of interest; this one was not taken."
CENTRE_IN_OTHER = (
    "This centre lies in the {other} of the result. The {name} grows from there all the same: drag "
    "the centre, or undo, if that is not what you mean."
)
CHOOSE_MODEL = "Choose a model: none suits this image more than the others."


def parameter(name: str) -> str:
    """Give the word a user sees for a parameter."""
    return PARAMETERS.get(name, name.replace("_", " "))


def slider_tip(help: str, low: float, high: float, unit: str, trained: float) -> str:
    """Give the tooltip of a slider."""
    unit = f" {unit}" if unit else ""
    return f"{help} {low:g} to {high:g}{unit}. Double click: back to {trained:.3g}{unit}.".strip()


def counted(count: int, what: str) -> str:
    """Say how many there are of something."""
    return f"{count} {what}" + "s" * (count != 1)
