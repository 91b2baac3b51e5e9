"""The manifests for Kubernetes, against its schemas and the configuration that they hold."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import ray
import yaml
from ray.serve.schema import ServeDeploySchema

from deployments.config import ServeConfig
from deployments.serving import direct_ingress

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "configs" / "kuberay"
KUBERNETES = "1.33"

# Of ray.io/v1, as KubeRay 1.3 has them: those that the manifest may use. Kubernetes' own
# schemas know the rest.
SERVICE_FIELDS = {"serveConfigV2", "rayClusterConfig", "serveService"}
CLUSTER_FIELDS = {
    *("rayVersion", "enableInTreeAutoscaling", "autoscalerOptions"),
    *("headGroupSpec", "workerGroupSpecs"),
}
HEAD_FIELDS = {"rayStartParams", "template", "serviceType", "headService"}
GROUP_FIELDS = {
    *("groupName", "replicas", "minReplicas", "maxReplicas", "numOfHosts"),
    *("rayStartParams", "template"),
}


def manifests(file: str) -> dict[str, Any]:
    documents = yaml.safe_load_all((FOLDER / file).read_text())
    return {document["kind"]: document for document in documents}


@pytest.fixture(scope="module")
def service() -> Any:
    return manifests("rayservice.yaml")["RayService"]


@pytest.fixture(scope="module")
def cluster(service: Any) -> Any:
    return service["spec"]["rayClusterConfig"]


@pytest.fixture(scope="module")
def groups(cluster: Any) -> Any:
    return [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]


@pytest.fixture(scope="module")
def application(service: Any) -> ServeConfig:
    schema = ServeDeploySchema.model_validate(yaml.safe_load(service["spec"]["serveConfigV2"]))
    return ServeConfig.model_validate(schema.applications[0].args)


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "PodDisruptionBudget"])
def test_kubernetes_knows_its_own_kinds(kind: str) -> None:
    document = manifests("rayservice.yaml")[kind]
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_pods_fit_the_schema(groups: Any) -> None:
    for group in groups:
        template = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": "pod"},
            "template": group["template"],
        }
        kubernetes_validate.validate(template, KUBERNETES, strict=True)


def test_a_misspelt_field_would_be_found(groups: Any) -> None:
    spec = groups[0]["template"]["spec"] | {"terminationGracePeriod": 1}
    template = {"apiVersion": "v1", "kind": "PodTemplate", "template": {"spec": spec}}
    with pytest.raises(kubernetes_validate.ValidationError, match="terminationGracePeriod"):
        kubernetes_validate.validate(template, KUBERNETES, strict=True)


def test_kuberays_own_fields(service: Any, cluster: Any) -> None:
    assert (service["apiVersion"], service["kind"]) == ("ray.io/v1", "RayService")
    assert service["spec"].keys() <= SERVICE_FIELDS
    assert cluster.keys() <= CLUSTER_FIELDS
    assert cluster["headGroupSpec"].keys() <= HEAD_FIELDS
    for group in cluster["workerGroupSpecs"]:
        assert group.keys() <= GROUP_FIELDS
        assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_pods_run_the_ray_that_is_pinned(cluster: Any) -> None:
    assert cluster["rayVersion"] == ray.__version__


def test_it_serves_the_configuration_for_one_a100(service: Any) -> None:
    found = yaml.safe_load(service["spec"]["serveConfigV2"])
    (shipped,) = yaml.safe_load_all((ROOT / "configs/llama-3.1-8b-a100.yaml").read_text())
    found_args, shipped_args = (one["applications"][0]["args"] for one in (found, shipped))
    assert found_args["artifacts"].pop("url").startswith("/models/")
    assert found == shipped, "copy the file again, and keep the folder of artifacts"
    assert found_args == shipped_args


def test_an_engine_fits_into_a_pod(cluster: Any, application: ServeConfig) -> None:
    (group,) = cluster["workerGroupSpecs"]
    limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
    taken = application.replica.num_gpus
    taken += sum(section.num_gpus for section in application.augmentations.values())
    assert taken <= int(limits["nvidia.com/gpu"])
    assert application.replica.num_cpus < int(limits["cpu"])
    assert application.swap is not None
    assert application.swap.host_memory_gib < float(limits["memory"].removesuffix("Gi"))
    autoscaling = application.replica.autoscaling
    assert autoscaling is not None and autoscaling.max_replicas == group["maxReplicas"]


def test_pods_outlast_their_streams(groups: Any, application: ServeConfig) -> None:
    draining_s = application.replica.graceful_shutdown_timeout_s
    for group in groups:
        assert group["template"]["spec"]["terminationGracePeriodSeconds"] > draining_s


def test_every_pod_is_probed_and_confined(groups: Any) -> None:
    for group in groups:
        spec = group["template"]["spec"]
        (container,) = spec["containers"]
        assert {"livenessProbe", "readinessProbe"} <= container.keys()
        assert spec["securityContext"]["runAsNonRoot"]
        assert not container["securityContext"]["allowPrivilegeEscalation"]


def test_secrets_come_from_a_secret(groups: Any) -> None:
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        by_name = {variable["name"]: variable for variable in container["env"]}
        for name in ("HF_TOKEN", "VLLM_API_KEY"):
            assert by_name[name]["valueFrom"]["secretKeyRef"]["name"] == "infercept"


def test_pods_have_haproxy_choose_engines_as_on_one_machine(groups: Any) -> None:
    wanted: dict[str, str] = {}
    direct_ingress.enable(wanted)
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        found = {variable["name"]: variable.get("value") for variable in container["env"]}
        # A pod has its ports for itself.
        assert {
            n: v for n, v in wanted.items() if not n.endswith("_PORT")
        }.items() <= found.items()


def test_metrics_are_scraped_where_pods_have_ports(groups: Any) -> None:
    (monitor,) = manifests("podmonitor.yaml").values()
    wanted = {endpoint["port"] for endpoint in monitor["spec"]["podMetricsEndpoints"]}
    selected = monitor["spec"]["selector"]["matchLabels"]
    budget = manifests("rayservice.yaml")["PodDisruptionBudget"]["spec"]["selector"]
    assert selected == budget["matchLabels"]
    for group in groups:
        (container,) = group["template"]["spec"]["containers"]
        assert wanted <= {port["name"] for port in container["ports"]}
        assert selected.items() <= group["template"]["metadata"]["labels"].items()
