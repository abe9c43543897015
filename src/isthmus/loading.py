"""Reading a model folder back."""

from __future__ import annotations

from os import PathLike
from typing import Any

from isthmus import persistence
from isthmus.autoencoder import Autoencoder
from isthmus.exceptions import ModelFileError, ParameterError
from isthmus.storage import read_folder
from isthmus.tasks import TASKS

ESTIMATORS: dict[str, type[Autoencoder]] = {"Autoencoder": Autoencoder}


def load(path: str | PathLike[str], *, device: str = "auto", objective: Any = None, network: Any = None) -> Any:
    """Read a model that `save` wrote. No code from the folder is run.

    Parameters
    ----------
    path : str or path
        The model folder.
    device : str, default="auto"
        Where the model is to work.
    objective : str, Objective, list of them or None
        Needed where the model was fitted with one of a person's own; those of Isthmus are stored with the model. One
        that is given is used in place of the one stored.
    network : (encoder, decoder), optional
        Needed where the model was fitted with modules of a person's own; their weights are replaced.

    Returns
    -------
    Autoencoder, or the task that was saved
        Fitted: it gives the same results, to the bit.

    Raises
    ------
    ModelFileError
        If the folder is not a model, is damaged, or of a newer format.
    ParameterError
        If an own objective or network has to be given, or is given for a task, which has none.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from isthmus import Autoencoder, load
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> ae = Autoencoder(2, max_epochs=2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ae.save(folder + "/model")
    ...     again = load(folder + "/model")
    >>> bool((again.transform(X) == ae.transform(X)).all())
    True
    """
    if not isinstance(path, (str, PathLike)):
        raise ParameterError(f"path={path!r} cannot be used; expected the path of a model folder.")
    stored = read_folder(path)
    name = stored.config.get("estimator")
    if name in TASKS:
        if objective is not None or network is not None:
            raise ParameterError(f"{str(path)!r} holds a model of class {name}: leave objective= and network= out.")
        return TASKS[name]._load(stored, path, device)
    if name not in ESTIMATORS:
        raise ModelFileError(
            f"{str(path)!r} holds a model of class {name!r}, which this version of Isthmus does not know; it knows "
            f"{', '.join([*ESTIMATORS, *TASKS])}. Update Isthmus."
        )
    return persistence.load_into(ESTIMATORS[name], stored, path, device, objective, network)
