"""Whatever is wrong with a checkpoint, it is said."""

import random
from contextlib import suppress

import pytest
import torch

from priorseg.training.checkpoint import KEYS, load_checkpoint, write_whole


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_wrong_bytes_is_read_or_refused(zipped, tmp_path):
    path, dice = tmp_path / "checkpoint.pt", random.Random(0)
    state = {key: {"a": torch.arange(9.0)} for key in KEYS}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for _ in range(300):
        wrong = bytearray(whole[: dice.choice([len(whole), dice.randrange(len(whole))])])
        for _ in range(min(len(wrong), dice.choice([1, 3, 20]))):
            wrong[dice.randrange(len(wrong))] = dice.randrange(256)
        path.write_bytes(wrong)
        with suppress(ValueError):  # any other error fails the test
            assert set(load_checkpoint(path)) == KEYS


def test_a_place_that_cannot_be_written_is_not_called_full(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match=r"could not be written .* choose another folder"):
        write_whole(tmp_path / "file" / "checkpoint.pt", b"x")
