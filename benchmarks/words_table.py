"""The part of docs/results.md about words, tags and classes."""

from collections.abc import Sequence
from typing import Any

from benchmarks.composed_table import composed_section

Report = dict[str, Any]
Groups = dict[str, tuple[str, ...]]

_WORDS = """
## By words

Models that read words, asked in words. On pascal every class's name is a query, *dog* or
*tvmonitor*, among the {pascal} test pictures, a fifth of each class; tags are the first ten words
of the model's own vocabulary. On flickr each of five captions is a query for its picture among
{flickr}. Below every figure stands its 95 % interval (bootstrap over classes, over pictures, and
over pictures with their captions).

"""
_JOINT = """
*joint* is `visavis train joint` on four fifths of every class with their captions, for 15 epochs;
below it other ways to train it. How far words are turned apart, the weights of captions and of the
regression, and the number of epochs come from cross-validations within these four fifths; learning
rate, views and dropout were first tried on another draw, which shared pictures with this test.
*What joint begins with* is the regression that it solves before the first epoch, and *ridge
regression to the words* the same to the words as they are in the file, from labels alone. On so few
pictures the epochs add little to what they begin with: most is gained by turning the words. A label
names one thing that a picture shows: of the ten pictures that the joint model on mobilenet-v2 finds
first for *dog*, six show a dog by their captions and three are labelled so, which keeps the first
two figures low.
"""
_OF_BOTH = """
### Two words at once

The share of pictures that show both, by their captions, among the first n of the test pictures,
where n show both: asked in both words, and in either alone.

"""
_SPLITS = """
### Other draws of the test pictures

{pictures} pictures and 20 queries: the draw decides much. The figures above are of the first of
{count} draws of the fifth that is kept from training; here are the means over all of them. On each
draw every model was trained anew on the other four fifths; below a figure stands the 95 % interval
of its mean (bootstrap over draws, which share pictures). Gains are over the ridge regression on the
same draw. The settings come from within the training pictures of the first draw, most of which some
other draw tests on: of what the settings gain, only the first draw is a clean test.

"""
_PAIRED = """
Two words at once: the share of pictures that show both, by how much it is above that of the better
word alone, and the gain over the ridge regression. Captions that count more find more by two words
and by sentences, a little less by a label's own word, and give worse tags.

"""
_UNSEEN = """
### Classes that were never trained

Five trainings on pascal that each leave four of the 20 classes out, together all: their pictures,
and their words in all captions. R-precision of the names of these classes among the {pictures} test
pictures of all; chance is 0.05.

"""
_SMALL = """
### Word vectors on the visavis-s of before

The built-in model of before, distilled here, read no words by itself. With 10,000 word vectors of
50 dimensions its own 1,000 classes (ConSE) find R-precision {conse}, and a head trained on pascal's
own classes {joint}, where the same on mobilenet-v2 finds {large}.
"""
_CLASSES = """
## By class

What `--class` does, on {pictures} pictures of pascal with the ImageNet class nearest to each of its
classes. Asked alone: the share of the right pictures among the first ten. Added to a picture of
another class: the share of the class, and the mean similarity of the ten to the picture, without it
and with weights 0.5 and 1.

"""
_AS_ASKED = """
## By words, as people ask

Models that read words, asked through the same call that users have, about what pictures show alone
(`python -m benchmarks.words_builtin`). Captions: the share of flickr's captions whose picture is
among the first ten of 500. Names: the 20 classes of pascal, their share of the first ten of 800
pictures, and of the first 40, which is as many as each has. Colour and noun: *red shoes* and 60
others among the 2,000 pictures of fashion, right where both are right, among the first ten or as
many as there are. Colour in captions: *black dog* and the like among photographs, the average
precision of what captions call so. By looks: the same by the model alone, which does not put what
has the colour first. Two words: *dog beach* and eight others, the share of pictures that show both
by their captions among as many as do. Below every figure stands its 95 % interval (bootstrap over
pictures with their captions, classes, nouns with their colours, and pairs).

"""
_ASKED = ("both", "first", "second")
_ONE = {
    "class word: P@5": "precision@5",
    "class word: R-precision": "r_precision",
    "own word among 10 tags": "own word in 10 tags",
}
_PAIRS = ("person + horse", "person + bicycle")
_COLUMNS = (
    ("class word: P@5", "pascal", "precision@5"),
    ("class word: R-precision", "pascal", "r_precision"),
    ("own word among 10 tags", "pascal", "own word in 10 tags"),
    ("caption: recall@10", "flickr", "recall@10"),
)


