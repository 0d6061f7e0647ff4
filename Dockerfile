# Targets: `relay` (the default) and `sandbox`, a local Bitrix24 to try the relay with. They share all layers but their own code.

# The digest of the tag's list of platforms. CONTRIBUTING.md says how to move to a newer one.
FROM node:26.10.0-slim@sha256:930557a230abacbc3f4fd9b8648abf8f4bee1e17cb72195dcdfb2f709bc85b33 AS runtime

FROM runtime AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# None of these packages needs an install script, so none may run.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM runtime AS base
# What Node compiles is kept for the next start and the next health check, as far as the folder can be written.
ENV NODE_ENV=production NODE_COMPILE_CACHE=/tmp/node-compile-cache
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY docker/healthcheck.ts docker/
# Files keep the modes that they have where the image is built, and a strict umask there would hide them from the user node.
RUN chmod -R a+rX docker package.json LICENSE

FROM base AS sandbox
LABEL org.opencontainers.image.title="imconnector-relay-sandbox" \
      org.opencontainers.image.description="A local Bitrix24 to try imconnector-relay with; never for a public address" \
      org.opencontainers.image.licenses="MIT"
COPY sandbox sandbox
COPY demo/connector.ts demo/story.ts demo/
COPY docker/conversation.ts docker/
RUN chmod -R a+rX sandbox demo docker
# Its port is published to the machine that runs it, which needs more than the container's own loopback.
ENV HOST=0.0.0.0 PORT=4000
EXPOSE 4000
USER node
HEALTHCHECK --interval=2s --timeout=3s --retries=15 CMD ["node", "docker/healthcheck.ts", "/sandbox/faults"]
CMD ["node", "sandbox/server.ts"]

FROM base AS relay
# A named volume takes its owner from this folder; a folder of the host has to be given to uid 1000 by hand.
RUN mkdir --mode=700 /data && chown node:node /data
VOLUME /data
# The C library keeps what was freed in two heaps and not in one for each thread, some 20 MB less.
ENV MALLOC_ARENA_MAX=2
ENV DATABASE_URL=file:/data/relay.db
COPY src src
COPY routes routes
RUN chmod -R a+rX src routes
EXPOSE 3000
USER node
# The start may wait 30 s for another process to let go of the database.
HEALTHCHECK --interval=10s --timeout=3s --start-period=40s --retries=3 CMD ["node", "docker/healthcheck.ts"]
CMD ["node", "--max-semi-space-size=8", "src/server.ts"]
# Last, because they change with every build.
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="imconnector-relay" \
      org.opencontainers.image.description="Relays message-edited webhooks of messengers into Bitrix24 open lines" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
