import { z } from 'zod';
import type { CallOptions, CallOutcome, Gate, RateStanding } from '../../domains/admission/index.ts';
import { PolymniaError, toPolymniaError } from '../../kernel/errors.ts';
import { type BoundOperation, type OperationContext, type Principal } from '../../kernel/operation.ts';
import { silentLogger } from '../../kernel/logger.ts';

/** Longest a call may take here, in milliseconds. */
const DEADLINE_MS = 30_000;

const RATE: RateStanding = { lane: 'memory', limit: 1_000_000, windowMs: 60_000, remaining: 999_999, resetMs: 0 };

/** One call as the gate saw it: what a test asserts on. */
export interface SeenCall {
  readonly operation: string;
  readonly userId: string;
  readonly options: CallOptions;
}

/**
 * A gate with fixed keys (`pmn_alice`, `pmn_bob`) and nothing but its duties towards a surface: it proves the caller,
 * parses the input, runs the operation under the caller's signal, never rejects. For tests of surfaces alone.
 */
export function createMinimalGate(onCall: (call: SeenCall) => void = () => {}): Gate {
  const principals = new Map(['alice', 'bob'].map((name) => [`Bearer pmn_${name}`, principalOf(name)]));
  const run = async (operation: BoundOperation, principal: Principal, input: unknown, options: CallOptions): Promise<CallOutcome> => {
    onCall({ operation: operation.name, userId: principal.caller.userId, options });
    const parsed = operation.input.safeParse(input);
    if (!parsed.success) return { ok: false, error: new PolymniaError('invalid_input', z.prettifyError(parsed.error)), rate: RATE };
    try {
      return { ok: true, output: await operation.run(parsed.data, contextOf(principal, options)), rate: RATE };
    } catch (error) {
      return { ok: false, error: toPolymniaError(error), rate: RATE };
    }
  };
  return {
    authenticate: async ({ authorization }) => {
      const principal = principals.get(authorization ?? '');
      if (principal === undefined) throw new PolymniaError('unauthenticated', 'The API key is missing or not valid.');
      return principal;
    },
    call: run,
    stream: async () => ({ ok: false, error: new PolymniaError('internal', 'This gate does not stream.') }),
  };
}

function principalOf(name: string): Principal {
  const userId = `user_${name}`;
  return {
    caller: { userId, name, timeZone: 'UTC', group: userId, weight: 1, limits: {} },
    credential: { id: `key_${name}`, scopes: ['memory:read', 'memory:write'] },
  };
}

function contextOf({ caller, credential }: Principal, options: CallOptions): OperationContext {
  return {
    caller,
    credential,
    spaces: [],
    signal: options.signal,
    deadlineAt: performance.now() + DEADLINE_MS,
    requestId: options.requestId,
    logger: silentLogger,
    meter: { add() {} },
    quota: { reserve: () => Promise.reject(new PolymniaError('internal', 'This gate keeps no accounts.')) },
    origin: options.origin,
    progress: (progress) => options.onProgress?.(progress),
  };
}
