"""Tree isotonic regression as a differentiable function."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..geometry import tree_isotonic_blocks


class TreeIsotonic(torch.autograd.Function):
    """Fit values that do not fall towards the root, closest in least squares.

    The fit is constant on blocks and equal to the block's mean, so its derivative is the mean
    over the block (almost everywhere).
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, parents: np.ndarray, orders: np.ndarray) -> Tensor:
        """Fit each sample.

        Parameters
        ----------
        values : (B, Y, X)
        parents, orders : (B, Y * X) int32   see `priorseg.geometry`
        """
        flat = values.detach().cpu().numpy().reshape(len(values), -1)
        fits, blocks = [], []
        for row, parent, order in zip(flat, parents, orders, strict=True):
            fit, block = tree_isotonic_blocks(row, parent, order)
            fits.append(fit)
            blocks.append(block)
        ctx.blocks = np.stack(blocks)
        return torch.as_tensor(np.stack(fits)).to(values).view_as(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Average the gradient over each block."""
        grad = grads[0].flatten(1)
        block = torch.as_tensor(ctx.blocks, device=grad.device).long()
        block = block + torch.arange(len(block), device=grad.device).unsqueeze(1) * grad.shape[1]
        flat, index = grad.flatten(), block.flatten()
        sums = torch.zeros_like(flat).index_add(0, index, flat)
        sizes = torch.zeros_like(flat).index_add(0, index, torch.ones_like(flat))
        mean = sums / sizes.clamp_min(1)
        return mean[index].view_as(grads[0]), None, None
