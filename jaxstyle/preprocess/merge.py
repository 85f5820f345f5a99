"""Merge neighbouring regions of similar colour."""

import heapq
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from jaxstyle.preprocess.codes import to_space
from jaxstyle.preprocess.segmentation import Segmentation
from jaxstyle.preprocess.settings import check_amount

Heap = list[tuple[float, int, int]]

MOST_APART = 1000.0
"""The largest threshold. It is above every distance of two colours, so all regions that touch become one."""


def merge_regions(segmentation: Segmentation, threshold: float) -> Segmentation:
    """Merge the two neighbours of most similar mean colour, again and again, until all are `threshold` apart or more.

    Distances are CIE76, `sqrt(dL^2 + da^2 + db^2)`, between mean colours: 2.3 is just noticeable, 10 plain to see,
    black to white is 100. A merged region gets the mean colour of all its pixels and is compared again, so that a
    gradient does not become one region step by step, as it does if a graph is cut once at a threshold. Neighbours are
    regions that share an edge of a pixel. Regions keep their order and are numbered from 1 again; 0 stays outside.

    Raises:
        SettingError: the threshold is not a number from 0 to 1000.
    """
    threshold = check_amount("threshold", threshold, 0, MOST_APART)
    regions = _Regions(segmentation)
    regions.merge(threshold)
    return regions.segmentation(segmentation.labels)


def adjacent(labels: Int[np.ndarray, "h w"]) -> Iterator[tuple[int, int]]:
    """The pairs (low, high) of numbers of regions that share an edge of a pixel, each pair once; without 0."""
    pairs = [(labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])]
    both = np.concatenate([np.stack([a.ravel(), b.ravel()], axis=1) for a, b in pairs])
    both = np.sort(both[(both[:, 0] != both[:, 1]) & (both > 0).all(1)], axis=1)
    yield from map(tuple, np.unique(both, axis=0).tolist())


class _Regions:
    """The graph of neighbouring regions while it shrinks. `parts` lists the original regions in each one left."""

    def __init__(self, segmentation: Segmentation) -> None:
        self.sizes = np.concatenate([[1], segmentation.sizes]).astype(np.float64)
        self.colors = np.concatenate([np.zeros((1, 3)), segmentation.colors])
        self.lab = to_space(self.colors, "lab")
        self.parts = {number: [number] for number in range(1, len(segmentation) + 1)}
        self.neighbours: dict[int, set[int]] = {number: set() for number in self.parts}
        for low, high in adjacent(segmentation.labels):
            self.neighbours[low].add(high)
            self.neighbours[high].add(low)

    def merge(self, threshold: float) -> None:
        """Merge the closest neighbours until all are `threshold` apart or more.

        A pair in the heap is out of date if one of its regions has changed since: then its distance is another.
        """
        heap: Heap = [(self.distance(a, b), a, b) for a in self.parts for b in self.neighbours[a] if a < b]
        heapq.heapify(heap)
        while heap and heap[0][0] < threshold:
            distance, low, high = heapq.heappop(heap)
            if high in self.neighbours.get(low, ()) and distance == self.distance(low, high):
                self.join(low, high)
                for other in self.neighbours[low]:
                    heapq.heappush(heap, (self.distance(low, other), min(low, other), max(low, other)))

    def distance(self, a: int, b: int) -> float:
        """The CIE76 distance between the mean colours of two regions."""
        return float(np.linalg.norm(self.lab[a] - self.lab[b]))

    def join(self, low: int, high: int) -> None:
        """Make `high` a part of `low`."""
        sizes = self.sizes[[low, high]]
        self.colors[low] = sizes @ self.colors[[low, high]] / sizes.sum()
        self.sizes[low] = sizes.sum()
        self.lab[low] = to_space(self.colors[low : low + 1], "lab")[0]
        self.parts[low] += self.parts.pop(high)
        for other in self.neighbours.pop(high) - {low}:
            self.neighbours[other] = self.neighbours[other] - {high} | {low}
            self.neighbours[low].add(other)
        self.neighbours[low].discard(high)

    def segmentation(self, labels: Int[np.ndarray, "h w"]) -> Segmentation:
        """The regions that are left, numbered from 1."""
        numbers = np.zeros(len(self.sizes), labels.dtype)
        for number, parts in enumerate(self.parts.values(), 1):
            numbers[parts] = number
        return Segmentation(numbers[labels], self.colors[list(self.parts)].astype(np.float32))
