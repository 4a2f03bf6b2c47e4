/** Ten marks for ten digits. A word index passes over them and JSON leaves them as they are, so that a stamp weighs nothing but its bytes. */
const MARKS = '~^*=|;$%()';
const DIGITS = 8;
/** Tenths of a millisecond after which stamps repeat: 2.7 hours, far more than a token is on its way. */
const WINDOW = 10 ** DIGITS;
const PER_MS = 10;
const NS_PER_MS = 1e6;

const stamp = `[${MARKS.replaceAll(/\W/g, String.raw`\$&`)}]{${DIGITS}}`;
const TOKEN = new RegExp(`(${stamp})(${stamp})? `, 'g');

/** Milliseconds of the machine's monotonic clock, which all its processes read alike. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / NS_PER_MS;
}

/** A time as it stands in a text, to a tenth of a millisecond. */
export function stampOf(ms: number): string {
  const digits = String(Math.round(ms * PER_MS) % WINDOW).padStart(DIGITS, '0');
  return digits.replaceAll(/\d/g, (digit) => MARKS.charAt(Number(digit)));
}

/** A token on its way: when the model sent it and, for the first of an answer, when its request had reached the model. */
export interface StampedToken {
  readonly sentAt: number;
  readonly requestedAt?: number;
}

/** A word with its stamps, as part of a text. */
export function stampedWord(word: string, { sentAt, requestedAt }: StampedToken): string {
  return `${word}${stampOf(sentAt)}${requestedAt === undefined ? '' : stampOf(requestedAt)} `;
}

/** Finds the tokens in a text that comes in pieces, wherever it was cut. */
export class TokenReader {
  #rest = '';

  /** The tokens that are whole with this piece. */
  read(piece: string, now: number): readonly StampedToken[] {
    const text = this.#rest + piece;
    const tokens: StampedToken[] = [];
    let end = 0;
    for (const found of text.matchAll(TOKEN)) {
      const [whole, sent = '', requested] = found;
      tokens.push({ sentAt: timeOf(sent, now), ...(requested === undefined ? {} : { requestedAt: timeOf(requested, now) }) });
      end = found.index + whole.length;
    }
    this.#rest = text.slice(end);
    return tokens;
  }
}

/** The time nearest to `now` that has this stamp. */
function timeOf(marks: string, now: number): number {
  const tenths = Math.round(now * PER_MS);
  const then = marks.split('').reduce((sum, mark) => sum * 10 + MARKS.indexOf(mark), 0);
  const age = (((tenths - then) % WINDOW) + WINDOW) % WINDOW;
  return (tenths - (age > WINDOW / 2 ? age - WINDOW : age)) / PER_MS;
}
