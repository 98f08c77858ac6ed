import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { startProgram } from "../../../src/shared/program.ts";
import { freePort, untilAnswers, type Upstream } from "../processes.ts";
import { chatTarget, type Started } from "../target.ts";

const NGINX = "/usr/sbin/nginx";

/** Debian's nginx-light as it has to be set up for streams: HTTP/1.1 and kept connections upstream, no buffering, no access log. */
export async function startNginx(folder: string, upstream: Upstream): Promise<Started> {
  const port = await freePort();
  await mkdir(join(folder, "nginx"), { recursive: true });
  const config = join(folder, "nginx/nginx.conf");
  await writeFile(config, configuration(join(folder, "nginx"), port, upstream.socket));
  const program = await startProgram(NGINX, ["-c", config, "-p", join(folder, "nginx")]);
  await untilAnswers(port, "/health", program);
  return {
    target: chatTarget("nginx", port),
    pids: [program.pid],
    stop: async () => await program.stop(3_000),
  };
}

function configuration(folder: string, port: number, socket: string): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `  ${name}_temp_path ${folder}/${name};`,
  );
  return `daemon off;
user root;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
${paths.join("\n")}
  client_body_buffer_size 1m;
  keepalive_requests 10000000;
  upstream model { server unix:${socket}; keepalive 64; keepalive_requests 10000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
}
