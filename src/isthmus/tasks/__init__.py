"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.base import Learnt, Task

#: The jobs by the name that a model folder gives.
TASKS: dict[str, type[Task]] = {}

__all__ = ["TASKS", "Learnt", "Task"]
