"""The page of results says what was measured."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_short_tables_say_what_was_measured():
    spec = importlib.util.spec_from_file_location("summary", ROOT / "scripts" / "summary.py")
    summary = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(summary)
    page = summary.PAGE.read_text(encoding="utf-8")
    made = summary.filled(page, draws=100)  # few draws: which figures are bold is not compared
    assert made.replace("**", "") == page.replace("**", "")
