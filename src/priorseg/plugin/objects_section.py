"""The page of objects: corrections by brush, the list of kept objects, the next image."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSlider,
    QTreeWidget,
    QTreeWidgetItem,
    QTreeWidgetItemIterator,
    QWidget,
)

from . import strings
from .deciding_row import DecidingRow
from .keyed import Keyed
from .layers import colour
from .widgets import Notice, Wrapped, button, chip, column, combo, describe, heading, row

GROUND, FREE = 0, -1


class Row(NamedTuple):
    """One line of the list."""

    number: int  # of a kept object; 0 = not kept yet
    label: int
    name: str
    area: str
    state: str
    inside: int | None = None


class ObjectsSection(QWidget):
    """Correct, keep and list objects; go from image to image.

    Signals: ``paint(label)`` (None = set free); ``stop()`` painting; ``wiped()``; ``brush(px)``;
    ``keep()``; ``lock(number, on)``; ``rename(number, name)``; ``delete(number)``;
    ``selected(number)``; ``step(by)`` to another image.
    """

    paint = Signal(object)
    stop = Signal()
    wiped = Signal()
    brush = Signal(int)
    keep = Signal()
    lock = Signal(int, bool)
    rename = Signal(int, str)
    delete = Signal(int)
    selected = Signal(int)
    step = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._filling = False
        self.notice = Notice()
        layout = column(self)
        layout.addWidget(heading(strings.CORRECTIONS))
        self._build_brush(layout)
        layout.addWidget(heading(strings.OBJECTS))
        self._build_list(layout)
        layout.addWidget(self.notice)
        layout.addWidget(heading(strings.IMAGES))
        self._build_steps(layout)
        self.set_classes({})

    def _build_brush(self, layout) -> None:
        self.brush_class = combo(strings.BRUSH_CLASS, strings.TIP_BRUSH_CLASS)
        self.brush_class.activated.connect(self._on_brush_class)
        self.paint_button = button("", "", checkable=True)
        Keyed(self.paint_button, "paint", strings.PAINT, strings.TIP_PAINT)
        self.paint_button.clicked.connect(self._on_paint)
        self.wipe_button = button(strings.WIPE, strings.TIP_WIPE)
        self.wipe_button.clicked.connect(self.wiped)
        self.size = QSlider(Qt.Orientation.Horizontal)
        self.size.setRange(1, 100)
        self.size.setValue(8)
        describe(self.size, strings.BRUSH_SIZE, strings.TIP_BRUSH_SIZE)
        self.size.valueChanged.connect(self.brush)
        self.painted = Wrapped(strings.NOTHING_PAINTED)
        layout.addLayout(row(self.brush_class, self.paint_button, self.wipe_button, stretch=0))
        layout.addWidget(self.size)
        layout.addWidget(self.painted)

    def _build_list(self, layout) -> None:
        self.list = QTreeWidget()
        self.list.setHeaderLabels(list(strings.OBJECT_COLUMNS))
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setUniformRowHeights(True)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for place in (1, 2):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        describe(self.list, strings.OBJECTS, strings.TIP_OBJECTS)
        self.list.setMinimumHeight(180)
        self.list.itemChanged.connect(self._on_item)
        self.list.itemSelectionChanged.connect(self._on_selection)
        self.keep_button = button("", "")
        Keyed(self.keep_button, "keep", strings.KEEP, strings.TIP_KEEP)
        self.keep_button.clicked.connect(self.keep)
        self.lock_button = button(strings.LOCK, strings.TIP_LOCK, checkable=True)
        self.lock_button.clicked.connect(lambda on: self.lock.emit(self.number, on))
        self.delete_button = button(strings.DELETE, strings.TIP_DELETE)
        self.delete_button.clicked.connect(lambda: self.delete.emit(self.number))
        self.policy = combo(strings.OVERLAP, strings.TIP_OVERLAP)
        for name, title in strings.OVERLAPS.items():
            self.policy.addItem(title, name)
        self.deciding = DecidingRow()
        layout.addWidget(self.list)
        layout.addWidget(self.deciding)
        layout.addLayout(row(self.keep_button, self.lock_button, self.delete_button))
        layout.addWidget(self.policy)

    def _build_steps(self, layout) -> None:
        self.back, self.forth = button("", ""), button("", "")
        Keyed(self.back, "previous_image", strings.PREVIOUS, strings.TIP_PREVIOUS)
        Keyed(self.forth, "next_image", strings.NEXT, strings.TIP_NEXT)
        self.back.clicked.connect(lambda: self.step.emit(-1))
        self.forth.clicked.connect(lambda: self.step.emit(1))
        self.place = Wrapped(strings.NO_FOLDER)
        self.images_notice = Notice()
        layout.addLayout(row(self.back, self.forth))
        layout.addWidget(self.place)
        layout.addWidget(self.images_notice)

    @property
    def number(self) -> int:
        """Give the number of the selected kept object; 0 if there is none."""
        chosen = self.list.selectedItems()
        return int(chosen[0].data(0, Qt.ItemDataRole.UserRole)) if chosen else 0

    @property
    def numbers(self) -> list[int]:
        """Give the numbers of the objects in the list, from top to bottom."""
        return [int(item.data(0, Qt.ItemDataRole.UserRole)) for item in self._items()]

    def _items(self) -> list[QTreeWidgetItem]:
        walk = QTreeWidgetItemIterator(self.list)
        found = []
        while (item := walk.value()) is not None:
            found.append(item)
            walk += 1
        return found

    def select(self, number: int) -> None:
        """Select an object, bring its line into view and the picture to it."""
        for item in self._items():
            if int(item.data(0, Qt.ItemDataRole.UserRole)) == number:
                self.list.setCurrentItem(item)

    @property
    def overlap(self) -> Any:
        """Give what happens where new objects meet kept ones, see `annotation.keeping.keep`."""
        return self.policy.currentData()

    @property
    def brush_label(self) -> int | None:
        """Give the label that the brush paints; None = it sets pixels free."""
        label = int(self.brush_class.currentData())
        return None if label == FREE else label

    def set_classes(self, names: Mapping[int, str]) -> None:
        """Offer the classes of a model to the brush; names of objects, background left out."""
        known = self.brush_class.count() > 2  # not only background and free
        before = self.brush_class.currentText() if known else ""
        self.brush_class.clear()
        for label, name in names.items():
            text = strings.BRUSH.format(name=name)
            self.brush_class.addItem(chip(colour(label)), text, label)
        self.brush_class.addItem(chip("#FFFFFF"), strings.BRUSH_GROUND, GROUND)
        self.brush_class.addItem(strings.BRUSH_FREE, FREE)
        self.brush_class.setCurrentIndex(max(0, self.brush_class.findText(before)))

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show the kept objects and the draft; the selected one stays selected."""
        self._filling, chosen = True, self.number
        word = strings.OBJECT_STATES["imported"]
        self.deciding.show_left(sum(one.state == word for one in rows))
        self.list.clear()
        items: dict[int, QTreeWidgetItem] = {}
        for one in rows:
            item = QTreeWidgetItem([one.name, one.area, one.state])
            item.setIcon(0, chip(colour(one.label)))
            item.setData(0, Qt.ItemDataRole.UserRole, one.number)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight)
            if one.number:
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
                items[one.number] = item
            holder = items.get(one.inside or 0)
            (holder.addChild if holder else self.list.addTopLevelItem)(item)
            item.setSelected(bool(one.number) and one.number == chosen)
        self.list.expandAll()
        self._filling = False
        self._on_selection()

    def show_painting(self, on: bool, text: str) -> None:
        """Show whether the mouse paints, and how much is painted."""
        self.paint_button.setChecked(on)
        self.painted.setText(text)
        self.wipe_button.setEnabled(text != strings.NOTHING_PAINTED)

    def show_step(self, text: str, back: bool, forth: bool) -> None:
        """Show which image of its folder is open."""
        self.place.setText(text)
        self.back.setEnabled(back)
        self.forth.setEnabled(forth)

    def _on_paint(self, on: bool) -> None:
        if on:
            self.paint.emit(self.brush_label)
        else:
            self.stop.emit()

    def _on_brush_class(self, _index: int) -> None:
        if self.paint_button.isChecked():
            self.paint.emit(self.brush_label)

    def _on_item(self, item: QTreeWidgetItem, place: int) -> None:
        number = int(item.data(0, Qt.ItemDataRole.UserRole) or 0)
        if not self._filling and place == 0 and number:
            self.rename.emit(number, item.text(0))

    def _on_selection(self) -> None:
        if self._filling:
            return
        number, chosen = self.number, self.list.selectedItems()
        state = chosen[0].text(2) if chosen else ""
        locked = state == strings.OBJECT_STATES["locked"]
        self.lock_button.setEnabled(bool(number) and state != strings.OBJECT_STATES["imported"])
        self.lock_button.setChecked(locked)
        self.delete_button.setEnabled(bool(number) and not locked)
        if number:
            self.selected.emit(number)
