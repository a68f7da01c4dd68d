"""Whose volume is asked for: that of the whole class, or of the object of one star centre."""

from collections.abc import Sequence

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QWidget

from . import strings
from .forms import NAME_WIDTH
from .widgets import button, column, combo, row

Points = Sequence[tuple[float, float]]
WHOLE = -1


class ObjectRow(QWidget):
    """Choose the whole class or one object; hidden while a class has no star with a centre.

    Signals: ``chosen()``; ``freed()`` to leave the volume of the chosen object free.
    """

    chosen = Signal()
    freed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[object, ...] = ()
        title = QLabel(strings.OBJECT_VOLUME)
        title.setFixedWidth(NAME_WIDTH)
        self.box = combo(strings.OBJECT_VOLUME, strings.TIP_OBJECT_VOLUME)
        self.box.activated.connect(lambda _index: self.chosen.emit())
        self.free = button(strings.FREE_OBJECT, strings.TIP_FREE_OBJECT)
        self.free.clicked.connect(self.freed)
        column(self).addLayout(row(title, self.box, self.free, stretch=1))
        self.show_points(0, (), ())

    @property
    def place(self) -> int | None:
        """Give the place of the chosen object among the centres; None = the whole class."""
        found = self.box.currentData()
        return None if found is None or found == WHOLE else int(found)

    def choose(self, place: int) -> None:
        """Choose an object."""
        self.box.setCurrentIndex(max(0, self.box.findData(place)))
        self.chosen.emit()

    def show_points(self, label: int, points: Points, volumes: Sequence[float | None]) -> None:
        """List the objects of a class; the choice stays while they are as many.

        Parameters
        ----------
        volumes : wanted pixels of each, None = free; empty if all are
        """
        wanted = list(volumes) or [None] * len(points)
        shown = label, tuple(points), tuple(wanted)
        if shown != self._shown:
            before = self._shown
            same = bool(before) and (before[0], self.box.count()) == (label, len(points) + 1)
            kept = self.box.currentIndex() if same else 0
            self._shown = shown
            self.box.clear()
            self.box.addItem(strings.WHOLE_CLASS, WHOLE)
            for place, ((y, x), pixels) in enumerate(zip(points, wanted, strict=True)):
                text = strings.ONE_OBJECT.format(number=place + 1, y=y, x=x)
                text += "" if pixels is None else strings.SIZED_OBJECT.format(pixels=pixels)
                self.box.addItem(text, place)
            self.box.setCurrentIndex(kept)
            self.setVisible(bool(points))
        chosen = self.place
        self.free.setEnabled(chosen is not None and wanted[chosen] is not None)
