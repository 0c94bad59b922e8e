"""Networks from the Hugging Face hub: first a plan that can be shown, then the download.

huggingface_hub does the work (the extra `[hub]`): it resumes, and honours HF_HUB_OFFLINE,
HF_ENDPOINT, proxies and logins. Nothing here connects before `plan_download` or `fetch` is called.
"""

import importlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

from visavis.embedders.adding.add import ModelParts, TextParts, assemble, fit_to_graph, text_facts
from visavis.embedders.adding.checking import check_model
from visavis.embedders.layouts import read_preprocess
from visavis.embedders.presets import HubFile, Preset, presets
from visavis.embedders.registry import free_place, models_folder
from visavis.embedders.runtime.checksum import file_sha256
from visavis.errors import (
    ExtraMissingError,
    ModelChecksumError,
    ModelDownloadError,
    ModelNotFoundError,
    UsageError,
)

_REPOSITORY = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+)(?P<folder>(?:/[\w.-]+)*)(?:@(?P<rev>[\w.-]+))?"
)
_REASONS = {  # by the name of huggingface_hub's exception, whose own texts run over many lines
    "OfflineModeIsEnabled": "HF_HUB_OFFLINE is set",
    "LocalEntryNotFoundError": "the hub cannot be reached",
    "RepositoryNotFoundError": "there is no such repository, or it is private",
    "RevisionNotFoundError": "there is no such revision",
    "RemoteEntryNotFoundError": "the repository has no such file",
    "GatedRepoError": "its terms must be accepted on the hub first",
}
_CONFIGS = ("preprocessor_config.json", "preprocess.json")


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """What a download would fetch: to be shown, and agreed to, before anything large moves."""

    preset: Preset
    """With its revision, and each file's size and SHA-256 as far as anyone knows them."""

    @property
    def name(self) -> str:
        """What the model will be called."""
        return self.preset.name

    @property
    def license(self) -> str:
        """The licence of the weights."""
        return self.preset.license

    @property
    def non_commercial(self) -> bool:
        """Whether the licence forbids commercial use."""
        return self.preset.non_commercial

    @property
    def total_bytes(self) -> int:
        """Bytes to download, of the files whose size is known."""
        return sum(file.size or 0 for file in self.preset.files)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape of a plan."""
        return {
            "name": self.name,
            "repository": self.preset.repo,
            "revision": self.preset.revision,
            "license": self.license,
            "non_commercial": self.non_commercial,
            "bytes": self.total_bytes,
            "files": [file.path for file in self.preset.files],
        }


def plan_download(
    wanted: str, *, name: str | None = None, output: str | None = None, pool: str | None = None
) -> DownloadPlan:
    """Plan a preset ("clip-vit-b32"), or a repository ("owner/name", "owner/name/folder@revision").

    Asks the hub for the newest commit, and for sizes and checksums that are not known here.
    A `name`, `output` or `pool` takes the place of its own.

    Raises:
        ModelNotFoundError: no preset has that name, and it is no repository's name either.
        ModelDownloadError: the hub cannot be reached, or the repository does not fit.
        ExtraMissingError: huggingface_hub is not installed.
    """
    if preset := presets().get(wanted):
        complete = preset.revision is not None and all(file.size for file in preset.files)
        preset = _changed(preset, name, output, pool)
        return DownloadPlan(preset if complete else _completed(preset, _listing(preset)))
    match = _REPOSITORY.fullmatch(wanted)
    if match is None:
        raise ModelNotFoundError(
            f"{wanted!r} is neither a preset nor a repository like owner/name; "
            f"presets are {', '.join(presets())}"
        )
    folder = match["folder"].strip("/")
    repo, revision = match["repo"], match["rev"]
    own = (folder or repo).rpartition("/")[2]
    blank = Preset(own, repo, HubFile("model.onnx"), license="", revision=revision)
    listing = _listing(blank)
    chosen = _choose_files(blank, f"{folder}/" if folder else "", listing)
    return DownloadPlan(_completed(_changed(chosen, name, output, pool), listing))


def _changed(preset: Preset, name: str | None, output: str | None, pool: str | None) -> Preset:
    if output is not None and preset.text is not None:
        raise UsageError(f"{preset.name} reads words by its own output; leave out --output")
    return with_changes(
        preset,
        name=name or preset.name,
        output=output or preset.output,
        pool=pool or (None if output else preset.pool),
    )


def fetch(plan: DownloadPlan, into: Path) -> Path:
    """Download what the plan names and make a model folder of it; returns `into`/name.

    An interrupted download is resumed the next time. What is there under that name is replaced
    at the end, when the new folder has been found to work.

    Raises:
        ModelDownloadError: the hub cannot be reached, or lacks a file.
        ModelChecksumError: a file is not the one that was planned.
        ModelError: the files do not make a working model.
    """
    preset = plan.preset
    target = into / preset.name
    scratch = into / f".download-{preset.name}"
    for file in preset.files:
        _check(file, _download(preset, file, scratch))
    made = scratch / "model-folder"
    shutil.rmtree(made, ignore_errors=True)
    assemble(_parts(preset, scratch), made)
    check_model(made)
    if target.exists():
        shutil.rmtree(target)
    made.rename(target)
    shutil.rmtree(scratch)
    return target


def add_from_hub(plan: DownloadPlan, *, models: Path | None = None, replace: bool = False) -> Path:
    """Fetch a plan into the user's models; the folder. ModelError when the name is taken."""
    models = models or models_folder()
    free_place(plan.name, models, replace=replace)
    models.mkdir(parents=True, exist_ok=True)
    return fetch(plan, models)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What the hub says about a repository at one commit."""

    revision: str
    files: Mapping[str, HubFile]
    license: str


def _listing(preset: Preset) -> _Listing:
    hub = _hub()
    try:
        api = hub.HfApi(endpoint=_endpoint(), library_name="visavis")
        info = api.model_info(preset.repo, revision=preset.revision, files_metadata=True)
    except Exception as error:  # httpx, OS and hub errors; all mean the same to a user
        raise _failed(preset, "its list of files", error) from error
    files = {}
    for sibling in info.siblings or ():
        lfs = sibling.lfs
        sha256 = lfs.sha256 if lfs is not None else None
        files[sibling.rfilename] = HubFile(sibling.rfilename, sibling.size, sha256)
    card = info.card_data
    licence = card.get("license") if card is not None else None
    return _Listing(info.sha, files, str(licence or ""))


def _completed(preset: Preset, listing: _Listing) -> Preset:
    """With commit, sizes and checksums from the hub where the preset has none of its own."""

    def complete(file: HubFile) -> HubFile:
        if (known := listing.files.get(file.path)) is None:
            raise ModelDownloadError(
                f"{preset.repo} has no file {file.path} at {listing.revision[:12]}"
            )
        return HubFile(file.path, file.size or known.size, file.sha256 or known.sha256)

    return with_changes(
        preset,
        revision=listing.revision,
        license=preset.license or listing.license or "not stated, see the repository",
        vision=complete(preset.vision),
        text=None if preset.text is None else complete(preset.text),
        extras=tuple(complete(file) for file in preset.extras),
    )


def _choose_files(blank: Preset, folder: str, listing: _Listing) -> Preset:
    """The files to take from a repository of an unknown maker."""
    there = listing.files

    def first(*names: str) -> HubFile | None:
        return next((there[folder + name] for name in names if folder + name in there), None)

    vision = first("onnx/vision_model.onnx", "onnx/model.onnx", "vision_model.onnx", "model.onnx")
    config = first(*_CONFIGS)
    if vision is None or config is None:
        lacks = "onnx/vision_model.onnx or model.onnx" if vision is None else " or ".join(_CONFIGS)
        raise ModelDownloadError(
            f"{blank.repo} cannot be used: it has no {lacks}"
            f"{f' in {folder}' if folder else ''}; export it to ONNX and add the file instead"
        )
    extras = [config]
    text = None
    tokenizer = first("tokenizer.json")
    if vision.name == "vision_model.onnx" and tokenizer is not None:
        text = first("onnx/text_model.onnx", "text_model.onnx")
        extras += [tokenizer] if text else []
        extras += [file for file in (first("config.json"),) if file and text]
    graphs = [vision] if text is None else [vision, text]
    extras += [there[one.path + "_data"] for one in graphs if one.path + "_data" in there]
    return with_changes(blank, vision=vision, text=text, extras=tuple(extras))


def _download(preset: Preset, file: HubFile, scratch: Path) -> Path:
    hub = _hub()
    try:
        path = hub.hf_hub_download(
            preset.repo,
            file.path,
            revision=preset.revision,
            local_dir=scratch,
            endpoint=_endpoint(),
            library_name="visavis",
        )
    except Exception as error:  # httpx, OS and hub errors; all mean the same to a user
        raise _failed(preset, file.path, error) from error
    return Path(path)


def _check(file: HubFile, path: Path) -> None:
    size = path.stat().st_size
    wrong = None
    if file.size is not None and size != file.size:
        wrong = f"it has {size} bytes instead of {file.size}"
    elif file.sha256 is not None and file_sha256(path) != file.sha256:
        wrong = "its SHA-256 is another one"
    if wrong:
        path.unlink()  # or the next try would find it there and stop here again
        raise ModelChecksumError(f"{file.path} is not the file that was expected: {wrong}")


def _parts(preset: Preset, scratch: Path) -> ModelParts:
    preprocess = preset.preprocess
    if preprocess is None:
        config = next(file for file in preset.extras if file.name in _CONFIGS)
        preprocess = read_preprocess(scratch / config.path)
    text = None
    if preset.text is not None:
        tokenizer = next(file for file in preset.extras if file.name == "tokenizer.json")
        graph, path = scratch / preset.text.path, scratch / tokenizer.path
        text = TextParts(graph, path, text_facts(graph, path, preset.reads), preset.prompt)
    graph = scratch / preset.vision.path
    return ModelParts(
        name=preset.name,
        graph=graph,
        preprocess=fit_to_graph(graph, preprocess),
        output=preset.output,
        pool=preset.pool,
        license=preset.license,
        origin=f"{preset.repo}/{preset.vision.path} at {preset.revision}",
        text=text,
    )


def _hub() -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise ExtraMissingError("downloading a model", "hub") from error


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _failed(preset: Preset, what: str, error: Exception) -> ModelDownloadError:
    kind = type(error).__name__
    first_line = next(iter(str(error).strip().splitlines()), "")[:200]
    reason = _REASONS.get(kind, f"{kind}: {first_line}")
    return ModelDownloadError(
        f"{what} of {preset.repo} could not be downloaded ({reason}); look at the connection, "
        "or add a folder that was downloaded elsewhere"
    )
