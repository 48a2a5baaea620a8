/**
 * Loaded before a server that runs apart: names of the public net lead to the front with TLS that `DECAMP_TEST_NAMES`
 * names, as `HOST,HOST:PORT`. The certificate is checked as ever; only where the name leads to is settled here. A
 * server's own guard takes no proxy, so `HTTPS_PROXY` would not do.
 */
import tls from "node:tls";

const [hosts = "", port = ""] = (process.env["DECAMP_TEST_NAMES"] ?? "").split(":");
const names = new Set(hosts.split(","));
const connect = tls.connect.bind(tls) as (...given: unknown[]) => tls.TLSSocket;

tls.connect = (first: unknown, ...rest: unknown[]) => {
  const options = first as tls.ConnectionOptions;
  const leads = typeof first === "object" && first !== null && names.has(options.host ?? "");
  const there = { host: "127.0.0.1", port: Number(port), servername: options.host };
  return connect(leads ? Object.assign({}, options, there) : first, ...rest);
};
