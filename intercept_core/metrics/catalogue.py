"""Every metric of this project; docs/metrics.md tells operators of them."""

from intercept_core.metrics.metric import Metric

SECONDS = (0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800)
LATENCY_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30)
TOKENS = (1, 16, 64, 256, 1024, 4096, 16384, 65536)

ENGINE = ("model_name", "engine")


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(name=name, type="counter", text=text, labels=labels)


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name=name, type="gauge", text=text, labels=labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=name, type="histogram", text=text, labels=labels, buckets=buckets)


# -- what the scheduler reports ------------------------------------------------------------

TOTALS = {
    metric.name: metric
    for metric in (
        _counter("parks", "Requests that were parked.", *ENGINE),
        _counter(
            "decisions",
            "Changes of mind of the policy, by what it decided.",
            *ENGINE,
            "disposition",
        ),
        _counter(
            "waste_byte_seconds",
            "Device memory that served nobody, by cause.",
            *ENGINE,
            "cause",
        ),
        _counter("recomputed_tokens", "Context tokens that were computed again.", *ENGINE),
        _counter(
            "swapped_blocks",
            "KV blocks copied to the host (out) and back (in).",
            *ENGINE,
            "direction",
        ),
        _counter(
            "copy_budget_blocks",
            "KV blocks that iterations could hide copies of, and did.",
            *ENGINE,
            "share",
        ),
        _counter(
            "contexts_reclaimed", "Takings from waiting contexts by memory pressure.", *ENGINE
        ),
        _counter(
            "blocks_over_limit",
            "KV blocks taken from parked contexts beyond their share.",
            *ENGINE,
        ),
        _counter("overdue", "Parked requests that the scheduler has ended.", *ENGINE),
        _counter("policy_seconds", "Time spent in the policy.", *ENGINE),
    )
}
"""Totals in the scheduler's reports, by their names there."""

PARKED = "parked_requests"
"""The one level whose labels come and go."""

LEVELS = {
    metric.name: metric
    for metric in (
        _gauge(PARKED, "Requests that wait for an augmentation.", *ENGINE, "kind"),
        _gauge("device_blocks", "KV blocks of the device, by state.", *ENGINE, "state"),
        _gauge("host_blocks", "KV blocks of the host pool, by state.", *ENGINE, "state"),
        _gauge(
            "iteration_prediction_error_ratio",
            "Median relative error of the latest expected times of iterations.",
            *ENGINE,
        ),
    )
}
"""Levels in the scheduler's reports, by their names there."""

INTERCEPTIONS = _counter(
    "interceptions",
    "Interceptions that are over, by kind and what had become of the context.",
    *ENGINE,
    "kind",
    "context",
)
INTERCEPTION_S = _histogram(
    "interception_seconds", "Time from call to result.", SECONDS, *ENGINE, "kind"
)
PREDICTED_S = _histogram(
    "predicted_seconds",
    "The duration that the policy expected when it first decided.",
    SECONDS,
    *ENGINE,
    "kind",
)
PREDICTION_ERROR_S = _histogram(
    "prediction_error_seconds",
    "Distance of the duration that was predicted from the true one.",
    SECONDS,
    *ENGINE,
    "kind",
)
RESULT_TO_RESUME_S = _histogram(
    "result_to_resume_seconds",
    "Time from a result at the scheduler to the iteration that takes its request up.",
    LATENCY_S,
    *ENGINE,
    "kind",
)
RESUME_TO_FIRST_TOKEN_S = _histogram(
    "resume_to_first_token_seconds",
    "Time from a result to the next new token.",
    SECONDS,
    *ENGINE,
    "context",
)
RECOMPUTED_TOKENS = _histogram(
    "interception_recomputed_tokens",
    "Context tokens computed again after an interception.",
    TOKENS,
    *ENGINE,
    "kind",
)

SCHEDULER = (
    *TOTALS.values(),
    *LEVELS.values(),
    *(INTERCEPTIONS, INTERCEPTION_S, PREDICTED_S, PREDICTION_ERROR_S),
    *(RESULT_TO_RESUME_S, RESUME_TO_FIRST_TOKEN_S, RECOMPUTED_TOKENS),
)

# -- what a replica's bus does ---------------------------------------------------------------

CALLS = _counter(
    "calls",
    "Calls of augmentations that have ended, by how.",
    *("model_name", "kind", "outcome"),
)
CALL_RETRIES = _counter(
    "call_retries", "Attempts of calls after the first.", "model_name", "kind"
)
TRIGGER_TO_WORK_S = _histogram(
    "trigger_to_work_seconds",
    "Time from a call in the replica to the news that a worker has begun it.",
    LATENCY_S,
    *("model_name", "kind"),
)

BUS = (CALLS, CALL_RETRIES, TRIGGER_TO_WORK_S)

# -- what a worker does ----------------------------------------------------------------------

WORKER_RUNNING = _gauge("worker_running_calls", "Calls that a worker runs.")
WORKER_WAITING = _gauge("worker_waiting_calls", "Calls that wait at a worker for a slot.")
WORKER_CALLS = _counter(
    "worker_calls", "Attempts that have ended at a worker, by how.", "kind", "outcome"
)
WORKER_QUEUE_S = _histogram(
    "worker_queue_seconds", "Time that calls waited at a worker.", LATENCY_S, "kind"
)
WORKER_WORK_S = _histogram(
    "worker_work_seconds", "Time that a worker spent on a call.", SECONDS, "kind"
)

WORKER = (WORKER_RUNNING, WORKER_WAITING, WORKER_CALLS, WORKER_QUEUE_S, WORKER_WORK_S)

ALL = (*SCHEDULER, *BUS, *WORKER)
