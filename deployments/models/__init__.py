"""Language models that call tools, made from what Python packages ship."""

from deployments.models.catalog import CATALOG, prepare, resolve

__all__ = ["CATALOG", "prepare", "resolve"]
