from dataclasses import replace

import numpy as np
import pytest
import torch

from priorseg import Segmenter, VariationalHead, guidance, load_bundle
from priorseg.evaluation.examples import load_examples
from priorseg.evaluation.measures import Found, Task
from priorseg.evaluation.predictor import Predictor
from priorseg.links import Ordered
from priorseg.priors import Star, ThresholdDynamics

TASK = Task(("background", "rim", "cup"), {"disc": (1, 2), "cup": (2,)}, nested=("cup", "disc"))


def test_trained_is_what_the_segmenter_gives_and_plain_its_arg_max(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    image = load_examples(bench, "toy", "val")[0].unit
    logits = segmenter.logits(image, precision="float32")
    plain, trained = (Predictor(segmenter, mode)(image).labels for mode in ("plain", "trained"))
    assert np.array_equal(plain, logits[0].argmax(0))
    whole = segmenter.segment(image, precision="float32")
    assert np.array_equal(trained, whole.labels[0])


class Levels(torch.nn.Module):
    """Give nested logits, high where an image of `make_images` shows the cup, and the disc."""

    in_channels, out_channels = 3, 2

    def __init__(self):
        super().__init__()
        self.steps = torch.nn.Parameter(torch.tensor([130 / 255, 70 / 255]))

    def forward(self, image):
        grey = 0.25 * image.mean(1, keepdim=True) + 0.5  # undoes the preprocessing
        return 20 * (grey - self.steps.view(1, 2, 1, 1))


@pytest.mark.parametrize(("object_px", "shrink"), [(12.0, 0.0), (6.0, 4.0)])
def test_a_network_that_proposes_centres_is_measured_as_it_is_used(bench, object_px, shrink):
    head = VariationalHead([ThresholdDynamics(1.0, 1.0), Star(1)], sweeps=4, link=Ordered((2, 1)))
    card = replace(load_bundle(bench / "net.priorseg").card, centres="network", inner={1: 2})
    card = replace(card, object_px=object_px, shrink=shrink)
    segmenter = Segmenter(Levels(), head, card).eval()
    example = load_examples(bench, "toy", "val")[1]
    found = Predictor(segmenter)(example.unit, np.zeros_like(example.labels))
    used = segmenter.segment(example.image, precision="float32")
    assert np.array_equal(found.labels, used.labels[0])
    assert found.labels.any()
    logits = segmenter.logits(example.image, precision="float32")
    assert (segmenter.typical_px(logits) > object_px) == (shrink > 0)
    centres = segmenter.guide(logits).centres[1]
    assert np.array_equal(found.centres[1, 2], centres[0])


def test_post_and_baseline_change_the_logits_of_the_network_alone(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    example = load_examples(bench, "toy", "val")[0]
    oracle = Predictor(segmenter, "post:volume", volumes="truth", task=TASK)
    found = oracle(example.unit, example.labels).labels
    assert np.bincount(found.ravel()).tolist() == np.bincount(example.labels.ravel()).tolist()
    star = Predictor(segmenter, "post:star(label=1)", centres="truth", task=TASK)
    assert list(star(example.unit, example.labels).centres) == [(1,)]
    hull = Predictor(segmenter, "baseline:largest-fill", task=TASK)(example.unit)
    assert hull.labels.shape == example.labels.shape


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("none", "'none' is unknown"),
        ("median(widht=3)", r"no setting \['widht'\]; it has width, rounds, objects"),
        ("plain(probs=1)", r"no setting \['probs'\]; it has none"),
    ],
)
def test_unknown_baselines_and_settings_are_named(bench, text, told):
    with pytest.raises(ValueError, match=told):
        Predictor(load_bundle(bench / "net.priorseg"), f"baseline:{text}", task=TASK)


