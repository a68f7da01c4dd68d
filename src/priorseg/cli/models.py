"""``priorseg models``: the networks that come with the package."""

import argparse
import json

from ..bundle import models


def run(arguments: argparse.Namespace) -> int:
    """Print two lines per model, or all cards as JSON."""
    found = models()
    if arguments.json:
        print(json.dumps([{**card.to_json(), "name": name} for name, card in found], indent=2))
        return 0
    for name, card in found:
        labels = ", ".join(f"{key} {text}" for key, text in card.labels.items())
        print(f"{name:16} {card.title}\n{'':16} labels: {labels}")
    if not found:
        print("no models are shipped with this version")
    return 0
