"""What follows from the image layers: chosen, deleted, changed, another plane."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..annotation.state import Picture, pixel_digest
from ..session.adapting import adapted
from ..session.image import describe, view_plane
from . import strings
from .pixels import read
from .widgets import BAD, IDLE, WARN

if TYPE_CHECKING:
    from napari.layers import Image

    from .controller import Controller


class ImageFlow:
    """Keep the session's pixels those of the image layer.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.panel, self.canvas = desk, desk.panel, desk.canvas
        self.fresh = False  # whether the session has the pixels of the layer
        self._stands_in = False  # whether its grey stands for three colours
        self.panel.image.chosen.connect(self.choose)
        self.panel.image.inverted.connect(self.on_inverted)
        self.canvas.listed.connect(self.on_listed)
        self.canvas.lost.connect(self.on_lost)
        self.canvas.swapped.connect(self.on_swapped)
        self.canvas.plane.connect(self.on_plane)
        desk.worker.loaded.connect(self.on_loaded)

    @property
    def knows_grey(self) -> bool:
        """Say whether the network in use was trained on grey images as well as on coloured ones."""
        preprocessing = getattr(self.desk.session.segmenter, "preprocessing", None)
        return bool(getattr(preprocessing, "grey_to_rgb", False))

    @property
    def repeated(self) -> bool:
        """Say whether grey stands for colours in a network that knows colours only."""
        return self._stands_in and not self.knows_grey

    @property
    def inverted(self) -> bool:
        """Say whether the network is shown bright as dark."""
        image = self.canvas.image
        return image is not None and not image.rgb and self.panel.image.invert.isChecked()

    def on_loaded(self, _segmenter: Any) -> None:
        """Offer to invert grey to a network that knows dark objects on a bright ground only."""
        box = self.panel.image.invert
        if self.canvas.image is not None and not self.canvas.image.rgb:
            box.setVisible(not self.knows_grey)
            if self.knows_grey and box.isChecked():
                self._set_inversion(False)
                self.fresh = False

    def on_listed(self, new: "Image | None" = None) -> None:
        """Offer the layers there are; take the first image that comes."""
        layers = self.canvas.candidates()
        chosen = new
        if chosen is None and layers and not self.panel.image.notice.text:
            chosen = layers[0]  # after a loss the user chooses
        if self.canvas.image is None and chosen is not None:
            self.choose(chosen)
        self.panel.image.set_layers(layers, self.canvas.image)
        self.panel.show_samples(not layers)

    def choose(self, layer: "Image") -> None:
        """Work on a layer."""
        if layer is self.canvas.image:
            return
        self.desk.halt()
        self.desk.pixel_size.look(layer)
        self.canvas.use(layer, self.desk.classes.names if self.desk.classes else {})
        self.desk.pointing.show_view()
        self.panel.live.notice.clear()
        self.panel.image.set_layers(self.canvas.candidates(), layer)
        self.panel.image.notice.clear()
        self._set_inversion(False)
        self.desk.annotator.leave()
        self.desk.forget_result(keep_marks=False)
        if self.take_pixels():
            self.desk.region.start_over(self.desk.session.info.shape)
            self.panel.recommend(layer)
            self.desk.say_ready()
            self.open_state()

    def _set_inversion(self, on: bool) -> None:
        box = self.panel.image.invert
        box.blockSignals(True)  # it would run the new image in the region of the old one
        box.setChecked(on)
        box.blockSignals(False)

    def restore_inversion(self, on: bool) -> None:
        """Invert grey as a state says; the next run shows the network the other pixels."""
        if self.canvas.image is None or self.canvas.image.rgb or self.knows_grey:
            return
        if on != self.panel.image.invert.isChecked():
            self.desk.halt()
            self._set_inversion(on)
            self.fresh = False
            self.desk.forget_result(keep_marks=True)

    def take_pixels(self) -> bool:
        """Hand the layer's pixels to the session; say whether it can segment them."""
        section = self.panel.image
        self.fresh = False
        try:
            info = self.desk.session.set_image(**self.arguments())
            if info.planes > 1:
                self.desk.session.set_plane(self.canvas.shown_plane())
        except ValueError as error:
            section.notice.say(str(error), BAD)
            section.show_info(None)
            self.panel.status.say(BAD, strings.STATE_FAILED)
            return False
        self.fresh = True
        grey = not self.canvas.image.rgb
        self._stands_in = info.channels == 3 and grey
        self._show_info()
        return True

    def resized(self) -> None:
        """Take another size of a pixel; a result is solved again from the cached logits."""
        had_result = self.desk.plain is not None
        self.desk.halt()
        if self.take_pixels() and self.desk.session.info is not None:
            self.desk.annotator.measured_in(self.desk.session.info)
        if had_result:
            self.desk.plain = None
            self.desk.pointing.proposing.expect(self.desk.session.region)  # the pixels are the same
            self.desk.run()

    def open_state(self) -> None:
        """Begin or go on with the annotation of the plane that is shown."""
        image, session = self.canvas.image, self.desk.session
        info = session.info
        if image is None or info is None:
            return
        known = read(image)
        array = known["array"]
        plane = view_plane(array, describe(array, axes=known["axes"]), session.plane)
        path = getattr(image.source, "path", None)
        digest = pixel_digest(plane)
        self.desk.annotator.open(
            Picture(
                image.name, str(path) if path else None, digest, info.shape, session.plane,
                info.spacing, info.units,
            ),
            lambda: np.asarray(array),
        )  # fmt: skip

    def _show_info(self) -> None:
        session, grey = self.desk.session, not self.canvas.image.rgb
        self.panel.image.show_info(session.info, session.plane, grey=grey)
        self.desk.sizing.show_pixel(session.info)
        self.desk.pixel_size.show(self.canvas.image)
        self.panel.image.invert.setVisible(grey and not self.knows_grey)

    def arguments(self) -> dict[str, Any]:
        """Give what `Session.set_image` takes; grey is repeated for a model of colours."""
        found = read(self.canvas.image)
        if self.canvas.image.rgb:
            return found
        card = self.panel.model.card
        found["array"], found["axes"] = adapted(
            found["array"], found["axes"], card.channels if card is not None else "grey",
            invert=self.inverted,
        )  # fmt: skip
        return found

    def on_inverted(self, _on: bool) -> None:
        """Take the pixels anew; solve them if the old ones were solved."""
        if self.canvas.image is None:
            return
        had_result = self.desk.plain is not None
        self.desk.halt()
        self.fresh = False
        if self.desk.classes is not None:  # before, there is nothing to go back to
            self.desk.annotator.record()
        if had_result:
            self.desk.forget_result(keep_marks=True)
            self.desk.run()

    def on_lost(self, name: str) -> None:
        """Go back to step 1: the image layer was deleted."""
        self.desk.halt()
        self.fresh = False
        self.desk.annotator.leave()
        self.desk.forget_result(keep_marks=False)
        self.panel.image.show_info(None)
        self.panel.image.notice.say(strings.IMAGE_LOST.format(name=name))
        self.panel.status.say(IDLE, strings.STATE_IDLE)

    def on_swapped(self) -> None:
        """Ask for a new run: the layer has other pixels."""
        self.desk.halt()
        self.fresh = False
        image = self.canvas.image
        if self.canvas.results is not None:
            self.canvas.results.blank()
        self.desk.forget_result(keep_marks=True)
        self.desk.region.start_over()
        self.panel.image.notice.say(
            strings.IMAGE_CHANGED.format(name=image.name if image else ""), WARN,
            strings.RUN, self.desk.run,
        )  # fmt: skip

    def on_plane(self, plane: int) -> None:
        """Follow the viewer to another plane; solve it if the last one was solved."""
        had_result = self.desk.plain is not None
        if not self.fresh:
            return
        self.desk.halt()
        if self.canvas.results is not None:
            self.canvas.results.blank()
        try:
            self.desk.session.set_plane(plane)
        except ValueError as error:
            self.panel.image.notice.say(str(error), BAD)
            return
        self.panel.image.notice.clear()
        self._show_info()
        self.desk.forget_result(keep_marks=True)
        self.open_state()
        if had_result and self.panel.live.live_box.isChecked():
            self.desk.run()
