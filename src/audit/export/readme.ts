/** README.txt of an export. */
export function readmeOf(of: {
  readonly origin: string;
  readonly size: number;
  readonly records: number;
  readonly texts: number;
}): string {
  return `${of.records} records of the audit log ${of.origin}, ${of.texts} of them with their text, and for each the proof that it
stands in the log as it was when its tree had ${of.size} records.

Check all of it, with Node.js 22.15 or newer and nothing else:

      node log-verify.mjs . --log-key "$(cat log-key)"

log-key is what the log says of itself. Whoever published the log's key, or keeps an anchor of it, tells whether it is the right one.
Do not run log-verify.mjs from somebody whom you do not trust: any copy of the same program checks any export.

It proves that what is shown stands in the log, not that nothing was left out: records have no proof that they are all. A content key
and this file are vouched for by nobody; a wrong key opens nothing.

By hand, for one record N:

  - A ledger line of records.jsonl begins {"v":1,"seq":N. Its leaf hash is the SHA-256 of a zero byte and the line, without its newline:
      (printf '\\0'; grep -m1 '^{"v":1,"seq":N,' records.jsonl | tr -d '\\n') | sha256sum
  - proofs/N.proof is a C2SP tlog-proof: the hashes after "index" lead from the leaf to the root in the signed checkpoint below them
    (RFC 6962, section 2.1.1). The checkpoint is a C2SP signed note; log-key is the C2SP verifier key of its signature.
  - The next line is the payload. payload.sha256 in the ledger line is its SHA-256, without its newline:
      grep -m1 -A1 '^{"v":1,"seq":N,' records.jsonl | tail -n1 | tr -d '\\n' | sha256sum
    After a purge a tombstone stands there instead; it names the record that ordered it, which is here as well and has N in its ranges.
  - payload.commit is HMAC-SHA256 of the text; its key is the salt, in bytes, that content.jsonl has beside the text:
      jq -j 'select(.seq==N) | .text' content.jsonl | openssl dgst -sha256 -mac HMAC -macopt hexkey:SALT
    What is no UTF-8 stands there in base64:
      jq -r 'select(.seq==N) | .base64' content.jsonl | base64 -d | openssl dgst -sha256 -mac HMAC -macopt hexkey:SALT
  - keys.jsonl has the content keys as age files in base64, for whoever has the identity:
      jq -r 'select(.key=="KEY") | .wrapped' keys.jsonl | base64 -d | age -d -i IDENTITY | od -An -v -tx1 | tr -d ' \\n'
  - With that key, in hex, a sealed payload line is opened (AES-256-GCM; inside, perhaps zstd; the first 32 bytes are the salt):
      grep -m1 -A1 '^{"v":1,"seq":N,' records.jsonl | tail -n1 | node -e '
        const { payload, nonce, data } = JSON.parse(require("fs").readFileSync(0));
        const [iv, bytes] = [nonce, data].map((part) => Buffer.from(part, "base64"));
        const gcm = require("crypto").createDecipheriv("aes-256-gcm", Buffer.from("HEX", "hex"), iv);
        gcm.setAAD(Buffer.from(String(payload))).setAuthTag(bytes.subarray(-16));
        const packed = Buffer.concat([gcm.update(bytes.subarray(0, -16)), gcm.final()]);
        const body = packed.subarray(5, 5 + packed.readUInt32BE(1));
        process.stdout.write((packed[0] === 1 ? require("zlib").zstdDecompressSync(body) : body).subarray(32));'
`;
}
