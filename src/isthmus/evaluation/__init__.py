"""How good a model is: beside PCA, in words, and as a page to send to a colleague."""

from isthmus.evaluation.comparison import Comparison, Errors, compare
from isthmus.evaluation.findings import Advice, advice
from isthmus.evaluation.page import report

__all__ = ["Advice", "Comparison", "Errors", "advice", "compare", "report"]
