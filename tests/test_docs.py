"""The documentation is true: nothing is left out, and every example runs.

Blocks marked `console` are run line by line (`$ visavis …`), and what they show has to be what
comes out, where `…` stands for anything. The blocks marked `python` of a page are one program.
Blocks marked `sh` need the network or another machine and are not run. Each page has a folder of
its own, made by `workshop`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from PIL import ExifTags, Image
from shop_classifier import write_shop_classifier
from word_files import shop_vectors, write_text

from visavis import errors, settings
from visavis.cli.main import run
from visavis.drawn.gallery import write_gallery

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
KNOWN = REPOSITORY.parent / "shared" / "data"
"""Where the pictures of known-pictures.md lie, which nothing else here needs."""
TOP_PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")]
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = set("|><&;*$`")


_NO_PICTURES = pytest.mark.skipif(
    not KNOWN.is_dir(), reason="needs pictures outside the repository"
)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in FENCE.findall(page.read_text(encoding="utf-8"))]


def pages_with(language: str) -> list[Any]:
    pages = [*TOP_PAGES, *PAGES]
    chosen = [page for page in pages if any(b.language == language for b in blocks(page))]
    return [
        pytest.param(
            page,
            id=str(page.relative_to(REPOSITORY)),
            marks=[pytest.mark.shared, _NO_PICTURES] if page.stem == "known-pictures" else [],
        )
        for page in chosen
    ]


@pytest.fixture(scope="session")
def drawn_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "shop"
    write_gallery(folder, 56)
    return folder


@pytest.fixture
def workshop(drawn_shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the pages talk of: photos/ with eight pictures, query.jpg, shop/catalogue.csv.

    The same pictures for training: labelled/ with a folder for each of ten products, and unseen/
    with those of four others. trips/ with four photos that know when and where they were taken.

    And for searching by words: vectors.txt, and my-classifier, a model folder that tells classes.
    """
    shutil.copytree(drawn_shop, tmp_path / "shop")
    write_text(tmp_path / "vectors.txt", shop_vectors())
    write_shop_classifier(tmp_path / "my-classifier", drawn_shop)
    photos = tmp_path / "photos" / "2024"
    photos.mkdir(parents=True)
    for name in ("mug", "t-shirt", "lamp", "sneaker", "plant", "backpack", "teapot", "clock"):
        shutil.copy(drawn_shop / "images" / f"{name}-01-front.jpg", photos / f"{name}.jpg")
    (photos / "mug.jpg").rename(photos.parent / "mug.jpg")
    shutil.copy(drawn_shop / "images" / "lamp-01-close.jpg", tmp_path / "query.jpg")
    products = sorted({path.name.rpartition("-")[0] for path in (drawn_shop / "images").iterdir()})
    for number, product in enumerate(products):
        place = tmp_path / ("labelled" if number < 10 else "unseen") / product
        place.mkdir(parents=True)
        for picture in (drawn_shop / "images").glob(f"{product}-*"):
            shutil.copy(picture, place)
    _travel(drawn_shop / "images", tmp_path / "trips")
    for name in ("ukbench", "pascal"):
        (tmp_path / name).symlink_to(KNOWN / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    return tmp_path


def _travel(drawn: Path, trips: Path) -> None:
    trips.mkdir()
    for name, date, latitude, longitude in (
        ("mug", "2019:06:01 09:30:00", 52.5163, 13.3777),
        ("lamp", "2019:06:01 18:00:00", 52.5186, 13.3762),
        ("plant", "2021:03:04 12:00:00", 48.8583, 2.2944),
        ("clock", "2021:03:05 12:00:00", 48.8606, 2.3376),
    ):
        exif = Image.Exif()
        exif[ExifTags.Base.Model] = "Canon EOS 5D"
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
        place = {1: "N", 2: (latitude, 0.0, 0.0), 3: "E", 4: (longitude, 0.0, 0.0)}
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(place)
        with Image.open(drawn / f"{name}-01-front.jpg") as picture:
            picture.save(trips / f"{name}.jpg", exif=exif)


# -- examples run --------------------------------------------------------------------------------


def commands(block: str) -> Iterator[tuple[str, str]]:
    """(command, what it shows) for each `$ …` of a block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def output(command: str, capfd: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """What a command prints, errors last and errors first. It has to succeed.

    It runs in this process unless it needs a shell.
    """
    capfd.readouterr()
    plain = [word for word in shlex.split(command) if word]
    quoted = re.sub(r'"[^"]*"', "", command)
    if plain[0] == "visavis" and not SHELL & set(quoted):
        code = run(plain[1:])
    else:
        code = subprocess.run(command, shell=True, check=False).returncode
    printed = capfd.readouterr()
    assert code == 0, f"$ {command}\n{printed.err}"
    return printed.out + printed.err, printed.err + printed.out


@pytest.mark.parametrize("page", pages_with("console"))
def test_the_commands_of_a_page_run_and_show_what_it_says(
    page: Path,
    workshop: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for block in blocks(page):
        for name, value in re.findall(r"^export (\w+)=(\S+)$", block.text, re.MULTILINE):
            if page.name == "tutorial.md":
                monkeypatch.setenv(name, value)
        if block.language != "console":
            continue
        for command, shown in commands(block.text):
            printed = output(command, capfd)
            pattern = ".*?".join(re.escape(part) for part in shown.strip().split("…"))
            assert not shown or any(
                re.fullmatch(pattern, text.strip(), re.DOTALL) for text in printed
            ), f"$ {command}\n{printed[0]}\nis not what {page.name} shows:\n{shown}"


@pytest.mark.parametrize("page", pages_with("python"))
def test_the_python_of_a_page_runs(page: Path, workshop: Path) -> None:
    module = ModuleType("page")  # dataclasses and the like want a real one
    for block in blocks(page):
        if block.language == "python":
            exec(compile(block.text, str(page), "exec"), module.__dict__)


# -- nothing is left out -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def generate() -> Any:
    """docs/generate.py as a module."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_fresh(generate: Any) -> None:
    for name, text in generate.pages().items():
        stored = (DOCS / name).read_text(encoding="utf-8")
        assert stored == text, f"{name} is stale: run python docs/generate.py"


def test_every_command_and_option_is_documented_and_has_help(generate: Any) -> None:
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    named = dict(generate.commands())
    assert len(named) >= 11
    for name, command in named.items():
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        for parameter in command.params:
            assert parameter.help, f"{name}: {parameter.name} lacks a help text"
            spelled = parameter.opts if parameter.param_type_name == "option" else []
            assert all(f"`{option}" in section for option in spelled)


def test_every_error_is_documented_with_its_codes() -> None:
    page = (DOCS / "reference" / "errors.md").read_text(encoding="utf-8")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.VisavisError):
            row = next(line for line in page.splitlines() if f"`{name}`" in line and "|" in line)
            assert f"| {kind.exit_code} | {kind.http_status} |" in row


