# The service with the models of a folder:
#   docker build -t textura .
#   docker run --read-only --tmpfs /tmp -v "$PWD/models:/models:ro" -p 127.0.0.1:8080:8080 textura
# Other commands too: docker run --rm -v "$PWD:/work" -w /work textura classify photo.jpg

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY . .
RUN npm ci && npm run build:package
WORKDIR /textura
RUN npm install --ignore-scripts --no-audit --no-fund /build/dist/textura-*.tgz \
  && node_modules/.bin/textura setup:slim

FROM node:22-bookworm-slim
COPY --from=build /textura /textura
WORKDIR /textura
# glibc returns freed memory to the system.
ENV NODE_ENV=production MALLOC_MMAP_THRESHOLD_=1048576 MALLOC_TRIM_THRESHOLD_=1048576
USER node
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/textura/node_modules/textura/dist/code/package/textura.js"]
CMD ["serve", "--models", "/models", "--host", "0.0.0.0"]
