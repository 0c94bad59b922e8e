"""The download, against a server on this machine that speaks the hub's protocol.

It answers what huggingface_hub asks of the real one: the list of files of a revision, and HEAD
and GET of resolve/<revision>/<file> with the headers that carry commit, checksum and size.
"""

import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import onnx
import pytest
from two_sided import write_clip

from visavis.embedders.adding import hub
from visavis.embedders.adding.hub import DownloadPlan, add_from_hub, fetch, plan_download
from visavis.embedders.base import TextEmbedder
from visavis.embedders.presets import HubFile, Preset, presets
from visavis.embedders.registry import load_embedder
from visavis.embedders.spec import PreprocessSpec, TextSpec, read_spec
from visavis.errors import (
    ExtraMissingError,
    ModelChecksumError,
    ModelDownloadError,
    ModelError,
    ModelNotFoundError,
)
from visavis.types import RGB

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    address: str
    files: dict[str, bytes] = field(default_factory=dict)
    """Repository/path → content."""
    asked: list[str] = field(default_factory=list)

    def listing(self, repo: str) -> bytes:
        start = f"{repo}/"
        siblings = [
            {
                "rfilename": name.removeprefix(start),
                "size": len(data),
                "lfs": {
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 134,
                },
            }
            for name, data in self.files.items()
            if name.startswith(start)
        ]
        shape = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": []}
        return json.dumps(shape | {"cardData": {"license": "mit"}}).encode()


