"""Every parameter of the estimator that text can stand for has its option, with the same default."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import time

import pytest
import typer

from isthmus import Autoencoder
from isthmus.cli import main, options
from isthmus.cli.app import app
from isthmus.networks import ACTIVATIONS

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
#: Parameters that no text can stand for, and one that is of use in a longer-lived process alone.
NOT_ON_A_COMMAND_LINE = {"callbacks", "warm_start"}
PARAMETERS = {
    name: parameter.default
    for name, parameter in inspect.signature(Autoencoder).parameters.items()
    if name not in NOT_ON_A_COMMAND_LINE
}
FIT = {option.name: option for option in COMMANDS["fit"].params}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_an_option_of_the_same_name(name):
    assert f"--{name.replace('_', '-')}" in FIT[name].opts


@pytest.mark.parametrize("name", sorted(PARAMETERS.keys() - {"verbose"}))
def test_defaults_agree(name):
    assert FIT[name].default == PARAMETERS[name]


def test_what_fit_takes_is_a_parameter_or_of_the_command_line_alone():
    own = {
        "source",
        "to",
        "columns",
        "drop",
        "schema",
        "size",
        "skip_bad",
        "validation",
        "test_fraction",
        "report",
        "color",
        "labels",
        "force",
    }
    assert FIT.keys() - PARAMETERS.keys() - {"help"} == own | {"debug"}


def test_every_activation_is_named_in_the_help():
    assert all(name in FIT["activation"].help for name in ACTIVATIONS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command_has_panels_and_examples(name, command):
    code, out, _ = command(name, "--help")
    assert code == 0
    assert "Examples:" in out
    assert f"$ isthmus {name}" in out or f"| isthmus {name}" in out
    if name == "fit":
        assert [panel for panel in re.findall(r"╭─ (\w+)", out) if panel[0] in "DMT" or panel == "Output"] == [
            "Data",
            "Model",
            "Training",
            "Output",
        ]


@pytest.mark.parametrize(
    ("parser", "text", "value"),
    [
        (options.number, "16", 16),
        (options.number, "-1", -1),
        (options.number, "1e-3", 0.001),
        (options.number, "None", None),
        (options.number, 0.01, 0.01),
        (options.number, "wide", "wide"),
        (options.sizes, "256, 64", (256, 64)),
        (options.sizes, "none", ()),
        (options.sizes, "auto", "auto"),
        (options.sizes, "a,b", ("a", "b")),
        (options.yes_or_no, "Yes", True),
        (options.yes_or_no, "off", False),
        (options.yes_or_no, "perhaps", "perhaps"),
        (options.names, "a, b,", ["a", "b"]),
        (options.picture_size, "64x48", (64, 48)),
        (options.picture_size, "64×48", (64, 48)),
        (options.picture_size, "7", (7, 7)),
    ],
)
def test_words_become_values(parser, text, value):
    assert parser(text) == value
    assert type(parser(text)) is type(value)


@pytest.mark.parametrize("text", ["", "0x4", "4x", "axb", "1x2x3", "-3"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(typer.BadParameter, match="HEIGHTxWIDTH"):
        options.picture_size(text)


def test_every_value_given_reaches_the_estimator(monkeypatch, tmp_path, capsys):
    import numpy as np

    seen: list[dict] = []

    def fit(self, X, y=None, *, validation=None):
        seen.append(self.get_params(deep=False))
        raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, "fit", fit)
    np.save(tmp_path / "x.npy", np.zeros((30, 8)))
    given = {
        "latent_dim": ("3", 3),
        "objective": ("variational(beta=2)", "variational(beta=2)"),
        "kind": ("sequence", "sequence"),
        "network": ("gru", "gru"),
        "hidden": ("32,16", (32, 16)),
        "activation": ("relu", "relu"),
        "code_activation": ("tanh", "tanh"),
        "output_activation": ("sigmoid", "sigmoid"),
        "dropout": ("0.2", 0.2),
        "linear_path": ("no", False),
        "members": ("3", 3),
        "loss": ("mae", "mae"),
        "scaling": ("minmax", "minmax"),
        "tokenizer": ("words", "words"),
        "max_epochs": ("7", 7),
        "batch_size": ("11", 11),
        "learning_rate": ("0.5", 0.5),
        "weight_decay": ("0", 0),
        "patience": ("none", None),
        "validation_fraction": ("0.3", 0.3),
        "random_state": ("9", 9),
        "device": ("cpu", "cpu"),
        "precision": ("float64", "float64"),
        "checkpoint": ("keep", "keep"),
        "checkpoint_every": ("5", 5),
    }
    assert given.keys() | {"verbose"} == PARAMETERS.keys()
    words = [word for name, (text, _) in given.items() for word in (f"--{name.replace('_', '-')}", text)]
    assert main(["fit", f"{tmp_path}/x.npy", "--to", f"{tmp_path}/m", "--quiet", *words]) == 130
    assert "nothing was saved" in capsys.readouterr().err
    for name, (_, value) in given.items():
        assert seen[0][name] == value, name
    assert not seen[0]["verbose"]


def test_objectives_given_several_times_are_a_list(monkeypatch, tmp_path, capsys):
    import numpy as np

    seen: list[object] = []

    def fit(self, X, y=None, *, validation=None):
        seen.append(self.objective)
        raise KeyboardInterrupt

    monkeypatch.setattr(Autoencoder, "fit", fit)
    np.save(tmp_path / "x.npy", np.zeros((30, 8)))
    words = ["--objective", "denoising(mask, 0.3)", "--objective", "sparse"]
    assert main(["fit", f"{tmp_path}/x.npy", "--to", f"{tmp_path}/m", "--quiet", *words]) == 130
    assert main(["fit", f"{tmp_path}/x.npy", "--to", f"{tmp_path}/m", "--quiet"]) == 130
    assert seen == [["denoising(mask, 0.3)", "sparse"], None]


def test_help_and_version_do_not_wait_for_torch():
    code = (
        "import sys, time\n"
        "from isthmus.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'numpy', 'pyarrow', 'plotly'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    for words in (["--version"], ["--help"], ["fit", "--help"], ["kinds", "--help"]):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # Half a second on a machine at rest; a busy one is given more.
        assert time.perf_counter() - start < 5
