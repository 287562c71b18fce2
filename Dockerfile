# The command in a small image: `docker build -t wagle .`, then `docker run --rm -v "$PWD:/data" wagle --version`.
FROM debian:12 AS build
WORKDIR /src
COPY . .
RUN tools/setup --dist
RUN cmake --preset packages && cmake --build --preset packages && cpack --config build/packages/CPackConfig.cmake -B /packages

FROM debian:12-slim
COPY --from=build /packages/wagle_*.deb /tmp/
RUN apt-get update && apt-get install -y --no-install-recommends /tmp/wagle_*.deb && rm -rf /tmp/wagle_*.deb /var/lib/apt/lists/*
WORKDIR /data
ENTRYPOINT ["wagle"]
