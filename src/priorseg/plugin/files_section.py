"""The page of files: save labels, import a mask, save a recipe; what is saved by itself."""

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..exchange import Format, formats
from . import strings
from .path_row import PathRow
from .widgets import Notice, Wrapped, button, column, combo, heading

CLASSES = -1  # the numbers of a mask are classes
LOOK = "look"  # imported objects are not kept before somebody has looked at them


class FilesSection(QWidget):
    """Save and import.

    Signals: ``save(path)`` labels; ``load(path)`` a mask; ``recipe(path)``; ``copied()`` as Python;
    ``formatted()`` once another format was chosen.
    """

    save = Signal(str)
    load = Signal(str)
    recipe = Signal(str)
    copied = Signal()
    formatted = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = column(self)
        self._build_labels(layout)
        self._build_import(layout)
        self._build_recipe(layout)
        layout.addWidget(heading(strings.SAVED_BY_ITSELF))
        self.session = Wrapped(strings.SESSION_NONE)
        layout.addWidget(self.session)
        self.set_classes({})

    def _build_labels(self, layout: QVBoxLayout) -> None:
        self.what = combo(strings.WHAT, strings.TIP_WHAT)
        for name, title in strings.WHATS.items():
            self.what.addItem(title, name)
        self.format = combo(strings.FORMAT, strings.TIP_FORMAT)
        for one in formats():
            if one.writer:
                self._add_format(one)
        self.format.activated.connect(lambda _place: self.formatted.emit())
        self.labels = PathRow(strings.LABELS_PATH, strings.TIP_LABELS_PATH)
        self.labels.done.connect(self.save)
        self.notice = Notice()
        for part in (heading(strings.SAVE_LABELS), self.what, self.format, self.labels):
            layout.addWidget(part)
        layout.addWidget(self.notice)

    def _add_format(self, one: Format) -> None:
        self.format.addItem(f"{one.title}  {one.endings[0]}", one.name)
        if one.installed:
            return
        place = self.format.count() - 1
        self.format.model().item(place).setEnabled(False)
        tip = strings.NEEDS.format(
            title=one.title, needs=" and ".join(one.needs), install=one.install
        )
        self.format.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)

    def _build_import(self, layout: QVBoxLayout) -> None:
        self.numbers = combo(strings.NUMBERS, strings.TIP_NUMBERS)
        self.imported_as = combo(strings.IMPORT_AS, strings.TIP_IMPORT_AS)
        for name, title in strings.IMPORTS_AS.items():
            self.imported_as.addItem(title, name)
        self.mask = PathRow(
            strings.IMPORT_PATH, strings.TIP_IMPORT_PATH, strings.IMPORT_BUTTON, strings.TIP_IMPORT
        )
        self.mask.done.connect(self.load)
        self.mask_notice = Notice()
        for part in (heading(strings.IMPORT), self.numbers, self.imported_as, self.mask):
            layout.addWidget(part)
        layout.addWidget(self.mask_notice)

    def _build_recipe(self, layout: QVBoxLayout) -> None:
        self.recipe_row = PathRow(strings.RECIPE_PATH, strings.TIP_RECIPE_PATH)
        self.recipe_row.done.connect(self.recipe)
        self.python = button(strings.COPY_PYTHON, strings.TIP_COPY_PYTHON)
        self.python.clicked.connect(self.copied)
        self.recipe_row.line.addWidget(self.python)
        self.recipe_notice = Notice()
        for part in (heading(strings.RECIPE), Wrapped(strings.RECIPE_TEXT), self.recipe_row):
            layout.addWidget(part)
        layout.addWidget(self.recipe_notice)

    @property
    def chosen(self) -> Format:
        """Give the format that is chosen."""
        name = self.format.currentData()
        return next(one for one in formats() if one.name == name)

    def choose_format(self, name: str) -> None:
        """Choose a format by its name, if it can be written here."""
        place = self.format.findData(name)
        if place >= 0 and self.format.model().item(place).isEnabled():
            self.format.setCurrentIndex(place)

    def set_classes(self, names: Mapping[int, str]) -> None:
        """Offer what the numbers of a mask can be; names of objects, background left out."""
        before = self.numbers.currentText()
        self.numbers.clear()
        self.numbers.addItem(strings.AS_CLASSES, CLASSES)
        for label, name in (names or {1: strings.OBJECT}).items():
            self.numbers.addItem(strings.AS_OBJECTS.format(name=name), label)
        self.numbers.setCurrentIndex(max(0, self.numbers.findText(before)))

    def allow(self, on: bool) -> None:
        """Let files be read and written, or not while one is."""
        for made in (self.labels.act, self.mask.act, self.recipe_row.act, self.python):
            made.setEnabled(on)
