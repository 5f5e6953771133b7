# Releases pin the base image by its digest: --build-arg BASE=python:3.13-slim-trixie@sha256:...
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /src
COPY build.lock requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement build.lock \
    && python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --only-binary=:all: \
       --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter ./exporter
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --no-index /wheels/*.whl
# Remove 80 MB that the exporter never loads: tests, headers, and Arrow's clients for Flight and S3.
WORKDIR /opt/venv/lib/python3.13/site-packages
RUN find numpy scipy pyarrow -name tests -type d -prune -exec rm -r {} + \
    && rm -r pyarrow/include pyarrow/*flight* pyarrow/*s3*

FROM ${BASE}
LABEL org.opencontainers.image.title="prediction-exporter" \
      org.opencontainers.image.description="A sidecar that turns a model's prediction log into Prometheus metrics" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 65532 exporter \
    && useradd --system --uid 65532 --gid 65532 --no-create-home exporter \
    && install --directory --owner 65532 --group 65532 --mode 0700 /var/lib/prediction-exporter
COPY --from=build /opt/venv /opt/venv
USER 65532:65532
# The image already contains bytecode, and its root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /var/lib/prediction-exporter
EXPOSE 9465
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s CMD ["prediction-exporter", "health"]
ENTRYPOINT ["prediction-exporter"]
CMD ["run", "--config", "/etc/prediction-exporter/config.yaml"]
