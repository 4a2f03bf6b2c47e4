import { startDeadline } from '../../kernel/abort.ts';
import type { Clock } from '../../kernel/clock.ts';
import { PolymniaError } from '../../kernel/errors.ts';
import type { Upload } from '../../kernel/operation.ts';
import { declaredLength, tooLarge } from './request-body.ts';
import type { Exchange } from './reply.ts';

/** Where raw bodies are kept; an operation that has begun removes its own. */
export interface Spool {
  /** Writes a body to disk; rejects, and leaves nothing, when it is too large, breaks off, or the signal aborts. */
  write(body: ReadableStream<Uint8Array>, maxBytes: number, signal: AbortSignal): Promise<Upload>;
  /** Deletes a spooled body; one that is gone already is no error. */
  remove(spoolId: string): Promise<void> | void;
}

export interface UploadLimits {
  readonly clock: Clock;
  readonly maxBytes: number;
  /** A sender that sends nothing for so long is given up. Milliseconds. */
  readonly stallMs: number;
}

/** The option that limits an upload. */
export const UPLOAD_OPTION = 'MAX_IMPORT_BYTES';

/** Spools the raw body of a request within its limits, before any permit is taken. */
export async function spoolBody(exchange: Exchange, spool: Spool, limits: UploadLimits): Promise<Upload> {
  const { request } = exchange;
  if (declaredLength(exchange, limits.maxBytes, UPLOAD_OPTION) === 0 || request.body === null) {
    throw new PolymniaError('invalid_input', 'The body is empty; send the data to import as the body.');
  }
  const abort = new AbortController();
  const onClientGone = (): void => abort.abort(request.signal.reason);
  request.signal.addEventListener('abort', onClientGone, { once: true });
  try {
    return await spool.write(boundedBody(request.body, limits, abort), limits.maxBytes, abort.signal);
  } catch (error) {
    throw failureOf(error, abort.signal);
  } finally {
    request.signal.removeEventListener('abort', onClientGone);
  }
}

/** The reason we stopped for outranks what the spool made of it; a body that broke off is the client's doing. */
function failureOf(error: unknown, signal: AbortSignal): unknown {
  if (signal.reason instanceof PolymniaError) return signal.reason;
  if (signal.aborted) return new PolymniaError('cancelled', 'The body broke off before its end.', { cause: error });
  return error;
}

/** The body with its size counted and its pauses limited, read only as fast as the spool asks. */
function boundedBody(body: ReadableStream<Uint8Array>, limits: UploadLimits, abort: AbortController): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let size = 0;
  const stop = (reason: unknown): void => {
    abort.abort(reason);
    reader.cancel(reason).catch(() => {});
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        using pause = startDeadline(limits.clock, limits.stallMs, 'REQUEST_TIMEOUT');
        pause.signal.addEventListener('abort', () => stop(pause.signal.reason), { once: true });
        const part = await reader.read().catch((error: unknown) => {
          stop(error);
          throw error;
        });
        if (abort.signal.aborted) throw abort.signal.reason;
        if (part.done) return controller.close();
        size += part.value.byteLength;
        if (size > limits.maxBytes) {
          const error = tooLarge(limits.maxBytes, UPLOAD_OPTION);
          stop(error);
          throw error;
        }
        controller.enqueue(part.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
