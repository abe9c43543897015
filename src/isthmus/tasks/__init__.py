"""Jobs: estimators over autoencoders, one a file."""

from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.imputer import Imputer

#: The jobs by the name that a model folder gives.
TASKS: dict[str, type[Task]] = {task.__name__: task for task in (Imputer,)}

__all__ = ["TASKS", "Imputer", "Learnt", "Task"]
