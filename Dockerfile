# The CPU image. For GPUs: docker build --build-arg ENGINE=cuda .
FROM python:3.11-slim

ARG ENGINE=cpu
ENV ENGINE=${ENGINE} PYTHONUNBUFFERED=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make g++ libgomp1 libnuma1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY intercept_core intercept_core
COPY augment_workers augment_workers
COPY deployments deployments
COPY loadtest loadtest
COPY configs configs
RUN make environment
EXPOSE 8000
ENTRYPOINT [".venv/bin/infercept"]
CMD ["serve", "configs/demo.yaml", "--host", "0.0.0.0"]
