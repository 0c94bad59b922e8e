"""The shape of the package is a tested property, like any other."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

import visavis
from visavis import errors

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src"
FILES = sorted(SOURCE.glob("visavis/**/*.py"))
RECIPES = sorted(REPOSITORY.glob("recipes/**/*.py"))
"""How built-in weights are made: beside the package, and above all of it."""
LAYERS = [  # a part may import lower layers only, and never its neighbours
    {"types", "errors"},
    {"images", "matching", "metrics", "filters", "disk", "processors"},
    {"buckets"},
    {"drawn", "sources", "embedders", "store"},
    {"flows"},
    {"exchange"},
    {"image_index"},
    {"settings", "evaluation", "training", "watching", "cluster"},
    {"pages"},
    {"cli", "server"},
]
SIDEWAYS = {("cli", "server")}
"""Neighbours that may be imported all the same: `visavis serve` starts the server."""

COME_WITH = {
    "httpcore": "httpx",
    "starlette": "fastapi",
    "pydantic": "fastapi",
    "markupsafe": "jinja2",
}
"""Packages that a dependency of ours brings and hands out in its own interface."""

OPTIONAL = (  # what the extras bring; the core works without any of it
    "torch",
    "lightning",
    "pytorch_metric_learning",
    "onnx",
    "ray",
    "pymilvus",
    "matplotlib",
    "huggingface_hub",
    "tokenizers",
    "pillow_heif",
    "pillow_jxl",
    "cv2",
    "watchfiles",
    "pyarrow",
    "h5py",
    "botocore",
    "urllib3",
)
EXTRA_PARTS = {"training", "cluster"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base_classes"}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


def part(module: str) -> str:
    """'visavis.store.sqlite.store' → 'store'; '' for the package itself."""
    return [*module.split("."), ""][1]


def layer(name: str) -> int:
    for number, names in enumerate(LAYERS):
        if name in names:
            return number
    raise AssertionError(f"{name} is on no layer: extend LAYERS and docs/design.md")


@cache
def parsed(path: Path) -> ast.Module:
    """What a file says; not to be changed."""
    return ast.parse(path.read_text(encoding="utf-8"))


class Imports(ast.NodeVisitor):
    """The import statements of a file, and those among them that only type checkers see."""

    def __init__(self, path: Path) -> None:
        self.all: list[ast.Import | ast.ImportFrom] = []
        self.for_checkers: set[ast.Import | ast.ImportFrom] = set()
        self.visit(parsed(path))

    def visit(self, node: ast.AST) -> None:
        if not isinstance(node, ast.expr):  # most nodes are, and none imports anything
            super().visit(node)

    def visit_If(self, node: ast.If) -> None:
        before = len(self.all)
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self.for_checkers.update(self.all[before:])

    def visit_Import(self, node: ast.Import) -> None:
        self.all.append(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.all.append(node)


imports = cache(Imports)


def imported(path: Path) -> set[str]:
    """Every module that a file names, also inside functions."""
    found: set[str] = set()
    for node in imports(path).all:
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        else:
            assert node.level == 0, f"{path}: relative import"
            if node.module == "visavis":
                found |= {f"visavis.{name.name}" for name in node.names}
            else:
                found.add(str(node.module))
    return found


def test_imports_point_downwards() -> None:
    wrong = []
    for path in FILES:
        here = part(module_name(path))
        if here in {"", "__main__"}:
            continue  # the door may see everything
        for module in imported(path):
            there = part(module)
            if not module.startswith("visavis.") or there in {here, "__version__"}:
                continue
            if layer(there) >= layer(here) and (here, there) not in SIDEWAYS:
                wrong.append(f"{module_name(path)} must not import {module}")
    assert not wrong


def test_files_stay_small() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in [*FILES, *RECIPES]}
    assert not {path: lines for path, lines in lengths.items() if lines > 400}, "find the seam"


def test_names_of_modules_say_what_is_inside() -> None:
    named = [path.relative_to(REPOSITORY).with_suffix("") for path in [*FILES, *RECIPES]]
    assert not [path for path in named if VAGUE & set(path.parts)]


def test_only_declared_packages_are_imported() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {
        re.split(r"[<>=!~\[]", name)[0].strip().lower().replace("-", "_") for name in wanted
    }
    known_as = {"pillow": "PIL", "faiss_cpu": "faiss", "opencv_python_headless": "cv2"}
    allowed = {known_as.get(name, name) for name in declared} | {"visavis"}
    allowed |= {name for name, bringer in COME_WITH.items() if bringer in declared}
    allowed |= sys.stdlib_module_names
    for path in [*FILES, *RECIPES]:
        others = {module.split(".")[0] for module in imported(path)} - allowed
        assert others <= ({"recipes"} if path in RECIPES else set()), path


def run_imports(path: Path) -> set[str]:
    """Every module of ours that a file imports when it runs, also late, inside functions."""
    found: set[str] = set()
    for node in imports(path).all:
        if isinstance(node, ast.ImportFrom) and node not in imports(path).for_checkers:
            found |= {f"{node.module}.{name.name}" for name in node.names} | {str(node.module)}
    return found & MODULES - {"visavis", module_name(path)}


def circles(needs: dict[str, set[str]]) -> set[str]:
    """The names that need one another, be it by way of others."""
    left = {name: needed & set(needs) for name, needed in needs.items()}
    while free := {name for name, needed in left.items() if not needed & set(left)}:
        left = {name: needed for name, needed in left.items() if name not in free}
    while unneeded := set(left) - set().union(*left.values()):
        left = {name: needed for name, needed in left.items() if name not in unneeded}
    return set(left)


def test_there_are_no_circular_imports() -> None:
    assert not circles({module_name(path): run_imports(path) for path in FILES})


def room(module: str) -> str:
    """'visavis.store.sqlite.rows' → 'visavis.store.sqlite'; '' outside of all such rooms."""
    parts = module.split(".")
    folders = parts if (SOURCE / "/".join(parts)).is_dir() else parts[:-1]
    return ".".join(folders[:3]) if len(folders) > 2 else ""


def test_rooms_of_a_part_do_not_need_one_another() -> None:
    needs: dict[str, set[str]] = {}
    for path in FILES:
        here = room(module_name(path))
        if here:
            needs.setdefault(here, set()).update(
                room(module) for module in run_imports(path) if room(module) != here
            )
    assert not circles(needs)


def test_folders_stay_small() -> None:
    for folder in {path.parent for path in FILES}:
        assert len(list(folder.glob("*.py"))) <= 16, f"{folder}: find the walls"


def test_the_public_door_is_complete_and_sorted() -> None:
    assert visavis.__all__ == sorted(visavis.__all__)
    assert len(visavis.__all__) <= 20
    for name in visavis.__all__:
        assert getattr(visavis, name) is not None
        assert name in dir(visavis)
    stated = (SOURCE / "visavis" / "__init__.py").read_text(encoding="utf-8")
    for_checkers = stated.split("if TYPE_CHECKING:")[1].split("__version__")[0]
    assert set(re.findall(r"\b[A-Za-z_]+\b", for_checkers)) >= set(visavis.__all__)


DOORS = {"visavis", "visavis.types", "visavis.errors", "visavis.sources", "visavis.training"}


def test_pages_import_the_public_doors_alone() -> None:
    pages = [REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for door in re.findall(r"^\s*(?:from|import) (visavis[\w.]*)", text, re.MULTILINE):
            assert door in DOORS, f"{page.name} imports {door}"


def test_the_doors_lead_somewhere() -> None:
    for door in ("visavis.sources", "visavis.training"):
        opened = importlib.import_module(door)
        assert opened.__all__ == sorted(opened.__all__)
        assert all(getattr(opened, name) is not None for name in opened.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        visavis.nothing  # noqa: B018


def test_every_error_belongs_to_the_tree_and_is_drawn_in_it() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    kinds = [kind for kind in classes if issubclass(kind, Exception)]
    for kind in kinds:
        assert issubclass(kind, errors.VisavisError)
        assert kind.exit_code in {2, 3, 5, 6}
        assert 400 <= kind.http_status < 600
        assert re.search(rf"^.*\b{kind.__name__}\b", str(errors.__doc__), re.MULTILINE)


def modules_of_the_core() -> list[str]:
    names = [module_name(path) for path in FILES]
    return [name for name in names if part(name) not in EXTRA_PARTS and part(name) != "__main__"]


def python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_core_imports_without_any_extra() -> None:
    python(
        "import sys, importlib\n"
        f"for name in {OPTIONAL!r}: sys.modules[name] = None\n"
        f"for name in {modules_of_the_core()!r}: importlib.import_module(name)\n"
    )


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import visavis", ("numpy", "PIL", "onnxruntime", "faiss", "httpx")),
        (
            "from visavis.cli.main import run; run(['--help'])",
            ("numpy", "PIL", "onnxruntime", "faiss", "httpx", "fastapi", "jinja2"),
        ),
        (
            "from visavis import ImageIndex",
            ("onnxruntime", "faiss", "httpx", "pyarrow", "rich", "typer", "fastapi", "jinja2"),
        ),
        # Serves nothing itself where there are several workers.
        ("import visavis.server.running", ("fastapi", "pydantic", "typer")),
    ],
)
def test_what_is_not_needed_is_not_imported(code: str, absent: tuple[str, ...]) -> None:
    told = python(f"{code}\nimport sys; print('\\n' + ' '.join(sys.modules))")
    loaded = {name.split(".")[0] for name in told.splitlines()[-1].split()}
    assert not loaded & set(absent)


def test_every_module_says_what_it_is_for() -> None:
    for name in modules_of_the_core():
        assert importlib.import_module(name).__doc__, f"{name} lacks a docstring"


def test_onnx_runtime_is_imported_where_it_is_told_to_report_nothing() -> None:
    own = [*FILES, *REPOSITORY.glob("recipes/**/*.py"), *REPOSITORY.glob("benchmarks/**/*.py")]
    found = []
    for path in own:
        there = imports(path)
        for node in there.all:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if "onnxruntime" in names and node not in there.for_checkers:
                found.append(path.name)
    assert found == ["engine.py"]


SYSTEM = {"OSError", "FileNotFoundError", "PermissionError", "ConnectionError"}


def raw_reasons(tree: ast.AST) -> list[int]:
    """Lines where a handler of the system's errors puts one into a text as it is."""
    found = []
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None:
            continue
        kinds = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        if not kinds & SYSTEM:
            continue
        for part in ast.walk(handler):
            if (
                isinstance(part, ast.FormattedValue)
                and isinstance(part.value, ast.Name)
                and part.value.id == handler.name
            ):
                found.append(part.lineno)
    return found


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_messages_say_what_the_system_said_in_words(path: Path) -> None:
    """`visavis.disk.reason` does, without a number such as [Errno 2] and a second path."""
    assert not raw_reasons(parsed(path))
