import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** `facet serve` on loopback, at a port that the system picks. */
export class FacetServer {
  /** `options`: more of the command line. */
  static async start(...options) {
    const args = ["serve", "--host", "127.0.0.1", "--port", "0", "--admin-port", "-1", "--drain-delay", "0", "--timeout", "600000"];
    const model = ["--model", `test=${process.env.FACET_MODEL}`];
    const child = spawn(process.env.FACET_PROGRAM, [...args, ...model, ...options], { stdio: ["ignore", "inherit", "pipe"] });
    const server = new FacetServer(child);
    server.port = await server.listening();
    await server.ready();
    return server;
  }

  constructor(child) {
    this.child = child;
    this.ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  /** Ends as a person would end it; the exit status. */
  async stop() {
    this.child.kill("SIGTERM");
    return this.ended;
  }

  listening() {
    return new Promise((resolve, reject) => {
      createInterface({ input: this.child.stderr }).on("line", (text) => {
        if (!text.startsWith("{")) return void console.error(text);
        const line = JSON.parse(text);
        if (line.event === "listening") resolve(line.port);
      });
      void this.ended.then((status) => reject(new Error(`facet serve ended with ${status}`)));
    });
  }

  async ready() {
    while (!(await fetch(`${this.url}readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
