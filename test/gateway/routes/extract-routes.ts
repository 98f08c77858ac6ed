/** Every route that llama-server's source registers, as "METHOD path". */
export function extractRoutes(files: { readonly server: string; readonly http: string }): readonly string[] {
  const api = [...files.server.matchAll(/ctx_http\.(get|post|del)\s*\(\s*"([^"]+)"/g)].map(
    ([, verb = "", path = ""]) => `${verb === "del" ? "DELETE" : verb.toUpperCase()} ${path}`,
  );
  const ui = [...files.http.matchAll(/srv->(Get|Post|Delete)\(\s*params\.api_prefix \+ "([^"]+)"/g)]
    .filter(([, , path = ""]) => path.length > 1 || files.http.includes('params.api_prefix + "/",'))
    .map(([, verb = "", path = ""]) => `${verb.toUpperCase()} ${path}`);
  return [...new Set([...api, ...ui])].sort();
}
