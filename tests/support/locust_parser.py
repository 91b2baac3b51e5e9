"""Locust's parser, without locust: importing it changes the whole process."""

import argparse
from typing import Any


class LocustParser(argparse.ArgumentParser):
    """Takes the arguments that locust's own takes beside argparse's."""

    def add_argument(  # type: ignore[override]
        self,
        *args: Any,
        is_multiple: bool = False,
        include_in_web_ui: bool = True,
        **kwargs: Any,
    ) -> argparse.Action:
        """Leaves out what is for locust's page."""
        return super().add_argument(*args, **kwargs)
