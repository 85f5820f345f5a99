"""What does XLA make of the programs for GPUs? Read from the compiled programs, without a GPU.

    python benchmarks/gpu_compiled.py [--kind H100|H200] [--only NAME...]

Counted are, of one step: ReLUs that are part of their convolution, poolings by select-and-scatter, convolutions in
groups (slow), CUDA graphs (1 if the whole loop is one), bytes moved outside the convolutions, and exchanges between
devices. See gpu_topology.py for the packages that are needed.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import report
from gpu_topology import KINDS, devices

BYTES = {"bf16": 2, "f32": 4, "s32": 4, "pred": 1, "u8": 1, "f16": 2, "u32": 4, "s64": 8}


class Read(NamedTuple):
    """What a compiled program says of itself."""

    fused_relus: int
    other_convolutions: int
    select_and_scatter: int
    grouped: int
    graphs: int
    gigabytes: float
    temporaries_mib: float
    exchanges: int
    all_reduces: int


def main() -> None:
    """Compile, read, write."""
    parser = report.parser(__doc__)
    parser.add_argument("--kind", choices=KINDS, default="H100")
    parser.add_argument("--only", nargs="+", help="names of gpu_programs.PROGRAMS")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = read_all(options, Path(folder))
    header = ("program", *(name.replace("_", " ") for name in Read._fields))
    rows = [(name, *each) for name, each in found.items()]
    question = f"What does XLA make of a step for an {options.kind}?"
    result = {"programs": {name: each._asdict() for name, each in found.items()}}
    report.write("gpu_compiled", question, result, [report.table(header, rows)], options)


def read_all(options: Any, folder: Path) -> dict[str, Read]:
    """Compile the programs, which leave the order of their launches in a folder."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={folder}"
    try:
        devices(options.kind)
    except ImportError as error:
        raise SystemExit(f"gpu_compiled: {error}; benchmarks/gpu_topology.py says what to install") from None
    from gpu_programs import PROGRAMS

    size, narrow = (256, 8) if options.quick else (512, 1)
    return {name: read(PROGRAMS[name](options.kind, size, narrow), folder) for name in options.only or PROGRAMS}


def read(lowered: Any, folder: Path) -> Read:
    """Compile a program and read what it became."""
    from jaxstyle.optimize.program import COMPILER_OPTIONS

    before = _dumped(folder)
    compiled = lowered.compile(compiler_options=COMPILER_OPTIONS["cuda"])
    text = compiled.as_text()
    modes = re.findall(r'activation_mode\\?":\\?"k(\w+)', text)
    thunks = "".join(path.read_text(encoding="utf-8") for path in _dumped(folder) - before)
    body = loop_body(text)
    return Read(
        fused_relus=modes.count("Relu"),
        other_convolutions=modes.count("None"),
        select_and_scatter=text.count(" select-and-scatter("),
        grouped=sum(int(number) > 1 for number in re.findall(r"(?:feature|batch)_group_count=(\d+)", text)),
        graphs=len(re.findall(r"^\d+: kCommandBuffer", thunks, re.M)),
        gigabytes=moved(body) / 1e9,
        temporaries_mib=compiled.memory_analysis().temp_size_in_bytes / 2**20,
        exchanges=len(re.findall(r" collective-permute(?:-start)?\(", body)),
        all_reduces=len(re.findall(r" all-reduce(?:-start)?\(", body)),
    )


def _dumped(folder: Path) -> set[Path]:
    """The files that say in which order a program's parts are launched."""
    return set(folder.glob("*thunk_sequence_after_thunk_passes.txt"))


def loop_body(text: str) -> str:
    """The instructions of one step: the body of the program's loop, or all if there is none."""
    name = re.search(r"while\(.*body=%([\w.\-]+)", text)
    begins = "ENTRY" if name is None else f"%{name[1]} "
    return next(part for part in text.split("\n\n") if part.startswith(begins))


def moved(body: str) -> int:
    """Bytes that a step reads and writes outside the convolutions, an operand of several uses once for each."""
    shape_of, total = {}, 0
    for line in body.splitlines():
        match = re.match(r"\s*(?:ROOT )?%([\w.\-]+) = (.*?) (\w[\w\-]*)\((.*)", line)
        if match is None:
            continue
        name, shape, kind, rest = match.groups()
        shape_of[name] = shape
        if kind in ("get-tuple-element", "bitcast", "parameter", "tuple", "constant") or "cudnn" in name:
            continue
        operands = dict.fromkeys(re.findall(r"%([\w.\-]+)", rest.split(")")[0]))
        total += sum(size_of(each) for each in (shape, *(shape_of.get(operand, "") for operand in operands)))
    return total


def size_of(shape: str) -> int:
    """Bytes of a shape or a tuple of shapes as XLA writes them."""
    return sum(
        BYTES.get(dtype, 0) * int(np.prod([int(n) for n in edges.split(",") if n]))
        for dtype, edges in re.findall(r"\b(\w+)\[([\d,]*)\]", shape)
    )


if __name__ == "__main__":
    main()
