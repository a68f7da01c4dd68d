"""The card of a model: what the panel shows of it, and scores of every shape."""

import numpy as np
import pytest

from priorseg.card import Card
from priorseg.plugin.scores import in_short, score_tables, written

ROWS = {"plain": {"mIoU": 0.8, "HD95 cell": 4.0}, "priors": {"mIoU": 0.9, "HD95 cell": 2.5}}
NEW = {"wbc": {"clean": ROWS, "gaussian 0.09": {"plain": {"mIoU": 0.5}}}}
OLD = {"wbc": {"clean": {"mIoU": 0.9, "HD95 cell": 2.5}}}


def shown(card: Card, qtbot) -> str:
    """The letters that a person reads on a card."""
    from qtpy.QtGui import QTextDocument

    from priorseg.plugin.card_view import card_html

    document = QTextDocument()
    document.setHtml(card_html(card))
    return document.toPlainText().replace("\u200b", "").replace("\xa0", " ")


def test_scores_are_read_with_and_without_rows() -> None:
    (clean, noisy), (old,) = score_tables(NEW), score_tables(OLD)
    assert (clean.set, clean.condition, clean.rows) == ("wbc", "clean", ["plain", "priors"])
    assert clean.measures["HD95 cell"] == {"plain": 4.0, "priors": 2.5}
    assert (clean.alone, clean.whole, noisy.measures) == (
        "plain",
        "priors",
        {"mIoU": {"plain": 0.5}},
    )
    assert (old.rows, old.whole, old.measures["mIoU"]) == ([""], "", {"": 0.9})


@pytest.mark.parametrize(
    "scores",
    [{}, {"mIoU": 0.9}, {"a": None}, {"a": {"b": [1, 2]}}, {"a": {"b": {"c": float("nan")}}},
     {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, {"a": {"b": "ninety"}, "c": {"d": True}}, NEW,
     OLD],
)  # fmt: skip
def test_scores_of_any_shape_are_shown(scores, qtbot) -> None:
    text = shown(Card("m", scores=scores), qtbot)
    assert text
    assert "{" not in text
    assert isinstance(in_short(scores), list)


def test_shares_are_per_cent_and_distances_are_pixels() -> None:
    assert written("mIoU pooled", 0.91234) == "91.2"
    assert written("HD95 nucleus", 0.5) == "0.50 px"
    assert written("vCDR error", 0.0421) == "0.04"
    assert written("Dice", float("nan")) == written("Dice", None) == "–"


def test_headlines_are_few_and_pooled_where_both_are_known() -> None:
    names = ["ASSD cell", "Dice cell", "mIoU image", "mIoU pooled", "convex cup", "nested"]
    (table,) = score_tables({"s": {"c": {"plain": dict.fromkeys(names, 0.5)}}})
    assert table.headlines() == ["mIoU pooled"]
    assert table.shapes == ["convex cup", "nested"]


def test_oracle_rows_are_no_headline() -> None:
    rows = {"centres of the truth (oracle)": {"F1": 0.99}, "plain": {"F1": 0.7}}
    assert in_short({"set": {"clean": rows}}) == []
    rows["with priors"] = {"F1": 0.8}
    assert in_short({"set": {"clean": rows}}) == ["set: clean F1 80.0 (network alone 70.0)"]


def test_models_tells_training_images_and_scores_with_and_without_priors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import priorseg.cli.models as module
    from priorseg.cli import main

    rows = {"plain": {"mIoU": 0.801}, "with priors": {"mIoU": 0.912}}
    card = Card("m", title="Cells", data="418 smears", scores={"wbc": {"clean": rows}})
    monkeypatch.setattr(module, "models", lambda: [("m", card), ("bare", Card("bare"))])
    assert main(["models"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "m Cells labels: 0 background, 1 object trained on: 418 smears" in told
    assert "wbc: clean mIoU 91.2 (network alone 80.1)" in told


def test_everything_on_the_card_is_shown(qtbot) -> None:
    card = Card(
        "m", description="Finds cells.", data="418 images", licence="CC0", split="by patient",
        seeds=(3, 5), known_failures=("Blur.", "Ink."), scores=NEW,
    )  # fmt: skip
    text = shown(card, qtbot)
    for part in ("Finds cells.", "418 images", "CC0", "by patient", "3, 5", "Blur.", "Ink.",
                 "with priors", "network alone", "90.0", "80.0"):  # fmt: skip
        assert part in text


def test_a_card_is_text_not_markup(qtbot) -> None:
    card = Card(
        "m", description="<img src='x'> & <b>bold</b>", scores={"<i>s</i>": {"c": {"m": 1}}}
    )
    text = shown(card, qtbot)
    assert "<img src='x'> & <b>bold</b>" in text
    assert "<i>s</i>" in text


def test_an_empty_card_says_so(qtbot) -> None:
    assert "Nothing is said" in shown(Card("m"), qtbot)


def test_the_card_unfolds_by_keyboard_and_fits_the_panel(desk, networks) -> None:
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    desk.open()
    about = desk.panel.model.about
    about.show_card(Card("m", description="https://a.b/" + "long_word" * 20, scores=NEW))
    assert not about.text.isVisible()
    desk.activate()
    desk.panel.model.run_button.setFocus()
    desk.until(desk.panel.model.run_button.hasFocus, timeout=3000)
    QTest.keyClick(desk.panel.model.run_button, Qt.Key.Key_Tab)
    desk.until(about.toggle.hasFocus, timeout=3000)
    QTest.keyClick(about.toggle, Qt.Key.Key_Space)
    desk.qtbot.wait(100)
    assert about.text.isVisible()
    assert desk.panel.width() <= 340
    assert about.text.height() >= about.text.heightForWidth(about.text.width())
    assert widest(about.text) <= about.text.width()


def widest(label) -> float:
    """Give the width that the text of a label takes at the label's width."""
    from qtpy.QtGui import QTextDocument

    document = QTextDocument()
    document.setDefaultFont(label.font())
    document.setDocumentMargin(0)
    document.setHtml(label.text())
    document.setTextWidth(label.width())
    return document.size().width()


def test_another_model_shows_another_card(desk, networks) -> None:
    desk.open()
    assert desk.panel.model.about.isVisible()
    desk.controller.choose_model("colours")
    names = desk.panel.model.about.text.accessibleName()
    assert "colours" in names


def test_text_is_told_from_the_background_in_both_themes(desk, networks) -> None:
    desk.open()
    about = desk.panel.model.about
    about.show_card(Card("m", description="word " * 60))
    about.toggle.setChecked(True)
    for theme in ("dark", "light"):
        desk.viewer.theme = theme
        desk.qtbot.wait(100)
        picture = about.text.grab().toImage()
        grey = [picture.pixelColor(x, y).lightness() for x in range(0, picture.width(), 2)
                for y in range(0, picture.height(), 2)]  # fmt: skip
        assert np.ptp(grey) > 120
