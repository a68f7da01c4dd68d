"""``priorseg models``: the networks that come with the package."""

import argparse
import json

from ..bundle import zoo_cards


def run(arguments: argparse.Namespace) -> int:
    """Print one line per model, or all cards as JSON."""
    cards = list(zoo_cards())
    if arguments.json:
        print(json.dumps([card.to_json() for card in cards], indent=2))
        return 0
    for card in cards:
        labels = ", ".join(f"{key} {name}" for key, name in card.labels.items())
        print(f"{card.name:20} {card.title}\n{'':20} labels: {labels}; licence: {card.licence}")
    if not cards:
        print("no models are shipped with this version")
    return 0
