"""Turn a segmenter into a description and tensors, and back, trusting nothing."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from . import priors as _priors  # noqa: F401 - registers the priors
from .backbones import BACKBONES
from .bundle_format import BundleError, Entry, plain_value
from .card import Card
from .head import VariationalHead
from .links import SOFTMAX, Link, Ordered
from .preprocessing import Preprocessing
from .prior import Prior
from .segmenter import Segmenter
from .spec import parameters, registered

MAX_PARAMETERS = 100_000_000
_TYPES = {torch.float16: "F16", torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
_CHECKS = {"check.input", "check.logits", "check.probs"}


@torch.no_grad()
def describe(segmenter: Segmenter) -> dict[str, Any]:
    """Give the JSON description of a segmenter, its card left out."""
    name = str(getattr(segmenter.backbone, "name", ""))
    if type(segmenter.backbone) is not BACKBONES.get(name):
        raise BundleError(
            f"The network {type(segmenter.backbone).__name__} is not one of "
            f"{sorted(BACKBONES)}: it could not be loaded again."
        )
    head = segmenter.head
    for prior in head.priors:
        if registered().get(prior.name) is not type(prior):  # type: ignore[call-overload]
            raise BundleError(f"The prior {type(prior).__name__} is not registered.")
    return {
        "backbone": {"name": name, "settings": segmenter.backbone.settings()},
        "head": {
            "link": {"name": head.link.name, "order": list(getattr(head.link, "order", ()))},
            "sweeps": head.sweeps,
            "temperature": float(head.temperature.detach()),
            "priors": [{"name": p.name, "settings": p.settings()} for p in head.priors],  # type: ignore[operator]
        },
        "preprocessing": segmenter.preprocessing.settings(),
        "lengths": segmenter.lengths,
    }


def stored_tensors(segmenter: Segmenter) -> dict[str, Tensor]:
    """Give the tensors to store: large weights in half precision, the rest as they are."""
    stored = {}
    for key, value in segmenter.backbone.state_dict().items():
        value = value.detach().cpu()
        _check_numbers(f"backbone.{key}", value)
        half = value.half()
        exact = value.is_floating_point() and bool(torch.isfinite(half).all())
        if value.ndim >= 2 and exact and float(value.abs().max()) > 1e-3:
            value = half
        stored[f"backbone.{key}"] = value.clone().contiguous()
    for key, value in segmenter.head.state_dict().items():
        value = value.detach().cpu()
        _check_numbers(f"head.{key}", value)
        stored[f"head.{key}"] = value.clone().contiguous()
    return stored


def check_pair(
    description: Mapping[str, Any], card: Card, tensors: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Compute an input of noise and the outputs that the stored numbers give for it."""
    table = {key: _entry(value) for key, value in tensors.items()}
    twin = build(description, card, table)
    fill(twin, tensors)
    random = torch.Generator().manual_seed(0)
    image = torch.rand(1, twin.preprocessing.channels, 40, 48, generator=random)
    logits, probs = _outputs(twin, image)
    found = {"check.input": image, "check.logits": logits}
    return found if probs is None else {**found, "check.probs": probs}


def _entry(value: Tensor) -> Entry:
    return Entry(_TYPES[value.dtype], tuple(value.shape), 0, 0)


def build(description: Mapping[str, Any], card: Card, table: Mapping[str, Entry]) -> Segmenter:
    """Construct the segmenter that a description tells of, its numbers still unset.

    The network is first built without memory and compared with the table of tensors.

    Raises
    ------
    BundleError  for unknown names, arguments out of range or tensors that do not fit.
    """
    backbone = _object(description, "backbone", {"name", "settings"})
    constructor = BACKBONES.get(backbone["name"]) if isinstance(backbone["name"], str) else None
    if constructor is None:
        raise BundleError(f"The network {backbone['name']!r} is unknown; {sorted(BACKBONES)} are.")
    settings = _arguments(constructor, backbone["settings"], "The network")
    try:
        with torch.device("meta"):
            sketch = constructor(**settings)
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        raise BundleError(f"The network cannot be built: {error}") from None
    head = _head(description)
    _check_table(sketch, head, table)
    try:
        preprocessing = Preprocessing(
            **_arguments(Preprocessing, description.get("preprocessing"), "The preprocessing")
        )
        network = constructor(**settings)
        lengths = description.get("lengths") if description.get("version") != 1 else "image"
        segmenter = Segmenter(network, head, card, preprocessing=preprocessing, lengths=lengths)  # type: ignore[arg-type]
    except (ValueError, TypeError) as error:
        raise BundleError(f"The parts of the bundle do not fit together: {error}") from None
    return segmenter.requires_grad_(False).eval()


