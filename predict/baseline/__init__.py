"""What a meter should use: the baseline of measurement and verification."""

from predict.baseline.blob import KIND
from predict.baseline.model import DayBaseline, Prediction

__all__ = ["KIND", "DayBaseline", "Prediction"]
