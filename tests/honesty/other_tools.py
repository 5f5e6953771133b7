"""What other tools say of the records in a file, with their defaults; runs in a virtual environment of their own."""

import json
import sys
import warnings

import nannyml
import numpy as np
import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def frame(values, is_categorical):
    data = pd.DataFrame(values.T, columns=[f"x{i}" for i in range(len(values))])
    return data.map("c{:.0f}".format).astype("category") if is_categorical else data


def evidently(reference, window, is_categorical):
    names = [*reference.columns]
    kinds = {"categorical_columns" if is_categorical else "numerical_columns": names}
    datasets = [Dataset.from_pandas(each, data_definition=DataDefinition(**kinds)) for each in (window, reference)]
    result = Report([DataDriftPreset()]).run(*datasets)
    drifted = {}
    for metric in result.dict()["metrics"]:
        config = metric.get("config", {})
        if config.get("type", "").endswith("ValueDrift"):
            value, limit = float(metric["value"]), config["threshold"]
            # p-values are small if a column drifts, and distances are large.
            drifted[config["column"]] = value < limit if "p_value" in config["method"] else value >= limit
    return [bool(drifted[name]) for name in names]


def nanny(reference, window, _):
    names = [*reference.columns]
    calculator = nannyml.UnivariateDriftCalculator(column_names=names, chunk_size=len(window))
    result = calculator.fit(reference).calculate(window).filter(period="analysis").to_df()
    return [bool(result[name]["jensen_shannon"]["alert"].iloc[0]) for name in names]


def main():
    warnings.simplefilter("ignore")
    print(json.dumps([shares(np.load(file)) for file in sys.argv[1:]]))


def shares(data):
    """Return the share of columns that each tool reports."""
    is_categorical = bool(data["is_categorical"])
    pairs = [
        (frame(reference, is_categorical), frame(window, is_categorical))
        for reference, window in zip(data["reference"], data["window"], strict=True)
    ]
    tools = {"Evidently": evidently, "NannyML": nanny}
    reported = {name: np.array([tool(*pair, is_categorical) for pair in pairs]) for name, tool in tools.items()}
    return {name: float(found.mean()) for name, found in reported.items()}


if __name__ == "__main__":
    main()
