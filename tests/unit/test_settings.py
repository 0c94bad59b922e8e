"""Settings: flag > environment > project file > user file > default."""

from pathlib import Path

import pytest

from visavis.errors import UsageError
from visavis.settings import Settings, load_settings


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path, dict[str, str]]:
    """The user's file, the project's folder, and the environment that names the first."""
    user = tmp_path / "config" / "visavis" / "config.toml"
    user.parent.mkdir(parents=True)
    project = tmp_path / "project"
    project.mkdir()
    return user, project, {"XDG_CONFIG_HOME": str(tmp_path / "config")}


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    found = load_settings({}, {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert found == Settings()
    assert found.max_pixels == 100_000_000


def test_each_place_goes_before_the_next(homes: tuple[Path, Path, dict[str, str]]) -> None:
    user, project, environ = homes
    user.write_text('index = "user"\nmodel = "user"\ndevice = "user"\njobs = 1\n')
    (project / "visavis.toml").write_text('index = "project"\nmodel = "project"\ndevice = "cuda"\n')
    environ |= {"VISAVIS_INDEX": "environment", "VISAVIS_MODEL": "environment"}
    found = load_settings({"index": "flag", "model": None}, environ, project)
    assert (found.index, found.model, found.device, found.jobs) == (
        "flag",
        "environment",
        "cuda",
        1,
    )


def test_a_tilde_is_the_home_wherever_a_path_is_set(
    homes: tuple[Path, Path, dict[str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    user, project, environ = homes
    user.write_text('index = "~/user.index"\nmodel = "~/mine"\nwords = "a~b.txt"\n')
    found = load_settings({}, environ, project)
    assert [Path(found.index), Path(found.model)] == [tmp_path / "user.index", tmp_path / "mine"]
    assert found.words == "a~b.txt"
    environ["VISAVIS_INDEX"] = "~/environment.index"
    assert Path(load_settings({}, environ, project).index) == tmp_path / "environment.index"
    flagged = load_settings({"index": "~/flag.index"}, environ, project)
    assert Path(flagged.index) == tmp_path / "flag.index"
    server = load_settings({"index": "milvus://host/pictures"}, environ, project)
    assert server.index == "milvus://host/pictures"


def test_values_of_the_environment_are_read_as_their_kind(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "VISAVIS_JOBS": "3", "VISAVIS_MODEL": ""}
    environ["VISAVIS_MAX_MEGAPIXELS"] = "2.5"
    found = load_settings({}, environ, tmp_path)
    assert (found.jobs, found.max_pixels, found.model) == (3, 2_500_000, "")


def test_a_value_of_the_wrong_kind_is_refused_by_its_place(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "VISAVIS_JOBS": "many"}
    with pytest.raises(UsageError, match=r"\$VISAVIS_JOBS: jobs must be a whole number, not"):
        load_settings({}, environ, tmp_path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("jobs = true", "jobs must be a whole number, not True"),
        ("jobs = 2.7", "jobs must be a whole number, not 2.7"),
        ("index = 5", "index must be a text in quotes, not 5"),
        ("model = ['classic']", "model must be a text in quotes"),
        ("max_megapixels = false", "max_megapixels must be a number, not False"),
    ],
)
def test_a_value_of_another_kind_in_a_file_is_refused(
    homes: tuple[Path, Path, dict[str, str]], text: str, told: str
) -> None:
    _, project, environ = homes
    (project / "visavis.toml").write_text(text)
    with pytest.raises(UsageError, match=rf"visavis\.toml: {told}"):
        load_settings({}, environ, project)


def test_whole_numbers_and_texts_of_numbers_in_a_file_are_numbers(
    homes: tuple[Path, Path, dict[str, str]],
) -> None:
    _, project, environ = homes
    (project / "visavis.toml").write_text('max_megapixels = 50\njobs = "3"\n')
    found = load_settings({}, environ, project)
    assert (found.max_pixels, found.jobs) == (50_000_000, 3)


def test_an_unknown_key_is_refused_by_its_file(homes: tuple[Path, Path, dict[str, str]]) -> None:
    user, project, environ = homes
    user.write_text('modle = "classic"\n')
    with pytest.raises(UsageError, match=r"config\.toml: no setting is called 'modle'.*model"):
        load_settings({}, environ, project)


@pytest.mark.parametrize("text", [b"index = ", b"\xff\xfe", b"[index"])
def test_a_file_that_cannot_be_read_is_refused(
    homes: tuple[Path, Path, dict[str, str]], text: bytes
) -> None:
    _, project, environ = homes
    (project / "visavis.toml").write_bytes(text)
    with pytest.raises(UsageError, match=r"visavis\.toml: cannot be read"):
        load_settings({}, environ, project)


def test_an_empty_name_of_the_index_is_refused(
    homes: tuple[Path, Path, dict[str, str]],
) -> None:
    _, project, environ = homes
    with pytest.raises(UsageError, match="the name of the index is empty; is a variable not set"):
        load_settings({"index": ""}, environ, project)
    assert load_settings({}, environ | {"VISAVIS_INDEX": ""}, project).index == "visavis.index"


def test_a_file_of_windows_is_read(homes: tuple[Path, Path, dict[str, str]]) -> None:
    _, project, environ = homes
    (project / "visavis.toml").write_text('index = "größe"\r\n', encoding="utf-8-sig")
    assert load_settings({}, environ, project).index == "größe"
