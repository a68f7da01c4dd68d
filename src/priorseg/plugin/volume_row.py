"""The wanted volume of a class: a slider, a number in pixels, per cent or an area, and a lock."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from ..spec import Range
from . import strings
from .forms import RangeRow
from .widgets import Wrapped, button, column, combo, row

PIXELS, SHARE, AREA = "px", "%", "area"


class VolumeRow(QWidget):
    """Ask for a volume, in the unit of the user's choice.

    Signals: ``wanted(pixels, dragging)``; ``painted()`` to take what was painted; ``locked(on)``.
    """

    wanted = Signal(float, bool)
    painted = Signal()
    locked = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._pixels, self._hard = 1, 0
        self._area = 0.0  # of a pixel, in `_unit`²; 0 = unknown
        self._unit = ""
        self.target = RangeRow("volume", Range(1, 2, log=True, unit="px"), 1, decimals=0)
        self.target.moved.connect(self.wanted.emit)
        self.units = combo(strings.VOLUME_UNIT, strings.TIP_VOLUME_UNIT)
        self.units.setFixedWidth(72)
        self.units.activated.connect(self._show_unit)
        self.current = button(strings.FROM_RESULT, strings.TIP_FROM_RESULT)
        self.current.clicked.connect(lambda: self.wanted.emit(float(self._hard), False))
        self.paint = button(strings.FROM_PAINT, strings.TIP_FROM_PAINT)
        self.paint.clicked.connect(self.painted)
        self.lock = button(strings.LOCK_VOLUME, strings.TIP_LOCK_VOLUME, checkable=True)
        self.lock.clicked.connect(self.locked)
        self._share = Wrapped()
        layout = column(self)
        layout.addWidget(self.target.native)
        layout.addLayout(row(self.units, self.current, self.paint, self.lock))
        layout.addWidget(self._share)
        self.set_pixel(0.0, "")

    def controls(self) -> list[QWidget]:
        """Give the controls, from top to bottom."""
        return [
            self.target.bar, self.target.field, self.units, self.current, self.paint, self.lock,
        ]  # fmt: skip

    @property
    def text(self) -> str:
        """Give what is said about the volume."""
        return self._share.text()

    def set_pixel(self, area: float, unit: str) -> None:
        """Tell the area of a pixel in unit²; 0 = unknown."""
        chosen = self.units.currentData()
        self._area, self._unit = area, unit
        self.units.clear()
        self.units.addItem(strings.PIXELS, PIXELS)
        self.units.addItem("%", SHARE)
        if area > 0:
            self.units.addItem(f"{unit}²", AREA)
        self.units.setCurrentIndex(max(0, self.units.findData(chosen)))
        self._show_unit()

    def show_target(
        self,
        target: float | None,
        network: int,
        pixels: int,
        soft: float | None,
        hard: int | None,
        *,
        single: bool = False,
    ) -> None:
        """Show the wanted volume, the network's own and what is there now.

        Parameters
        ----------
        target : float   wanted pixels; None = free
        network : int    pixels by the network alone; the slider's middle
        pixels : int     of the region
        soft, hard : float, int   sum of probabilities and pixels of the label map, if known
        single : bool    it is that of one object: `network` is only where the slider begins
        """
        self._pixels, self._hard = max(pixels, 2), hard or 0
        for part in (self.paint, self.lock):
            part.setVisible(not single)
        middle, pixels = max(network, 1), self._pixels
        self.target.trained = float(middle)
        low = max(1, min(middle // 4, pixels // 2))
        bounds = Range(low, max(low + 1, min(pixels, 4 * middle)), log=True, unit="px")
        if self.target.bounds != bounds and not self.target.bar.isSliderDown():
            self.target.set_bounds(bounds, Range(1, pixels))
        self._show_unit()
        if not self.target.bar.isSliderDown():
            self.target.set(network if target is None else target)
        field, free = self.target.field, target is None and not single
        field.setEnabled(not free)
        field.setToolTip(strings.TIP_FREE_VOLUME if free else self.target.bar.toolTip())
        self.current.setEnabled(bool(hard))
        self.lock.setEnabled(target is not None)
        if single:
            self._tell_object(target, hard)
        else:
            self._tell(target, network, soft, hard)

    def _show_unit(self, _index: int = 0) -> None:
        """Show the number in the chosen unit."""
        kind = self.units.currentData()
        if kind == SHARE:
            self.target.show_in("%", 100 / max(self._pixels, 2))
        elif kind == AREA:
            self.target.show_in(f"{self._unit}²", self._area)
        else:
            self.target.show_in("px", 1.0)

    def _tell(
        self, target: float | None, network: int, soft: float | None, hard: int | None
    ) -> None:
        """Write what `show_target` was told of a class."""
        if target is None:
            text = strings.NETWORK_VOLUME if hard is None else strings.FREE_VOLUME
            share = 100 * (network if hard is None else hard) / self._pixels
            text = text.format(hard=hard, share=share, network=network)
            self._share.setText(text + self._in_area(network if hard is None else hard))
            return
        wanted = self.target.value
        text = strings.SHARE.format(share=100 * wanted / self._pixels, network=network)
        if soft is not None and hard is not None:
            text += "\n" + strings.SOFT_HARD.format(soft=soft, hard=hard) + self._in_area(hard)
        self._share.setText(text)

    def _tell_object(self, target: float | None, hard: int | None) -> None:
        """Write what `show_target` was told of one object."""
        text = strings.OBJECT_FREE if target is None else strings.OBJECT_NOW
        self._share.setText("" if hard is None else text.format(hard=hard) + self._in_area(hard))

    def _in_area(self, pixels: int) -> str:
        return f" = {pixels * self._area:.4g} {self._unit}²" if self._area else ""
