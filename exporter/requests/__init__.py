"""The bodies of requests become lines: JSON, payloads of model servers, CloudEvents that belong together."""
