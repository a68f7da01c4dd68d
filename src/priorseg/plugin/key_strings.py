"""Texts of the keys; part of the one table `strings`."""

from collections.abc import Mapping

KEY_WORDS = {  # function of the panel: what its key does, as the help says it
    "place": "place a star centre",
    "paint": "paint",
    "keep": "keep",
    "next_image": "next image",
    "previous_image": "previous image",
    "undo": "undo",
    "redo": "redo",
    "network_only": "(hold) network only",
    "uncertainty": "uncertainty",
    "live": "live on/off",
    "hide": "hide the result",
    "next_class": "next class",
    "next_proposal": "next proposal",
    "previous_proposal": "previous proposal",
    "accept": "accept proposal",
    "reject": "reject proposal",
    "accept_all": "accept all proposals",
}
HELP_REST = (
    "<b>Esc</b> cancel. Drag a centre to move it, <b>Delete</b> removes it, hold <b>Space</b> to "
    "pan. Double-click a slider: trained value. Other keys: <b>File → Preferences → priorseg</b>."
)
KEY_IN_TEXT, KEY_IN_TIP = "{text} ({key})", "{tip} Key: {key}"
KEY_UNKNOWN = "“{text}” is not a key. Type one such as K, F5 or Ctrl+Shift+K."
KEY_RESERVED = "{text} is needed elsewhere and cannot be given away. Type another key."
KEY_TAKEN = "{text} is the key of “{other}” already. Type another, or change that one first."
KEY_STAYS = "Key for “{what}”: {why} {key} stays."
KEY_NONE_STAYS = "Key for “{what}”: {why} It has no key for now."
KEY_REMOVED = "“{what}” has no key now; its button still works."


def help_text(keys: Mapping[str, str]) -> str:
    """Give the help; keys holds what each function's key is called, empty if it has none."""
    shown = [f"<b>{_safe(keys[name])}</b> {what}" for name, what in KEY_WORDS.items() if keys[name]]
    return " · ".join([*shown, HELP_REST])


def _safe(key: str) -> str:
    return key.replace("&", "&amp;").replace("<", "&lt;")
