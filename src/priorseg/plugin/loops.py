"""The loops over a label map's pixels behind `patch`; numba is imported with this file."""

import numpy as np

from ..geometry.compiled import compiled


@compiled
def bounds(old, new):
    """Give top, bottom, left and right of what differs; top > bottom if nothing does."""
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


@compiled
def outline(labels):
    """Keep the pixels that touch another label."""
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