def _handler(fake: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = self.path.partition("?")[0]
            fake.asked.append(f"{self.command} {path}")
            if path.startswith("/api/models/"):
                repo = "/".join(path.split("/")[3:5])
                known = any(name.startswith(f"{repo}/") for name in fake.files)
                self._send(fake.listing(repo) if known else None, body)
            else:
                repo, _, rest = path.strip("/").partition("/resolve/")
                self._send(fake.files.get(f"{repo}/{rest.partition('/')[2]}"), body)

        def _send(self, data: bytes | None, body: bool) -> None:
            self.send_response(404 if data is None else 200)
            content = data or b"{}"
            if data is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler


@pytest.fixture
def fake_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    fake = FakeHub("")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", fake.address)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    yield fake
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def clip_repo(fake_hub: FakeHub, tmp_path: Path) -> FakeHub:
    folder = write_clip(tmp_path / "repo", text_config={"max_position_embeddings": 64})
    for path in folder.rglob("*"):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            fake_hub.files[f"someone/tiny-clip/{name}"] = path.read_bytes()
    fake_hub.files["someone/tiny-clip/onnx/model.onnx"] = b"both sides in one: not wanted"
    return fake_hub


def test_a_plan_tells_size_and_licence_before_anything_is_downloaded(clip_repo: FakeHub) -> None:
    plan = plan_download("someone/tiny-clip")
    files = clip_repo.files
    wanted = [name for name in files if not name.endswith("/onnx/model.onnx")]
    assert plan.total_bytes == sum(len(files[name]) for name in wanted)
    assert plan.license == "mit"
    assert plan.preset.revision == COMMIT
    assert not any("/resolve/" in asked for asked in clip_repo.asked)


def test_a_repository_in_the_transformers_layout_becomes_a_working_model(
    clip_repo: FakeHub, tmp_path: Path, pictures: list[RGB]
) -> None:
    folder = add_from_hub(plan_download("someone/tiny-clip"))
    spec = read_spec(folder)
    assert isinstance(spec.text, TextSpec)
    assert (spec.dim, spec.output, spec.text.context) == (3, "image_embeds", 64)
    assert spec.preprocess.resize == "shortest"
    assert COMMIT in spec.origin
    assert {path.name for path in folder.iterdir()} == {
        "model.json",
        "model.onnx",
        "text.onnx",
        "tokenizer.json",
    }
    model = load_embedder("tiny-clip")
    assert model.embed_images(pictures).shape == (5, 3)
    assert isinstance(model, TextEmbedder)
    assert model.embed_texts(["red"])[0].argmax() == 0
    assert {path.name for path in folder.parent.iterdir()} == {"tiny-clip"}


def test_the_files_of_the_planned_commit_are_fetched(clip_repo: FakeHub, tmp_path: Path) -> None:
    plan = plan_download("someone/tiny-clip")
    clip_repo.asked.clear()
    fetch(plan, tmp_path)
    fetched = [asked for asked in clip_repo.asked if "/resolve/" in asked]
    assert fetched
    assert all(f"/resolve/{COMMIT}/" in asked for asked in fetched)


def test_a_timm_folder_of_a_large_repository_becomes_a_working_model(
    fake_hub: FakeHub, tiny_network: Callable[..., onnx.ModelProto], tmp_path: Path
) -> None:
    stages = [
        {"type": "resize", "size": 36, "max_size": None, "interpolation": "bicubic"},
        {"type": "center_crop", "size": [32, 32]},
        {"type": "maybe_to_tensor"},
        {"type": "normalize", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    ]
    fake_hub.files = {
        "deep/timms/tiny.a1_in1k/model.onnx": tiny_network().SerializeToString(),
        "deep/timms/tiny.a1_in1k/preprocess.json": json.dumps({"stages": stages}).encode(),
        "deep/timms/other/model.onnx": b"",
    }
    spec = read_spec(fetch(plan_download("deep/timms/tiny.a1_in1k"), tmp_path))
    assert (spec.name, spec.output, spec.dim) == ("tiny.a1_in1k", "features", 8)
    assert (spec.preprocess.size, spec.preprocess.resize_to) == (32, 36)


def test_a_file_that_is_not_the_planned_one_is_refused(clip_repo: FakeHub, tmp_path: Path) -> None:
    plan = plan_download("someone/tiny-clip")
    name = "someone/tiny-clip/onnx/vision_model.onnx"
    clip_repo.files[name] = clip_repo.files[name][:-1] + b"!"
    with pytest.raises(ModelChecksumError, match=r"vision_model\.onnx .* SHA-256"):
        fetch(plan, tmp_path)
    assert not (tmp_path / "tiny-clip").exists()


def test_a_file_that_is_gone_is_one_sentence(clip_repo: FakeHub, tmp_path: Path) -> None:
    plan = plan_download("someone/tiny-clip")
    del clip_repo.files["someone/tiny-clip/tokenizer.json"]
    with pytest.raises(ModelDownloadError, match=r"tokenizer\.json of someone/tiny-clip") as caught:
        fetch(plan, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_repository_without_a_usable_network_says_what_it_lacks(fake_hub: FakeHub) -> None:
    fake_hub.files = {"someone/torch-only/model.safetensors": b"x"}
    with pytest.raises(ModelDownloadError, match=r"it has no onnx/vision_model\.onnx"):
        plan_download("someone/torch-only")


def test_an_unknown_repository_is_one_sentence(fake_hub: FakeHub) -> None:
    with pytest.raises(ModelDownloadError, match="list of files of no/such") as caught:
        plan_download("no/such")
    assert "\n" not in str(caught.value)


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelDownloadError, match="look at the connection"):
        plan_download("someone/tiny-clip")


def test_a_name_that_is_neither_preset_nor_repository_lists_the_presets() -> None:
    with pytest.raises(ModelNotFoundError, match="clip-vit-b32"):
        plan_download("nonsense")


def test_a_model_that_is_there_is_not_replaced_unasked(clip_repo: FakeHub) -> None:
    plan = plan_download("someone/tiny-clip")
    add_from_hub(plan)
    with pytest.raises(ModelError, match="already"):
        add_from_hub(plan)
    add_from_hub(plan, replace=True)


def test_the_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ExtraMissingError, match=r"visavis\[hub\]"):
        plan_download("someone/tiny-clip")


def test_a_preset_with_everything_known_is_planned_without_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    plan = plan_download("dinov2-small")
    assert plan.total_bytes == 88_532_934
    assert plan.license == "Apache-2.0"


def test_a_non_commercial_licence_is_told() -> None:
    assert DownloadPlan(presets()["mobileclip-s0"]).non_commercial
    assert not DownloadPlan(presets()["dinov2-small"]).non_commercial


@pytest.mark.parametrize("preset", presets().values(), ids=lambda preset: preset.name)
def test_each_preset_can_be_made_into_a_model_folder(preset: Preset) -> None:
    names = {file.name for file in preset.extras}
    assert preset.preprocess is not None or "preprocessor_config.json" in names
    assert preset.text is None or ("tokenizer.json" in names and preset.reads)
    assert preset.license


def test_a_preset_without_a_revision_is_pinned_by_the_plan(
    fake_hub: FakeHub,
    tiny_network: Callable[..., onnx.ModelProto],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = tiny_network().SerializeToString()
    fake_hub.files = {"someone/vgg/model.onnx": network}
    preset = Preset(
        "vgg", "someone/vgg", HubFile("model.onnx"), "MIT", preprocess=PreprocessSpec(224)
    )
    monkeypatch.setattr(hub, "presets", lambda: {"vgg": preset})
    plan = plan_download("vgg")
    digest = hashlib.sha256(network).hexdigest()
    assert plan.preset.revision == COMMIT
    assert plan.preset.vision == HubFile("model.onnx", len(network), digest)
    inner = plan_download("vgg", name="vgg-map", output="map", pool="gem")
    spec = read_spec(fetch(inner, tmp_path))
    assert (spec.name, spec.output, spec.pool) == ("vgg-map", "map", "gem")
    # the graph fixes 32 pixels, whatever the preset thought
    assert read_spec(fetch(plan, tmp_path)).preprocess.size == 32
