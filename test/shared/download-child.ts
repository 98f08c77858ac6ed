/** One download in a process of its own, to be killed; a line on standard output once bytes are on the disk. */
import { parseDigest } from "../../src/shared/digest.ts";
import { download } from "../../src/shared/download.ts";
import { openHttp } from "../../src/shared/http.ts";
import { openStore } from "../../src/shared/store/store.ts";

const [root = "", url = "", digest = "", size = ""] = process.argv.slice(2);
await download(
  {
    url,
    expected: { digest: parseDigest(digest), sizeBytes: Number(size) },
    onProgress: () => void process.stdout.write("some\n"),
  },
  { store: await openStore(root), http: openHttp({ env: {} }) },
);
