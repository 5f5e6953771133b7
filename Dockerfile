FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY pyproject.toml README.md LICENSE ./
COPY exporter ./exporter
RUN /opt/venv/bin/pip install --no-cache-dir '.[sql]'

FROM python:3.13-slim
COPY --from=build /opt/venv /opt/venv
RUN useradd --system --uid 65532 --no-create-home exporter \
    && install --directory --owner 65532 --mode 0700 /var/lib/prediction-exporter
USER 65532
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
VOLUME /var/lib/prediction-exporter
EXPOSE 9465
HEALTHCHECK --interval=15s --timeout=3s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9465/-/healthy', timeout=2)"]
ENTRYPOINT ["prediction-exporter"]
CMD ["run", "--config", "/etc/prediction-exporter/config.yaml"]