def _object(parent: Mapping[str, Any], key: str, wanted: set[str]) -> dict[str, Any]:
    value = parent.get(key)
    if not isinstance(value, dict) or set(value) != wanted:
        raise BundleError(f"The description needs an object {key!r} with {sorted(wanted)}.")
    return value


def _arguments(constructor: Any, settings: Any, what: str) -> dict[str, Any]:
    """Check constructor arguments against the signature and its ranges."""
    known = parameters(constructor)
    if not isinstance(settings, dict) or not set(settings) <= set(known):
        extra = sorted(set(settings) - set(known)) if isinstance(settings, dict) else settings
        raise BundleError(f"{what} has no arguments {extra!r}; it has {sorted(known)}.")
    missing = sorted(key for key, entry in known.items() if entry.required and key not in settings)
    if missing:
        raise BundleError(f"{what} lacks the arguments {missing}.")
    for key, value in settings.items():
        limit = 100 * known[key].range.high if known[key].range else 2**20  # type: ignore[union-attr]
        if not plain_value(value, limit):
            raise BundleError(f"{what}: {key} = {str(value)[:80]!r} is out of range.")
    return dict(settings)


def _head(description: Mapping[str, Any]) -> VariationalHead:
    told = _object(description, "head", {"link", "sweeps", "temperature", "priors"})
    sweeps, temperature, listed = told["sweeps"], told["temperature"], told["priors"]
    if type(sweeps) is not int or not 0 <= sweeps <= 1000:
        raise BundleError(f"sweeps must be a whole number from 0 to 1000, got {str(sweeps)[:80]}.")
    if type(temperature) not in (int, float) or not 1e-6 <= temperature <= 1e6:
        raise BundleError(f"temperature {str(temperature)[:80]} is outside 1e-6 to 1e6.")
    if not isinstance(listed, list) or len(listed) > 16:
        raise BundleError("The description needs a list of at most 16 priors.")
    link = _link(_object(told, "link", {"name", "order"}))
    return VariationalHead(
        [_prior(entry) for entry in listed], sweeps=sweeps, temperature=temperature, link=link
    )


def _link(told: Mapping[str, Any]) -> Link:
    order = told["order"]
    if not isinstance(order, list) or len(order) > 256 or any(type(j) is not int for j in order):
        raise BundleError(f"The order of the link must be a list of labels, got {order!r:.80}.")
    if told["name"] == "ordered":
        return Ordered(tuple(order))
    if told["name"] == "softmax" and not order:
        return SOFTMAX
    raise BundleError(f"The link {told['name']!r:.80} is unknown; 'softmax' and 'ordered' are.")


def _prior(entry: Any) -> Prior:
    if not isinstance(entry, dict) or set(entry) != {"name", "settings"}:
        raise BundleError("Every prior needs a name and settings.")
    name = entry["name"]
    constructor = registered().get(name) if isinstance(name, str) else None
    if constructor is None:
        raise BundleError(f"The prior {name!r:.80} is unknown; {sorted(registered())} are.")
    settings = _arguments(constructor, entry["settings"], f"The prior {name!r}")
    try:
        return constructor(**settings)  # type: ignore[no-any-return]
    except (ValueError, TypeError, OverflowError) as error:
        raise BundleError(f"The prior {name!r} cannot be built: {error}") from None


def _check_table(network: nn.Module, head: nn.Module, table: Mapping[str, Entry]) -> None:
    """Compare the tensors of the file with those the parts expect."""
    expected = {f"backbone.{key}": value for key, value in network.state_dict().items()}
    count = sum(value.numel() for value in expected.values())
    if count > MAX_PARAMETERS:
        raise BundleError(f"The network would have {count} numbers; {MAX_PARAMETERS} are allowed.")
    expected.update({f"head.{key}": value for key, value in head.state_dict().items()})
    names = set(table) - _CHECKS
    if names != set(expected):
        raise BundleError(
            f"The tensors do not fit the network: missing {_some(set(expected) - names)}, "
            f"unknown {_some(names - set(expected))}."
        )
    for name, value in expected.items():
        own = _TYPES.get(value.dtype, "?")
        allowed = {own, "F16"} if own == "F32" else {own}
        if table[name].shape != tuple(value.shape) or table[name].dtype not in allowed:
            raise BundleError(
                f"Tensor {name!r} is {table[name].dtype} of shape {table[name].shape}; the "
                f"network needs {own} of shape {tuple(value.shape)}."
            )


