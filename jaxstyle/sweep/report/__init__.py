"""Reports of a sweep: one self-contained HTML page, or a CSV file.

The page has a contact sheet, filters, a comparison of before and after, loss curves and metrics.

The sweep's folder is not trusted: nothing outside the folder is read, and no text in it can become markup or code.
"""

from jaxstyle.sweep.report.cells import ReportCell, SweepReport, read_sweep
from jaxstyle.sweep.report.inputs import Input
from jaxstyle.sweep.report.spreadsheet import write_csv
from jaxstyle.sweep.report.write import write_report

__all__ = ["Input", "ReportCell", "SweepReport", "read_sweep", "write_csv", "write_report"]
