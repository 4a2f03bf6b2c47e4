import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Name the test server has a certificate for; no name server knows it, so that only a pinned address leads there. */
export const GIT_HOST = 'git.example.test';

export interface GitServer extends AsyncDisposable {
  readonly port: number;
  /** `https://git.example.test:<port>/<name>` */
  url(name: string): string;
  /** `https://localhost:<port>/<name>`, which is resolved without help. */
  localUrl(name: string): string;
  /** PEM file of the authority that signed its certificate. */
  readonly caFile: string;
  /** Paths asked for, with their query. */
  readonly requests: readonly string[];
  /** Answers instead of git; undefined: git answers. */
  intercept: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
}

/** Serves the bare repositories below `folder` by smart HTTP over TLS, with git's own CGI program. */
export async function startGitServer(folder: string): Promise<GitServer> {
  const caFile = await makeCertificate(folder);
  const requests: string[] = [];
  const credentials = { key: await readFile(join(folder, 'key.pem')), cert: await readFile(caFile) };
  const server = createServer(credentials, (request, response) => {
    requests.push(request.url ?? '');
    if (kit.intercept?.(request, response) !== true) answer(folder, request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const kit: GitServer = {
    port,
    url: (name) => `https://${GIT_HOST}:${port}/${name}`,
    localUrl: (name) => `https://localhost:${port}/${name}`,
    caFile,
    requests,
    intercept: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return kit;
}

async function makeCertificate(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const paths = { key: join(folder, 'key.pem'), cert: join(folder, 'cert.pem') };
  const subject = ['-subj', `/CN=${GIT_HOST}`, '-addext', `subjectAltName=DNS:${GIT_HOST},DNS:localhost`, '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...key, '-keyout', paths.key, '-out', paths.cert, ...subject], { stdio: 'ignore' });
  return paths.cert;
}

function answer(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const header = (name: string): string => String(request.headers[name] ?? '');
  const cgi = spawn('git', ['-c', 'safe.directory=*', '-c', 'uploadpack.allowAnySHA1InWant=true', 'http-backend'], {
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: header('git-protocol'),
      PATH_INFO: path,
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: header('content-type'),
      HTTP_CONTENT_ENCODING: header('content-encoding'),
      REMOTE_ADDR: '127.0.0.1',
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  response.on('close', () => cgi.kill());
  cgi.stdin.on('error', () => {});
  request.pipe(cgi.stdin);
  void passOn(cgi.stdout as AsyncIterable<Buffer>, response);
}

/** A CGI answer: header lines, an empty line, the body. */
async function passOn(output: AsyncIterable<Buffer>, response: ServerResponse): Promise<void> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of output) {
    if (head === undefined) response.write(chunk);
    else {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) continue;
      for (const line of head.toString('latin1', 0, end).split('\r\n')) setHeader(response, line);
      response.write(head.subarray(end + 4));
      head = undefined;
    }
  }
  response.end();
}

function setHeader(response: ServerResponse, line: string): void {
  const colon = line.indexOf(':');
  const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
  if (name.toLowerCase() === 'status') response.statusCode = Number(value.split(' ')[0]);
  else response.setHeader(name, value);
}

/** A repository to be served, written to by `git` of this machine. */
export class ServedRepository {
  readonly folder: string;

  /** `folder` is the bare repository itself. */
  constructor(folder: string, format = 'sha1') {
    this.folder = folder;
    execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', `--object-format=${format}`, folder]);
  }

  git(args: readonly string[], input?: string | Buffer): string {
    const env = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: this.folder, GIT_DIR: this.folder, ...WHO };
    return execFileSync('git', args, { env, input: input ?? '', encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'], maxBuffer: 1 << 28 }).trim();
  }

  blob(content: string | Buffer): string {
    return this.git(['hash-object', '-w', '--stdin'], content);
  }

  /** A tree of lines `mode type id TAB name`, as raw bytes so that any name will do. */
  tree(entries: readonly (readonly [mode: string, id: string, name: string | Buffer])[]): string {
    const lines = entries.map(([mode, id, name]) => {
      const type = { '040000': 'tree', '160000': 'commit' }[mode] ?? 'blob';
      return Buffer.concat([Buffer.from(`${mode} ${type} ${id}\t`), Buffer.from(name), Buffer.from('\0')]);
    });
    return this.git(['mktree', '-z', '--missing'], Buffer.concat(lines));
  }

  /** Commits a tree on a branch, in place of what is there. Answers the commit. */
  commitTree(tree: string): string {
    const commit = this.git(['commit-tree', '-m', 'x', tree]);
    this.git(['update-ref', 'refs/heads/main', commit]);
    return commit;
  }

  /** Commits plain files, by path, with folders. */
  commitFiles(files: Readonly<Record<string, string | Buffer>>, options: CommitOptions = {}): string {
    const marks = Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content);
      return Buffer.concat([Buffer.from(`M 100644 inline ${JSON.stringify(path)}\ndata ${bytes.byteLength}\n`), bytes, Buffer.from('\n')]);
    });
    const { branch = 'main', from, author = 'ann@example.test', at = 1_700_000_000 } = options;
    const head = `commit refs/heads/${branch}\ncommitter x <${author}> ${at} +0000\ndata 1\nx\n${from === undefined ? '' : `from ${from}\n`}`;
    this.git(['fast-import', '--quiet', '--force'], Buffer.concat([Buffer.from(head), ...marks]));
    return this.git(['rev-parse', `refs/heads/${branch}`]);
  }
}

const WHO = { GIT_AUTHOR_NAME: 'x', GIT_AUTHOR_EMAIL: 'ann@example.test', GIT_COMMITTER_NAME: 'x', GIT_COMMITTER_EMAIL: 'ann@example.test' };

export interface CommitOptions {
  readonly branch?: string;
  /** Commit it stands on; without it history begins anew. */
  readonly from?: string;
  readonly author?: string;
  /** Seconds. */
  readonly at?: number;
}
