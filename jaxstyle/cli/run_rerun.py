"""What `jaxstyle rerun` does: make a result again from the settings inside it, and compare the two."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jax
import numpy as np

from jaxstyle.cli.recorded import check_asked, find_pictures, make_again, settings_of
from jaxstyle.cli.stopping import STOPPED
from jaxstyle.errors import printable
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import Picture, check_fits, check_target, read_picture, read_recipe
from jaxstyle.runtime.compile_cache import keep_programs
from jaxstyle.transfer.result import Result, versions

if TYPE_CHECKING:
    from jaxstyle.cli.rerun import RerunCommand


def run_rerun(options: "RerunCommand") -> int:
    """Make the result again; return 0 if the pictures are the same, 1 if not, 75 if interrupted."""
    keep_programs()
    if options.output is not None:
        check_target(options.output)
        refuse_overwriting(
            options.output,
            [options.result, options.content, *options.style, options.init, options.model, options.refine_model],
        )
    read, make = settings_of, cast(Callable[..., Result], make_again)
    if "fast" in read_recipe(options.result):
        from jaxstyle.cli import run_rerun_fast as again

        read, make = again.settings_of, again.make_again
    settings = read(options.result)
    check_asked(options, settings)
    content, styles = find_pictures(options, settings)
    if options.output is not None:
        refuse_overwriting(options.output, [content, *styles])
        check_fits(options.output, read_picture(options.result).rgb.shape)
    result = make(options, settings, content, styles)
    if result.status == "stopped":
        return STOPPED
    if options.output is not None:
        print(result.save(options.output))
    return compare(options.result, settings, result)


def _pixels(picture: Picture) -> np.ndarray:
    """The picture as an RGBA array (h, w, 4) in [0, 1]; alpha is 1 if it has none."""
    alpha = np.ones(picture.rgb.shape[:2], np.float32) if picture.alpha is None else picture.alpha
    return np.dstack([picture.rgb, alpha])


def compare(path: Path, settings: Mapping[str, Any], result: Result) -> int:
    """Print whether the new picture equals the saved one in 8-bit RGBA, or what differs; return 0 or 1."""
    old, new = (_pixels(read_picture(source)) for source in (path, result.to_pil()))
    if old.shape == new.shape and np.array_equal(np.round(old * 255), np.round(new * 255)):
        print(f"{path}: the same, bit for bit")
        return 0
    size = "its size" if old.shape != new.shape else f"by up to {np.abs(old - new).max() * 255:.0f} of 255 levels"
    print(f"{path}: differs, {size}")
    if settings.get("status") != result.status:
        print(printable(f"  status: then {settings.get('status')}, now {result.status}"))
    now, then = versions(jax.default_backend()), settings.get("versions")
    then = then if isinstance(then, dict) else {}
    for name in sorted(now.keys() | then.keys()):
        if now.get(name) != then.get(name):
            print(printable(f"  {name}: then {then.get(name)}, now {now.get(name)}"))
    if path.suffix.lower() in (".jpg", ".jpeg"):
        print("  JPEG does not keep pixels exactly: save .png, .webp or .tiff to compare")
    return 1
