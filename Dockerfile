# The production image: the pinned requirements, the code and its static files. No secret is needed to build it.
# `docker build -t prepaid-credits .`; how to run it: compose.yaml, docs/go-live.md.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS translations
WORKDIR /app
COPY dev/babel.txt dev/babel.txt
RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r dev/babel.txt
COPY dev/messages/compiling.py compiling.py
COPY locale locale
# Only the compiled ones are read.
RUN python compiling.py locale && find locale -name '*.po' -delete

FROM python:${PYTHON} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# The site needs no pip: the base image's own fills the environment.
RUN python -m venv --without-pip /opt/venv
# Wheels only, each by its hash: nothing is built and nothing else is fetched.
COPY requirements.txt .
RUN pip --python /opt/venv/bin/python install --require-hashes --no-deps --only-binary :all: -r requirements.txt
ENV PATH=/opt/venv/bin:$PATH
COPY manage.py .
COPY config config
COPY core core
COPY backoffice backoffice
COPY accounts accounts
COPY credits credits
COPY billing billing
COPY templates templates
COPY static static
COPY --from=translations /app/locale locale
RUN DJANGO_SETTINGS_MODULE=config.settings.build python manage.py collectstatic --no-input --verbosity 0 \
    && python -m compileall -q /opt/venv/lib config core backoffice accounts credits billing

FROM python:${PYTHON} AS runtime
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app
COPY --from=builder /opt/venv /opt/venv
# Owned by root: the process can read its code and change none of it.
COPY --from=builder /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings.production \
    GRANIAN_INTERFACE=wsgi \
    GRANIAN_HOST=0.0.0.0 \
    GRANIAN_PORT=8000 \
    GRANIAN_WORKERS=2 \
    GRANIAN_BLOCKING_THREADS=8 \
    GRANIAN_RESPAWN_FAILED_WORKERS=true
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "config.probe"]
# Migrating is a command of its own: python manage.py migrate. The folder is where the worker processes add up their
# counts for /metrics; it is a new one at each start.
CMD ["sh", "-c", "PROMETHEUS_MULTIPROC_DIR=$(mktemp -d) exec granian config.wsgi:application"]
