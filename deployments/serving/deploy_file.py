"""The YAML file of ``serve deploy``, read and checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from ray.serve.schema import ServeDeploySchema

from deployments.config import PROFILE_FOLDER, ServeConfig

IMPORT_PATH = "deployments.builder:build"


class DeployFileError(ValueError):
    """The file cannot be deployed; the message says where and why."""


@dataclass(frozen=True, slots=True)
class DeployFile:
    """What a file asks for.

    Attributes:
        schema: The whole file, as Ray Serve reads it.
        applications: The configurations of our applications, by route prefix.
    """

    schema: ServeDeploySchema
    applications: dict[str, ServeConfig]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that the applications serve."""
        return tuple(dict.fromkeys(config.model for config in self.applications.values()))


def load_deploy_file(path: Path) -> DeployFile:
    """Reads and checks ``path``.

    Raises:
        DeployFileError: naming the file, the fields and what to write instead.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DeployFileError(f"{path}: cannot be read as YAML: {error}") from None
    schema = _schema(path, content)
    applications = {}
    for index, application in enumerate(schema.applications):
        if application.import_path == IMPORT_PATH:
            where = f"applications.{index}.args"
            config = _config(path, where, application.args)
            application.args = _self_contained(application.args, config)
            applications[application.route_prefix or "/"] = config
    if not applications:
        raise DeployFileError(f"{path}: no application has import_path: {IMPORT_PATH}")
    return DeployFile(schema, applications)


def _schema(path: Path, content: Any) -> ServeDeploySchema:
    if not isinstance(content, dict):
        raise DeployFileError(
            f"{path}: must be a mapping with `applications:`, not {content!r:.60}"
        )
    try:
        return ServeDeploySchema.model_validate(content)
    except ValidationError as error:
        raise DeployFileError(_explain(path, (), error)) from None


def _config(path: Path, where: str, args: Any) -> ServeConfig:
    try:
        return ServeConfig.model_validate(args, context={PROFILE_FOLDER: path.parent})
    except ValidationError as error:
        raise DeployFileError(_explain(path, (where,), error)) from None


def _self_contained(args: dict[str, Any], config: ServeConfig) -> dict[str, Any]:
    """The arguments with the numbers of the profile instead of its path, which means nothing
    in the processes and on the machines that Ray starts."""
    profile = config.scheduler.profile
    if profile is None:
        return args
    return args | {"scheduler": args["scheduler"] | {"profile": profile.model_dump()}}


def _explain(path: Path, where: tuple[str, ...], error: ValidationError) -> str:
    """One line a mistake: file, path of the field, value, remedy."""
    lines = []
    for mistake in error.errors():
        field = ".".join([*where, *map(str, mistake["loc"])])
        lines.append(f"{path}: {field} = {mistake['input']!r:.80}: {mistake['msg']}")
    return "\n".join(lines)
