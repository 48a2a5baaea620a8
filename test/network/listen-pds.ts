/** Has one version of the reference PDS listen in this process. */
import type { PDS, envToCfg, envToSecrets, ServerEnvironment } from "@atproto/pds";

/** What a version of the package has, as far as it is needed here. */
export interface PdsPackage {
  readonly PDS: typeof PDS;
  readonly envToCfg: typeof envToCfg;
  readonly envToSecrets: typeof envToSecrets;
}

/** A server that listens. */
export interface Listening {
  destroy(): Promise<unknown>;
  kill(): Promise<void>;
}

/** Starts a server in this process, on 127.0.0.1 alone. */
export async function listen(version: PdsPackage, env: ServerEnvironment, port: number): Promise<Listening> {
  const config = version.envToCfg(env);
  config.service.port = port;
  const pds = await version.PDS.create(config, version.envToSecrets(env));
  const { app } = pds;
  const listenAnywhere = app.listen.bind(app) as (port: number, host: string) => ReturnType<typeof app.listen>;
  app.listen = ((at: number) => listenAnywhere(at, "127.0.0.1")) as typeof app.listen;
  await pds.start();
  return {
    destroy: async () => pds.destroy(),
    kill: async () => Promise.reject(new Error("this server was not started with { apart: true }")),
  };
}
