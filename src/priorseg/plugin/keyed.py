"""Controls that name their key, and the shortcuts of a panel: both follow `keymap`."""

from collections.abc import Callable, Mapping

from qtpy.QtCore import QObject
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QWidget

from . import strings
from .keymap import KEYMAP
from .keys import HeldKey, bind
from .widgets import describe

LONGEST = 9  # letters of a key on a button of the narrow panel, such as Shift+F12


class Keyed(QObject):
    """Write the key of a function beside a control's text, and into its tooltip.

    Parameters
    ----------
    widget : QWidget   it lives as long as this
    name : str         the function, see `keymap.DEFAULTS`
    text : str         what the control does; its name for screen readers too
    tip : str
    on_face : bool     whether the key stands in the text of the control too, if it is short
    form : str         how the tooltip names the key, with ``{tip}`` and ``{key}``
    """

    def __init__(
        self,
        widget: QWidget,
        name: str,
        text: str,
        tip: str,
        *,
        on_face: bool = True,
        form: str = strings.KEY_IN_TIP,
    ) -> None:
        super().__init__(widget)
        self._widget, self._name, self._text, self._tip = widget, name, text, tip
        self._on_face, self._form = on_face, form
        KEYMAP.changed.connect(self.show)
        self.show()

    def show(self) -> None:
        """Show the key in use."""
        text = self._text
        if self._on_face:
            if len(KEYMAP.shown(self._name)) <= LONGEST:
                text = with_key(text, self._name, strings.KEY_IN_TEXT)
            self._widget.setText(text)
        describe(self._widget, text, with_key(self._tip, self._name, self._form))


def with_key(text: str, name: str, form: str) -> str:
    """Add the key of a function to a text, if it has one."""
    key = KEYMAP.shown(name)
    return form.format(text=text, tip=text, key=key) if key else text


class PanelKeys(QObject):
    """Call the functions of a panel by the keys in use.

    Parameters
    ----------
    panel : QWidget
    acts : mapping   function -> what its key does
    held : mapping   function -> what is called with True while its key is down, then False
    """

    def __init__(
        self,
        panel: QWidget,
        acts: Mapping[str, Callable[[], object]],
        held: Mapping[str, Callable[[bool], object]],
    ) -> None:
        super().__init__(panel)
        keys = KEYMAP.keys
        self.shortcuts = {name: bind(panel, keys[name], act) for name, act in acts.items()}
        for name, act in held.items():
            self.shortcuts[name] = HeldKey(panel, keys[name], act).shortcut
        KEYMAP.changed.connect(self._follow)

    def _follow(self) -> None:
        for name, shortcut in self.shortcuts.items():
            shortcut.setKey(QKeySequence(KEYMAP.keys[name]))
