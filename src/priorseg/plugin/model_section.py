"""Section 2 of the panel: which network, and the button that runs it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from . import strings
from .card_view import CardView
from .widgets import Notice, Wrapped, button, column, combo, heading, row

if TYPE_CHECKING:
    from ..card import Card


class ModelSection(QWidget):
    """Choose a model and run it.

    Signals: ``chosen(name)`` by the user, ``run()``.
    """

    chosen = Signal(str)
    run = Signal()

    def __init__(self, models: Sequence[tuple[str, "Card"]]) -> None:
        super().__init__()
        self.cards = dict(models)
        self.box = combo(strings.MODEL, strings.TIP_MODEL)
        for name, card in models:
            self.box.addItem(card.title or name, name)
        self.box.setCurrentIndex(-1)
        self.box.activated.connect(lambda _: self.chosen.emit(self.name))
        self.info = Wrapped(strings.PICK_MODEL if models else strings.NO_MODELS)
        self.about = CardView()
        self.run_button = button(strings.RUN, strings.TIP_RUN)
        self.run_button.clicked.connect(self.run)
        self.notice = Notice()
        layout = column(self)
        layout.addWidget(heading(strings.MODEL_TITLE))
        layout.addLayout(row(self.box, self.run_button, stretch=0))
        layout.addWidget(self.info)
        layout.addWidget(self.about)
        layout.addWidget(self.notice)

    @property
    def name(self) -> str:
        """Give the name of the chosen model; empty if none."""
        return self.box.currentData() or ""

    @property
    def card(self) -> "Card | None":
        """Give the card of the chosen model."""
        return self.cards.get(self.name)

    def choose(self, name: str) -> None:
        """Show a model as chosen, without announcing it."""
        self.box.setCurrentIndex(self.box.findData(name))
        card = self.card
        self.about.show_card(card)
        if card is None:
            return
        names = (card.objects.get(label, name) for label, name in card.labels.items() if label)
        classes = ", ".join(names)
        parts = [
            strings.CLASSES.format(classes=classes),
            str(card.channels).upper() if card.channels in ("rgb",) else str(card.channels),
        ]
        if card.licence:
            short = card.licence.split(".")[0].split(",")[0]
            parts.append(short.removeprefix("Weights: "))
        self.info.setText(" · ".join(parts))
        facts = (card.title, card.description, card.licence, card.data, *card.known_failures)
        tip = "\n\n".join(text for text in facts if text)
        self.box.setToolTip(f"{strings.TIP_MODEL}\n\n{tip}".strip())
        self.info.setToolTip(tip)

    def set_runnable(self, reason: str) -> None:
        """Let Run be pressed, or say why not."""
        self.run_button.setEnabled(not reason)
        self.run_button.setToolTip(reason or strings.TIP_RUN)
