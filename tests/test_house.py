"""House rules that no linter knows: short files and functions, nothing of one machine."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 300, 40

# what is longer for now, with its present length; entries may only shrink and disappear
LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT / "src" / "priorseg").as_posix()


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Give each function with its number of lines, the docstring left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            yield f"{name_of(path)}:{node.name}", lines


def test_files_are_short() -> None:
    lengths = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == LONG_FILES


def test_functions_are_short() -> None:
    lengths = dict(found for path in SOURCES for found in functions(path))
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == LONG_FUNCTIONS


def tracked_text() -> Iterator[tuple[str, str]]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path != Path(__file__):
            try:
                yield name, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?<![\w.])/(home|root|work|Users)/\w",  # a path of one machine
        r"(files\.pythonhosted|pypi|download\.pytorch|registry\.npmjs)\.org",  # a registry's host
        r"^(<{7} |>{7} )",  # an unfinished merge
    ],
)
def test_no_tracked_file_holds(pattern: str) -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in tracked_text()
        for match in re.finditer(pattern, text, re.MULTILINE)
    ]
    assert not found


def test_readme_names_the_two_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [block.strip() for block in blocks[:2]] == ["bash scripts/demo", "bash scripts/test"]


def test_readme_links_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_pin_is_a_plain_version() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins)


def test_the_program_in_the_readme_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program = re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert program is not None
    exec(program.group(1), {})
    promised = re.findall(r"print\(.*\)  # (.*)", program.group(1))
    assert capsys.readouterr().out.splitlines() == promised
