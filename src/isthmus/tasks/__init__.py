"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.anomaly import AnomalyDetector
from isthmus.tasks.base import Learnt, Task

#: The jobs by the name that a model folder gives.
TASKS: dict[str, type[Task]] = {"AnomalyDetector": AnomalyDetector}

__all__ = ["TASKS", "AnomalyDetector", "Learnt", "Task"]
