# syntax=docker/dockerfile:1
# docker build --target cpu .     the demo, on any machine
# docker build --target cuda .    for NVIDIA GPUs: docker run --gpus all
# Steps that install are requirements/install.sh, which make runs, too. CUDA's libraries are
# among the packages: the machine brings only its driver.

FROM python:3.11.14-slim-bookworm AS base
# A compiler, for kernels that torch and Triton make on the spot, and wget for probes. Debian drops
# old versions of its packages, so naming them would break this; the base names the release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ libgomp1 libnuma1 wget \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 infercept \
    && install --directory --owner=infercept /app /models /var/cache/infercept
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    INFERCEPT_CACHE=/var/cache/infercept \
    HF_HOME=/models
WORKDIR /app

# Gigabytes, in one layer of their own that changes with the lock alone.
FROM base AS cpu-packages
COPY requirements/install.sh requirements/cpu.lock requirements/
RUN requirements/install.sh .venv requirements/cpu.lock

FROM base AS cuda-packages
COPY requirements/install.sh requirements/cuda.lock requirements/
RUN requirements/install.sh .venv requirements/cuda.lock

# Megabytes, which change with every commit.
FROM scratch AS source
COPY pyproject.toml README.md LICENSE /app/
COPY requirements/install.sh /app/requirements/
COPY configs /app/configs
COPY intercept_core /app/intercept_core
COPY augment_workers /app/augment_workers
COPY deployments /app/deployments
COPY loadtest /app/loadtest

FROM base AS cuda
COPY --link --from=cuda-packages /app/.venv /app/.venv
COPY --link --from=source /app /app
RUN requirements/install.sh --project .venv
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
EXPOSE 8000 8080
# Loading a model may take many minutes, and weights may have to come first.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30m --retries=3 \
    CMD ["wget", "--quiet", "--output-document=/dev/null", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["infercept"]
CMD ["serve", "configs/llama-3.1-8b-a100.yaml", "--host", "0.0.0.0"]

FROM base AS cpu
COPY --link --from=cpu-packages /app/.venv /app/.venv
COPY --link --from=source /app /app
RUN requirements/install.sh --project .venv
USER 1000
EXPOSE 8000 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --retries=3 \
    CMD ["wget", "--quiet", "--output-document=/dev/null", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["infercept"]
CMD ["serve", "configs/demo.yaml", "--host", "0.0.0.0"]