def test_every_setting_and_environment_variable_is_documented(generate: Any) -> None:
    page = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
    for setting in fields(settings.Settings):
        assert f"| `{setting.name}` | `VISAVIS_{setting.name.upper()}` |" in page
        assert generate.setting_meanings()[setting.name]
    known_to_terminals = {"TERM", "TERM_PROGRAM"}
    for file in (REPOSITORY / "src").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        read = re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", text)
        for name in set(read) - known_to_terminals:
            assert f"`{name}`" in page, f"{file.name} reads ${name}"


def test_the_json_page_names_every_key() -> None:
    from visavis.embedders.adding.checking import CheckReport
    from visavis.embedders.adding.conse import ConseReport
    from visavis.embedders.registry import ModelInfo
    from visavis.exchange.exporting import Exported
    from visavis.store.base import StoreInfo
    from visavis.types import Failure, ImageRecord, IndexReport, Match, SearchResult, Tag

    page = (DOCS / "reference" / "json.md").read_text(encoding="utf-8")
    record = ImageRecord("a", "/a", 1, 0.0, "", 1, 1)
    shapes = [
        SearchResult((Match(record, 1.0),), 1, "m", 1.0, "why", ("note",)).to_dict(),
        Tag("dog", 0.5).to_dict(),
        Exported(Path("a.h5"), 1, 1).to_dict(),
        ConseReport("m", Path("m"), 1, 1, 1, (), ()).to_dict(),
        Match(record, 1.0).to_dict(),
        IndexReport(failed=[Failure("/a", "why")]).to_dict(),
        Failure("/a", "why").to_dict(),
        StoreInfo(0, "m", "m", "f", 1, 0, False, 0).to_dict(),
        ModelInfo("m", "folder", problem="why").to_dict(),
        CheckReport("m", 1, "f", "s", 1.0, 1.0, 0.5).to_dict(),
    ]
    for shape in shapes:
        for key in shape:
            assert f"`{key}`" in page or f'"{key}"' in page, key


def test_the_example_of_model_json_is_read_without_complaint() -> None:
    import json

    from visavis.embedders.spec import SemanticSpec, WordsSpec, parse_spec

    page = DOCS / "reference" / "model-json.md"
    example, words, semantic = [block.text for block in blocks(page) if block.language == "json"]
    spec = parse_spec(json.loads(example), page)
    assert (spec.dim, spec.preprocess.side) == (1280, 224)
    with_words = json.loads(example) | json.loads(words)
    assert parse_spec(with_words, page).text == WordsSpec("words.bin", "aliases.txt")
    with_part = json.loads(example) | json.loads(semantic)
    assert parse_spec(with_part, page).semantic == SemanticSpec(64, 0.1)


def test_every_filter_operator_is_documented() -> None:
    from typing import get_args

    from visavis.filters import ATTRIBUTES
    from visavis.types import Operator

    page = (DOCS / "reference" / "filters.md").read_text(encoding="utf-8")
    for name in (*get_args(Operator), *ATTRIBUTES):
        assert f"`{name}`" in page


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    wanted = list(project["dependencies"])
    for extra, packages in project["optional-dependencies"].items():
        assert f"| `{extra}` |" in page
        wanted += packages
    for package in wanted:
        name = re.split(r"[<>=!~\[]", package)[0]
        assert f"`{name}`" in page


# -- the house of the docs -----------------------------------------------------------------------


def test_every_page_is_in_the_navigation_and_says_what_it_is_for() -> None:
    listed = set(re.findall(r": ([\w/-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.M))
    assert listed == {str(page.relative_to(DOCS)) for page in PAGES}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        first = text.split("\n## ")[0]
        opening = " ".join(line for line in first.splitlines() if line and line[0] not in "#<|")
        assert len(opening) > 30, f"{page.name}: say first what the page is for"


def test_links_between_files_lead_somewhere() -> None:
    for page in [*TOP_PAGES, *PAGES, REPOSITORY / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_picture_of_the_readme_is_small() -> None:
    assert (DOCS / "images" / "demo.png").stat().st_size < 400_000


def test_the_version_is_in_the_changelog() -> None:
    from visavis import __version__

    assert f"## [{__version__}]" in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_documentation_names_no_machine_of_ours() -> None:
    for page in [*TOP_PAGES, *PAGES, REPOSITORY / "CHANGELOG.md"]:
        assert not re.search(r"/work/|/root/|/opt/", page.read_text(encoding="utf-8")), page
