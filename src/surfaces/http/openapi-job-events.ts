import { EVENT_STREAM } from './event-stream.ts';
import type { JsonSchema } from './json-schema.ts';
import { errorStatuses, STANDING } from './openapi-components.ts';
import { API_PREFIX } from './operation-routes.ts';

/** Where a job's events are, in OpenAPI's form. */
export const JOB_EVENTS_PATH = `${API_PREFIX}/jobs/{id}/events`;

/** The one address that is no operation: it follows a job that one of them started. */
export function describeJobEvents(): JsonSchema {
  const statuses = errorStatuses({ http: { method: 'GET', path: '/jobs/{id}/events' }, target: { kind: 'none' }, effect: 'read' });
  return {
    operationId: 'job_events',
    summary: 'Follow a job',
    description:
      'Server-sent events `state` and `progress`, and `end` as the last one; data is the job, or its progress. A failure of the stream is `error`, with a problem. Watching counts as waiting for the job.\n\nCosts one unit of the rate and no place in a lane; a user may hold 8 streams.',
    tags: ['jobs'],
    parameters: [
      { name: 'id', in: 'path', required: true, description: 'Id of the job.', schema: { type: 'string' } },
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'Id of the last event that was read; the stream goes on after it.',
        schema: { type: 'string', pattern: '^[0-9]+$' },
      },
      { $ref: '#/components/parameters/OnBehalfOf' },
    ],
    responses: {
      200: {
        description: 'The events.',
        headers: STANDING,
        content: { [EVENT_STREAM]: { schema: { type: 'string', description: 'Events `state`, `progress`, `end`, `error`.' } } },
      },
      ...Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }])),
    },
  };
}
