"""Read the pickles inside PyTorch's files as data.

Python's unpickler runs what a pickle asks for; this reader knows only the two dozen instructions that `torch.save`
writes for a state dict. It imports nothing, calls nothing and makes nothing but plain values and the descriptions
below, so no pickle can run code, whatever it holds.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from jaxstyle.errors import WeightsError

MAX_BYTES = 1_000_000
"""The most bytes of one pickle. A state dict's pickle has some kilobytes: the numbers are stored outside it."""

BFLOAT16 = "bfloat16"
DTYPES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "BoolStorage": "|b1",
    "ByteStorage": "|u1",
}
ORDERED_DICT = "collections.OrderedDict"
TENSORS = {"torch._utils._rebuild_tensor": 4, "torch._utils._rebuild_tensor_v2": 6}
PARAMETER = "torch._utils._rebuild_parameter"
ALLOWED = {ORDERED_DICT, PARAMETER, *TENSORS, *(f"torch.{name}" for name in DTYPES)}


@dataclass(frozen=True)
class Global:
    """The name of a Python object that the pickle refers to. It is never imported."""

    name: str


@dataclass(frozen=True)
class Storage:
    """`length` numbers of type `dtype`, from number `start` of the stored block `key` of `total` numbers."""

    dtype: str
    key: str
    total: int
    start: int
    length: int


@dataclass(frozen=True)
class Tensor:
    """A strided view of a storage; offset and strides count numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@runtime_checkable
class Stream(Protocol):
    """A file, or a member of a zip archive."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes."""

    def readline(self, count: int, /) -> bytes:
        """At most `count` bytes, up to and including the next newline."""


class Mark:
    """A marker on the stack, where a run of values begins."""


class Bounded:
    """The next `MAX_BYTES` bytes of a file as a stream for pickletools, which trusts the lengths that it reads."""

    def __init__(self, file: Stream):
        self.file, self.left = file, MAX_BYTES

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes, or fewer at the file's end."""
        return self._spend(self.file.read(count) if 0 <= count <= self.left else None)

    def readline(self) -> bytes:
        """The bytes up to and including the next newline."""
        return self._spend(self.file.readline(self.left + 1))

    def _spend(self, data: bytes | None) -> bytes:
        if data is None or len(data) > self.left:
            raise WeightsError(f"its pickle is longer than {MAX_BYTES} bytes, which no state dict's is")
        self.left -= len(data)
        return data


def read_pickle(file: Stream) -> Any:
    """The value of the pickle that begins at the file's position. The file is left at the pickle's end.

    Raises:
        WeightsError: the pickle holds anything that a state dict does not.
        Exception: of many kinds, if it is damaged.
    """
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(Bounded(file)):  # type: ignore[arg-type]
        if opcode.name == "STOP":
            break
        machine.step(opcode.name, argument)
    return machine.pop()


