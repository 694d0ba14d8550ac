"""Comparisons, diagnoses, and pictures in the manner of scikit-learn's displays."""

from skdl.inspection._comparison import Comparison, compare
from skdl.inspection._comparison_display import ComparisonDisplay
from skdl.inspection._diagnosis import Diagnosis, diagnose
from skdl.inspection._learning_curves import LearningCurvesDisplay
from skdl.inspection._misclassified import MisclassifiedDisplay
from skdl.inspection._search_display import SearchDisplay

__all__ = [
    "Comparison",
    "ComparisonDisplay",
    "Diagnosis",
    "LearningCurvesDisplay",
    "MisclassifiedDisplay",
    "SearchDisplay",
    "compare",
    "diagnose",
]
