"""`make fuzz`: seeded damage to small valid files, in search of a crash, a hang over 2 s or an error not our own.

`python tests/fuzz.py [SEED]`; the same seed makes the same files. tests/test_fuzz_*.py runs a small share.
Last, runs with random losses are painted in different ways, in search of other bits.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
IMAGES = 20_000
WEIGHTS = 5_000  # of each kind
RECIPES = 10_000  # of each kind
DRAWS = 1000


def main() -> None:
    """Each kind in a process of its own, whose limits count nothing but its own memory."""
    seed = sys.argv[1] if len(sys.argv) > 1 else "0"
    sys.path.insert(0, str(HERE))
    jobs = [["-c", f"import fuzz_images; fuzz_images.run({IMAGES}, {int(seed)})"]]
    jobs += [
        [str(HERE / "fuzz_weights.py"), kind, str(WEIGHTS), seed] for kind in ("h5", "pth", "safetensors", "tflite")
    ]
    jobs += [[str(HERE / "fuzz_recipes.py"), kind, str(RECIPES), seed] for kind in ("recipe", "toml", "grid", "folder")]
    jobs += [[str(HERE / "random_draws.py"), str(DRAWS), seed]]
    codes = [subprocess.run([sys.executable, *job], cwd=HERE, check=False).returncode for job in jobs]
    print(f"images: {IMAGES} files, seed {seed}: {'failed' if codes[0] else 'no crash, no hang, only our own errors'}")
    sys.exit(max(map(abs, codes)))


if __name__ == "__main__":
    main()
