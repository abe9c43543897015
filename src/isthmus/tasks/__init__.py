"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.anomaly import AnomalyDetector
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.denoiser import Denoiser
from isthmus.tasks.imputer import Imputer
from isthmus.tasks.synthesizer import Synthesizer

#: The jobs by the name that a model folder gives.
TASKS: dict[str, type[Task]] = {task.__name__: task for task in (AnomalyDetector, Denoiser, Imputer, Synthesizer)}

__all__ = ["TASKS", "AnomalyDetector", "Denoiser", "Imputer", "Learnt", "Synthesizer", "Task"]
