"""The keys in use: what napari's preferences say, as far as they can be obeyed."""

from collections.abc import Mapping
from typing import Any

from napari.settings import get_plugin_settings
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtGui import QKeySequence

from . import strings

PLUGIN, CATEGORY = "priorseg", "keyboard"  # of the manifest's configurations
DEFAULTS = {
    "place": "G",
    "paint": "W",
    "keep": "K",
    "next_image": "N",
    "previous_image": "Shift+N",
    "undo": "Ctrl+Z",
    "redo": "Ctrl+Shift+Z",
    "network_only": "J",
    "uncertainty": "U",
    "live": "Q",
    "hide": "H",
    "next_class": "Shift+W",
    "next_proposal": ".",
    "previous_proposal": ",",
    "accept": "Shift+G",
    "reject": "Shift+R",
    "accept_all": "Ctrl+Shift+G",
}
RESERVED = (
    "Esc", "Tab", "Shift+Tab", "Backtab", "Space", "Return", "Enter", "Del", "Backspace",
)  # fmt: skip
NEVER_ALONE = (
    Qt.Key.Key_unknown, Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta,
)  # fmt: skip
TYPED_MS = 400  # without a further letter, then what was typed in the preferences is taken


def read_key(text: str) -> str:
    """Read the name of one key, with or without Ctrl, Shift, Alt; empty = none.

    Raises
    ------
    ValueError  if there is no such key, or the panel cannot do without it.
    """
    sequence = QKeySequence(text.strip(), QKeySequence.SequenceFormat.PortableText)
    if not text.strip():
        return ""
    if sequence.count() != 1 or sequence[0].key() in NEVER_ALONE:
        raise ValueError(strings.KEY_UNKNOWN.format(text=text))
    name = sequence.toString(QKeySequence.SequenceFormat.PortableText)
    if name in RESERVED:
        raise ValueError(strings.KEY_RESERVED.format(text=name))
    return name


def resolve(
    wanted: Mapping[str, str], former: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Find the keys that can be obeyed; of two functions on one key the one that had it keeps it.

    Parameters
    ----------
    wanted : mapping   function -> what the preferences say
    former : mapping   function -> key so far

    Returns
    -------
    (function -> key, a sentence for each function that does not get what is wanted)
    """
    found: dict[str, str] = {}
    refused: dict[str, str] = {}
    good: dict[str, str] = {}
    for name, text in wanted.items():
        try:
            good[name] = read_key(text)
        except ValueError as error:
            refused[name] = str(error)
    for name in sorted(good, key=lambda name: good[name] != former[name]):
        key = good[name]
        other = _holder(found, key)
        if other is None:
            found[name] = key
        else:
            other = strings.KEY_WORDS[other]
            refused[name] = strings.KEY_TAKEN.format(text=key, other=other)
    for name in refused:
        choices = (former[name], DEFAULTS[name], "")
        found[name] = next(key for key in choices if _holder(found, key) is None)
    said = [_sentence(name, why, found[name]) for name, why in refused.items()]
    return {name: found[name] for name in wanted}, said


def _holder(keys: Mapping[str, str], key: str) -> str | None:
    return next((name for name, taken in keys.items() if key and taken == key), None)


def _sentence(name: str, why: str, key: str) -> str:
    text = strings.KEY_STAYS if key else strings.KEY_NONE_STAYS
    return text.format(what=strings.KEY_WORDS[name], why=why, key=key)


class KeyMap(QObject):
    """Keep the keys of all panels.

    Signals: ``changed()`` when a key, or what there is to say about keys, is another one.

    Attributes
    ----------
    keys : dict       function -> key as Qt writes it in files; empty = none
    said : list       sentences about wanted keys that are not obeyed, or given up
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.said = dict(DEFAULTS), list[str]()
        self._settings: Any = None
        self._typed: QTimer | None = None

    def shown(self, name: str) -> str:
        """Give a function's key as this system writes it; empty if it has none."""
        form = QKeySequence.SequenceFormat
        return QKeySequence(self.keys[name], form.PortableText).toString(form.NativeText)

    def names(self) -> dict[str, str]:
        """Give all keys as this system writes them."""
        return {name: self.shown(name) for name in self.keys}

    def follow(self) -> None:
        """Take the keys of napari's preferences, now and whenever they change."""
        try:
            settings = getattr(get_plugin_settings(PLUGIN), CATEGORY)
        except KeyError:  # the panel was opened without its manifest
            settings = None
        if settings is not self._settings:
            self.keys, self.said = dict(DEFAULTS), []
            self._settings = settings
            if settings is not None:
                settings.events.connect(self._on_event)
        self._take(opening=True)

    def _on_event(self, _event: Any) -> None:
        if self._typed is None:
            self._typed = QTimer(self)
            self._typed.setSingleShot(True)
            self._typed.timeout.connect(self._take)
        self._typed.start(TYPED_MS)

    def _take(self, *, opening: bool = False) -> None:
        wanted = {name: getattr(self._settings, name, key) for name, key in DEFAULTS.items()}
        keys, said = resolve(wanted, self.keys)
        if not opening:
            given_up = [name for name in keys if self.keys[name] and not keys[name]]
            said += [
                strings.KEY_REMOVED.format(what=strings.KEY_WORDS[name])
                for name in given_up
                if not wanted[name].strip()
            ]
        if (keys, said) != (self.keys, self.said):
            self.keys, self.said = keys, said
            self.changed.emit()


KEYMAP = KeyMap()
