"""Does jaxstyle compute the same on 64-bit ARM? Under emulation (QEMU's user mode), so without times.

    python benchmarks/aarch64.py --root FOLDER [--setup]

The folder has Debian's Python for ARM and the ARM wheels of the versions that are installed here; --setup makes it, by
apt (as root) and pip. Checked are doctor, the tests against float64 oracles of convolutions, losses and optimisers, and
a picture by each of `stylize` and `fast` against the same picture made here. An hour on one core.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import report
from PIL import Image

DEBIAN = """
python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 zlib1g libexpat1 libssl3 libffi8
libbz2-1.0 liblzma5 libsqlite3-0 libreadline8 libncursesw6 libtinfo6 libuuid1 libgcc-s1 libstdc++6 libdb5.3
libcrypt1 libgomp1
"""
PACKAGES = """
flax optax numpy pillow scikit-image scikit-learn h5py safetensors tflite flatbuffers jaxtyping tyro rich tomli-w jinja2
psutil pytest hypothesis beartype
"""
PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")
ORACLES = {
    "convolution": ["tests/networks/test_conv.py"],
    "losses": ["tests/losses/test_content.py", "tests/losses/test_gram.py", "tests/losses/test_total_variation.py"],
    "optimisers": ["tests/optimize/test_quasi_newton.py"],
}
PICTURES = {
    "stylize": "stylize a.png b.png -o OUT.png --model embedded --recipe RECIPE --steps 10 --size 64 --quiet",
    "fast": "fast a.png -o OUT --model net.safetensors",
}
MAKE_INPUTS = """
import numpy as np
from jaxstyle import save_image
from jaxstyle.feedforward.johnson import Johnson
from jaxstyle.weights.random_features import dead_leaves
random = np.random.default_rng(0)
for name in "ab":
    save_image(f"{name}.png", dead_leaves(random, 64))
Johnson.random(0, width=4).save("net.safetensors")
"""


def main() -> None:
    """Check, compare, write."""
    parser = report.parser(__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of the ARM system")
    parser.add_argument("--setup", action="store_true", help="make the folder first")
    parser.add_argument("--cpu", default="max", help="as QEMU names it: cortex-a72 is a Raspberry Pi 4")
    options = parser.parse_args()
    if options.setup:
        setup(options.root.resolve())
    rows: list[tuple[Any, ...]] = [("doctor", *doctor(options))]
    for name, files in ORACLES.items():
        rows.append((f"tests of {name}", *tests(options, files)))
    rows += [(f"a picture by {name}", *line) for name, line in pictures(options).items()]
    question = "Does jaxstyle compute the same on 64-bit ARM?"
    found = {name: {"passed": passed, "what": what} for name, passed, what in rows}
    report.write("aarch64", question, {"checks": found}, [report.table(("check", "passed", "what"), rows)], options)


def setup(root: Path) -> None:
    """Unpack Debian's packages and install the wheels for ARM."""
    (root / "deb").mkdir(parents=True, exist_ok=True)
    for command in (
        ["dpkg", "--add-architecture", "arm64"],
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "qemu-user-static"],
        ["apt-get", "download", "-qq", *(f"{name}:arm64" for name in DEBIAN.split())],
    ):
        subprocess.run(command, check=True, cwd=root / "deb")
    for package in (root / "deb").glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root / "root")], check=True)
    wheels = ["--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp"]
    wheels += [f"--platform={name}_aarch64" for name in PLATFORMS]
    pinned = [f"{name}=={version(name)}" for name in ("jax", "jaxlib")]
    command = [sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", str(root / "site"), *wheels]
    subprocess.run([*command, *pinned, *PACKAGES.split()], check=True)


def on_arm(options: Any, *arguments: str, folder: Path = report.ROOT) -> subprocess.CompletedProcess[str]:
    """Run Python on ARM, from the repository's code."""
    root = options.root.resolve()
    paths = {"PYTHONPATH": f"{root / 'site'}:{report.ROOT}", "JAXSTYLE_HOME": str(root / "home")}
    emulator = ["qemu-aarch64-static", "-cpu", options.cpu, "-L", str(root / "root")]
    return subprocess.run(
        [*emulator, str(root / "root/usr/bin/python3.11"), *arguments],
        cwd=folder,
        env=os.environ | paths | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        encoding="utf-8",
    )


def doctor(options: Any) -> tuple[str, str]:
    """Whether doctor is content, and the versions."""
    done = on_arm(options, "-m", "jaxstyle", "doctor")
    found = re.search(r"version (.*)", done.stdout)
    return _word(done.returncode == 0), found[1] if found else done.stderr[-200:]


def tests(options: Any, files: list[str]) -> tuple[str, str]:
    """Whether the tests of some files pass, and how many."""
    done = on_arm(options, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files)
    lines = [line for line in done.stdout.splitlines() if " passed" in line or " failed" in line] or [
        done.stderr[-200:]
    ]
    return _word(done.returncode == 0), re.sub(r" in .*", "", lines[-1])


def pictures(options: Any) -> dict[str, tuple[str, str]]:
    """Whether both machines paint the same bits."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MAKE_INPUTS], cwd=folder, check=True)
        for kind, line in PICTURES.items():
            recipe = str(report.ROOT / "tests/shallow.toml")
            both = [line.replace("OUT", out).replace("RECIPE", recipe).split() for out in ("here", "there")]
            subprocess.run([sys.executable, "-m", "jaxstyle", *both[0]], cwd=folder, check=True, capture_output=True)
            done = on_arm(options, "-m", "jaxstyle", *both[1], folder=folder)
            found[kind] = compare(folder, kind) if done.returncode == 0 else ("no", done.stderr[-200:])
    return found


def compare(folder: Path, kind: str) -> tuple[str, str]:
    """Whether two pictures have the same pixels, else how far they are apart."""
    paths = [folder / (f"{out}.png" if kind == "stylize" else f"{out}/a.png") for out in ("here", "there")]
    here, there = (np.asarray(Image.open(path), np.int16) for path in paths)
    most = int(np.abs(here - there).max())
    return _word(most <= 1), "the same, bit for bit" if most == 0 else f"the largest difference is {most} of 255"


def _word(passed: bool) -> str:
    return "yes" if passed else "no"


if __name__ == "__main__":
    main()
