/** Network, length of its prefix. IANA's special-purpose registry (2024), and Azure's metadata address. */
const REFUSED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** Inside 2000::/3, beyond which nothing is public: protocol assignments with Teredo, documentation, 6to4. */
const REFUSED_V6: readonly (readonly [readonly number[], number])[] = [
  [[0x2001, 0], 23],
  [[0x2001, 0xdb8], 32],
  [[0x2002], 16],
  [[0x3fff], 20],
];
const GLOBAL_V6 = [[0x2000], 3] as const;
/** 64:ff9b::/96 carries a v4 address, which then counts. */
const NAT64 = [[0x64, 0xff9b, 0, 0, 0, 0], 96] as const;

/**
 * Is this a public unicast address? False for private, loopback, link-local, shared (CGNAT), unique local, mapped, metadata and
 * all other special ones, and for what is no address at all.
 */
export function isPublicAddress(address: string): boolean {
  const v4 = parseV4(address);
  if (v4 !== undefined) return isPublicV4(v4);
  const v6 = parseV6(address);
  if (v6 === undefined) return false;
  if (isIn(v6, NAT64[0], NAT64[1], 16)) return isPublicV4(v6.slice(6).flatMap((group) => [group >> 8, group & 0xff]));
  return isIn(v6, ...GLOBAL_V6, 16) && !REFUSED_V6.some(([network, length]) => isIn(v6, network, length, 16));
}

/** Is it an IPv4 or IPv6 address, without brackets and zone? */
export function isAddress(text: string): boolean {
  return parseV4(text) !== undefined || parseV6(text) !== undefined;
}

function isPublicV4(parts: readonly number[]): boolean {
  return !REFUSED_V4.some(([network, length]) => isIn(parts, network.split('.').map(Number), length, 8));
}

/** Four plain decimal numbers. Other spellings (octal, one number) are the business of the URL parser. */
function parseV4(text: string): readonly number[] | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  const parts = text.split('.').map(Number);
  return parts.every((part) => part <= 255) ? parts : undefined;
}

/** Eight groups. The URL parser knows every spelling and answers with the canonical one. */
function parseV6(text: string): readonly number[] | undefined {
  if (!/^[0-9a-f:.]+$/i.test(text) || !text.includes(':') || !URL.canParse(`http://[${text}]/`)) return undefined;
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  return [...front, ...Array.from({ length: 8 - front.length - back.length }, () => 0), ...back];
}

function groupsOf(text: string): readonly number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** Do the first `length` bits agree? Parts a network does not name are zero. */
function isIn(parts: readonly number[], network: readonly number[], length: number, bitsPerPart: number): boolean {
  return parts.every((part, index) => {
    const bits = Math.min(bitsPerPart, Math.max(0, length - index * bitsPerPart));
    const shift = bitsPerPart - bits;
    return part >> shift === (network[index] ?? 0) >> shift;
  });
}
