"""The environment of a process with one engine on a CPU."""

_KEEP_FREED_MEMORY = ":".join(
    (
        "glibc.malloc.hugetlb=1",
        "glibc.malloc.mmap_threshold=1073741824",
        "glibc.malloc.trim_threshold=4294967296",
    )
)
"""Else what a layer allocates goes back to the kernel and comes again page by page, or not, as
the heap happens to lie: a twentieth of an iteration, which differs from process to process. For
the same reason vLLM recommends tcmalloc on CPUs, which this machine need not have."""

ONE_ENGINE = {
    "GLIBC_TUNABLES": _KEEP_FREED_MEMORY,
    "OMP_NUM_THREADS": "1",  # the other core is for copies and for the rest of the machine
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
}
