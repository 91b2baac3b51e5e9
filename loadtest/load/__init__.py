"""Load on a running server with locust: what ``loadtest/locustfile.py`` is made of."""
