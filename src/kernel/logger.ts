/** Flat, structured facts of one log line. Never content of a user, never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** The logger port. Errors are logged once, at the edge, with their cause. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields, error?: unknown): void;
  error(message: string, fields?: LogFields, error?: unknown): void;
}

/** Says nothing: for tests and for tools whose output is their own. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
};
