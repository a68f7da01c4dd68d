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
MOST_LINES = 120  # of scores; more nobody reads in a panel
MOST_ROWS = 6  # of a table
BESIDE = 2  # columns of scores that fit into 340 px
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
    if not tables:
        return []
    parts, left, before = [f"<p><b>{strings.CARD_SCORES}</b></p>"], MOST_LINES, None
    for table in tables:
        if left <= 0:
            parts.append(f"<p>{strings.CARD_MORE}</p>")
            break
        if table.set and table.set != before:
            parts.append(f"<p><i>{_plain(table.set)}</i></p>")
        before = table.set
        parts.append(_table(table, left))
        left -= len(table.measures)
    return parts


def _table(table: ScoreTable, most: int) -> str:
    """Write measures below one another, and beside each what a few rows of the table reached."""
    first = [row for row in (table.alone, table.whole) if row is not None]
    rows = [*dict.fromkeys((*first, *table.rows))]
    parts = []
    for start in range(0, min(len(rows), MOST_ROWS), BESIDE):
        shown = rows[start : start + BESIDE]
        names = [_plain(strings.CARD_ROWS.get(row, row)) for row in shown]
        head = "".join(f"<td width='34%' align='right'><b>{name}</b></td>" for name in names)
        lines = [f"<tr><td>{_plain(table.condition)}</td>{head}</tr>"]
        for measure, values in list(table.measures.items())[:most]:
            cells = "".join(
                f"<td align='right'>{_plain(written(measure, values.get(row)))}</td>"
                for row in shown
            )
            lines.append(f"<tr><td>{_plain(measure)}</td>{cells}</tr>")
        parts.append(
            f"<table width='100%' cellspacing='0' cellpadding='2'>{''.join(lines)}</table>"
        )
    return "".join(parts) + (f"<p>{strings.CARD_MORE}</p>" if len(rows) > MOST_ROWS else "")


def _plain(text: str) -> str:
    """Escape a text, and let its long words (addresses, file names) break."""

    def cut(match: re.Match[str]) -> str:
        pieces = re.findall(rf"[^/_.\-]{{0,{CUT}}}[/_.\-]?", match[0])
        return _BREAK.join(piece for piece in pieces if piece)

    return escape(re.sub(rf"\S{{{LONG},}}", cut, text)).replace("\n", "<br>")
