"""Window samples: how many predictions a window holds."""

import numpy as np

from exporter.batch import Series
from exporter.derived.context import WindowSamples
from exporter.stats.label_counts import LabelCounts
from tests.derived.views import view_of

PREDICTIONS = LabelCounts("model_predictions_total", "", "prediction", "prediction_class", "predictions")
CREDIT, FRAUD = Series("credit", "3"), Series("fraud", "1")


def test_are_the_sum_of_what_is_counted_for_each_window_and_series() -> None:
    windows = {
        "5m": {
            CREDIT: {"model_predictions_total": np.array([3.0, 4.0])},
            FRAUD: {"model_predictions_total": np.zeros(0)},
        },
        "1h": {CREDIT: {"model_predictions_total": np.array([30.0, 40.0, 1.0]), "another": np.array([99.0])}},
    }
    (family,) = WindowSamples(PREDICTIONS).collect(view_of(windows))
    assert (family.name, family.type) == ("model_window_samples", "gauge")
    assert {(s.labels["model_name"], s.labels["window"]): s.value for s in family.samples} == {
        ("credit", "5m"): 7,
        ("fraud", "5m"): 0,
        ("credit", "1h"): 71,
        ("fraud", "1h"): 0,
    }
