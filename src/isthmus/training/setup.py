"""Putting a network together for prepared rows, and starting its linear path at the principal components."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from isthmus.data import Preparation, Prepared, Rows, TokenPreparation
from isthmus.data.ratings import RATINGS
from isthmus.exceptions import ParameterError
from isthmus.networks import Layout, LinearPath, Members, Network, assemble, axes_of, each_of, find_family
from isthmus.networks.activations import LogOfCounts
from isthmus.objectives import OF_RATINGS, Columns, Loss, Objective, Tokens, each_objective, make_loss
from isthmus.training.drawing import seeded
from isthmus.training.pca import PrincipalComponents
from isthmus.training.ratings import RatingComponents, start_at_ratings
from isthmus.training.split import evenly
from isthmus.training.tokens import TokenComponents

OWN = "own"
#: What is said where an objective does not suit the rows.
_UNSUITED = {
    "tokens": "rows of tokens: it reckons with numbers. Leave it out; Denoising('mask') and ('delete') hide tokens.",
    "ratings": "kind='ratings', whose rows hold their entries alone. Leave it out; Denoising('mask') hides entries.",
    "numbers": "rows of numbers: it is for texts and events, or for ratings, alone. Leave it out.",
}
#: Least mean of a count that the output starts at.
LEAST_COUNT = 1e-3
#: Training rows that an objective may be started by.
STARTED_BY = 4096


@dataclass(frozen=True)
class Architecture:
    """What a network is built from; JSON-able, so that a saved model can be built again.

    Parameters
    ----------
    network : str
        Name of a family, or "own" for a pair of modules of a person's own.
    counts : bool
        Whether values are counts, of which the encoder takes the logarithms; a person's own takes them as they are.
    ends : bool
        Whether the last channel of a sequence says where it ends.
    options : dict
        Of the family of networks, by name.
    vocabulary : int
        Number of ids, where rows are ones of tokens; else 0.
    ratings : str
        Name of the loss, where rows are ratings; else "".
    """

    network: str
    shape: tuple[int, ...]
    latent_dim: int
    code_dim: int
    hidden: tuple[int, ...]
    activation: str
    code_activation: str
    output_activation: str
    dropout: float
    mask_input: bool
    linear_path: bool
    members: int = 1
    counts: bool = False
    ends: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    vocabulary: int = 0
    ratings: str = ""

    @property
    def axes(self) -> int:
        """Axes of an item, as families of networks go by them."""
        return axes_of(self.shape, self.vocabulary, self.ratings)

    def config(self) -> dict[str, Any]:
        """Return the fields, JSON-able."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    @classmethod
    def restore(cls, config: dict[str, Any]) -> Architecture:
        """Rebuild from `config()`."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        return cls(**fields)

    def build(
        self, objective: Objective, pair: tuple[nn.Module, nn.Module] | None = None, seed: int = 0
    ) -> Network | Members:
        """Make the network, or its members, from a seed; `pair` is needed, and copied, where it is a person's own.

        `objective` must have begun: it adds what it has of its own.
        """
        networks = []
        for j in range(self.members):
            with seeded(seed + j):
                network = self._build_one(pair, self.code_dim - len(objective.given))
                if j and self.network == OWN:
                    # The first keeps the weights that were brought; the others start elsewhere.
                    network.apply(_start_anew)
                network.own = objective.make(self.shape, self.latent_dim)
                network.fill = objective.filling(self.shape)
                if objective.given:
                    network.given = torch.tensor(list(objective.given))
                networks.append(network)
        return networks[0] if self.members == 1 else Members(networks)

    def _build_one(self, pair: tuple[nn.Module, nn.Module] | None, code_dim: int) -> Network:
        layout = Layout(
            shape=self.shape,
            latent_dim=self.latent_dim,
            code_dim=code_dim,
            hidden=self.hidden,
            activation=self.activation,
            dropout=self.dropout,
            mask_input=self.mask_input,
            zero_start=self.linear_path,
            ends=self.ends,
            options=self.options,
            vocabulary=self.vocabulary,
            ratings=self.ratings,
        )
        if self.network == OWN:
            if pair is None:
                raise ParameterError(
                    "This network was made of a person's own modules: give them, network=(encoder, decoder)."
                )
            pair = copy.deepcopy(pair)
        else:
            try:
                pair = find_family(self.network, self.axes)[1].build(layout)
            except RuntimeError as error:
                raise ParameterError(
                    f"A network of hidden={self.hidden} and latent_dim={self.latent_dim} for items of shape "
                    f"{self.shape} does not fit into memory: make them smaller ({error})."
                ) from error
            if self.counts:
                pair = (nn.Sequential(LogOfCounts(), pair[0]), pair[1])
        return assemble(
            pair,
            layout,
            # That of ratings is within the encoder.
            linear_path=self.linear_path and not self.ratings,
            code_activation=self.code_activation,
            output_activation=self.output_activation,
            # A person's own first layer may work in place; the rows are the target as well.
            guard_input=self.network == OWN,
        )


def _start_anew(module: nn.Module) -> None:
    reset = getattr(module, "reset_parameters", None)
    if callable(reset):
        reset()


def start_output(network: Network | Members, pca: PrincipalComponents, loss: Loss) -> None:
    """Start the output at what is true of all rows: means of counts, or how often each token comes."""
    if loss.counts:
        start_at_counts(network, pca.mean)
    elif isinstance(pca, TokenComponents):
        start_at_counts(network, pca.frequencies(loss.vocabulary))
    elif isinstance(pca, RatingComponents):
        start_at_ratings(network, pca, loss)


@torch.no_grad()
def start_at_counts(network: Network | Members, mean: Tensor) -> None:
    """Start the output at the logarithm of the mean, where the decoder ends in a linear layer as wide as a row."""
    for member in each_of(network):
        last = [module for module in member.decoder.modules() if isinstance(module, nn.Linear)][-1:]
        if last and last[0].bias is not None and last[0].out_features == mean.numel():
            last[0].bias.copy_(mean.clamp(min=LEAST_COUNT).log().flatten())


def start_at_pca(network: Network | Members, pca: PrincipalComponents, loss: Loss) -> None:
    """Start the linear path at the principal components; codes begin with unit variance."""
    for member in each_of(network):
        if member.linear is not None:
            _start_linear_path(member.linear, pca, loss)


def _start_linear_path(path: LinearPath, pca: PrincipalComponents, loss: Loss) -> None:
    scale = pca.variances.sqrt()
    largest = float(scale.max()) if len(scale) else 0.0
    scale = scale.clamp(min=1e-3 * largest) if largest > 0 else torch.ones_like(scale)
    slope, output_mean = loss.linear_start(pca.mean)
    weight = path.encoder.weight
    path.start(
        pca.mean.to(weight),
        pca.components.to(weight),
        scale.to(weight),
        slope=slope.to(weight) if isinstance(slope, Tensor) else slope,
        output_mean=output_mean.to(weight),
    )


def loss_for(name: str, preparation: Preparation) -> Loss:
    """Make the loss called `name` for rows of a preparation."""
    if isinstance(preparation, TokenPreparation):
        return Tokens(preparation.vocabulary_, preparation.lossless_)
    if preparation.kind == RATINGS:
        return OF_RATINGS[name]()
    return Columns(preparation.heads_) if name == Columns.name else make_loss(name)


def begin(
    objective: Objective, loss: Loss, preparation: Preparation, shape: tuple[int, ...], latent_dim: int
) -> Objective:
    """Let an objective meet the loss and the columns, and begin; give it back."""
    rows = "tokens" if loss.vocabulary else "ratings" if loss.packed else "numbers"
    for part in each_objective(objective):
        if rows not in part.takes:
            raise ParameterError(f"{part!r} cannot be used with {_UNSUITED[rows]}")
    objective.meet(loss, preparation.slot_names_)
    objective.begin(shape, latent_dim)
    if (preparation.heads_ or loss.packed) and objective.given:
        raise ParameterError(
            f"{objective!r}: condition= takes columns of rows that are all numbers, and these are not. Leave "
            "condition=None."
        )
    return objective


@torch.no_grad()
def start_objective(network: Network | Members, objective: Objective, rows: Rows, seed: int) -> None:
    """Show the objective some training rows before the first step."""
    batch = rows.take(evenly(len(rows), STARTED_BY))
    _start_filling(each_of(network), batch)
    for j, member in enumerate(each_of(network)):
        with seeded(seed + j):
            training = member.training
            objective.bind(member.eval()).start(batch.x.clone(), batch.mask)
            member.train(training)


def _start_filling(networks: list[Network], batch: Prepared) -> None:
    """Start what fills missing cells; it is the same for all networks."""
    first: Any = networks[0].fill
    if first is not None:
        first.start(batch.x, batch.mask)
        for other in networks[1:]:
            assert other.fill is not None
            other.fill.load_state_dict(first.state_dict())


def check_own_pair(network: Network | Members, architecture: Architecture, objective: Objective) -> None:
    """Send two rows of zeros through a person's own modules, so that a wrong shape is named before training.

    Raises
    ------
    ParameterError
        If a module fails, or gives another shape than it must.
    """
    parameter = next(network.parameters(), None)
    if parameter is None:
        raise ParameterError("network=(encoder, decoder) has no parameters: there is nothing to train.")
    if not any(p.requires_grad for p in network.parameters()):
        raise ParameterError(
            "Every parameter of network=(encoder, decoder) is frozen (requires_grad=False): there is nothing to train."
        )
    x = torch.zeros(2, *architecture.shape, dtype=parameter.dtype, device=parameter.device)
    network.eval()
    with torch.no_grad():
        try:
            h = network.encode(x)
        except Exception as error:
            raise ParameterError(
                f"The encoder of network=(encoder, decoder) failed on a batch of shape {tuple(x.shape)}: {error}"
            ) from error
        # What is given joins what the encoder gives.
        told, wanted = len(objective.given), architecture.code_dim - len(objective.given)
        if tuple(h.shape) != (2, architecture.code_dim):
            gave = (*h.shape[:-1], h.shape[-1] - told)
            raise ParameterError(
                f"The encoder of network=(encoder, decoder) gave shape {gave} for a batch of shape "
                f"{tuple(x.shape)}; expected (2, {wanted}): set latent_dim to what it "
                "gives, or flatten it."
            )
        z = objective.bind(each_of(network)[0]).encode(h)
        try:
            x_hat = network.decode(z)
        except Exception as error:
            raise ParameterError(
                f"The decoder of network=(encoder, decoder) failed on codes of shape {tuple(z.shape)}: {error}"
            ) from error
        expected = (*x.shape, architecture.vocabulary) if architecture.vocabulary else tuple(x.shape)
        if tuple(x_hat.shape) != expected:
            raise ParameterError(
                f"The decoder of network=(encoder, decoder) gave shape {tuple(x_hat.shape)} for codes of shape "
                f"{tuple(z.shape)}; expected {expected}."
            )
    network.train()
