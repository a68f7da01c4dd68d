"""The command line, ``priorseg COMMAND``; heavy imports wait for a subcommand."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from .. import __version__

SAMPLES = ("retina", "cell", "cup-disc-phantom", "blood-smear-phantom", "nuclei-phantom")


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    demo = commands.add_parser("demo", help="open the window on a sample image")
    demo.add_argument("--sample", choices=SAMPLES, default=SAMPLES[0])
    files = "folder for the screenshot and the label image (default: %(default)s)"
    demo.add_argument("--out", default="demo-output", metavar="DIR", help=files)
    unseen = "leave only the files, without a window on the screen; the rule without a display"
    demo.add_argument("--headless", action="store_true", help=unseen)
    demo.set_defaults(module="demo")


def _add_segment(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    segment = commands.add_parser("segment", help="segment image files with a trained model")
    add = segment.add_argument
    add("images", nargs="+", metavar="IMAGE", help="PNG, JPEG or TIFF file or a pattern like *.tif")
    add("-m", "--model", required=True, help="name of a shipped model or path of a .priorseg file")
    add("-o", "--out", default="segmented", metavar="DIR", help="default: %(default)s")
    add("--format", choices=("png", "tiff"), default="png", help="of the labels; stacks are TIFF")
    add("--axes", help="names of the image's axes, for example ZYX or YXC")
    add("--spacing", nargs="+", type=float, metavar="EDGE", help="pixel edge: one, or Y and X")
    text = "auto (about the optic disc for models of it), whole, or centre and side of a square"
    add("--region", default="auto", metavar="Y,X,SIDE", help=text)
    text = "diameter of the objects in the image in pixels, for frames with many of them"
    add("--object-px", type=float, metavar="PIXELS", help=text)
    add("--device", default="cpu", help="where the network runs: cpu, cuda, mps")
    text = "numbers the network computes with; auto: bfloat16 where the CPU is fast at it"
    kinds = ("auto", "float32", "bfloat16")
    add("--precision", default="auto", choices=kinds, help=text)
    more = {"action": "append", "default": []}
    text = "add or replace a prior, for example 'convex(labels=(1,))'; may be repeated"
    add("--prior", **more, metavar="NAME(...)", help=text)  # type: ignore[arg-type]
    text = "star centre in pixels, adds the star prior of the label; may be repeated"
    add("--centre", **more, metavar="LABEL:Y,X", help=text)  # type: ignore[arg-type]
    text = "wanted size of an object, adds the volume prior; may be repeated"
    add("--volume", **more, metavar="LABEL=PIXELS", help=text)  # type: ignore[arg-type]
    add("--plain", action="store_true", help="the network alone, without shape priors")
    segment.set_defaults(module="segment")


def _add_measure(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    measure = commands.add_parser("measure", help="measure the objects of label images")
    add = measure.add_argument
    add("masks", nargs="+", metavar="MASK", help="label images or a pattern like *_labels.png")
    text = "pixel edge: one, or Y and X; default: what a TIFF file says, else pixels"
    add("--spacing", nargs="+", type=float, metavar="EDGE", help=text)
    add("--units", metavar="UNIT", help="of the spacing, for example mm")
    more = {"action": "append", "default": []}
    text = "what a label is called; may be repeated"
    add("--name", **more, metavar="LABEL=NAME", help=text)  # type: ignore[arg-type]
    text = "an object that counts in the one it lies in; may be repeated"
    add("--inside", **more, metavar="INNER:OUTER", help=text)  # type: ignore[arg-type]
    objects = measure.add_mutually_exclusive_group()
    text = "every connected piece of a label is an object"
    objects.add_argument("--split", action="store_true", help=text)
    text = "the numbers are objects of one class, not labels"
    objects.add_argument("--instances", action="store_true", help=text)
    add("--disc", default="", metavar="LABELS", help="labels of the optic disc, for example 1,2")
    add("--cup", default="", metavar="LABELS", help="those of the cup, for example 2")
    add("--eye", choices=("right", "left"), help="names the sides nasal and temporal")
    text = "table of objects; others are written beside it (_classes, _cup_disc, _rim_profile)"
    add("--csv", metavar="FILE", help=text)
    add("--xlsx", metavar="FILE", help="all tables in one file; default: print CSV")
    measure.set_defaults(module="measure")


def _add_convert(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    convert = commands.add_parser("convert", help="turn a mask into another format")
    add = convert.add_argument
    text = "PNG, BMP, GIF, TIFF, OME-TIFF, NIfTI, OME-Zarr, ImageJ .roi or .zip, or DICOM"
    add("mask", metavar="MASK", help=text)
    text = "its ending says the format: .png .tif .ome.tif .nii.gz .nii .ome.zarr .zip .roi .dcm"
    add("out", metavar="OUT", help=text)
    text = "image the mask belongs to: DICOM, whose patient is taken over, or NIfTI for its affine"
    add("--image", metavar="FILE", help=text)
    text = "where an ending has several: dicom-labelmap instead of dicom-seg"
    add("--format", metavar="NAME", help=text)
    add("--plane", type=int, metavar="N", help="of a stack, from 0")
    text = "pixel edges instead of those in the file: one, or Y and X"
    add("--spacing", nargs="+", type=float, metavar="EDGE", help=text)
    add("--units", help="of --spacing: nm, um, mm, cm or m")
    many = {"action": "append", "default": []}
    text = "name a label, for example '1=optic disc'; may be repeated"
    add("--name", **many, metavar="LABEL=NAME", help=text)  # type: ignore[arg-type]
    text = "renumber a label, for example 255=1; may be repeated"
    add("--label", **many, metavar="OLD=NEW", help=text)  # type: ignore[arg-type]
    convert.set_defaults(module="convert")


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = commands.add_parser("replay", help="do again what a recipe of the panel says")
    add = replay.add_argument
    add("recipe", metavar="RECIPE", help="recipe.toml, as the panel saves it")
    text = "file of the image; default: as the recipe says, or of that name beside it"
    add("--image", metavar="FILE", help=text)
    add("-m", "--model", help="name or path; default: as the recipe says")
    text = "file of the labels, written whatever they are; its ending says the format"
    add("-o", "--out", metavar="FILE", help=text)
    replay.set_defaults(module="replay")


def _add_train(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    train = commands.add_parser("train", help="train a network as a TOML file says")
    add = train.add_argument
    add("config", metavar="CONFIG", help="TOML file; docs/training.md lists its keys")
    add("--data", metavar="DIR", help="folder of the data sets; default: as the file says")
    add("-o", "--out", metavar="DIR", help="default: runs/ and the name of the file")
    text = "begin no epoch that would end later; the same command goes on"
    add("--minutes", type=float, metavar="N", help=text)
    add("--seed", type=int, help="instead of the one of the file")
    add("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")
    add("--threads", type=int, metavar="N", help="cores for the network on the CPU")
    train.set_defaults(module="train")


def _add_evaluate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    evaluate = commands.add_parser("evaluate", help="measure networks as a protocol says")
    add = evaluate.add_argument
    add("protocol", metavar="PROTOCOL", help="TOML file; docs/evaluation.md lists its keys")
    text = "folder of the data sets (default: %(default)s)"
    add("--data", metavar="DIR", default="../shared/data", help=text)
    add("--runs", metavar="DIR", help="folder of the networks; default: that of the protocol")
    text = "results; the tables go beside them as .md (default: the protocol's name)"
    add("-o", "--out", metavar="JSON", help=text)
    add("--resume", action="store_true", help="go on with a file of results")
    add("--available", action="store_true", help="leave out networks that are not there yet")
    add("--write", action="store_true", help="put the scores into the cards of the networks")
    add("--device", default="cpu", help="where the network runs: cpu, cuda, mps")
    add("--threads", type=int, metavar="N", help="cores for the network on the CPU")
    evaluate.set_defaults(module="evaluate")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="priorseg", description="Interactive segmentation with exact shape priors."
    )
    parser.add_argument("--version", action="version", version=f"priorseg {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_segment(commands)
    _add_measure(commands)
    _add_convert(commands)
    _add_replay(commands)
    _add_train(commands)
    _add_evaluate(commands)
    models = commands.add_parser("models", help="list the shipped models")
    models.add_argument("--json", action="store_true", help="print the whole cards as JSON")
    models.set_defaults(module="models")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str   None = the arguments of the process

    Returns
    -------
    int   0; 1 if files failed or differ; 2 if the command could not be done; 130 if interrupted
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed what was wrong, the help or the version
        return stop.code if isinstance(stop.code, int) else 2
    try:
        command = import_module(f".{arguments.module}", __name__)
        code: int = command.run(arguments)
        return code
    except (ValueError, OSError, ImportError) as error:
        print(f"priorseg: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
