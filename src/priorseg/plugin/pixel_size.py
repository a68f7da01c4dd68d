"""The size of a pixel: of the layer, of its file, or typed."""

from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from ..exchange.units import short_unit
from ..io import file_spacing
from . import strings
from .pixels import SIZE
from .widgets import Wrapped, column, combo, describe, guard_wheel, row

if TYPE_CHECKING:
    from .controller import Controller

UNITS = ("mm", "µm", "nm", "cm")


class PixelSize(QWidget):
    """Show and edit the edge of a pixel.

    Signals: ``typed(edge, unit)``; 0 = not known.
    """

    typed = Signal(float, str)

    def __init__(self) -> None:
        super().__init__()
        self.edge = QDoubleSpinBox()
        self.edge.setDecimals(6)
        self.edge.setRange(0, 1e6)
        self.edge.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.edge.setKeyboardTracking(False)
        describe(self.edge, strings.PIXEL_SIZE, strings.TIP_PIXEL_EDGE)
        self.unit = combo(strings.PIXEL_SIZE, strings.TIP_PIXEL_UNIT)
        self.unit.addItems(UNITS)
        self.unit.setFixedWidth(64)
        self.edge.valueChanged.connect(self._tell)
        self.unit.activated.connect(self._tell)
        guard_wheel(self.edge)
        self.origin = Wrapped()
        layout = column(self)
        layout.addLayout(row(self.edge, self.unit, stretch=0))
        layout.addWidget(self.origin)
        self.hide()

    def show_size(self, edge: float, unit: str, origin: str, note: str = "") -> None:
        """Show a size and where it comes from, without announcing it."""
        self.edge.blockSignals(True)
        self.edge.setValue(edge)
        self.edge.blockSignals(False)
        if self.unit.findText(unit) >= 0:
            self.unit.setCurrentIndex(self.unit.findText(unit))
        for control in (self.edge, self.unit):
            control.setEnabled(origin != "layer")
        self.origin.setText(f"{strings.SIZE_FROM[origin]} {note}".strip())

    def _tell(self, *_: object) -> None:
        self.typed.emit(self.edge.value(), self.unit.currentText())


class PixelSizing:
    """Find the size of a pixel of the image in use, or take the typed one.

    Parameters
    ----------
    desk : Controller
    """

    def __init__(self, desk: "Controller") -> None:
        self.desk, self.section = desk, desk.panel.image.size
        self.section.typed.connect(self.on_typed)

    def look(self, layer: Image) -> None:
        """Ask the file of an image that says nothing itself."""
        path = getattr(layer.source, "path", None)
        if SIZE not in layer.metadata and path and short_unit(str(layer.units[-2])) is None:
            found = file_spacing(path)
            if found is not None:
                layer.metadata[SIZE] = (
                    found[0],
                    short_unit(found[1]) or found[1],
                    "file",
                    found[2],
                )

    def show(self, layer: Image | None) -> None:
        """Show the size of a pixel of an image."""
        if layer is None:
            self.section.show_size(0, UNITS[0], "")
            return
        unit = short_unit(str(layer.units[-2]))
        if unit is not None:
            self.section.show_size(float(layer.scale[-2]), unit, "layer")
            return
        (edges, unit, origin, notes) = layer.metadata.get(SIZE, ((0.0, 0.0), UNITS[0], "", ()))
        self.section.show_size(edges[0], unit, origin, " ".join(notes))

    def on_typed(self, edge: float, unit: str) -> None:
        """Take the typed size; the result stays, its areas are told anew."""
        layer = self.desk.canvas.image
        if layer is None:
            return
        if edge > 0:
            layer.metadata[SIZE] = ((edge, edge), unit, "typed", ())
        else:
            layer.metadata.pop(SIZE, None)
        self.show(layer)
        self.desk.images.resized()
