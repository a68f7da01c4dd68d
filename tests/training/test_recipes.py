import subprocess
import sys
from pathlib import Path

import pytest
import torch

from priorseg.training.recipes import RECIPES

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_is_consistent(name):
    recipe = RECIPES[name]
    assert recipe.card.name == name
    head = recipe.make_head()
    head.link.check(recipe.outputs)
    assert head.link.label_count(recipe.outputs) == len(recipe.card.labels)
    logits = torch.zeros(1, recipe.outputs, 20, 20)
    assert head(logits).shape == logits.shape


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_held_out_samples_come_from_the_training_split(name, real_images):
    train, held = RECIPES[name].samples(real_images, seed=0)
    assert not {s.name for s in train} & {s.name for s in held}
    assert all(s.labels.max() <= 2 for s in held)


def test_missing_data_is_said_clearly(tmp_path):
    command = [sys.executable, SCRIPTS / "train_zoo.py", "cells", "--data", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'cells_wbc2' is missing" in done.stderr
    assert "Traceback" not in done.stderr
