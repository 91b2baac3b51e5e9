from pathlib import Path

import pytest

from deployments.config import ServeConfig
from deployments.serving.deploy_file import DeployFileError, load_deploy_file

CONFIGS = Path(__file__).parents[3] / "configs"

GOOD = """
applications:
- name: one
  import_path: deployments.builder:build
  args:
    model: a-model
    replica: {num_replicas: 1}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "app.yaml"
        path.write_text(text)
        return path

    return write


def error_of(path):
    with pytest.raises(DeployFileError) as raised:
        load_deploy_file(path)
    return str(raised.value)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_file_is_good(path):
    file = load_deploy_file(path)
    assert file.schema.http_options.port == 8000
    assert all("calculator" in app.augmentations for app in file.applications.values())


def test_applications_by_prefix(write):
    file = load_deploy_file(write(GOOD))
    assert file.models == ("a-model",)
    assert list(file.applications) == ["/"]


def test_a_typo_is_named_with_file_path_value_and_remedy(write):
    message = error_of(write(GOOD.replace("num_replicas: 1", "num_replica: 1")))
    assert "app.yaml: applications.0.args.replica.num_replica = 1: " in message
    assert "'num_replicas'" in message


def test_a_typo_outside_the_arguments(write):
    message = error_of(write(GOOD.replace("import_path", "imports_path")))
    assert "applications.0.import" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("applications: [", "cannot be read as YAML"),
        ("", "must be a mapping"),
        ("- 1", "must be a mapping"),
        ("applications: []", "no application has import_path"),
        ("applications: [{name: x, import_path: other:app}]", "no application has import_path"),
    ],
)
def test_what_is_no_deploy_file(write, text, part):
    assert part in error_of(write(text))


PROFILE = (
    '{"iteration_s": 0.02, "token_s": 0.001, "context_token_s": 0, '
    '"block_out_s": 0.0001, "block_in_s": 0.0001, '
    '"saturation_tokens": 20, "model": "a-model"}'
)
PROFILED = GOOD + "    scheduler: {profile: app.profile.json}\n"


def test_a_profile_is_read_beside_the_file_and_travels_as_numbers(write, tmp_path):
    (tmp_path / "app.profile.json").write_text(PROFILE)
    file = load_deploy_file(write(PROFILED))
    profile = file.applications["/"].scheduler.profile
    assert profile.saturation_tokens == 20
    args = file.schema.applications[0].args
    assert args["scheduler"] == {"profile": profile.model_dump()}
    assert ServeConfig.model_validate(args) == file.applications["/"]


def test_a_missing_profile_is_named_with_its_remedy(write, tmp_path):
    message = error_of(write(PROFILED))
    assert "applications.0.args.scheduler.profile = 'app.profile.json': " in message
    assert f"{tmp_path / 'app.profile.json'}: there is no such file" in message
    assert "infercept profile --config" in message
