import pytest

from visavis.cli import main
from visavis.errors import SourceError


def test_ctrl_c_that_a_library_made_another_error_of_is_still_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def half_loaded(_: list[str]) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as error:
            raise ImportError("cannot load the extension") from error

    monkeypatch.setattr(main, "_invoke", half_loaded)
    assert main.run(["search", "x"]) == 130
    assert capsys.readouterr().err == "interrupted; what was committed is kept\n"


def test_an_error_of_ours_while_another_was_handled_is_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(_: list[str]) -> None:
        try:
            raise OSError("no such file")
        except OSError:
            raise SourceError("photos does not exist") from None

    monkeypatch.setattr(main, "_invoke", asked)
    assert main.run(["index", "photos"]) == SourceError.exit_code
    assert capsys.readouterr().err == "error: photos does not exist\n"


def test_the_list_of_commands_says_what_the_commands_say_of_themselves() -> None:
    for name, command in main.whole_command().commands.items():
        assert command.name == name
        assert command.help.startswith(main.COMMANDS[name].help)


def test_an_error_that_is_its_own_cause_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(_: list[str]) -> None:
        error = SourceError("photos does not exist")
        raise error from error

    monkeypatch.setattr(main, "_invoke", asked)
    assert main.run(["index", "photos"]) == 2
    assert "photos does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "help_of"),
    [
        (["index", "photos", "--tag"], "visavis index"),
        (["concept", "mark", "--index"], "visavis concept mark"),
        (["search", "x", "--nope"], "visavis search"),
        (["--nope"], "visavis"),
        (["nope"], "visavis"),
    ],
)
def test_whoever_mistypes_an_option_is_led_to_the_help_of_that_command(
    capsys: pytest.CaptureFixture[str], arguments: list[str], help_of: str
) -> None:
    assert main.run(arguments) == 2
    assert capsys.readouterr().err.endswith(f"; see: {help_of} --help\n")


def test_no_option_takes_what_is_no_number_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    tried = 0
    for name, command in main.whole_command().commands.items():
        below = getattr(command, "commands", {})
        for path, one in [(f"{name} {sub}", it) for sub, it in below.items()] or [(name, command)]:
            for option in one.params:
                if not option.type.name.startswith("float"):
                    continue
                flag = option.opts[0]
                for value in ("nan", "inf", "1e999"):
                    tried += 1
                    assert main.run([*path.split(), f"{flag}={value}"]) == 2, (path, flag)
                    assert f"{flag} must be a number, not" in capsys.readouterr().err
    assert tried > 30
