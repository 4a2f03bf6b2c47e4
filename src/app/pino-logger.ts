import { type DestinationStream, pino } from 'pino';
import type { LogFields, Logger } from '../kernel/logger.ts';

/** Deepest chain of causes a log line tells. */
const MAX_CAUSES = 5;

/** What of an error goes into a line: names, codes, messages and one stack; never details, which may quote a caller. */
function describe(error: unknown): Record<string, unknown> {
  const chain: string[] = [];
  let current: unknown = error;
  while (current instanceof Error && chain.length < MAX_CAUSES) {
    chain.push(`${current.name}: ${current.message}`);
    current = current.cause;
  }
  const root = error instanceof Error ? deepest(error) : undefined;
  return { error: chain.length > 0 ? chain : [String(error)], stack: root?.stack };
}

function deepest(error: Error): Error {
  let current = error;
  for (let depth = 0; depth < MAX_CAUSES && current.cause instanceof Error; depth++) current = current.cause;
  return current;
}

/** Anything that looks like one of our keys, wherever it got into a line. */
const SECRET = /pmn_[0-9a-z]{8,}/g;

/** Structured logs, one JSON object a line, through pino. Control characters are escaped by JSON; keys are struck out. */
export function createPinoLogger(level: string, destination: DestinationStream): Logger {
  const root = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: (line) => line.replace(SECRET, 'pmn_[struck out]') },
    },
    destination,
  );
  const write =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}, error?: unknown): void => {
      root[method](error === undefined ? fields : { ...fields, ...describe(error) }, message);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
