"""What can be measured of a cell: metrics, losses and time, and which way is better."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from jaxstyle.sweep.report.cells import ReportCell
from jaxstyle.sweep.report.records import Record

DIRECTIONS = {"higher": 1, "lower": -1}


class Column(NamedTuple):
    """A number that cells have.

    Attributes:
        name: of the metric or loss, or "seconds".
        kind: where it is found.
        better: 1 if higher is better, -1 if lower, 0 if neither can be said.
        about: what it says, in a line; "" where its name is all that is known.
    """

    name: str
    kind: Literal["metric", "loss", "time"]
    better: int = 0
    about: str = ""

    def value(self, record: Record) -> float | None:
        """The number of one cell; None where it has none."""
        if self.kind == "time":
            return record.seconds
        return (record.metrics if self.kind == "metric" else record.losses).get(self.name)


def find_columns(cells: Iterable[ReportCell]) -> list[Column]:
    """The columns that any cell has a number for. No loss is better: its weight decides how low it can get."""
    records = [cell.record for cell in cells]
    metrics = {name for record in records for name, value in record.metrics.items() if value is not None}
    losses = dict.fromkeys(name for record in records for name, value in record.losses.items() if value is not None)
    known = _known() if metrics else {}
    order = [name for name in known if name in metrics] + sorted(metrics - known.keys())
    columns = [_metric(name, known.get(name)) for name in order] + [Column(name, "loss") for name in losses]
    return columns + [Column("seconds", "time")] * any(record.seconds is not None for record in records)


def _metric(name: str, metric: Any) -> Column:
    if metric is None:
        return Column(name, "metric")
    return Column(name, "metric", DIRECTIONS[metric.better], metric.description)


def _known() -> Mapping[str, Any]:
    """The table of metrics, imported when there are any: it takes JAX with it."""
    try:
        from jaxstyle.metrics import METRICS
    except ImportError:  # numbers without marks are better than no report
        return {}
    return METRICS