def _some(names: set[str]) -> list[str]:
    return sorted(names)[:3]


def _check_numbers(name: str, value: Tensor) -> None:
    """Raise BundleError for nan and infinity; a prior's weight 0 has the logarithm -inf."""
    if not value.is_floating_point():
        return
    off = name.startswith("head.") and bool((value == -math.inf).all())
    if not off and not bool(torch.isfinite(value).all()):
        raise BundleError(
            f"Tensor {name!r} holds nan or infinite numbers. The training failed "
            "or the file is damaged."
        )


def fill(segmenter: Segmenter, tensors: Mapping[str, Tensor]) -> None:
    """Put numbers into a segmenter that `build` made.

    Raises
    ------
    BundleError  for nan, infinity, or prior parameters out of range.
    """
    for name, value in tensors.items():
        _check_numbers(name, value)
    for part, module in (("backbone", segmenter.backbone), ("head", segmenter.head)):
        first = len(part) + 1
        state = {key[first:]: value for key, value in tensors.items() if key.startswith(f"{part}.")}
        module.load_state_dict(state)
    if not 1e-6 <= float(segmenter.head.temperature) <= 1e6:
        raise BundleError(
            f"temperature {float(segmenter.head.temperature)} is outside 1e-6 to 1e6."
        )
    for prior in segmenter.head.priors:
        settings = prior.settings()  # type: ignore[operator]
        _arguments(type(prior), settings, f"The prior {prior.name!r}")


@torch.no_grad()
def _outputs(segmenter: Segmenter, image: Tensor) -> tuple[Tensor, Tensor | None]:
    """Give logits and, where the priors need nothing but an image, probabilities."""
    logits = segmenter.backbone(segmenter.preprocessing.standardise(image)).float().contiguous()
    needed = {name for prior in segmenter.head.priors for name in _reads(prior)}
    if needed & {"centres", "volumes", "image"}:
        return logits, None
    return logits, segmenter.head.solve(logits).probs.float().contiguous()


def _reads(prior: nn.Module) -> Sequence[str]:
    if prior.name == "threshold_dynamics" and not prior.edge:
        return ()
    return prior.reads  # type: ignore[return-value]


def check_output(segmenter: Segmenter, tensors: Mapping[str, Tensor], tolerance: float) -> None:
    """Compare the outputs for the recorded input with the recorded ones.

    Raises
    ------
    BundleError  if they are missing, have a wrong shape or differ by more than the tolerance.
    """
    image, wanted = tensors.get("check.input"), tensors.get("check.logits")
    shape = (1, segmenter.preprocessing.channels, 40, 48)
    if image is None or wanted is None or image.shape != shape or image.dtype != torch.float32:
        raise BundleError(f"The bundle lacks its check pair, an input of shape {shape}.")
    try:
        logits, probs = _outputs(segmenter, image)
    except (ValueError, RuntimeError, IndexError) as error:
        raise BundleError(f"The network or the priors of the bundle do not run: {error}") from None
    if not bool(torch.isfinite(logits).all()):
        raise BundleError("The network gives nan for the check input. The weights are damaged.")
    limit = tolerance * (1 + float(wanted.abs().max()))
    if logits.shape != wanted.shape or float((logits - wanted).abs().max()) > limit:
        raise BundleError(
            "The network does not give the recorded output for the recorded input: "
            "the file is damaged or was made by another version."
        )
    kept = tensors.get("check.probs")
    if (probs is None) != (kept is None) or (
        probs is not None
        and kept is not None
        and (probs.shape != kept.shape or float((probs - kept).abs().mean()) > tolerance)
    ):
        raise BundleError(
            "The priors do not give the recorded probabilities for the recorded "
            "input: the file was made by another version."
        )
