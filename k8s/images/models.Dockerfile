# The model repository as an image volume: docker build -f k8s/images/models.Dockerfile .
# Its base only checks the models; nothing of it is in the result.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON_IMAGE} AS verified
WORKDIR /build
COPY k8s/images/model_sums.py ./
COPY models/manifest.toml models/
COPY model_repository model_repository
RUN python model_sums.py .

FROM scratch
COPY --from=verified /build/SHA256SUMS /SHA256SUMS
COPY --from=verified /build/model_repository /model_repository
