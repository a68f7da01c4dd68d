"""The table of classes by shape priors: one switch per cell, with its certificate."""

from collections.abc import Mapping
from functools import partial

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from . import strings
from .keyed import Keyed
from .layers import colour
from .widgets import button, chip, describe

KINDS = ("volume", "star", "convex")


class ClassTable(QWidget):
    """Switch volume, star and convex for each class; a row can be selected.

    Signals: ``toggled(kind, label, on)`` by the user, ``selected(label)``.
    """

    toggled = Signal(str, int, bool)
    selected = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self._rows: dict[int, QPushButton] = {}
        self._cells: dict[tuple[str, int], QPushButton] = {}
        self._names: dict[int, str] = {}
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)

    @property
    def label(self) -> int:
        """Give the selected label; 0 if there is none."""
        return next((key for key, row in self._rows.items() if row.isChecked()), 0)

    def cell(self, kind: str, label: int) -> QPushButton:
        """Give the switch of a prior and a class."""
        return self._cells[kind, label]

    def row(self, label: int) -> QPushButton:
        """Give the button that selects a class."""
        return self._rows[label]

    def controls(self) -> list[QPushButton]:
        """Give the buttons, row by row."""
        return [
            button
            for label, row in self._rows.items()
            for button in (row, *(self._cells[kind, label] for kind in KINDS))
        ]

    def set_classes(self, names: Mapping[int, str]) -> None:
        """Make a row for each class; the first is selected."""
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget()
            if widget is not None:
                widget.setParent(None)
                widget.deleteLater()
        self._rows, self._cells, self._names = {}, {}, dict(names)
        for place, kind in enumerate(KINDS, 1):
            title = QLabel(strings.KINDS[kind])
            title.setToolTip(strings.KIND_TIPS[kind])
            title.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._grid.addWidget(title, 0, place)
        for line, (label, name) in enumerate(names.items(), 1):
            self._add_row(line, label, name)

    def _add_row(self, line: int, label: int, name: str) -> None:
        row = button(name, "", checkable=True)
        Keyed(row, "next_class", name, strings.TIP_ROW, on_face=False, form=strings.TIP_ROW_KEY)
        row.setIcon(chip(colour(label)))
        row.setStyleSheet("text-align: left; padding: 2px 6px;")
        row.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        row.setChecked(line == 1)
        row.clicked.connect(lambda _=False, label=label: self.selected.emit(label))
        self._group.addButton(row)
        self._grid.addWidget(row, line, 0)
        self._rows[label] = row
        for place, kind in enumerate(KINDS, 1):
            cell = button(strings.OFF, strings.KIND_TIPS[kind], checkable=True)
            cell.setFixedWidth(60)
            cell.setStyleSheet("padding: 2px 4px;")
            cell.clicked.connect(partial(self._on_cell, kind, label))
            self._grid.addWidget(cell, line, place)
            self._cells[kind, label] = cell
            self.show_state(kind, label, False)

    def _on_cell(self, kind: str, label: int, on: bool) -> None:
        self.select(label)
        self.toggled.emit(kind, label, on)

    def select(self, label: int) -> None:
        """Select the row of a class."""
        if label in self._rows and not self._rows[label].isChecked():
            self._rows[label].setChecked(True)
            self.selected.emit(label)

    def select_next(self) -> None:
        """Select the row below, or the first after the last."""
        labels = list(self._rows)
        if labels:
            self.select(labels[(labels.index(self.label) + 1) % len(labels)])

    def show_state(
        self, kind: str, label: int, on: bool, mark: str = "", message: str = ""
    ) -> None:
        """Show whether a prior is on, and a mark of how well it holds, with its reason."""
        cell = self._cells[kind, label]
        cell.setChecked(on)
        state = (mark or strings.ON) if on else strings.OFF
        if cell.text() != state:
            cell.setText(state)
        tip = f"{strings.KIND_TIPS[kind]}\n{message}".strip()
        describe(cell, f"{strings.KINDS[kind]}, {self._names[label]}: {state}", tip)
