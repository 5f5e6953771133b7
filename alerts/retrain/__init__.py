"""The retrain trigger: a webhook of Alertmanager that starts a training, and cannot loop.

`throttle` decides, and is pure; `dispatch` says what is sent where; `__main__` is the server.
"""