def words_section(reports: Sequence[Report]) -> str:
    """The sections on words and on classes; nothing without reports."""
    by_set: dict[str, dict[str, Report]] = {}
    for report in reports:
        by_set.setdefault(report["set"], {})[report["model"]["name"]] = report
    parts = []
    if "builtin" in by_set:
        parts.append(_as_asked(by_set["builtin"]))
    if "composed" in by_set:
        parts.append(composed_section(by_set["composed"]))
    if "pascal" in by_set:
        parts.append(_by_words(by_set))
        parts.append(_of_both(by_set["pascal"]))
    if "splits" in by_set:
        parts.append(_splits(by_set["splits"]))
    if "unseen" in by_set:
        parts.append(_unseen(by_set["unseen"]))
    if "pascal" in by_set:
        parts.append(_small(by_set["pascal"]))
    if "classes" in by_set:
        parts.append(_by_class(by_set["classes"]))
    return "".join(parts)


def _as_asked(reports: dict[str, Report]) -> str:
    titles = {
        "captions: recall@10": "caption: recall@10",
        "names: P@10": "name: precision@10",
        "names: R-precision": "name: r_precision",
        "colour and noun: P@10": "colour and noun",
        "by looks": "colour and noun, by looks",
        "colour in captions: mAP": "colour in captions",
        "by looks ": "colour in captions, by looks",
        "two words: R-precision": "two words",
    }
    lines = [_row(["model", *titles]), _row(["---", *["--:"] * len(titles)])]
    for model, report in sorted(reports.items()):
        lines.append(_row([f"**{model}**", *(_cell(report, one) for one in titles.values())]))
    return _AS_ASKED + "\n".join(lines) + "\n"


def _by_words(by_set: dict[str, dict[str, Report]]) -> str:
    pictures = {
        name: next(iter(by_set[name].values()))["data"]["pictures"] if name in by_set else 0
        for name in ("pascal", "flickr")
    }
    lines = [_row(["model", *(title for title, _, _ in _COLUMNS), "trained on"])]
    lines.append(_row(["---", *["--:"] * len(_COLUMNS), "---"]))
    for model in sorted({model for reports in by_set.values() for model in reports}):
        if model not in by_set["pascal"]:
            continue
        cells = [
            _cell(by_set.get(set_name, {}).get(model), measure) for _, set_name, measure in _COLUMNS
        ]
        lines.append(_row([f"**{model}**", *cells, by_set["pascal"][model]["trained_on"] or "–"]))
    notes = [
        f"{model}: {note}."
        for model, report in sorted(by_set["pascal"].items())
        for note in report["notes"]
    ]
    joint = _JOINT if any(", joint" in model for model in by_set["pascal"]) else ""
    return _WORDS.format(**pictures) + "\n".join([*lines, "", *notes]).rstrip() + "\n" + joint


def _of_both(reports: dict[str, Report]) -> str:
    """Nothing where no report has it."""
    found = {
        model: report["both_words"]
        for model, report in sorted(reports.items())
        if "both_words" in report
    }
    if not found:
        return ""
    columns = []
    for name, figures in next(iter(found.values())).items():
        columns.append(f"{name} (n = {figures['pictures']:.0f})")
        columns += [f"*{word}* alone" for word in name.split(" + ")]
    lines = [_row(["model", *columns]), _row(["---", *["--:"] * len(columns)])]
    for model, both in found.items():
        values = [figures[which] for figures in both.values() for which in _ASKED]
        lines.append(_row([f"**{model}**", *(f"{value:.2f}" for value in values)]))
    return _OF_BOTH + "\n".join(lines) + "\n"


