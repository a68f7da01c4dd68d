"""What belongs to one class: its volume, its centres, the radii of its convexity."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QSizePolicy, QWidget

from . import strings
from .forms import NAME_WIDTH
from .keyed import Keyed
from .object_row import ObjectRow
from .proposal_row import ProposalRow
from .volume_row import VolumeRow
from .widgets import button, column, describe, row

Points = tuple[tuple[float, float], ...]


def parse_radii(text: str) -> tuple[float, ...]:
    """Read radii from text such as '2, 4, 8'.

    Raises
    ------
    ValueError  if a part is not a number of pixels between 1 and 200, or there is none.
    """
    parts = text.replace(",", " ").replace(";", " ").replace("px", " ").split()
    try:
        radii = sorted({float(part) for part in parts})
    except ValueError:
        raise ValueError(strings.BAD_RADII.format(text=text)) from None
    if not radii or not all(1 <= radius <= 200 for radius in radii):
        raise ValueError(strings.BAD_RADII.format(text=text))
    return tuple(radii)


class ClassDetails(QWidget):
    """Edit what the priors of the selected class need.

    Signals: ``volume(pixels, dragging)``, ``freed()``, ``place()``, ``clear()``, ``radii(tuple)``,
    ``auto()``, ``circles(bool)``, ``wrong(sentence)``.
    """

    volume = Signal(float, bool)
    freed = Signal()
    place = Signal()
    clear = Signal()
    radii = Signal(object)
    auto = Signal()
    circles = Signal(bool)
    wrong = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = column(self)
        self.volumes = VolumeRow()
        self.volumes.wanted.connect(self.volume)
        self.target = self.volumes.target
        self.objects = ObjectRow()
        self.objects.freed.connect(self.freed)
        layout.addWidget(self.objects)
        layout.addWidget(self.volumes)
        layout.addLayout(self._centre_row())
        self.proposals = ProposalRow()
        layout.addWidget(self.proposals)
        layout.addLayout(self._radii_row())

    def controls(self) -> list[QWidget]:
        """Give the controls, from top to bottom."""
        return [
            self.objects.box, self.objects.free, *self.volumes.controls(),
            self.place_button, self.clear_button, *self.proposals.controls(),
            self.radii_field, self.auto_button, self.circles_button,
        ]  # fmt: skip

    def _centre_row(self):
        title = QLabel(strings.CENTRE)
        title.setFixedWidth(NAME_WIDTH)
        self._where = QLabel(strings.NO_CENTRE)
        self._where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.place_button = button("", "", checkable=True)
        Keyed(self.place_button, "place", strings.PLACE, strings.TIP_PLACE)
        self.place_button.clicked.connect(self.place)
        self.clear_button = button(strings.CLEAR, strings.TIP_CLEAR)
        self.clear_button.clicked.connect(self.clear)
        return row(title, self._where, self.place_button, self.clear_button, stretch=1)

    def _radii_row(self):
        title = QLabel(strings.RADII)
        title.setFixedWidth(NAME_WIDTH)
        self.radii_field = QLineEdit()
        describe(self.radii_field, strings.RADII_NAME, strings.TIP_RADII)
        self.radii_field.editingFinished.connect(self._on_radii)
        self.circles_button = button(strings.CIRCLES, strings.TIP_CIRCLES, checkable=True)
        self.circles_button.toggled.connect(self.circles)
        self.auto_button = button(strings.AUTO_RADII, strings.TIP_AUTO_RADII)
        self.auto_button.clicked.connect(self.auto)
        return row(title, self.radii_field, self.auto_button, self.circles_button, stretch=1)

    def show_centres(self, points: Points, armed: bool) -> None:
        """Show where the centres are, and whether a click places one."""
        if len(points) == 1:
            text = strings.ONE_CENTRE.format(y=points[0][0], x=points[0][1])
        else:
            text = strings.CENTRES.format(count=len(points)) if points else strings.NO_CENTRE
        self._where.setText(strings.ARMED if armed else text)
        self.place_button.setChecked(armed)
        self.clear_button.setEnabled(bool(points))
        self.clear_button.setToolTip(strings.TIP_CLEAR if points else strings.NO_CENTRE)

    def show_radii(self, radii: tuple[float, ...]) -> None:
        """Show the radii, unless they are being typed."""
        if not self.radii_field.hasFocus():
            self.radii_field.setText(", ".join(f"{radius:g}" for radius in radii))
        self._radii = tuple(radii)

    def _on_radii(self) -> None:
        try:
            radii = parse_radii(self.radii_field.text())
        except ValueError as error:
            self.wrong.emit(str(error))
            return
        self.wrong.emit("")
        if radii != getattr(self, "_radii", ()):
            self._radii = radii
            self.radii.emit(radii)
