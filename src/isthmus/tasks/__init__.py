"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.synthesizer import Synthesizer

#: The jobs by the name that a model folder gives.
TASKS: dict[str, type[Task]] = {"Synthesizer": Synthesizer}

__all__ = ["TASKS", "Learnt", "Synthesizer", "Task"]
