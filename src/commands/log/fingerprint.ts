/** Hashes as words that two people can compare over a telephone: proquints (Wilkerson, arXiv:0901.4016), five letters for 16 bits. */
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

/** Of an even number of bytes: 16 words for 32. */
export function wordsOf(bytes: Uint8Array): readonly string[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) =>
    word((bytes[2 * index] ?? 0) * 256 + (bytes[2 * index + 1] ?? 0)),
  );
}

function word(value: number): string {
  const letter = (alphabet: string, shift: number): string =>
    alphabet.charAt(Math.floor(value / 2 ** shift) % alphabet.length);
  return [
    letter(CONSONANTS, 12),
    letter(VOWELS, 10),
    letter(CONSONANTS, 6),
    letter(VOWELS, 4),
    letter(CONSONANTS, 0),
  ].join("");
}
