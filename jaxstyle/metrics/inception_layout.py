"""InceptionV3 as data: its convolutions and how they are joined, under torchvision's names."""

from typing import NamedTuple


class Unit(NamedTuple):
    """A convolution without bias, batch normalisation and ReLU. If `padded`, it keeps the size at stride 1."""

    name: str
    channels: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True

    @property
    def padding(self) -> tuple[int, int]:
        """(zeros above and as many below, zeros left and as many right)."""
        return (self.size[0] // 2, self.size[1] // 2) if self.padded else (0, 0)


class Pool(NamedTuple):
    """A 3x3 pool: "shrink" is a maximum with stride 2; "mean" and "last" keep the size, see `inception.VARIANTS`."""

    kind: str


class Join(NamedTuple):
    """Parallel branches whose output channels are concatenated. The full names of their units begin with `name`."""

    name: str
    branches: tuple[tuple["Step", ...], ...]


Step = Unit | Pool | Join
_SHRINK, _MEAN, _LAST = Pool("shrink"), Pool("mean"), Pool("last")


def _a(name: str, pooled: int) -> Join:
    five = (Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, (5, 5)))
    three = (Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, (3, 3)), Unit("branch3x3dbl_3", 96, (3, 3)))
    return Join(name, ((Unit("branch1x1", 64),), five, three, (_MEAN, Unit("branch_pool", pooled))))


def _b(name: str) -> Join:
    three = (Unit("branch3x3dbl_1", 64), Unit("branch3x3dbl_2", 96, (3, 3)), _halving("branch3x3dbl_3", 96))
    return Join(name, ((_halving("branch3x3", 384),), three, (_SHRINK,)))


def _c(name: str, width: int) -> Join:
    once = (
        Unit("branch7x7_1", width),
        Unit("branch7x7_2", width, (1, 7)),
        Unit("branch7x7_3", 192, (7, 1)),
    )
    twice = (
        Unit("branch7x7dbl_1", width),
        Unit("branch7x7dbl_2", width, (7, 1)),
        Unit("branch7x7dbl_3", width, (1, 7)),
        Unit("branch7x7dbl_4", width, (7, 1)),
        Unit("branch7x7dbl_5", 192, (1, 7)),
    )
    return Join(name, ((Unit("branch1x1", 192),), once, twice, (_MEAN, Unit("branch_pool", 192))))


def _d(name: str) -> Join:
    seven = (
        Unit("branch7x7x3_1", 192),
        Unit("branch7x7x3_2", 192, (1, 7)),
        Unit("branch7x7x3_3", 192, (7, 1)),
        _halving("branch7x7x3_4", 192),
    )
    return Join(name, ((Unit("branch3x3_1", 192), _halving("branch3x3_2", 320)), seven, (_SHRINK,)))


def _e(name: str, pool: Pool) -> Join:
    three = (Unit("branch3x3_1", 384), _fork("branch3x3_2"))
    twice = (Unit("branch3x3dbl_1", 448), Unit("branch3x3dbl_2", 384, (3, 3)), _fork("branch3x3dbl_3"))
    return Join(name, ((Unit("branch1x1", 320),), three, twice, (pool, Unit("branch_pool", 192))))


def _fork(name: str) -> Join:
    return Join("", ((Unit(f"{name}a", 384, (1, 3)),), (Unit(f"{name}b", 384, (3, 1)),)))


def _halving(name: str, channels: int) -> Unit:
    return Unit(name, channels, (3, 3), stride=2, padded=False)


NETWORK: tuple[Step, ...] = (
    _halving("Conv2d_1a_3x3", 32),
    Unit("Conv2d_2a_3x3", 32, (3, 3), padded=False),
    Unit("Conv2d_2b_3x3", 64, (3, 3)),
    _SHRINK,
    Unit("Conv2d_3b_1x1", 80),
    Unit("Conv2d_4a_3x3", 192, (3, 3), padded=False),
    _SHRINK,
    *(_a("Mixed_5b", 32), _a("Mixed_5c", 64), _a("Mixed_5d", 64), _b("Mixed_6a")),
    *(_c("Mixed_6b", 128), _c("Mixed_6c", 160), _c("Mixed_6d", 160), _c("Mixed_6e", 192), _d("Mixed_7a")),
    _e("Mixed_7b", _MEAN),
    _e("Mixed_7c", _LAST),
)
"""The steps from the picture to the 2048 channels that are averaged (Szegedy et al. 2016)."""


def units(steps: tuple[Step, ...] = NETWORK, prefix: str = "") -> dict[str, Unit]:
    """{full name: convolution} of the whole network, in order."""
    found: dict[str, Unit] = {}
    for step in steps:
        if isinstance(step, Unit):
            found[prefix + step.name] = step
        elif isinstance(step, Join):
            inner = f"{prefix}{step.name}." if step.name else prefix
            for branch in step.branches:
                found |= units(branch, inner)
    return found


def channels_in(widths: dict[str, int]) -> dict[str, int]:
    """{full name: input channels} of every convolution, from their output channels."""
    found: dict[str, int] = {}
    _follow(NETWORK, 3, "", widths, found)
    return found


def _follow(steps: tuple[Step, ...], channels: int, prefix: str, widths: dict[str, int], found: dict[str, int]) -> int:
    for step in steps:
        if isinstance(step, Unit):
            found[prefix + step.name] = channels
            channels = widths[prefix + step.name]
        elif isinstance(step, Join):
            inner = f"{prefix}{step.name}." if step.name else prefix
            channels = sum(_follow(branch, channels, inner, widths, found) for branch in step.branches)
    return channels
