# The image of queue workers and of pipelines: docker build -t expander . && docker run --rm expander --version
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/expander && /opt/expander/bin/pip install --no-cache-dir "/source[queue]"

FROM python:3.13-slim
COPY --from=build /opt/expander /opt/expander
RUN ln -s /opt/expander/bin/expander /usr/local/bin/expander
WORKDIR /work
USER 65532:65532
ENV HOME=/tmp
ENTRYPOINT ["expander"]
