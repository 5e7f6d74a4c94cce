# The server alone, on a small Debian; Postgres is elsewhere (docker-compose.yml).

FROM rust:1.95-slim-trixie AS build
WORKDIR /build
COPY . .
# The caches outlive the build, so that a second one compiles only what has changed; the image's root is
# put together outside of them, because a cache is no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    .ci/program && .ci/image-root target/dist/statewright /image

FROM debian:trixie-slim
# curl for the health check; the program needs nothing but what is copied.
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /image /
USER 10001:10001
ENV STATEWRIGHT_LISTEN=0.0.0.0:8083
EXPOSE 8083
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD curl -fsS -o /dev/null http://127.0.0.1:8083/healthz \
        || curl -fsSk -o /dev/null https://127.0.0.1:8083/healthz
# SIGTERM lets calls end (STATEWRIGHT_DRAIN_SECONDS, 30), then hands over; 30 seconds more at most.
STOPSIGNAL SIGTERM
ENTRYPOINT ["statewright"]
CMD ["serve"]
