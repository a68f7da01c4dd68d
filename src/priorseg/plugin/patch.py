"""Change a label map that is on screen: only what differs is written, and only that is sent."""

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray

from ..geometry.compiled import compiled

Box = tuple[slice, slice]


def difference(old: NDArray[np.uint8], new: NDArray[np.uint8]) -> Box | None:
    """Give the smallest box that holds every pixel that differs; None if none does.

    Parameters
    ----------
    old, new : (Y, X) uint8, of one shape
    """
    top, bottom, left, right = _bounds(old, new)
    return (slice(top, bottom), slice(left, right)) if top < bottom else None


@compiled
def _bounds(old, new):
    height, width = old.shape
    top, bottom, left, right = height, 0, width, 0
    for y in range(height):
        row, other = old[y], new[y]
        differs = False
        for x in range(width):
            differs |= row[x] != other[x]
        if differs:
            top, bottom = min(top, y), y + 1
            x = 0
            while x < left and row[x] == other[x]:
                x += 1
            left = min(left, x)
            x = width
            while x > right and row[x - 1] == other[x - 1]:
                x -= 1
            right = max(right, x)
    return top, bottom, left, right


def outline(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the pixels of a label map that touch another label, (Y, X) uint8."""
    return _outline(np.ascontiguousarray(labels, dtype=np.uint8))


@compiled
def _outline(labels):
    height, width = labels.shape
    edge = np.empty_like(labels)
    for y in range(height):
        above, row, below = labels[max(y - 1, 0)], labels[y], labels[min(y + 1, height - 1)]
        out = edge[y]
        for x in range(1, width - 1):
            own = row[x]
            touches = (above[x] != own) | (below[x] != own)
            touches |= (row[x - 1] != own) | (row[x + 1] != own)
            out[x] = own * touches
        for x, beside in ((0, min(1, width - 1)), (width - 1, max(width - 2, 0))):
            own = row[x]
            out[x] = own * ((above[x] != own) | (below[x] != own) | (row[beside] != own))
    return edge


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
