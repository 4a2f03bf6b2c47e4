import { type ReadResourceResult, ResourceNotFoundError, type Server } from '@modelcontextprotocol/server';
import { FIXTURE_IMAGE } from './fixture-prompts.ts';

type Contents = ReadResourceResult['contents'][number];

const RESOURCES: readonly Contents[] = [
  { uri: 'test://static-text', mimeType: 'text/plain', text: 'This is the content of the static text resource.' },
  { uri: 'test://static-binary', mimeType: 'image/png', blob: FIXTURE_IMAGE },
  { uri: 'test://watched-resource', mimeType: 'text/plain', text: 'Watched resource content.' },
];

const TEMPLATE = /^test:\/\/template\/([^/]+)\/data$/;

/** Adds the suite's resources to one request's server. A subscription is accepted and forgotten: nothing here changes. */
export function mountFixtureResources(server: Server): void {
  server.registerCapabilities({ resources: { subscribe: true } });
  server.setRequestHandler('resources/list', () => ({
    resources: RESOURCES.map(({ uri, mimeType }) => ({
      uri,
      name: uri.slice('test://'.length),
      description: 'Conformance fixture.',
      ...(mimeType === undefined ? {} : { mimeType }),
    })),
  }));
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: [
      { uriTemplate: 'test://template/{id}/data', name: 'template', description: 'Conformance fixture.', mimeType: 'application/json' },
    ],
  }));
  server.setRequestHandler('resources/read', ({ params }) => ({ contents: [read(params.uri)] }));
  server.setRequestHandler('resources/subscribe', () => ({}));
  server.setRequestHandler('resources/unsubscribe', () => ({}));
}

function read(uri: string): Contents {
  const known = RESOURCES.find((resource) => resource.uri === uri);
  if (known !== undefined) return known;
  const id = TEMPLATE.exec(uri)?.[1];
  if (id === undefined) throw new ResourceNotFoundError(uri);
  return { uri, mimeType: 'application/json', text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }) };
}
