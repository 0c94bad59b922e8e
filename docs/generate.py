"""Writes the reference pages that can be read off the program, and the README's picture.

python docs/generate.py                      all generated pages (a test fails when one is stale)
python docs/generate.py demo/sheet.png       also docs/images/demo.png, from `make demo`
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from visavis import errors, settings
from visavis.cli.main import whole_command

DOCS = Path(__file__).parent
_WIDTH = 1200  # pixels of the README's picture
_NOTE = "<!-- Written by docs/generate.py from the program itself: do not edit. -->\n"


def pages() -> dict[str, str]:
    """The generated pages: their paths below docs/, and their text."""
    return {
        "reference/cli.md": _cli(),
        "reference/errors.md": _errors(),
        "reference/settings.md": _settings(),
    }


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its full name, as users type it."""
    yield from _below("visavis", whole_command())


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    for word, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from _below(f"{name} {word}", inner)
        else:
            yield f"{name} {word}", inner


# -- the command line ----------------------------------------------------------------------------

_CLI_HEAD = """# Commands

Every command, argument and option. `visavis COMMAND --help` says the same.

Results go to standard output, everything else to standard error. Off a terminal there is no bar, no
table and no escape code; `NO_COLOR` is respected on one. [Exit codes](errors.md) say what happened,
[settings](settings.md) save typing.
"""


def _cli() -> str:
    parts = [_CLI_HEAD.replace("# Commands\n", f"# Commands\n\n{_NOTE}", 1)]
    parts += [_command(name, command) for name, command in commands()]
    return "\n".join(parts)


def _command(name: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    shown = [_metavar(p) if p.required else f"[{_metavar(p)}]" for p in arguments]
    lines = [f"## {name}", "", "```text", " ".join([name, "[OPTIONS]", *shown]), "```", ""]
    lines += [
        inspect.cleandoc(command.help),
        "",
        "| Argument or option | Meaning |",
        "| --- | --- |",
    ]
    lines += [_row(_metavar(p), p) for p in arguments]
    lines += [_row(_spelled(p), p) for p in options]
    lines.append("| `-h`, `--help` | Show the help. |")
    return "\n".join(lines) + "\n"


def _spelled(option: Any) -> str:
    metavar = "" if option.is_flag else f" {_metavar(option)}"
    return ", ".join(sorted(option.opts, key=len)) + metavar


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper().replace("_", "-"))


def _row(name: str, parameter: Any) -> str:
    names = ", ".join(f"`{part}`" for part in name.split(", "))
    text = parameter.help or ""
    default = parameter.default
    silent = parameter.required or default is None or default is False or default == ""
    if not silent and "[default:" not in text:
        text += f" [default: {default}]"
    if parameter.param_type_name == "option" and parameter.multiple and "several" not in text:
        text += "" if "repeated" in text else " May be repeated."
    return f"| {names} | {_cell(text)} |"


def _cell(text: str) -> str:
    for plain, safe in (("|", "\\|"), ("<", "&lt;"), ("*", "\\*"), ("\n", " ")):
        text = text.replace(plain, safe)
    return text


# -- errors --------------------------------------------------------------------------------------

_ERRORS_HEAD = """# Errors and exit codes

What an exit code, an exception or an HTTP status means.

## Exit codes

| Code | Meaning |
| --- | --- |
| 0 | Success. |
| 1 | Nothing was found, with `--exit-code`; `visavis have`: one is not there, or only in part. |
| 2 | The command or its input is invalid: an option, a filter, a path, a picture. |
| 2 | Also: more than a tenth of a source would have left the index, without `--yes`. |
| 3 | The index is missing, damaged, in use, or was made by another model or a newer version. |
| 4 | Some files were skipped; only with `--strict`, or by `duplicates --apply` and `--undo`. |
| 5 | The model cannot be found, read or trusted, or an optional part is not installed. |
| 6 | Machines cannot index together: none answers, none goes on, or they are not alike. |
| 130 | Interrupted (Ctrl-C, SIGTERM, a closed terminal); what was committed is kept. |

An error is one sentence on standard error: what happened, to which file, and what to do.

## Exceptions

The library raises these, all from `visavis.errors`. `except visavis.VisavisError` catches them all.
Each class carries its `exit_code`, and the `http_status` of the HTTP answer.

| Exception | Exit code | HTTP status | When |
| --- | --- | --- | --- |
"""