def _splits(reports: dict[str, Report]) -> str:
    """Means over several draws of the test pictures, and P@5 draw by draw."""
    any_of = next(iter(reports.values()))
    one: Groups = {title: (measure, f"gain in {measure}") for title, measure in _ONE.items()}
    two: Groups = {pair: (pair, f"{pair}, above one word", f"gain in {pair}") for pair in _PAIRS}
    drawn = []
    for model, report in sorted(reports.items()):
        found = (f"{split['precision@5']:.2f}" for split in report["splits"])
        drawn.append(f"- {model}: {', '.join(found)}.")
    return (
        _SPLITS.format(pictures=any_of["data"]["pictures"], count=len(any_of["splits"]))
        + _columns(reports, one, ("", "gain"))
        + "\nP@5 draw by draw, the first one as above:\n\n"
        + "\n".join(drawn)
        + "\n"
        + _PAIRED
        + _columns(reports, two, ("both", "above one word", "gain"))
    )


def _columns(reports: dict[str, Report], groups: Groups, titles: Sequence[str]) -> str:
    """A row for each model, and for each group its measures under their titles."""
    heads = [", ".join(filter(None, (group, title))) for group in groups for title in titles]
    lines = [_row(["model", *heads]), _row(["---", *["--:"] * len(heads)])]
    for model, report in sorted(reports.items()):
        measures = [measure for group in groups.values() for measure in group]
        lines.append(_row([f"**{model}**", *(_cell(report, measure) for measure in measures)]))
    return "\n".join(lines) + "\n"


def _unseen(reports: dict[str, Report]) -> str:
    titles = {
        "plain": "ridge regression to the words, labels alone",
        "begin": "what joint begins with",
        "joint": "joint",
    }
    lines = [_row(["model", *titles.values()]), _row(["---", *["--:"] * len(titles)])]
    for model, report in sorted(reports.items()):
        cells = [_cell(report, f"r_precision, {name}") for name in titles]
        lines.append(_row([f"**{model}**", *cells]))
    pictures = next(iter(reports.values()))["data"]["pictures"]
    draws = [
        f"{', '.join(draw['classes'])}: {draw['plain']:.2f}, {draw['begin']:.2f}, "
        f"{draw['joint']:.2f}."
        for report in reports.values()
        for draw in report["draws"]
    ]
    told = "Draw by draw, in the same order:\n\n" + "\n".join(f"- {draw}" for draw in draws)
    return _UNSEEN.format(pictures=pictures) + "\n".join(lines) + f"\n\n{told}\n"


def _small(reports: dict[str, Report]) -> str:
    """Nothing unless all three were measured."""
    named = {
        "conse": [name for name in reports if name.startswith("visavis-s, ConSE")],
        "joint": [name for name in reports if name == "visavis-s, joint"],
        "large": [name for name in reports if name == "mobilenet-v2, joint"],
    }
    if not all(named.values()):
        return ""
    shown = {
        which: f"{reports[names[0]]['metrics']['r_precision']:.3f}"
        for which, names in named.items()
    }
    return _SMALL.format(**shown)


def _by_class(reports: dict[str, Report]) -> str:
    weights = ("0", "0.5", "1")
    heads = ["alone: P@10"]
    heads += [f"{what}, weight {w}" for w in weights for what in ("class", "similarity")]
    lines = [_row(["model", *heads]), _row(["---", *["--:"] * len(heads)])]
    for model, report in sorted(reports.items()):
        measures = ["class alone", *heads[1:]]
        lines.append(_row([f"**{model}**", *(_cell(report, measure) for measure in measures)]))
    pictures = next(iter(reports.values()))["data"]["pictures"]
    return _CLASSES.format(pictures=pictures) + "\n".join(lines) + "\n"


def _cell(report: Report | None, measure: str) -> str:
    if report is None or measure not in report["metrics"]:
        return "–"
    low, high = report["intervals"][measure]
    return f"{report['metrics'][measure]:.3f}<br>{low:.3f} … {high:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
