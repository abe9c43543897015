"""The deep model: an autoencoder on ratings, as people know it by name or as they make it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from scipy import sparse
from sklearn.base import clone

from isthmus.autoencoder import Autoencoder
from isthmus.data import as_raw
from isthmus.data.ratings import RATINGS
from isthmus.data.raw import Csr, Raw
from isthmus.exceptions import ParameterError
from isthmus.networks import each_of
from isthmus.objectives import Collaborative, Denoising, FoldIn, Multinomial
from isthmus.parameters import AUTO, either, number, whole, word
from isthmus.tasks.recommending_parts.base import Holdout, Model, Settings
from isthmus.tasks.recommending_parts.products import LargestProducts, largest_products
from isthmus.training.threads import threads_for

#: Users for whom the weights decay at a rate of 1; at one in proportion to fewer of more, down to the least.
DECAY, LEAST_DECAY = 4000, 0.01
#: What stands in place of an autoencoder's own defaults, by the name of the recipe.
RECIPES: Mapping[str, Mapping[str, Any]] = {
    "fold_in": {"dropout": 0.5},
    "mult_dae": {
        "network": "dense(decoder=mirror)",
        "hidden": (600,),
        "activation": "tanh",
        "linear_path": False,
    },
    "mult_vae": {
        "network": "dense(decoder=mirror)",
        "hidden": (600,),
        "activation": "tanh",
        "linear_path": False,
    },
    "recvae": {"network": "dense(encoder=skip)", "hidden": (600, 600, 600, 600), "linear_path": False},
}


def objective_of(recipe: str, hide: float) -> list[Any]:
    """Make the objective of a recipe, which hides a share of the entries."""
    if recipe == "fold_in":
        return [FoldIn(hide)]
    beside: dict[str, list[Any]] = {
        "mult_vae": [Collaborative(0.2, warmup=0.5)],
        "recvae": [Collaborative(0.005, scale="profile", prior="composite")],
    }
    return [Denoising("mask", hide), *beside.get(recipe, [])]


class Deep(Model):
    """Autoencoder of histories, with a multinomial likelihood.

    Parameters
    ----------
    recipe : {"fold_in", "mult_dae", "mult_vae", "recvae"}, default="fold_in"
        "fold_in": a linear path and a hidden layer of 200 beside it, which tell hidden entries from those shown
        (`FoldIn`); the others as published (Liang et al., 2018; Shenbin et al., 2020). For any other network or
        objective, give `Recommender` an `Autoencoder`.
    latent_dim : int or "auto", default="auto"
        Size of a user's code.
    hide : float, default=0.5
        Share of the entries of a history that is hidden in training.
    epochs : int or "auto", default="auto"
        Passes over the users; the best of them is kept, by the loss on users held out.
    members : int, default=1
        Networks trained from different starts, whose scores are averaged.
    autoencoder : Autoencoder, optional
        A person's own; nothing else is then used.

    References
    ----------
    D. Liang, R. G. Krishnan, M. D. Hoffman, T. Jebara, "Variational autoencoders for collaborative filtering", WWW
    2018. I. Shenbin et al., "RecVAE", WSDM 2020.

    Examples
    --------
    >>> from scipy import sparse
    >>> taken = sparse.random(60, 30, density=0.2, random_state=0, format="csr", dtype="float32")
    >>> model = Deep(latent_dim=4, epochs=2).fit(taken, None, Settings(seed=0))
    >>> model.scores(taken[:2]).shape
    (2, 30)
    """

    name = "deep"
    PARAMETERS: ClassVar = {
        "recipe": (word(*RECIPES), ", ".join(map(repr, RECIPES))),
        "latent_dim": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
        "hide": (lambda v: number(0, 1, open_left=True)(v), "a share between 0 and 1"),
        "epochs": (either(whole(1), AUTO), "a whole number from 1 on, or 'auto'"),
        "members": (whole(1), "a whole number from 1 on"),
    }

    def __init__(
        self,
        recipe: str = "fold_in",
        latent_dim: int | str = "auto",
        hide: float = 0.5,
        epochs: int | str = "auto",
        members: int = 1,
        autoencoder: Autoencoder | None = None,
    ):
        self.recipe = recipe
        self.latent_dim = latent_dim
        self.hide = hide
        self.epochs = epochs
        self.members = members
        self.autoencoder = autoencoder
        #: What finds the largest scores of very many items, if anything, made when first asked for.
        self._largest: tuple[LargestProducts | None] | None = None

    def fit(self, interactions: Csr, holdout: Holdout | None, settings: Settings) -> Self:
        """Train on users; the best epoch is that of the least loss on the users held out.

        Raises
        ------
        ParameterError
            If a person's own autoencoder is for another kind of data.
        """
        unfitted = self._made(interactions.shape[0], settings)
        held = None if holdout is None else self._raw(holdout.history + holdout.targets)
        if held is None:
            unfitted.set_params(validation_fraction=0.0)
        # How products are rounded goes by the number of threads: on one, the same seed gives the same model anywhere.
        with threads_for(0):
            self.autoencoder_, self._largest = unfitted.fit(self._raw(interactions), validation=held), None
        return self

    def _made(self, n_users: int, settings: Settings) -> Any:
        """Make the autoencoder, not yet fitted."""
        common = {"random_state": settings.seed, "device": settings.device, "verbose": settings.verbose}
        if self.autoencoder is not None:
            own: Any = clone(self.autoencoder)
            if own.kind not in ("auto", RATINGS):
                raise ParameterError(
                    f"model={own!r:.200} is for kind={own.kind!r}; a recommender takes Autoencoder(kind='ratings')."
                )
            given = own.get_params(deep=False)
            if given["loss"] not in ("auto", Multinomial.name):
                raise ParameterError(
                    f"model={own!r:.200}: loss={given['loss']!r} learns values, of which a recommender that ranks has "
                    "none; leave loss='auto', or take model='autorec' to predict values."
                )
            defaults = {"random_state": None, "device": "auto", "verbose": 0}
            left = {name: common[name] for name, default in defaults.items() if given[name] == default}
            return own.set_params(kind=RATINGS, **left)
        asked = settings.latent_dim if self.latent_dim == "auto" else self.latent_dim
        return Autoencoder(
            asked,
            kind=RATINGS,
            objective=objective_of(self.recipe, self.hide),
            max_epochs=self.epochs,
            members=self.members,
            weight_decay=min(1.0, max(LEAST_DECAY, DECAY / n_users)),
            **RECIPES[self.recipe],
            **common,
        )

    def _raw(self, matrix: Csr) -> Raw:
        return as_raw(matrix, kind=RATINGS)

    def scores(self, history: Csr) -> np.ndarray:
        inference = self.autoencoder_._inference
        blocks = []
        with torch.inference_mode():
            for _, prepared in inference.blocks(self._raw(history)):
                outputs = inference.outputs(prepared)
                mean = outputs[0] if len(outputs) == 1 else torch.stack([o.log_softmax(1) for o in outputs]).mean(0)
                blocks.append(mean.float().cpu().numpy())
        return np.concatenate(blocks)

    def top(self, history: Csr, k: int, hidden: Csr | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Best k items of each history; of very many items without the scores of all."""
        networks = each_of(self.autoencoder_.network_)
        if self._largest is None:
            last: Any = cast(Any, networks[0].decoder).last
            vectors = torch.cat([last.weight, last.bias[:, None]], 1).detach().float().cpu().numpy()
            self._largest = (largest_products(vectors) if len(networks) == 1 else None,)
        if self._largest[0] is None:
            return super().top(history, k, hidden)
        body: Any = cast(Any, networks[0].decoder).body
        with torch.inference_mode():
            codes = torch.as_tensor(self.codes(history), device=next(networks[0].parameters()).device)
            users = torch.nn.functional.pad(body(codes).float(), (0, 1), value=1.0).cpu().numpy()
        return self._largest[0](users, k, hidden)

    def codes(self, history: Csr) -> np.ndarray:
        return self.autoencoder_.transform(self._raw(history)).astype(np.float32)

    def similar(self, items: np.ndarray) -> np.ndarray:
        """Cosine of the items' vectors: the code of who took that item alone, beside its vector in the decoder."""
        n_items = self.autoencoder_.n_features_in_
        found = np.zeros((len(items), n_items), np.float32)
        alone = self._raw(sparse.csr_matrix(sparse.identity(n_items), dtype=np.float32))
        networks = each_of(self.autoencoder_.network_)
        for network, codes in zip(networks, self.autoencoder_._inference.member_codes(alone), strict=True):
            decoder: Any = network.decoder
            codes = torch.from_numpy(codes).float()
            # About their mean, which says what all items have, and at one size, so that both have a say.
            parts = [part - part.mean(0) for part in (codes, decoder.last.weight.detach().float().cpu())]
            vectors = torch.nn.functional.normalize(torch.cat([part / part.norm() for part in parts], 1), dim=1)
            found += (vectors[torch.as_tensor(items)] @ vectors.T).numpy()
        return found / len(networks)

    @property
    def chosen(self) -> dict[str, Any]:
        return {"epochs": max(1, int(self.autoencoder_.best_epoch_)), "latent_dim": self.autoencoder_.latent_dim_}

    def settled(self) -> Deep:
        if self.autoencoder is None:
            return Deep(self.recipe, hide=self.hide, members=self.members, **self.chosen)
        own: Any = clone(self.autoencoder)
        return Deep(autoencoder=own.set_params(max_epochs=self.chosen["epochs"]))

    # --- To a folder and back

    def learnt(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {}

    def restore(self, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        return self

    def autoencoders(self) -> dict[str, Autoencoder]:
        return {"deep": self.autoencoder_}

    def take_autoencoders(self, autoencoders: Mapping[str, Autoencoder]) -> None:
        self.autoencoder_, self._largest = autoencoders["deep"], None
