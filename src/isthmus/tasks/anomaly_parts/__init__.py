"""Parts of the anomaly score, one idea a file: a new one is a file and a line here."""

from isthmus.tasks.anomaly_parts.base import Part, Setting
from isthmus.tasks.anomaly_parts.forest import Forest
from isthmus.tasks.anomaly_parts.joining import Joining
from isthmus.tasks.anomaly_parts.mahalanobis import RobustMahalanobis
from isthmus.tasks.anomaly_parts.neighbour_distance import NeighbourDistance
from isthmus.tasks.anomaly_parts.noise import PredictedNoise
from isthmus.tasks.anomaly_parts.residual import WhitenedResidual
from isthmus.tasks.anomaly_parts.views import Rows, Views

#: The parts by the names that `parts=` takes.
PARTS: dict[str, type[Part]] = {
    part.name: part for part in (NeighbourDistance, PredictedNoise, WhitenedResidual, RobustMahalanobis, Forest)
}

__all__ = ["PARTS", "Joining", "Part", "Rows", "Setting", "Views"]
