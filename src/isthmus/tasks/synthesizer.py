"""Data generation: rows like those of a table, also with some columns given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus import parameters as check
from isthmus.autoencoder import Autoencoder
from isthmus.data import as_raw, preparation_for
from isthmus.data.moments import dense
from isthmus.data.table import columns_of
from isthmus.exceptions import DataError, ParameterError
from isthmus.objectives import Variational
from isthmus.tasks.base import Learnt, Task
from isthmus.tasks.synthesis_parts.codes import CodeRows
from isthmus.tasks.synthesis_parts.conditions import wanted
from isthmus.tasks.synthesis_parts.gapless import Gapless
from isthmus.tasks.synthesis_parts.making import Maker

#: Weight of the divergence: codes are to lose little, since what they lose is drawn without regard to other columns.
BETA = 0.05
#: Size of the code as a multiple of the number of columns, where the prepared rows are wider.
SIZE = 2


class Synthesizer(Task):
    """Make rows like those of a table: new ones, of the same columns and types.

    A variational autoencoder gives rows codes that lose little; a diffusion model (a small network that takes noise
    away, Karras et al., 2022) learns the density of the codes. To make a row a code is drawn and decoded: categories
    and truth values by their chances, numbers with the noise that the decoder leaves over. Rows are kept by weights
    under which categories and gaps are as frequent as in the rows fitted on (raking, Deming and Stephan, 1940), and the
    numbers of each column are corrected by their ranks, so that their distribution is that of these rows.

    The network that takes noise away is trained both with and without some columns of the row to be made, so that rows
    can be made for which some columns are given.

    Parameters
    ----------
    latent_dim : int or "auto", default="auto"
        Size of the code. "auto": twice the number of columns, or the width of the prepared rows where that is less.
    schema : mapping, optional
        What columns are, where their values do not tell, as of `isthmus.data.as_raw`: types, bounds, categories.
    kind : {"auto", "vector", "table"}, default="auto"
    max_epochs : int or "auto", default="auto"
        Passes over the rows, of each of both networks, at most.
    random_state : int, RandomState instance or None, default=None
        Of the fit; `sample` has its own.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    verbose : int, default=0
        1 shows progress, 2 lines.

    Attributes
    ----------
    autoencoder_ : Autoencoder
        Of the table without gaps: missing categories are categories, missing numbers are told by columns of their own,
        numbers of few values are categories.
    history_ : dict of list
        Losses of the network that takes noise away, by epoch; those of the autoencoder are `autoencoder_.history_`.
    kind_, schema_, n_features_in_, feature_names_in_, n_rows_
        As of `Autoencoder`.

    Notes
    -----
    Missing cells are part of a row: they are made as often as they are there, where they are there. Numbers lie within
    the range seen and the bounds of the schema; whole numbers are whole, other numbers have as many decimals as those
    seen, dates are whole days where those seen are.

    That rows are made does not make them anonymous: a rare person's row can be made again nearly as it was. See
    `isthmus.evaluation.synthesis_report` for how near made rows come to real ones.

    References
    ----------
    D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014. T. Karras et al., "Elucidating the design
    space of diffusion-based generative models", NeurIPS 2022. H. Zhang et al., "Mixed-type tabular data synthesis with
    score-based diffusion in latent space", ICLR 2024.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from isthmus import Synthesizer
    >>> frame = load_iris(as_frame=True).frame
    >>> synthesizer = Synthesizer(max_epochs=5, random_state=0).fit(frame)
    >>> made = synthesizer.sample(4, conditions={"target": [0, 1, 2, 2]}, random_state=0)
    >>> made["target"].tolist(), list(made.columns) == list(frame.columns)
    ([0, 1, 2, 2], True)
    """

    PARAMETERS: ClassVar = {
        **Task.PARAMETERS,
        "kind": (check.word("auto", "vector", "table"), "'auto', 'vector' or 'table': rows of columns"),
        "latent_dim": check.AUTOENCODER["latent_dim"],
        "schema": (check.either(check.nothing, lambda v: isinstance(v, Mapping)), "None or a mapping by column"),
        "max_epochs": check.AUTOENCODER["max_epochs"],
    }
    ABOUT: ClassVar = "A synthesizer: it makes rows like those that it was fitted on."
    USAGE: ClassVar = {
        "python": [
            "made = model.sample(1000, random_state=0)  # the same columns as under Data",
            "made = model.sample(1000, conditions={...})  # with some columns given",
        ],
        "console": ["isthmus synthesize data.csv --model path/to/this/folder -n 1000 --to made.csv"],
    }

    def __init__(
        self,
        latent_dim: int | str = "auto",
        *,
        schema: Mapping[str, Any] | None = None,
        kind: str = "auto",
        max_epochs: int | str = "auto",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ):
        self.latent_dim = latent_dim
        self.schema = schema
        self.kind = kind
        self.max_epochs = max_epochs
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn what rows are like.

        Parameters
        ----------
        X : frame, array, sparse matrix, Raw or path
            Rows of columns; missing cells are learnt as well.
        y : ignored

        Returns
        -------
        Synthesizer
            Itself.

        Raises
        ------
        ParameterError
            If a parameter has a value that cannot be used.
        DataError
            If the data cannot be used: the message names row and column.
        """
        self._check_parameters()
        raw = as_raw(X, kind=self.kind, schema=self.schema)
        if raw.kind not in ("vector", "table"):
            raise DataError(
                f"Synthesizer makes rows of columns, but {raw.origin} is of kind {raw.kind!r} (items of shape "
                f"{raw.item_shape}). Use Autoencoder(objective='variational').fit(X).sample(n), or give kind='vector' "
                "with one row of numbers an item."
            )
        if len(raw) < 2:
            raise DataError(f"{raw.origin} has {len(raw)} sample(s): rows are made from what 2 or more have in common.")
        seed = self._seed()
        preparation = preparation_for(raw).fit(raw)
        columns = columns_of(preparation.schema_)
        values = np.asarray(dense(raw.values), dtype=np.float64)
        table = Gapless.learn(columns, values)
        inner = table.there(values)
        rows = table.table(inner, raw.origin)
        size = self.latent_dim
        if size == "auto":
            size = min(SIZE * len(table.inner), preparation_for(rows, "quantile").fit(rows).shape_[0])
        autoencoder = Autoencoder(
            size,
            scaling="quantile",
            objective=Variational(beta=BETA),
            max_epochs=self.max_epochs,
            random_state=seed,
            device=self.device,
            verbose=self.verbose,
        ).fit(rows)
        codes = CodeRows.learn(autoencoder, rows, self.max_epochs, seed, int(self.verbose))
        self._maker = Maker.learn(table, codes, values, seed)
        self._set(autoencoder, codes)
        self._fitted_on(preparation, len(raw))
        return self

    def sample(self, n: int = 1, conditions: Mapping[Any, Any] | None = None, random_state: Any = None) -> Any:
        """Make rows.

        Parameters
        ----------
        n : int, default=1
        conditions : mapping, optional
            By column, its value, or one for each of the n rows; None or NaN for a missing cell. These columns come back
            as they are given; the others as they go with them. Rows whose own cells do not repeat what is given
            (numbers: to within 5 % of the ranks) are drawn again, up to ten times.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        frame or array
            Of n rows, like what was fitted on.

        Raises
        ------
        ParameterError
            If `n` or `random_state` cannot be used, or `conditions` is no mapping.
        DataError
            If `conditions` names an unknown column, or a value that was not seen in fit.

        Warns
        -----
        UserWarning
            If more than a tenth of the rows never repeated what was given: a combination that was hardly seen.
        """
        check_is_fitted(self)
        if not check.whole(1)(n):
            raise ParameterError(f"n={n!r} cannot be used; expected a whole number from 1 on.")
        if not check.RANDOM(random_state):
            raise ParameterError(f"random_state={random_state!r} cannot be used; expected {check.RANDOM_WORDS}.")
        random = check_random_state(random_state)
        if not conditions and isinstance(conditions, (Mapping, type(None))):
            return self.preparation_.give_back(self._maker.draw(int(n), random))
        table = self._maker.table
        asked = wanted(conditions or {}, int(n), table.columns, table.gaps, self._maker.seen)
        return self.preparation_.give_back(self._maker.draw_for(asked, random))

    def _set(self, autoencoder: Autoencoder, codes: CodeRows) -> None:
        self.autoencoder_, self.history_ = autoencoder, codes.history

    # --- To a folder and back

    def _learnt(self) -> Learnt:
        values = {"table": self._maker.table.to_config(), "history": self.history_}
        return Learnt(values, self._maker.arrays(), {"main": self.autoencoder_})

    def _restore(self, learnt: Learnt) -> None:
        autoencoder = learnt.autoencoders["main"]
        codes = CodeRows.restore(autoencoder, learnt.arrays, learnt.values["history"])
        columns = columns_of(self.preparation_.schema_)
        self._maker = Maker.restore(columns, learnt.values["table"], codes, learnt.arrays)
        self._set(autoencoder, codes)
