"""The environment of a process with one engine on a CPU."""

ONE_ENGINE = {
    "OMP_NUM_THREADS": "1",  # the other core is for copies and for the rest of the machine
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
