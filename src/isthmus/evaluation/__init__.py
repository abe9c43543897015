"""How good a model is: beside PCA, in words, and as a page to send to a colleague."""

from isthmus.evaluation.comparison import Comparison, Errors, compare
from isthmus.evaluation.directions import DirectionMatch, match_directions
from isthmus.evaluation.disentangling import dci, disentanglement, mutual_information_gap, sap
from isthmus.evaluation.fidelity import Fidelity, fidelity
from isthmus.evaluation.findings import Advice, advice
from isthmus.evaluation.grids import grid_figure, picture_grid
from isthmus.evaluation.latent_pictures import explanation_figure
from isthmus.evaluation.linear_probe import LinearProbe, linear_probe
from isthmus.evaluation.neighbours import neighbours_figure
from isthmus.evaluation.page import report
from isthmus.evaluation.prefixes import PrefixCurve, prefix_curve
from isthmus.evaluation.privacy import Privacy, privacy
from isthmus.evaluation.quality import psnr, ssim
from isthmus.evaluation.recommending import recommending_report
from isthmus.evaluation.restored import before_after, hole
from isthmus.evaluation.sparsity import SparseFigures, Sparsity, sparsity_figures
from isthmus.evaluation.synthesis import Synthesis, compare_made, synthesis_report
from isthmus.evaluation.texts import TextComparison
from isthmus.evaluation.usefulness import Usefulness, usefulness

__all__ = [
    "Advice",
    "Comparison",
    "DirectionMatch",
    "Errors",
    "Fidelity",
    "LinearProbe",
    "PrefixCurve",
    "Privacy",
    "SparseFigures",
    "Sparsity",
    "Synthesis",
    "TextComparison",
    "Usefulness",
    "advice",
    "before_after",
    "compare",
    "compare_made",
    "dci",
    "disentanglement",
    "explanation_figure",
    "fidelity",
    "grid_figure",
    "hole",
    "linear_probe",
    "match_directions",
    "mutual_information_gap",
    "neighbours_figure",
    "picture_grid",
    "prefix_curve",
    "privacy",
    "psnr",
    "recommending_report",
    "report",
    "sap",
    "sparsity_figures",
    "ssim",
    "synthesis_report",
    "usefulness",
]
