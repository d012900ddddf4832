# One image for every process of ours: node services/<name>/src/main.ts. Node runs TypeScript as it is, without a build.

ARG NODE_IMAGE=node:24-slim

# Only the manifests, so that a change of a source file does not install everything again.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /repository
COPY package.json package-lock.json ./
COPY packages packages
COPY services services
RUN find packages services -type f ! -name package.json -delete

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY --from=manifests /repository ./
# Not `npm ci`: see the Makefile. The lock file is followed either way. A registry's settings may come in as a secret.
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm install --omit=dev --no-save --ignore-scripts --no-audit --no-fund --loglevel=error

# The one thing that is built: the dashboard's page, for browsers.
FROM ${NODE_IMAGE} AS page
WORKDIR /app
COPY --from=manifests /repository ./
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm install --workspace services/dashboard --no-save --ignore-scripts --no-audit --no-fund --loglevel=error
COPY tsconfig.base.json ./
COPY packages packages
COPY services/dashboard services/dashboard
RUN node services/dashboard/build.ts

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="Driftlab services" \
      org.opencontainers.image.description="Orders service, sinks, auditor, queries, dashboard and set-up jobs of Driftlab" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json .env.example ./
COPY packages packages
COPY services services
COPY --from=page /app/services/dashboard/dist services/dashboard/dist
COPY infra infra
# The mount points of the configure job, and of what a service keeps; a new volume takes over owner and mode.
RUN mkdir -p /var/lib/driftlab && chown node:node /var/lib/driftlab
RUN mkdir -p /configuration && cd /configuration \
 && mkdir passwords postgres connect redis elasticsearch clickhouse migrate elasticsearch-set-up clickhouse-set-up \
      orders-cdc orders-dual-write cache-updater search-indexer warehouse-loader auditor queries event-sourcing-set-up orders-event-sourcing \
      cache-updater-event-sourcing search-indexer-event-sourcing warehouse-loader-event-sourcing \
 && chown -R node:node /configuration && chmod 700 passwords
USER node
STOPSIGNAL SIGTERM
CMD ["node", "--version"]
