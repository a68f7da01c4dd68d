"""Faults of the panel's upper half that were found by hand, each shown once."""

import numpy as np
import pytest
from pictures import blob_image


def planes(count: int) -> np.ndarray:
    """Make a stack whose planes differ: the blob is moved one pixel down per plane."""
    return np.stack([np.roll(blob_image(), step, 0) for step in range(count)])


@pytest.mark.parametrize("options", [{"scale": (3, 1, 1)}, {"translate": (40, 0, 0)}])
def test_the_plane_on_display_is_segmented_beside_a_layer_of_finer_steps(desk, options) -> None:
    layer = desk.open(planes(5), **options)
    desk.viewer.add_points(np.zeros((2, 3)), scale=(0.5, 1, 1))
    desk.viewer.dims.set_point(0, layer.data_to_world((3, 0, 0))[0])
    desk.run()
    session = desk.controller.session
    assert session.plane == 3
    assert (session._source.plane == layer.data[3]).all()
    assert "plane 4 of 5" in desk.panel.image.info.text()
