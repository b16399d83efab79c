# The tag names a Python and a Debian. For builds that must be the same to the byte, pin the digest too:
#   docker build --build-arg PYTHON=3.12.12-slim-bookworm@sha256:… .
ARG PYTHON=3.12.12-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore SOURCE_DATE_EPOCH=315532800
WORKDIR /source
# Packages first, as they change least. No pip in the environment that is shipped. Wheels only, so that nothing needs a
# compiler; each by its digest. Bytecode comes last, and goes by no times of files: builders round these, each its way,
# and what seemed stale would be compiled at each start. Files in our wheel have the first date that ZIP knows, of 1980.
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv --without-pip /opt/parley \
    && pip --python /opt/parley/bin/python install --no-compile --only-binary :all: --require-hashes \
        -r requirements/runtime.txt \
    && pip install --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY api api
COPY models models
COPY permissions permissions
COPY resolvers resolvers
RUN pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && pip --python /opt/parley/bin/python install --no-compile --no-deps --no-index /wheels/*.whl \
    && /opt/parley/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/parley/lib

FROM python:${PYTHON}
# What the base image brings and a server has no use for: installers of Python's.
RUN python -m pip --disable-pip-version-check uninstall --yes --root-user-action=ignore pip \
    && rm -r "$(python -c 'import ensurepip, os; print(os.path.dirname(ensurepip.__file__))')" \
    && groupadd --gid 10001 parley \
    && useradd --uid 10001 --gid parley --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin parley
COPY --from=build /opt/parley /opt/parley
# The root may be read-only: only files that are imported are written, to /tmp. Embedded stores are not in here.
ENV PATH=/opt/parley/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('PARLEY_PORT', '8000')}/healthz\", timeout=2)"]
ENTRYPOINT ["parley"]
CMD ["serve", "--host", "0.0.0.0"]
