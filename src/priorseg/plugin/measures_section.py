"""The page of measures: a line per object, cup and disc, the rim over the angle."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..measures import CupDisc, ObjectMeasures, Reading
from . import strings
from .widgets import Notice, Wrapped, button, column, combo, describe, heading, row

NARROW = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class MeasuresSection(QWidget):
    """Show measures.

    Signals: ``asked()`` for other measures; ``saved()`` and ``copied()`` are wanted.
    """

    asked = Signal()
    saved = Signal()
    copied = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.source = combo(strings.MEASURED, strings.TIP_MEASURED)
        for name, title in strings.MEASURED_KINDS.items():
            self.source.addItem(title, name)
        self.source.setCurrentIndex(1)
        self.source.activated.connect(self.asked)
        self.eye = combo(strings.EYE, strings.TIP_EYE)
        for name, title in strings.EYES.items():
            self.eye.addItem(title, name)
        self.eye.activated.connect(self.asked)
        self.eye.hide()
        self.units = Wrapped(strings.NOTHING_TO_MEASURE)
        self.table = self._make_table()
        self.ratios = Wrapped()
        self.ratios.hide()
        self.plot = RimPlot()
        self.plot.hide()
        self.copy = button(strings.COPY_TABLE, strings.TIP_COPY_TABLE)
        self.copy.clicked.connect(self.copied)
        self.save = button(strings.SAVE_TABLE, strings.TIP_SAVE_TABLE)
        self.save.clicked.connect(self.saved)
        self.notice = Notice()
        layout = column(self)
        layout.addWidget(heading(strings.MEASURES))
        layout.addWidget(self.source)
        layout.addWidget(self.eye)
        for part in (self.units, self.table, self.ratios, self.plot):
            layout.addWidget(part)
        layout.addLayout(row(self.copy, self.save))
        layout.addWidget(self.notice)
        self._allow(False)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(strings.COLUMNS))
        table.setHorizontalHeaderLabels(list(strings.COLUMNS))
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(24)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setMinimumHeight(200)
        table.setSizePolicy(NARROW)
        describe(table, strings.MEASURES, strings.TIP_MEASURE_TABLE)
        return table

    def _allow(self, on: bool) -> None:
        self.copy.setEnabled(on)
        self.save.setEnabled(on)

    def say(self, text: str) -> None:
        """Say why nothing is shown, or that it takes time."""
        self.units.setText(text)

    def show_objects(self, found: Sequence[ObjectMeasures]) -> None:
        """Show a line per object."""
        table = self.table
        table.setRowCount(len(found))
        for line, one in enumerate(found):
            values = (
                one.area, one.perimeter, one.equivalent_diameter, one.feret_max, one.feret_min,
                one.circularity, one.solidity, *(one.centroid_px or (None, None)),
            )  # fmt: skip
            texts = [one.name or str(one.number), *(_number(value) for value in values)]
            for place, text in enumerate(texts):
                item = QTableWidgetItem(text + (" !" if one.remark and not place else ""))
                item.setToolTip(one.remark)
                if place:
                    item.setTextAlignment(RIGHT)
                table.setItem(line, place, item)
        table.resizeColumnsToContents()
        units = found[0].units if found else "px"
        text = strings.UNITS_PX if units == "px" else strings.UNITS_KNOWN.format(units=units)
        self.say(text if found else strings.NOTHING_TO_MEASURE)
        self._allow(bool(found))

    def show_cup_disc(self, found: CupDisc | None) -> None:
        """Show ratios and the rim profile; None = there is no cup in a disc here."""
        self.ratios.setVisible(found is not None)
        self.plot.setVisible(found is not None and found.profile is not None)
        if found is None:
            return
        self.ratios.setText("\n".join(_sentences(found)))
        if found.profile is not None:
            self.plot.show_profile(found.profile.degrees, found.profile.width, found.units)

    def offer_eye(self, on: bool) -> None:
        """Ask which eye it is, where that matters."""
        self.eye.setVisible(on)


class RimPlot(QWidget):
    """Plot the rim width over the angle; the library is loaded with the first profile."""

    def __init__(self) -> None:
        super().__init__()
        self._plot: Any = None
        self._line: Any = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setFixedHeight(180)
        self.setSizePolicy(NARROW)
        describe(self, strings.PROFILE, strings.PROFILE)

    def show_profile(self, degrees: np.ndarray, width: np.ndarray, units: str) -> None:
        """Plot widths over angles; nan leaves a gap."""
        if self._plot is None:
            import pyqtgraph

            self._plot = pyqtgraph.PlotWidget(background=None)
            self._line = self._plot.plot(pen=pyqtgraph.mkPen("#56B4E9", width=2), connect="finite")
            self._plot.setMouseEnabled(x=False, y=False)
            self._plot.hideButtons()
            self._plot.setMenuEnabled(False)
            self._plot.getAxis("bottom").setTicks(
                [[(angle, str(angle)) for angle in range(0, 361, 90)]]
            )
            self._plot.setLabel("bottom", strings.PROFILE_X)
            self.layout().addWidget(self._plot)
        self._plot.setLabel("left", strings.PROFILE_Y.format(units=units))
        self._line.setData(degrees, width)
        self._plot.setXRange(0, 360, padding=0)
        top = float(np.nanmax(width)) if np.isfinite(width).any() else 1.0
        self._plot.setYRange(0, max(top, 1e-9))


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _ratio(reading: Reading) -> str:
    if reading.value is None:
        return strings.NO_FIGURE.format(reason=reading.reason)
    return f"{reading.value:.2f}"


def _length(reading: Reading) -> str:
    if reading.value is None:
        return strings.NO_FIGURE.format(reason=reading.reason)
    return _number(reading.value)


def _sentences(found: CupDisc) -> list[str]:
    """Say in words what was measured of a cup and its disc, or why it was not."""
    if found.disc_area.value is None:
        return [strings.NO_FIGURE.format(reason=found.disc_area.reason)]
    lines = [
        strings.RATIOS.format(
            vertical=_ratio(found.vertical),
            horizontal=_ratio(found.horizontal),
            area=_ratio(found.area_ratio),
        )
    ]
    if found.sectors:
        widths = ", ".join(f"{one.name} {_length(one.mean)}" for one in found.sectors)
        lines.append(
            strings.RIM.format(area=_length(found.rim_area), units=found.units, widths=widths)
        )
        lines.append(_isnt(found))
    return [*lines, *([found.remark] if found.remark else [])]


def _isnt(found: CupDisc) -> str:
    isnt = found.isnt
    if isnt.holds is None:
        return strings.ISNT_UNKNOWN.format(reason=isnt.reason)
    text = strings.ISNT_HOLDS if isnt.holds else strings.ISNT_FAILS
    return text.format(margin=abs(isnt.margin or 0.0), units=found.units)


def as_text(table: QTableWidget) -> str:
    """Write a table as lines of cells between tabs, the way spreadsheets paste it."""
    headers: Mapping[int, str] = dict(enumerate(strings.COLUMNS))
    lines = ["\t".join(headers.values())]
    for line in range(table.rowCount()):
        cells = [table.item(line, place).text() for place in headers]
        lines.append("\t".join(cell.removesuffix(" !") for cell in cells))
    return "\n".join(lines)
