/** README.txt of an export. */
export function readmeOf(of: {
  readonly origin: string;
  readonly size: number;
  readonly records: number;
  readonly texts: number;
}): string {
  return `${of.records} records of the audit log ${of.origin}, ${of.texts} of them with their text, and for each the proof that it
stands in the log as it was when its tree had ${of.size} records.

Check all of it, with Node.js 22 or newer and nothing else:

  node log-verify.mjs . --log-key "$(cat log-key)"

log-key is what the log says of itself. Whoever published the log's key, or keeps an anchor of it, tells whether it is the right one.
Do not run log-verify.mjs from somebody whom you do not trust: any copy of the same program checks any export.

By hand, for one record N:

  - A ledger line of records.jsonl begins {"v":1,"seq":N. Its leaf hash is the SHA-256 of a zero byte and the line, without its newline:
      (printf '\\0'; grep -m1 '^{"v":1,"seq":N,' records.jsonl | tr -d '\\n') | sha256sum
  - proofs/N.proof is a C2SP tlog-proof: the hashes after "index" lead from the leaf to the root in the signed checkpoint below them
    (RFC 6962, section 2.1.1). The checkpoint is a C2SP signed note; log-key is the C2SP verifier key of its signature.
  - The next line is the payload. payload.sha256 in the ledger line is its SHA-256, without its newline; after a purge a tombstone
    stands there instead, and names the record that ordered it.
  - payload.commit is HMAC-SHA256 of the text; its key is the salt, in bytes, that content.jsonl has beside the text:
      jq -j 'select(.seq==N) | .text' content.jsonl | openssl dgst -sha256 -mac HMAC -macopt hexkey:SALT
  - keys.jsonl has the content keys as age files in base64, for whoever has the identity:
      jq -r 'select(.key=="KEY") | .wrapped' keys.jsonl | base64 -d | age -d -i IDENTITY | xxd -p
`;
}