def test_clicks_are_drawn_in_the_true_objects_alike_for_every_row(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    example = load_examples(bench, "toy", "val", instances=True)[0]
    modes = ("post:star(label=1)", "post:threshold-dynamics + star(label=1)")
    points = []
    for mode in modes:
        predictor = Predictor(segmenter, mode, centres="clicks", task=TASK)
        logits = torch.randn(1, 3, *example.labels.shape)  # they do not matter
        found = predictor.finish(logits, example.unit, example.labels, instances=example.instances)
        points.append(found.centres[1,])
    wanted = guidance.clicked_centres(example.labels == 1, example.instances)
    assert np.array_equal(points[0], wanted)
    assert np.array_equal(points[0], points[1])
    with pytest.raises(ValueError, match="centres 'click' one of truth, clicks, network"):
        Predictor(segmenter, modes[0], centres="click")


def test_touching_discs_are_parted_at_proposed_centres_where_wanted(bench):
    y, x = np.ogrid[:48, :80]
    two = [(y - 24) ** 2 + (x - at) ** 2 <= 14**2 for at in (26, 53)]
    labels = np.asarray(two[0] | two[1]).astype(int)
    segmenter = load_bundle(bench / "net.priorseg")
    task = Task(TASK.labels, TASK.objects, instances="disc")
    logits = torch.zeros(1, 3, *labels.shape)  # only their size is read
    parted = Predictor(segmenter, "plain", task=task, split=True)._instances(Found(labels), logits)
    assert parted.max() == 2
    assert all((parted[disc & ~other] == parted[disc][0]).all() for disc, other in (two, two[::-1]))
    assert Predictor(segmenter, "plain", task=task)._instances(Found(labels), logits) is None


def test_a_plain_mask_is_parted_at_clicks_where_wanted(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    task = Task(TASK.labels, TASK.objects, instances="disc")
    truth = np.zeros((40, 60), int)
    truth[10:30, 10:50] = 1  # two true objects in one piece
    numbers = np.where(np.arange(60) < 30, 1, 2) * truth
    told = {"task": task, "split": True, "centres": "clicks"}
    logits = 9.0 * torch.nn.functional.one_hot(torch.tensor(truth), 3).permute(2, 0, 1)[None]
    found = Predictor(segmenter, "plain", **told).finish(
        logits, np.zeros((40, 60, 3), np.float32), truth, instances=numbers
    )
    assert found.instances.max() == 2
    assert (found.instances[10:30, 10:20] == found.instances[20, 12]).all()


@pytest.mark.parametrize("mode", ["plain", "trained", "post:volume + star(label=1)"])
def test_no_row_but_an_oracle_sees_the_truth(bench, mode):
    segmenter = load_bundle(bench / "net.priorseg")
    example = load_examples(bench, "toy", "val")[0]
    task = Task(TASK.labels, TASK.objects, instances="disc")
    predictor = Predictor(segmenter, mode, task=task, split=True)
    logits = predictor.network(example.unit)[0]
    wrong = np.random.default_rng(0).integers(0, 3, example.labels.shape)
    told = predictor.finish(logits, example.unit, wrong, instances=wrong)
    untold = predictor.finish(logits, example.unit)
    assert np.array_equal(told.labels, untold.labels)
    assert np.array_equal(told.instances, untold.instances)


def test_rows_with_and_without_a_star_prior_propose_centres_at_one_scale(bench, monkeypatch):
    seen = []
    kept = guidance.propose_centres
    for module in (guidance, guidance.guide):
        monkeypatch.setattr(
            module, "propose_centres", lambda *a, **k: seen.append(k) or kept(*a, **k)
        )
    segmenter = load_bundle(bench / "net.priorseg")
    segmenter.card = replace(segmenter.card, centres="network", object_px=17.0)
    task = Task(TASK.labels, TASK.objects, instances="disc")
    for mode in ("plain", "post:star(label=1)"):
        Predictor(segmenter, mode, task=task, split=True)(np.zeros((32, 32, 3), np.float32))
    assert [one["object_px"] for one in seen] == [17.0, 17.0]


def test_labels_in_another_order_are_refused(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    with pytest.raises(ValueError, match="are background, cup, rim"):
        Predictor(segmenter, task=Task(("background", "cup", "rim")))


def test_post_processing_of_a_plain_network_must_say_its_sweeps(bench):
    segmenter = load_bundle(bench / "net.priorseg")
    segmenter.head = VariationalHead([])
    with pytest.raises(ValueError, match="Add sweeps"):
        Predictor(segmenter, "post:total-variation(weight=1.0)")
    assert Predictor(segmenter, "post:total-variation(weight=1.0)", sweeps=60).sweeps == 60


def test_nested_objects_are_star_shaped_each_about_its_own_centre():
    disc, cup = np.array([[5.0, 5.0]]), np.array([[6.0, 7.0]])
    found = Found(np.zeros((9, 9), int), centres={(1, 2): disc, (2,): cup})
    assert found.centres_of((1, 2)) is disc
    assert found.centres_of((2,)) is cup
    assert found.centres_of((0, 1, 2)) is disc
    assert found.centres_of((1,)) is None
