"""A sweep as one self-contained HTML page: contact sheet, filters, before and after, loss curves, metrics.

Everything in a sweep's folder counts as written by a stranger: nothing outside the folder is read, and no name in it
can become markup or code.
"""

from jaxstyle.sweep.report.cells import ReportCell, SweepReport, read_sweep
from jaxstyle.sweep.report.inputs import Input
from jaxstyle.sweep.report.spreadsheet import write_csv
from jaxstyle.sweep.report.write import write_report

__all__ = ["Input", "ReportCell", "SweepReport", "read_sweep", "write_csv", "write_report"]