def _errors() -> str:
    rows = []
    for kind in error_classes():
        depth = len(kind.__mro__) - len(errors.VisavisError.__mro__)
        name = "&emsp;" * depth + f"`{kind.__name__}`"
        when = _cell(" ".join(inspect.cleandoc(str(kind.__doc__)).split()))
        rows.append(f"| {name} | {kind.exit_code} | {kind.http_status} | {when} |")
    head = _ERRORS_HEAD.replace("exit codes\n", f"exit codes\n\n{_NOTE}", 1)
    return head + "\n".join(rows) + "\n"


def error_classes() -> list[type[errors.VisavisError]]:
    """Every error, in the order of the file."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [kind for kind in found if issubclass(kind, errors.VisavisError)]


# -- settings ------------------------------------------------------------------------------------

_SETTINGS_HEAD = """# Settings

What can be set once instead of being typed each time.

A flag takes precedence over the environment, the environment over the project file (`visavis.toml`
in the current folder), that over the user file (`~/.config/visavis/config.toml`), and that over the
default. Both files hold the names below as keys, and an unknown key is an error; `~` at the
beginning of a path is your home:

```toml title="visavis.toml"
index = "shop.index"
jobs = 4
```

| Setting | Environment | Default | Meaning |
| --- | --- | --- | --- |
"""

_SETTINGS_TAIL = """
The library reads none of these: there, everything is an argument.

## Other environment variables

| Variable | Meaning |
| --- | --- |
| `VISAVIS_MODELS` | Folder of added models. [default: `visavis/models` in `$XDG_DATA_HOME`] |
| `XDG_CONFIG_HOME` | Where the user file is looked for. [default: `~/.config`] |
| `XDG_DATA_HOME` | Where added models are kept. [default: `~/.local/share`] |
| `XDG_CACHE_HOME` | Where downloaded pictures and checksums are remembered. [default: `~/.cache`] |
| `NO_COLOR` | Set to anything: no colour on terminals. |
| `HF_ENDPOINT` | A mirror of the model hub. |
| `HF_HUB_OFFLINE` | Set to 1: the hub is not asked; what it gave before is still used. |
| `RANK`, `LOCAL_RANK` | Set by torchrun: which of the processes of a training this is. |
| `AWS_ENDPOINT_URL`, `AWS_REGION` | The server behind `s3://`, its region. [default: Amazon's] |
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` | A key for `s3://` and `gs://`. |
| `AWS_PROFILE` | Where it stands in `~/.aws`; all others that botocore reads count as well. |
| `VISAVIS_GS_ENDPOINT` | The server behind `gs://`. [default: `https://storage.googleapis.com`] |
| `SSL_CERT_FILE` | Certificates to trust when pictures are downloaded. |
| `RAY_ADDRESS`, `RAY_TMPDIR` | Where `--ray auto` finds a cluster: its head, or a note of it. |
| `RAY_AUTH_MODE` | Ray's own: `token` where a cluster wants one. |
| `RAY_AUTH_TOKEN`, `RAY_AUTH_TOKEN_PATH` | Ray's own: the token, or a file with it. |
| `RAY_USAGE_STATS_ENABLED` | Ray's own; visavis always sets it to 0. |
| `ORT_DISABLE_TELEMETRY` | ONNX Runtime's own; visavis always sets it to 1. |
| `FORWARDED_ALLOW_IPS` | Proxies whose `X-Forwarded-For` is trusted. [default: `127.0.0.1,::1`] |
"""


def _settings() -> str:
    meanings = setting_meanings()
    rows = [
        f"| `{f.name}` | `VISAVIS_{f.name.upper()}` | `{f.default!r}` | {_cell(meanings[f.name])} |"
        for f in fields(settings.Settings)
    ]
    head = _SETTINGS_HEAD.replace("# Settings\n", f"# Settings\n\n{_NOTE}", 1)
    return head + "\n".join(rows).replace("'", '"') + "\n" + _SETTINGS_TAIL


def setting_meanings() -> dict[str, str]:
    """The text under each setting in settings.py."""
    tree = ast.parse(inspect.getsource(settings.Settings))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    return {
        before.target.id: str(after.value.value)
        for before, after in pairwise(body)
        if isinstance(before, ast.AnnAssign)
        and isinstance(before.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


# -- the picture ---------------------------------------------------------------------------------


def write_picture(sheet: Path) -> None:
    """The contact sheet at the width that readers see it."""
    from PIL import Image

    with Image.open(sheet) as image:
        height = round(image.height * _WIDTH / image.width)
        smaller = image.convert("RGB").resize((_WIDTH, height), Image.Resampling.LANCZOS)
    smaller.save(DOCS / "images" / "demo.png", optimize=True)


def main() -> None:
    """Write everything."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")
    if len(sys.argv) > 1:
        write_picture(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
