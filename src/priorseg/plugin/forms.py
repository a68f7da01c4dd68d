"""Forms for the priors' parameters, built by magicgui from their annotated signatures."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from magicgui.widgets import Container, FloatSpinBox, Label, Slider
from psygnal import Signal
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QAbstractSlider, QAbstractSpinBox, QWidget

from ..spec import Range, parameters
from . import strings
from .widgets import guard_wheel

STEPS = 1000  # positions of a slider
NAME_WIDTH, NUMBER_WIDTH = 62, 76


def position(value: float, bounds: Range) -> int:
    """Give the slider position (0 to `STEPS`) of a value; equal ratios are equal ways if log."""
    value = min(max(value, bounds.low), bounds.high)
    if bounds.log:
        share = math.log(value / bounds.low) / math.log(bounds.high / bounds.low)
    else:
        share = (value - bounds.low) / (bounds.high - bounds.low)
    return round(share * STEPS)


def value_at(place: int, bounds: Range) -> float:
    """Give the value at a slider position, to three digits; undoes `position`."""
    share = place / STEPS
    if bounds.log:
        value = bounds.low * (bounds.high / bounds.low) ** share
    else:
        value = bounds.low + share * (bounds.high - bounds.low)
    if value == 0:
        return 0.0
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return min(max(round(value, digits), bounds.low), bounds.high)


class _DoubleClick(QObject):
    """Call a function when a widget is double-clicked."""

    def __init__(self, watched: QWidget, act: Callable[[], None]) -> None:
        super().__init__(watched)
        self._act = act
        watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the double click, pass all else on."""
        if event.type() == QEvent.Type.MouseButtonDblClick:
            self._act()
            return True
        return bool(super().eventFilter(watched, event))


