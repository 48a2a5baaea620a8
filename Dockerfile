# decamp in a container, built from this checkout: docs/INSTALL.md. One process, no root, no port.
# The base has Node.js, npm and a shell. For a build that is the same next year, name one by its digest.
ARG BASE=node:24-slim

FROM ${BASE} AS build
WORKDIR /app
COPY . .
RUN npm ci --workspaces=false --ignore-scripts --engine-strict
RUN npm run build
# Anew, from the same lockfile: what is only for building stays behind, and so does what a container has no keychain for.
RUN npm ci --workspaces=false --ignore-scripts --engine-strict --omit=dev --omit=optional
# Whoever cloned this may have let nobody else read it.
RUN chmod -R a+rX,go-w /app

FROM ${BASE}
# A number and no name, so that any other number can be given: --user.
RUN mkdir -m 755 /data && mkdir -m 700 /data/state && chown -R 10001:10001 /data
COPY --from=build /app/LICENSE /app/README.md /app/package.json /app/
COPY --from=build /app/bin /app/bin
COPY --from=build /app/dist /app/dist
COPY --from=build /app/node_modules /app/node_modules
ENV HOME=/data XDG_STATE_HOME=/data/state
USER 10001:10001
WORKDIR /data
VOLUME /data
ENTRYPOINT ["node", "/app/bin/decamp.js"]
