"""``priorseg models``: the networks that come with the package."""

import argparse
import json
import textwrap

from ..bundle import models
from ..card import Card

INDENT, WIDTH = 17, 100


def run(arguments: argparse.Namespace) -> int:
    """Print a few lines per model, or all cards as JSON."""
    found = models()
    if arguments.json:
        print(json.dumps([{**card.to_json(), "name": name} for name, card in found], indent=2))
        return 0
    print("\n\n".join(_told(name, card) for name, card in found))
    if not found:
        print("no models are shipped with this version")
    return 0


def _told(name: str, card: Card) -> str:
    """Tell title, labels, training images and the main scores (in per cent) of a model."""
    from ..plugin.scores import in_short

    facts = [("labels", ", ".join(f"{key} {text}" for key, text in card.labels.items()))]
    if card.data:
        facts.append(("trained on", card.data))
    facts += [("scores in %", line) for line in in_short(card.scores)]
    lines = [f"{name:{INDENT - 1}} {card.title}".rstrip()]
    for what, text in facts:
        lines += textwrap.wrap(
            f"{what}: {text}",
            WIDTH,
            initial_indent=" " * INDENT,
            subsequent_indent=" " * (INDENT + 2),
            break_on_hyphens=False,
        )
    return "\n".join(lines)
