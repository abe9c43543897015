"""The errors that Isthmus raises: each says what was given, where, what was expected and what to do."""


class IsthmusError(Exception):
    """Base of every error that Isthmus raises on purpose."""


class DataError(IsthmusError, ValueError):
    """The data given cannot be used as they are."""


class ParameterError(IsthmusError, ValueError):
    """A parameter of an estimator or a command has a value that cannot be used."""


class TrainingError(IsthmusError, RuntimeError):
    """Training could not go on."""


class ModelFileError(IsthmusError, ValueError):
    """A model folder or a checkpoint cannot be written, or cannot be read back."""


class MissingExtraError(IsthmusError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""
