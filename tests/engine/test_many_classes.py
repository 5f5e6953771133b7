"""More classes than the limit: what is correct is decided before classes are counted as `other`."""

import json
import random
from pathlib import Path

import pytest

from tests.offline import commands


def evaluated(folder: Path, pairs: list[tuple[str | None, str]], limit: int) -> dict[str, object]:
    """Return what `evaluate` prints of predicted and actual classes."""
    (folder / "config.yaml").write_text(
        f"sources: [log.jsonl]\nprediction: class\nlimits: {{prediction_classes: {limit}}}\n"
        "ground_truth: {sources: [labels.jsonl]}\n"
    )
    with (folder / "log.jsonl").open("w") as log, (folder / "truth.jsonl").open("w") as truth:
        for number, (predicted, actual) in enumerate(pairs):
            log.write(json.dumps({"request_id": str(number), "prediction": predicted, "features": {"x": 1}}) + "\n")
            truth.write(json.dumps({"request_id": str(number), "actual": actual}) + "\n")
    result = commands.run(
        "evaluate",
        folder / "log.jsonl",
        "--truth",
        folder / "truth.jsonl",
        "--config",
        folder / "config.yaml",
        "--json",
    )
    assert result.exit_code == 0, result.stderr
    (model,) = json.loads(result.stdout)["models"]
    return model


@pytest.mark.parametrize("classes", [2, 5, 6, 7, 50, 1000])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_accuracy_is_exact_for_any_number_of_classes(tmp_path: Path, classes: int, share: float) -> None:
    rng = random.Random(classes)
    names = [*(f"c{number}" for number in range(classes - 1)), "other"]
    pairs = [(rng.choice(names), rng.choice(names)) for _ in range(2000)]
    pairs = [(predicted, predicted if rng.random() < share else actual) for predicted, actual in pairs]
    model = evaluated(tmp_path, pairs, limit=5)
    correct = sum(predicted == actual for predicted, actual in pairs)
    assert model["figures"]["accuracy"] == pytest.approx(correct / len(pairs), rel=1e-12)
    assert model["figures"]["recall"] == pytest.approx(correct / len(pairs), rel=1e-12)
    confusion = model["confusion"]
    assert sum(row.get(name, 0) for name, row in confusion.items()) == correct
    assert sum(sum(row.values()) for row in confusion.values()) == len(pairs)
    assert "other (different)" not in model["classes"]
    if classes > 6:
        other = model["classes"]["other"]
        pooled = [(*pair, pair[0] == pair[1]) for pair in pairs]
        kept = {*model["classes"]} - {"other"}
        right = sum(is_right for predicted, _, is_right in pooled if predicted not in kept)
        assert other["precision"] == pytest.approx(right / sum(p not in kept for p, _, _ in pooled), rel=1e-12)
        assert other["recall"] == pytest.approx(right / sum(a not in kept for _, a, _ in pooled), rel=1e-12)


def test_a_thousand_classes_by_chance_have_no_accuracy(tmp_path: Path) -> None:
    pairs = [(f"p{number % 1000}", f"a{number % 997}") for number in range(3000)]
    assert evaluated(tmp_path, pairs, limit=100)["figures"]["accuracy"] == 0
