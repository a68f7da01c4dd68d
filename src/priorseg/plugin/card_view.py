"""The card of the chosen model, unfolded on demand: what it is, knows and gets wrong."""

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QWidget

from . import strings
from .scores import ScoreTable, score_tables, written
from .widgets import Wrapped, button, column, describe

if TYPE_CHECKING:
    from ..card import Card

LONG, CUT = 18, 12  # letters of a word that may not fit into a line; of the pieces it is cut into
MOST_SETS, MOST_CONDITIONS = 8, 8  # more nobody reads in a panel
_BREAK = "\u200b"  # a place to break a line, without width


class CardView(QWidget):
    """A button, and below it the card while the button is down."""

    def __init__(self) -> None:
        super().__init__()
        self.toggle = button("", strings.TIP_ABOUT, checkable=True)
        self.toggle.setFlat(True)
        self.toggle.setStyleSheet("text-align: left; padding: 2px 4px;")
        self.toggle.toggled.connect(self._on_toggled)
        self.text = Wrapped()
        self.text.setTextFormat(Qt.TextFormat.RichText)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._frame = QFrame()
        self._frame.setObjectName("card")
        self._frame.setStyleSheet("QFrame#card { border-left: 2px solid #888888; }")
        inside = column(self._frame)
        inside.setContentsMargins(8, 0, 0, 4)
        inside.addWidget(self.text)
        layout = column(self)
        layout.addWidget(self.toggle)
        layout.addWidget(self._frame)
        self._on_toggled(False)
        self.hide()

    def show_card(self, card: "Card | None") -> None:
        """Show a card; None = there is none to show. Unfolded or not stays as it is."""
        self.setVisible(card is not None)
        if card is None:
            return
        self.text.setText(card_html(card))
        describe(self.text, strings.ABOUT_NAME.format(name=card.title or card.name), "")
        self.text.updateGeometry()

    def _on_toggled(self, shown: bool) -> None:
        self._frame.setVisible(shown)
        sign = "▾" if shown else "▸"
        self.toggle.setText(f"{sign} {strings.ABOUT}")
        self.toggle.setAccessibleName(strings.ABOUT)


def card_html(card: "Card") -> str:
    """Write a card as rich text; whatever the card says is shown as plain letters.

    Parameters
    ----------
    card : Card   parts that are empty are left out
    """
    parts = [f"<p>{_plain(card.description)}</p>"] if card.description else []
    for title, text in (
        (strings.CARD_DATA, card.data),
        (strings.CARD_LICENCE, card.licence),
        (strings.CARD_SPLIT, card.split),
        (strings.CARD_SEEDS, ", ".join(map(str, card.seeds))),
    ):
        if text:
            parts.append(f"<p><b>{title}.</b> {_plain(text)}</p>")
    parts += _scores(score_tables(card.scores))
    if card.known_failures:
        # no list: Qt indents one by half the width of the panel
        failures = "".join(f"<br>• {_plain(text)}" for text in card.known_failures)
        parts.append(f"<p><b>{strings.CARD_FAILURES}</b>{failures}</p>")
    return "".join(parts) or f"<p>{strings.CARD_EMPTY}</p>"


def _scores(tables: Sequence[ScoreTable]) -> list[str]:
    """Write the main scores, a table per set; the rest can be had elsewhere."""
    if not tables:
        return []
    sets: dict[str, list[ScoreTable]] = {}
    for table in tables:
        sets.setdefault(table.set, []).append(table)
    parts = [_table(name, own) for name, own in list(sets.items())[:MOST_SETS]]
    return [f"<p><b>{strings.CARD_SCORES}</b></p>", *parts, f"<p>{strings.CARD_MORE}</p>"]


def _table(name: str, tables: Sequence[ScoreTable]) -> str:
    """Write measures below one another, and beside each what is reached without and with priors.

    Shapes stand under the first condition only.
    """
    told = [row for one in tables for row in (one.alone, one.whole) if row is not None]
    rows = list(dict.fromkeys(told or tables[0].rows))[:2]
    head = "".join(
        f"<td width='34%' align='right'><b>{_plain(strings.CARD_ROWS.get(row, row))}</b></td>"
        for row in rows
    )
    lines = [f"<tr><td><i>{_plain(name)}</i></td>{head}</tr>"]
    for table in tables[:MOST_CONDITIONS]:
        if table.condition:
            lines.append(f"<tr><td colspan='{len(rows) + 1}'>{_plain(table.condition)}:</td></tr>")
        for measure in [*table.headlines(), *(table.shapes if table is tables[0] else ())]:
            values = (written(measure, table.measures[measure].get(row)) for row in rows)
            cells = "".join(f"<td align='right'>{_plain(value)}</td>" for value in values)
            lines.append(f"<tr><td>{_plain(measure)}</td>{cells}</tr>")
    style = "width='100%' cellspacing='0' cellpadding='2' style='margin-top: 6px'"
    return f"<table {style}>{''.join(lines)}</table>"


def _plain(text: str) -> str:
    """Escape a text, and let its long words (addresses, file names) break."""

    def cut(match: re.Match[str]) -> str:
        pieces = re.findall(rf"[^/_.\-]{{0,{CUT}}}[/_.\-]?", match[0])
        return _BREAK.join(piece for piece in pieces if piece)

    return escape(re.sub(rf"\S{{{LONG},}}", cut, text)).replace("\n", "<br>")
