"""The retrain trigger: a webhook for Alertmanager that starts trainings and limits how often.

`throttle` decides whether an alert may start a training, `dispatch` sends the request, and `__main__` is the server.
"""
