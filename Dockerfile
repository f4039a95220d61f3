# The service with its demo model inside:
#     docker build -t vae-service . && docker run -p 8000:8000 vae-service
# Models of your own: docker run -p 8000:8000 -v ./models:/models:ro vae-service
#
# On Linux the package index's torch is a CUDA build of several gigabytes. PyTorch's own index has
# the same version for CPUs, and the image is a tenth as large with
#     --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

# What serving needs, in a virtual environment that is copied whole.
FROM python:3.11-slim AS packages
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# For model_store/vae/native, which without a compiler is left out. Any version of it will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/* \
    && python -m venv --without-pip /opt/venv
# The packages without their code first: a change of code does not install torch again.
COPY pyproject.toml constraints.txt README.md ./
RUN mkdir app model_store training \
    && pip --python /opt/venv install --constraint constraints.txt . \
    # torch brings its C++ headers and its own test programs; Python needs neither.
    && torch=/opt/venv/lib/python3.11/site-packages/torch \
    && rm -rf "$torch"/include "$torch"/share "$torch"/test "$torch"/lib/*.a \
        "$torch"/lib/*test.so "$torch"/lib/libaoti_custom_ops.so \
        "$torch"/lib/libbackend_with_compiler.so \
        "$torch"/bin/*Test "$torch"/bin/test_* "$torch"/bin/protoc* "$torch"/bin/*.pt*
COPY app app
COPY model_store model_store
COPY training training
RUN pip --python /opt/venv install --no-deps --force-reinstall .

# The demo model, trained by the very torch that will serve it.
FROM packages AS demo
RUN pip --python /opt/venv install --constraint constraints.txt ".[train]" \
    && /opt/venv/bin/vae-train digits --store /models --quiet

# Training stays behind: its libraries are not in the image.
FROM packages AS serving
RUN rm -r /opt/venv/lib/python3.11/site-packages/training /opt/venv/bin/vae-train

FROM python:3.11-slim
COPY --from=serving /opt/venv /opt/venv
COPY --from=demo /models /models
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    VAE_HOST=0.0.0.0 \
    VAE_PORT=8000 \
    VAE_STORE=/models
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# http.client rather than urllib.request: it starts faster and asks no proxy.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import http.client, os, sys; \
service = http.client.HTTPConnection('127.0.0.1', int(os.environ['VAE_PORT']), timeout=4); \
service.request('GET', '/readyz'); \
sys.exit(service.getresponse().status != 200)"]
ENTRYPOINT ["vae-serve"]
