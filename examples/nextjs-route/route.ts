/**
 * `app/api/chat/route.ts` of a Next.js app: sends a conversation to Polymnia and streams the answer through. POLYMNIA_KEY is the
 * key of a service with the scope `on_behalf`, so that every visitor has memories of their own.
 */
export async function POST(request: Request): Promise<Response> {
  const { POLYMNIA_URL = 'http://127.0.0.1:4100', POLYMNIA_KEY = '' } = process.env;
  // Who asks is said by the login in front of the app (here oauth2-proxy), never by the page.
  const user = request.headers.get('x-auth-request-user');
  if (user === null) return Response.json({ error: 'Sign in first.' }, { status: 401 });
  const { messages } = (await request.json()) as { messages: unknown };
  const answer = await fetch(`${POLYMNIA_URL}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${POLYMNIA_KEY}`, 'x-polymnia-user': user, 'content-type': 'application/json' },
    body: JSON.stringify({ messages, stream: true }),
    // A visitor who leaves stops the model.
    signal: request.signal,
  });
  const headers = { 'content-type': answer.headers.get('content-type') ?? 'application/json', 'cache-control': 'no-store' };
  return new Response(answer.body, { status: answer.status, headers });
}
