"""What happens in the pictures: five models, of which one drifts, and one is slow and fails.

Times are in minutes to the end.

An app's new release sends `amount` in cents and no more merchant categories: `fraud` is wrong from then on for those
who use the app. The feature store of `churn` answers late or not at all. The others are well, more or less.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

APP_RELEASE = -95.0
SLOW_STORE = -40.0
CANARY = -190.0
# Truth is known that much later.
TRUTH_MINUTES = 12

Record = dict[str, Any]
Random = np.random.Generator


@dataclass(frozen=True)
class Model:
    """A model: how it is configured, how many requests a minute it has, and how its records and their truth are made.

    `make` is given how many and the minute, and makes records that have all but time and id.
    """

    name: str
    version: str
    requests: int
    make: Callable[[Random, int, float], Iterator[Record]]
    pods: int = 1
    config: dict[str, Any] = field(default_factory=dict)


def _attributions(rng: Random, **scales: float) -> dict[str, float]:
    return {name: rng.normal(0, scale) for name, scale in scales.items()}


def _decided(record: Record, rng: Random, risk: float, yes: str, no: str, right: float) -> Record:
    """Add a prediction, and a truth that is that often as the model was sure it is."""
    says_yes = risk > 0.5
    sure = max(risk, 1 - risk)
    is_right = rng.random() < sure * right
    return record | {
        "prediction": yes if says_yes else no,
        "probability": sure,
        "actual": yes if says_yes == is_right else no,
    }


def fraud(rng: Random, count: int, minute: float) -> Iterator[Record]:
    shops = ("grocery", "travel", "fashion", "games", "fuel")
    for _ in range(count):
        channel = ("web", "app", "terminal")[rng.choice(3, p=(0.35, 0.4, 0.25))]
        broken = minute >= APP_RELEASE and channel == "app"
        amount = float(rng.lognormal(3.6, 0.8))
        features = {
            "amount": amount * 100 if broken else amount,
            "merchant_category": "unknown" if broken else shops[rng.choice(5, p=(0.4, 0.1, 0.2, 0.1, 0.2))],
            "account_age_days": float(rng.gamma(2, 400)),
            "device_age_days": None if rng.random() < 0.03 else float(rng.gamma(2, 150)),
            "payments_24h": float(rng.poisson(3)),
            "country": ("DE", "FR", "NL", "PL")[rng.choice(4, p=(0.5, 0.25, 0.15, 0.1))],
            "description": rng.normal(0, 1, 4).round(3).tolist(),
        }
        risk = float(rng.beta(6, 3) if broken else rng.beta(0.4, 6))
        scales = {"amount": 1.6 if broken else 0.6, "merchant_category": 0.1 if broken else 0.7}
        yield _decided(
            {
                "features": features,
                "channel": channel,
                "latency_ms": float(rng.gamma(4, 9)),
                "order_value": amount,
                "attributions": _attributions(
                    rng, **scales, account_age_days=0.4, device_age_days=0.3, payments_24h=0.5, country=0.15
                ),
            },
            rng,
            risk,
            "fraud",
            "legitimate",
            0.45 if broken else 1.0,
        )


def churn(rng: Random, count: int, minute: float) -> Iterator[Record]:
    slow = minute >= SLOW_STORE
    for _ in range(count):
        if rng.random() < (0.07 if slow else 0.002):
            yield {"error_type": "feature_store_timeout" if rng.random() < 0.9 else "bad_request"}
            continue
        features = {
            "tenure_months": float(rng.gamma(2, 12)),
            "tickets_90d": float(rng.poisson(1.2)),
            "monthly_spend": float(rng.lognormal(3.2, 0.4)),
            "plan": ("basic", "plus", "family")[rng.choice(3, p=(0.5, 0.3, 0.2))],
        }
        latency = float(rng.gamma(3, 90) if slow else rng.gamma(3, 22))
        risk = float(rng.beta(0.6, 4))
        yield _decided({"features": features, "latency_ms": latency}, rng, risk, "leaves", "stays", 1.0)


def credit(rng: Random, count: int, minute: float) -> Iterator[Record]:
    for _ in range(count):
        is_new = minute >= CANARY and rng.random() < 0.2
        features = {
            "income": float(rng.lognormal(10.3, 0.4)),
            "debt_ratio": float(rng.beta(2, 5)),
            "age": float(rng.normal(43, 11)),
            "housing": ("rents", "owns")[rng.choice(2, p=(0.6, 0.4))],
        }
        record = {"features": features, "latency_ms": float(rng.gamma(4, 11 if is_new else 8))}
        risk = float(rng.beta(0.5, 3))
        yield _decided(record | {"model_version": "12" if is_new else "11"}, rng, risk, "deny", "approve", 1.0)


def eta(rng: Random, count: int, minute: float) -> Iterator[Record]:
    busy = 1 + 0.5 * max(0.0, 1 + minute / 240)
    for _ in range(count):
        distance = float(rng.gamma(3, 1.5))
        stops = int(rng.poisson(2))
        minutes = 6 + 2.5 * distance + 3 * stops
        yield {
            "features": {"distance_km": distance, "stops": float(stops), "rain_mm": float(rng.exponential(0.6))},
            "prediction": minutes,
            "actual": minutes + float(rng.normal(0, 3)),
            "latency_ms": float(rng.gamma(4, 21 * busy)),
        }


def recommend(rng: Random, count: int, _minute: float) -> Iterator[Record]:
    kinds = ("film", "series", "sport", "music")
    for _ in range(count):
        scores = rng.dirichlet((4, 3, 2, 1))
        best = int(scores.argmax())
        yield {
            "features": {"age": float(rng.normal(37, 12)), "watched_7d": float(rng.poisson(9))},
            "prediction": kinds[best],
            "probability": float(scores[best]),
            "latency_ms": float(rng.gamma(3, 7)),
        }


LIMITS = {"accuracy": 0.8, "error_ratio": 0.02}
LIMITED = {"thresholds": LIMITS}
MODELS: Sequence[Model] = (
    Model(
        "fraud",
        "7",
        300,
        fraud,
        pods=2,
        config=LIMITED
        | {
            "segments": ["channel", "country"],
            "business": [{"name": "order_value", "field": "order_value", "buckets": [10, 30, 100, 300, 1000]}],
            "quality": {"duplicate_ids": 1000},
        },
    ),
    Model("churn", "2", 240, churn, config=LIMITED),
    Model("credit", "11", 180, credit, config=LIMITED | {"drift": {"live_version": "11"}}),
    Model("eta", "3", 120, eta, config=LIMITED),
    Model("recommend", "21", 420, recommend, config=LIMITED),
)
