/** The paced models of the benches, by what they are for. */
export const MODELS = {
  /** 20 tokens a second for 10 to 30 seconds. */
  talk: 'paced-20x10to30after300',
  /** The same as slowly as a large model on a small machine. */
  slow: 'paced-4x10to30after300',
  /** Both with shorter answers, for quick runs. */
  quickTalk: 'paced-20x3to6after300',
  quickSlow: 'paced-4x3to6after300',
  /** Half a minute. */
  long: 'paced-20x30after300',
  /** Three tokens, the first at once, so that all there is to wait for is the server. */
  brief: 'paced-50x0.06',
} as const;

/** Options of a server that has these models. They take as many calls as come. */
export function modelOptions(url: string): Readonly<Record<string, string>> {
  return { CHAT_MODEL_URL: url, CHAT_MODEL: Object.values(MODELS).join(','), CHAT_MODEL_CONCURRENCY: '10000' };
}
