"""Section 1 of the panel: which layer is segmented, which plane and which region of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QSpinBox, QWidget

from . import strings
from .pixel_size import PixelSize
from .pixels import is_square, remarks
from .widgets import (
    SYMBOLS,
    WARN,
    Notice,
    Wrapped,
    button,
    column,
    combo,
    describe,
    guard_wheel,
    heading,
    row,
)

if TYPE_CHECKING:
    from napari.layers import Layer

    from ..session import ImageInfo

AUTO, PICK, WHOLE = "auto", "pick", "whole"


class ImageSection(QWidget):
    """Choose the image layer and the region of interest.

    Signals: ``chosen(layer)`` by the user; ``region(mode)`` one of `AUTO`, `PICK`, `WHOLE`;
    ``resized(side)``; ``inverted(on)``.
    """

    chosen = Signal(object)
    region = Signal(str)
    resized = Signal(int)
    inverted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.box = combo(strings.IMAGE, strings.TIP_IMAGE)
        self.box.activated.connect(lambda index: self.chosen.emit(self.box.itemData(index)))
        self.info = Wrapped(strings.NO_IMAGE)
        self.size = PixelSize()
        self.size_button = button(strings.SIZE_BUTTON, strings.TIP_SIZE_BUTTON, checkable=True)
        self.size_button.toggled.connect(self.size.setVisible)
        self.notice = Notice()
        self._regions = QWidget()
        layout = column(self)
        layout.addWidget(heading(strings.IMAGE_TITLE))
        layout.addLayout(row(self.box, self.size_button, stretch=0))
        layout.addWidget(self.info)
        layout.addWidget(self.size)
        layout.addWidget(self._regions)
        layout.addWidget(self.notice)
        self._build_regions()

    def _build_regions(self) -> None:
        self.mode = combo(strings.REGION, strings.TIP_REGION)
        for name, title in strings.REGIONS.items():
            self.mode.addItem(title, name)
        self.mode.activated.connect(lambda _: self.region.emit(self.mode.currentData()))
        self.side = QSpinBox()
        self.side.setRange(32, 8192)
        self.side.setSingleStep(16)
        self.side.setSuffix(" px")
        self.side.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.side.setFixedWidth(66)
        self.side.setKeyboardTracking(False)
        describe(self.side, strings.SIDE, strings.TIP_SIDE)
        guard_wheel(self.side)
        self.side.valueChanged.connect(self.resized)
        self.pick = button(strings.PICK, strings.TIP_PICK, checkable=True)
        self.pick.clicked.connect(lambda: self.region.emit(PICK))
        self.invert = QCheckBox(strings.INVERT)
        describe(self.invert, strings.INVERT, strings.TIP_INVERT)
        self.invert.toggled.connect(self.inverted)
        layout = column(self._regions)
        layout.addLayout(row(self.mode, self.side, self.pick, stretch=0))
        layout.addWidget(self.invert)
        self._regions.hide()

    @property
    def layer(self) -> "Layer | None":
        """Give the chosen layer."""
        return self.box.currentData()

    def set_layers(self, layers: Sequence["Layer"], chosen: "Layer | None") -> None:
        """Offer layers; the chosen one is shown."""
        self.box.clear()
        for layer in layers:
            self.box.addItem(layer.name, layer)
        places = [place for place, layer in enumerate(layers) if layer is chosen]
        self.box.setCurrentIndex(places[0] if places else -1)
        self.box.setEnabled(bool(layers))
        self._regions.setVisible(self.layer is not None)
        if self.layer is None:
            self.info.setText(strings.CHOOSE_IMAGE if layers else strings.NO_IMAGE)

    def show_info(self, info: "ImageInfo | None", plane: int = 0, *, grey: bool = False) -> None:
        """Show what the image is; grey = it has one channel, whatever the network gets."""
        layer = self.layer
        if info is None:
            name = strings.CANNOT.format(name=layer.name) if layer else strings.NO_IMAGE
            self.info.setText(name)
            return
        kinds = {1: "grey", 3: "RGB", 4: "RGBA"}
        kind = kinds[1] if grey else kinds.get(info.channels, f"{info.channels} channels")
        self.invert.setVisible(grey)
        text = f"{info.shape[0]} × {info.shape[1]} px · {kind} · {info.dtype}"
        if info.planes > 1:
            text += " · " + strings.PLANE.format(plane=plane + 1, planes=info.planes)
        text += _spacing(info)
        notes = remarks(layer, plane, info.spacing) if layer is not None else []
        self.info.setText("\n".join([text, *(f"{SYMBOLS[WARN]} {note}" for note in notes)]))

    def show_region(self, mode: str, side: int, *, findable: bool, picking: bool) -> None:
        """Show the region's mode and side; only what can be found is offered to be found."""
        self._regions.setVisible(self.layer is not None)
        self.mode.view().setRowHidden(0, not findable)
        self.mode.model().item(0).setEnabled(findable)
        self.mode.setCurrentIndex(self.mode.findData(mode))
        self.side.blockSignals(True)
        self.side.setValue(side)
        self.side.blockSignals(False)
        self.side.setEnabled(mode != WHOLE)
        self.pick.setChecked(picking)


def _spacing(info: "ImageInfo") -> str:
    """Write the edges of a pixel, if they say more than that pixels are square."""
    known = info.units not in ("px", "pixel")
    units, (y, x) = info.units if known else "", info.spacing
    if not is_square(info.spacing):
        return " · " + strings.SPACINGS.format(y=y, x=x, units=units).replace(" /px", " per px")
    return " · " + strings.SPACING.format(spacing=y, units=units) if known else ""