class RangeRow:
    """One number: a name, a slider and an editable field; double click = trained value.

    Parameters
    ----------
    name : str       of the parameter
    bounds : Range   of the slider
    value : float    the trained value, shown first
    """

    moved = Signal(float, bool)  # value; True while the mouse holds the slider

    def __init__(self, name: str, bounds: Range, value: float, *, decimals: int = 2) -> None:
        self.name, self.trained = name, float(value)
        self.factor = 1.0  # from the value to the number that is shown
        self.bounds = self.limits = bounds
        self._title = Label(value=strings.parameter(name))
        self._slider = Slider(min=0, max=STEPS, readout=False)
        self._number = FloatSpinBox(min=bounds.low, max=bounds.high)
        self.form = Container(
            layout="horizontal", labels=False, widgets=[self._title, self._slider, self._number]
        )
        self.native: QWidget = self.form.native
        self.bar: QAbstractSlider = self._slider.native.findChild(QAbstractSlider)
        self.field: QAbstractSpinBox = self._number.native
        self._dress(decimals)
        self.set(value)
        self._slider.changed.connect(self._on_slider)
        self._number.changed.connect(self._on_number)
        self.bar.sliderReleased.connect(self._on_release)

    @property
    def value(self) -> float:
        """Give the value, in its own unit whatever is shown."""
        return float(self._number.value) / self.factor

    def show_in(self, unit: str, factor: float) -> None:
        """Show the number in another unit: `factor` of it are one of the value's own."""
        if (unit, factor) == (self.field.suffix().strip(), self.factor):
            return
        value, self.factor = self.value, factor
        digits = max(0, min(6, 1 - math.floor(math.log10(factor)))) if factor != 1 else 0
        with self._number.changed.blocked():
            self.field.setDecimals(digits)
            self.field.setSuffix(f" {unit}")
            self.field.setRange(self.limits.low * factor, self.limits.high * factor)
        self.set(value)

    def set(self, value: float) -> None:
        """Show a value without telling anyone."""
        value = min(max(float(value), self.limits.low), self.limits.high)
        with self._slider.changed.blocked(), self._number.changed.blocked():
            self._number.value = value * self.factor
            self._slider.value = position(value, self.bounds)

    def set_bounds(self, bounds: Range, limits: Range | None = None) -> None:
        """Change the ends of the slider, and the limits of the number if they are wider."""
        value = self.value
        self.bounds, self.limits = bounds, limits or bounds
        with self._number.changed.blocked():
            low, high = self.limits.low * self.factor, self.limits.high * self.factor
            self.field.setRange(low, high)
        self.set(value)

    def set_trained(self, value: float) -> None:
        """Change the value that a double click brings back; the tooltip names it."""
        self.trained, bounds = float(value), self.bounds
        tip = strings.slider_tip(bounds.help, bounds.low, bounds.high, bounds.unit, self.trained)
        for widget in (self.bar, self.field, self._title.native):
            widget.setToolTip(tip)

    def reset(self) -> None:
        """Go back to the trained value."""
        self.set(self.trained)
        self.moved.emit(self.value, False)

    def _dress(self, decimals: int) -> None:
        bounds = self.bounds
        self.form.margins = (0, 0, 0, 0)
        self.native.layout().setSpacing(6)
        self._title.native.setFixedWidth(NAME_WIDTH)
        self.field.setFixedWidth(NUMBER_WIDTH)
        self.field.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.field.setDecimals(decimals)
        self.field.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        self.field.setKeyboardTracking(False)
        self.field.setSuffix(f" {bounds.unit}" if bounds.unit else "")
        self.bar.setPageStep(STEPS // 20)
        self.bar.setSingleStep(STEPS // 100)
        title = strings.parameter(self.name)
        tip = strings.slider_tip(bounds.help, bounds.low, bounds.high, bounds.unit, self.trained)
        for widget, kind in ((self.bar, "slider"), (self.field, "number")):
            widget.setToolTip(tip)
            widget.setAccessibleName(f"{title}, {kind}")
        self._title.native.setToolTip(tip)
        guard_wheel(self.bar, self.field)
        _DoubleClick(self.bar, self.reset)
        _DoubleClick(self._title.native, self.reset)

    def _on_slider(self, place: int) -> None:
        with self._number.changed.blocked():
            self._number.value = value_at(place, self.bounds) * self.factor
        self.moved.emit(self.value, self.bar.isSliderDown())

    def _on_number(self, value: float) -> None:
        with self._slider.changed.blocked():
            self._slider.value = position(value / self.factor, self.bounds)
        self.moved.emit(value / self.factor, False)

    def _on_release(self) -> None:
        self.moved.emit(self.value, False)


class PriorForm:
    """A form for every ranged parameter of a prior class.

    Parameters
    ----------
    prior : class      a registered prior; its signature declares the sliders
    values : mapping   trained values by parameter name; a missing one takes its default
    """

    moved = Signal(bool)  # True while a slider is held

    def __init__(self, prior: type, values: Mapping[str, Any]) -> None:
        self.rows: dict[str, RangeRow] = {}
        for name, parameter in parameters(prior).items():
            if parameter.range is None or parameter.type not in (int, float):
                continue
            start = values.get(
                name, parameter.range.low if parameter.required else parameter.default
            )
            self.rows[name] = RangeRow(name, parameter.range, start)
            self.rows[name].moved.connect(self._on_moved)
        self.form = Container(widgets=[row.form for row in self.rows.values()], labels=False)
        self.form.margins = (0, 0, 0, 0)
        self.native: QWidget = self.form.native
        self.native.layout().setSpacing(2)

    def values(self) -> dict[str, float]:
        """Give the numbers shown, by parameter name."""
        return {name: row.value for name, row in self.rows.items()}

    def set(self, values: Mapping[str, Any]) -> None:
        """Show values without telling anyone."""
        for name in self.rows.keys() & values.keys():
            self.rows[name].set(values[name])

    def set_trained(self, values: Mapping[str, Any]) -> None:
        """Change the values that a double click brings back."""
        for name in self.rows.keys() & values.keys():
            self.rows[name].set_trained(values[name])

    def _on_moved(self, _value: float, dragging: bool) -> None:
        self.moved.emit(dragging)
