// One call per action: POST JSON, the cookie goes with it, the reply is the envelope's data.

/** The path under which the server has Trackside, with a slash at both ends; usually "/". */
export const ROOT = new URL("..", document.baseURI).pathname;

export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly subcode: number,
  ) {
    super(message);
  }
}

type Listener = () => void;
const loggedOut = new Set<Listener>();

export function onLoggedOut(listener: Listener): () => void {
  loggedOut.add(listener);
  return () => loggedOut.delete(listener);
}

interface Envelope<T> {
  meta?: { result_code?: number; result_subcode?: number; result_msg?: string };
  data?: T;
}

export async function call<T>(
  action: string,
  body: object = {},
  options: { signal?: AbortSignal | undefined; headers?: Record<string, string> } = {},
): Promise<T> {
  let response: Response;
  try {
    response = await fetch(ROOT + action, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...options.headers },
      body: JSON.stringify(body),
      credentials: "same-origin",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Nothing was lost; try again when it is up.", 0, 0);
  }
  const envelope = (await response.json().catch(() => ({}))) as Envelope<T>;
  if (!response.ok) {
    if (response.status === 401 && !action.startsWith("auth.")) for (const tell of loggedOut) tell();
    const message = envelope.meta?.result_msg ?? `${action} was answered with ${response.status}`;
    throw new ApiError(message, response.status, envelope.meta?.result_subcode ?? 0);
  }
  return envelope.data as T;
}