class _Machine:
    """An interpreter of pickles: its stack, its memo and the instructions that it knows."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.steps: dict[str, Callable[[Any], None]] = {
            **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "NONE"), self.stack.append),
            **dict.fromkeys(("BINUNICODE", "SHORT_BINSTRING", "BINSTRING"), self.stack.append),
            **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda index: self.stack.append(self.memo[index])),
            **dict.fromkeys(("BINPUT", "LONG_BINPUT"), self.remember),
            "PROTO": lambda _: None,
            "NEWTRUE": lambda _: self.stack.append(True),
            "NEWFALSE": lambda _: self.stack.append(False),
            "MARK": lambda _: self.stack.append(Mark()),
            "EMPTY_DICT": lambda _: self.stack.append({}),
            "EMPTY_LIST": lambda _: self.stack.append([]),
            "EMPTY_TUPLE": lambda _: self.stack.append(()),
            "TUPLE": lambda _: self.stack.append(tuple(self.since_mark())),
            "TUPLE1": lambda _: self.stack.append((self.pop(),)),
            "TUPLE2": lambda _: self.stack.append(tuple(self.pop(2))),
            "TUPLE3": lambda _: self.stack.append(tuple(self.pop(3))),
            "APPEND": lambda _: self.extend([self.pop()]),
            "APPENDS": lambda _: self.extend(self.since_mark()),
            "SETITEM": lambda _: self.update(self.pop(2)),
            "SETITEMS": lambda _: self.update(self.since_mark()),
            "GLOBAL": lambda name: self.stack.append(_global(name)),
            "BINPERSID": lambda _: self.stack.append(_storage(self.pop())),
            "REDUCE": lambda _: self.stack.append(_rebuild(*self.pop(2))),
            "BUILD": lambda _: self.build(),
        }

    def step(self, name: str, argument: Any) -> None:
        if name not in self.steps:
            raise WeightsError(f"its pickle uses the instruction {name}, which torch.save does not write")
        self.steps[name](argument)

    def pop(self, count: int = 0) -> Any:
        """Take the top value off the stack, or a list of the `count` topmost values."""
        if len(self.stack) < (count or 1) or any(isinstance(x, Mark) for x in self.stack[-(count or 1) :]):
            raise WeightsError("its pickle takes values that are not there")
        values = [self.stack.pop() for _ in range(count or 1)][::-1]
        return values if count else values[0]

    def since_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if isinstance(value, Mark):
                return values[::-1]
            values.append(value)
        raise WeightsError("its pickle takes values that are not there")

    def top(self, kind: type) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise WeightsError(f"its pickle adds to something that is not a {kind.__name__}")
        return self.stack[-1]

    def remember(self, index: int) -> None:
        self.memo[index] = self.top(object)

    def extend(self, values: list[Any]) -> None:
        self.top(list).extend(values)

    def update(self, values: list[Any]) -> None:
        self.top(dict).update(_pairs(list(zip(values[::2], values[1::2], strict=True))))

    def build(self) -> None:
        # A state dict's own attributes (its _metadata) have no bearing on the numbers.
        self.pop()
        self.top(dict)


def _pairs(items: Any) -> dict[Any, Any]:
    """A dict of the pairs. Keys must be texts or whole numbers: a tuple can be made whose hash takes for ever."""
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str | int) for pair in items):
        raise WeightsError("its pickle has a dictionary with keys that are neither text nor whole numbers")
    return dict(items)


def _global(name: str) -> Global:
    dotted = name.replace(" ", ".")
    if dotted not in ALLOWED:
        raise WeightsError(
            f"its pickle asks for {dotted[:80]!r}, which no state dict of float tensors needs; "
            "save model.state_dict() alone with torch.save"
        )
    return Global(dotted)


def _storage(identity: Any) -> Storage:
    """A Storage from ("storage", type, key, device, length) and, in old files, a view (key, start, length) or None."""
    match identity:
        case ("storage", Global(name), str(key), str(), int(total), *view) if name[6:] in DTYPES and total >= 0:
            match view:
                case [] | [None]:
                    return Storage(DTYPES[name[6:]], key, total, 0, total)
                case [(str(), int(start), int(length))] if start >= 0 and 0 <= length <= total - start:
                    return Storage(DTYPES[name[6:]], key, total, start, length)
    raise WeightsError("its pickle refers to a storage in a way that torch.save does not")


def _rebuild(function: Any, arguments: Any) -> Any:
    name = function.name if isinstance(function, Global) else ""
    match arguments:
        case () if name == ORDERED_DICT:
            return {}
        case (list(items),) if name == ORDERED_DICT:
            return _pairs(items)
        case (Tensor() as tensor, bool(), _) if name == PARAMETER:
            return tensor
        case (Storage() as storage, int(offset), tuple(shape), tuple(strides), *rest) if len(rest) + 4 >= TENSORS.get(
            name, 99
        ):
            return _tensor(storage, offset, shape, strides)
    raise WeightsError(f"its pickle calls {name[:80]!r} in a way that torch.save does not")


def _tensor(storage: Storage, offset: int, shape: tuple, strides: tuple) -> Tensor:
    """A Tensor, after a check that all of its elements lie inside the storage."""
    numbers = (offset, *shape, *strides)
    if len(shape) != len(strides) or not all(type(n) is int and 0 <= n < 2**40 for n in numbers):
        raise WeightsError("a tensor has a malformed offset, shape or strides")
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    if 0 not in shape and last >= storage.length:
        raise WeightsError(f"a tensor reaches element {last} of a storage of {storage.length}")
    return Tensor(storage, offset, shape, strides)
