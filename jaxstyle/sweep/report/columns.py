"""The numeric columns of a report: metrics, losses and time, and whether higher or lower is better."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from jaxstyle.sweep.report.cells import ReportCell
from jaxstyle.sweep.report.records import Record

DIRECTIONS = {"higher": 1, "lower": -1}


class Column(NamedTuple):
    """A column: a number that cells may have.

    Attributes:
        name: the name of the metric or loss, or "seconds".
        kind: whether the number is a metric, a loss or the time.
        better: 1 if higher is better, -1 if lower is better, 0 if neither can be said.
        about: a description in one line; "" if there is none.
    """

    name: str
    kind: Literal["metric", "loss", "time"]
    better: int = 0
    about: str = ""

    def value(self, record: Record) -> float | None:
        """The number in a cell's record; None if it has none."""
        if self.kind == "time":
            return record.seconds
        return (record.metrics if self.kind == "metric" else record.losses).get(self.name)


def find_columns(cells: Iterable[ReportCell]) -> list[Column]:
    """The columns for which at least one cell has a number.

    For losses `better` is 0: how low a loss can get depends on its weight.
    """
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
    """The table of known metrics, imported only when needed, because the import starts JAX."""
    try:
        from jaxstyle.metrics import METRICS
    except ImportError:  # a report without directions and descriptions is better than none
        return {}
    return METRICS
