# syntax=docker/dockerfile:1
# One image for every service and every command: `offhook run SERVICE…`, `offhook migrate`, ….
#
# Builds only the `offhook` binary, which links all services. Holds no configuration and no secret; runs as user 10001 and
# needs to write nowhere but /var/lib/offhook (snapshots), so its root may be read-only.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive this layer, the image does not contain them: hence the copy out of target/.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release -p offhook && cp target/release/offhook /offhook

FROM debian:bookworm-slim
# Certificates for vendors and traces, curl for the health checks: the base has neither.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin offhook \
    # A new volume takes over the owner of the folder it covers.
    && install --directory --owner=offhook --group=offhook --mode=0750 /var/lib/offhook
COPY --from=build /offhook /usr/local/bin/offhook
USER 10001
WORKDIR /var/lib/offhook
ENTRYPOINT ["offhook"]
