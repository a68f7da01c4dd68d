"""Change a label map that is on screen: only what differs is written, and only that is sent.

The loops are loaded with their first use, which `layers.warm_up` makes in the worker's thread.
"""

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray

Box = tuple[slice, slice]


def difference(old: NDArray[np.uint8], new: NDArray[np.uint8]) -> Box | None:
    """Give the smallest box that holds every pixel that differs; None if none does.

    Parameters
    ----------
    old, new : (Y, X) uint8, of one shape
    """
    from .loops import bounds

    top, bottom, left, right = bounds(old, new)
    return (slice(top, bottom), slice(left, right)) if top < bottom else None


def outline(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the pixels of a label map that touch another label, (Y, X) uint8."""
    from .loops import outline as loop

    found: NDArray[np.uint8] = loop(np.ascontiguousarray(labels, dtype=np.uint8))
    return found


def write(layer: Layer, box: Box, values: NDArray[np.uint8]) -> None:
    """Put values into a box of a layer's data, and show them."""
    layer.data[box] = values
    if layer.visible:  # else napari sends all when it is made visible
        send(layer, box)


def send(layer: Layer, box: Box) -> None:
    """Show what was changed in place in a box, without work for what did not change.

    napari's own brush goes this way. It holds as long as what is displayed is the data
    themselves; whatever else napari may do with them, all is shown anew.
    """
    view = layer._slice.image.view if isinstance(layer, Labels) else None
    direct = view is not None and layer.contour == 0 and np.shares_memory(view, layer.data)
    if not direct or layer._updated_slice is not None:
        refresh(layer)
        return
    layer._updated_slice = box
    with layer.events.blocker():  # the layer list would paint the row of the layer again
        layer._partial_labels_refresh()


def refresh(layer: Layer) -> None:
    """Show data that were changed in place, without work for what did not change."""
    layer.refresh(extent=False, thumbnail=False, highlight=False)
