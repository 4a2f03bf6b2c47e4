import type { CallToolResult } from '@modelcontextprotocol/server';
import type { CallOutcome, RateStanding } from '../../domains/admission/index.ts';
import { type PolymniaError, toProblem } from '../../kernel/errors.ts';

/**
 * A call's outcome as a tool result. Success: the output as `structuredContent` and as JSON text. Failure: `isError`
 * with the problem document as JSON text and in `_meta["polymnia/error"]`, never as `structuredContent`, because
 * clients of the SDK's first version check that against the output schema even on errors, and throw.
 * The caller's standing against its rate is in `_meta["polymnia/rate"]` of both.
 */
export function toToolResult(outcome: CallOutcome, requestId: string): CallToolResult {
  return outcome.ok ? success(outcome.output, outcome.rate) : failure(outcome.error, requestId, outcome.rate);
}

function success(output: unknown, rate: RateStanding | undefined): CallToolResult {
  return {
    content: [{ type: 'text', text: JSON.stringify(output) ?? 'null' }],
    structuredContent: output,
    ...(rate === undefined ? {} : { _meta: { 'polymnia/rate': rate } }),
  };
}

function failure(error: PolymniaError, requestId: string, rate: RateStanding | undefined): CallToolResult {
  const problem = toProblem(error, requestId);
  return {
    isError: true,
    content: [{ type: 'text', text: JSON.stringify(problem) }],
    _meta: { 'polymnia/error': problem, ...(rate === undefined ? {} : { 'polymnia/rate': rate }) },
  };
}
