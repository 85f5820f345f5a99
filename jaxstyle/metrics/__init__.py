"""Metrics: how much a finished picture has of its content and its style. Never score a run by its own loss alone.

`measure` makes a table of finished pictures, whatever made them. `Judge` computes all of `METRICS` for a batch; LPIPS
and ArtFID need weights files of their own.
"""

from jaxstyle.metrics.art_fid import ArtFID, artfid
from jaxstyle.metrics.chroma import chroma_distance, chroma_histogram
from jaxstyle.metrics.edges import edge_agreement
from jaxstyle.metrics.frechet import fid, frechet_distance
from jaxstyle.metrics.held_out_network import held_out
from jaxstyle.metrics.inception import Inception, load_inception
from jaxstyle.metrics.judge import Judge, stack_targets
from jaxstyle.metrics.lpips import LPIPS, load_lpips
from jaxstyle.metrics.pairs import Pair, find_pairs
from jaxstyle.metrics.relative import relative_distance
from jaxstyle.metrics.scores import Interval, Scores, measure
from jaxstyle.metrics.similarity import cfsd
from jaxstyle.metrics.structural_similarity import ssim
from jaxstyle.metrics.table import METRICS, ContentTarget, Metric, Seen, StyleTarget

__all__ = [
    "LPIPS",
    "METRICS",
    "ArtFID",
    "ContentTarget",
    "Inception",
    "Interval",
    "Judge",
    "Metric",
    "Pair",
    "Scores",
    "Seen",
    "StyleTarget",
    "artfid",
    "cfsd",
    "chroma_distance",
    "chroma_histogram",
    "edge_agreement",
    "fid",
    "find_pairs",
    "frechet_distance",
    "held_out",
    "load_inception",
    "load_lpips",
    "measure",
    "relative_distance",
    "ssim",
    "stack_targets",
]
