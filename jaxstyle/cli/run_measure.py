"""What `jaxstyle measure` does: finds the pairs, measures them, and prints a table for each metric."""

import csv
import io
import json
import sys
from pathlib import Path

from jaxstyle.cli.downloads import load_weights
from jaxstyle.cli.measure import MeasureCommand
from jaxstyle.errors import ImageFileError, SettingError
from jaxstyle.files import refuse_overwriting, write_atomically
from jaxstyle.image import check_target
from jaxstyle.metrics import METRICS, Scores, find_pairs, load_inception, load_lpips, measure
from jaxstyle.networks.vgg import VGG
from jaxstyle.sweep.report.spreadsheet import as_cell


def run(options: MeasureCommand) -> int:
    """Measure, print and write; exit code 0."""
    target = None if options.output is None else check_target(options.output, (".json", ".csv"))
    if options.inception is not None and options.lpips is None:
        raise SettingError("--inception: ArtFID needs LPIPS too; give --lpips TRUNK LINEAR")
    pairs = find_pairs(options.results, options.content, options.style, options.pairs)
    if target is not None:
        refuse_overwriting(target, [options.pairs, options.inception, *(options.lpips or ())])
    lpips = None if options.lpips is None else load_lpips(trunk=options.lpips[0], linear=options.lpips[1])
    inception = None if options.inception is None else load_inception(options.inception)
    model = load_weights(options.model)
    if not isinstance(model, VGG):
        raise SettingError(f"--model: {options.model} is no VGG, whose layers the metrics need")
    show = None if options.json or not sys.stderr.isatty() else _progress
    scores = measure(pairs, model, size=options.size, lpips=lpips, inception=inception, callback=show)
    if target is not None:
        _write(scores, target)
    print(json.dumps(scores.to_dict()) if options.json else tables(scores))
    return 0


def tables(scores: Scores) -> str:
    """A table for each metric, with the best method first; at most 80 columns wide for names of up to 30 letters."""
    summary, lines = scores.summary(), []
    counts = {method: sum(row["method"] == method for row in scores.rows) for method in scores.methods}
    for name in scores.metrics:
        better = scores.better.get(name)
        meaning = METRICS[name].description if name in METRICS else ""
        title = f"{name} ({better} is better)" if better else name
        lines += ["", title, *([f"  {meaning}"] if meaning else [])]
        order = sorted(scores.methods, key=lambda method: summary[method][name].mean, reverse=better == "higher")
        for method in order:
            mean, low, high = summary[method][name]
            between = f"{low:.4f} to {high:.4f}" if counts[method] > 1 else ""
            pairs = f"{counts[method]:>4} pair{'s' * (counts[method] != 1)}"
            lines.append(f"  {method:<30} {mean:>9.4f}  {between:<20} {pairs}")
    for name in sorted({name for found in scores.whole.values() for name in found}):
        lines += ["", f"{name} (lower is better)"]
        order = sorted(scores.whole, key=lambda method: scores.whole[method][name])
        lines += [f"  {method:<30} {scores.whole[method][name]:>9.4f}" for method in order]
    return "\n".join(lines).lstrip("\n")


def _write(scores: Scores, target: Path) -> None:
    text = io.StringIO(newline="")
    if target.suffix.lower() == ".json":
        json.dump(scores.to_dict(), text, indent=1)
    else:
        writer = csv.DictWriter(text, ["method", "result", "content", "style", *scores.metrics])
        writer.writeheader()
        writer.writerows({name: as_cell(value) for name, value in row.items()} for row in scores.rows)
    try:
        with write_atomically(target) as file:
            file.write(text.getvalue().encode())
    except OSError as error:
        raise ImageFileError(f"{target}: cannot be written ({error.strerror or error})") from error


def _progress(done: int, of: int) -> None:
    print(f"\r{done} of {of} pairs", end="" if done < of else "\n", file=sys.stderr, flush=True)
