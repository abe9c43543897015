"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.anomaly import AnomalyDetector
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.denoiser import Denoiser
from isthmus.tasks.imputer import Imputer
from isthmus.tasks.recommender import Recommender
from isthmus.tasks.recommending_parts.splitting import split_users
from isthmus.tasks.retriever import Retriever
from isthmus.tasks.synthesizer import Synthesizer

#: The jobs by the name that a model folder gives.
_ALL = (AnomalyDetector, Denoiser, Imputer, Recommender, Retriever, Synthesizer)
TASKS: dict[str, type[Task]] = {task.__name__: task for task in _ALL}

__all__ = [
    "TASKS",
    "AnomalyDetector",
    "Denoiser",
    "Imputer",
    "Learnt",
    "Recommender",
    "Retriever",
    "Synthesizer",
    "Task",
    "split_users",
]
