"""The Alertmanager configuration as an AlertmanagerConfig of the Prometheus operator: the same, in its spelling.

Secrets come from one Secret, `prediction-exporter-alerts`. The operator adds `namespace` to every matcher, so the rules
keep that label. Templates are no part of the object: the Alertmanager has to load them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

SOURCE = Path(__file__).parent / "alertmanager" / "alertmanager.yml"
NAME = "prediction-exporter-alerts"
HEAD = "# Made by `make rules` from alerts/alertmanager/alertmanager.yml; not to be edited by hand.\n"
# Names that are not simply in camel case.
SPELT = {"url": "url", "client_url": "clientURL", "mrkdwn_in": "mrkdwnIn", "links": "pagerDutyLinkConfigs"}
OPERATORS = re.compile(r'([a-zA-Z_]+)(=~|!~|!=|=)"(.*)"')


def alertmanager_config() -> str:
    """Return the object as YAML."""
    made = yaml.safe_load(SOURCE.read_text())
    settings = made["global"]
    spec = {
        "route": _route(made["route"]),
        "muteTimeIntervals": [_interval(interval) for interval in made["time_intervals"]],
        "inhibitRules": [
            {
                "sourceMatch": _matchers(rule["source_matchers"]),
                "targetMatch": _matchers(rule["target_matchers"]),
                "equal": rule["equal"],
            }
            for rule in made["inhibit_rules"]
        ],
        "receivers": [_receiver(receiver, settings) for receiver in made["receivers"]],
    }
    return HEAD + yaml.safe_dump(
        {
            "apiVersion": "monitoring.coreos.com/v1alpha1",
            "kind": "AlertmanagerConfig",
            "metadata": {"name": NAME, "labels": {"app.kubernetes.io/name": "prediction-exporter"}},
            "spec": spec,
        },
        sort_keys=False,
        width=1000,
        allow_unicode=True,
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return SPELT.get(name, first + "".join(part.capitalize() for part in others))


def _matchers(matchers: list[str]) -> list[dict[str, str]]:
    found = [OPERATORS.fullmatch(matcher) for matcher in matchers]
    return [{"name": each[1], "matchType": each[2], "value": each[3]} for each in found if each]


def _route(route: dict[str, Any]) -> dict[str, Any]:
    made = {_camel(name): value for name, value in route.items()}
    if "matchers" in route:
        made["matchers"] = _matchers(route["matchers"])
    if "routes" in route:
        made["routes"] = [_route(each) for each in route["routes"]]
    return made


def _interval(interval: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": interval["name"],
        "timeIntervals": [
            {
                name: [{_camel(part): value for part, value in each.items()} for each in values]
                if name == "times"
                else values
                for name, values in each.items()
            }
            for each in interval["time_intervals"]
        ],
    }


def _secret(key: str) -> dict[str, str]:
    return {"name": NAME, "key": key}


def _receiver(receiver: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"name": receiver["name"]}
    for kind, configs in receiver.items():
        if kind != "name":
            made[_camel(kind)] = [_config(kind, config, settings) for config in configs]
    return made


def _config(kind: str, config: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    made = {_camel(name): value for name, value in config.items()}
    for pairs in ("headers", "details"):
        if pairs in made:
            made[pairs] = [{"key": key, "value": value} for key, value in made[pairs].items()]
    if kind == "slack_configs":
        made["apiURL"] = _secret("slack-url")
    elif kind == "email_configs":
        made |= {
            "smarthost": settings["smtp_smarthost"],
            "from": settings["smtp_from"],
            "authUsername": settings["smtp_auth_username"],
            "authPassword": _secret("smtp-password"),
            "requireTLS": settings["smtp_require_tls"],
        }
    elif kind == "pagerduty_configs":
        del made["routingKeyFile"]
        made["routingKey"] = _secret("pagerduty-routing-key")
        made["pagerDutyLinkConfigs"] = [
            {"href": link["href"], "alt": link["text"]} for link in made["pagerDutyLinkConfigs"]
        ]
    elif kind == "webhook_configs":
        made["httpConfig"] = {"authorization": {"credentials": _secret("retrain-secret")}}
    return made
