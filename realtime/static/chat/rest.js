// The REST interface, as a page uses it: with the session, with its CSRF token, and with refusals as exceptions.
const csrf = document.querySelector("meta[name=csrf-token]").content;

/** The server understood and said no. `code` is for programs, the message for people. */
export class Refusal extends Error {
  constructor({ code, detail, retry_after, status }) {
    super(detail);
    Object.assign(this, { code, retryAfter: retry_after, status });
  }
}

/** Answers with the parsed body, or null where there is none. Throws Refusal; or TypeError when there is no line. */
export async function call(method, path, body) {
  const response = await fetch(`/api/v1/${path}`, {
    method,
    headers: { "Content-Type": "application/json", "X-CSRFToken": csrf },
    body: body && JSON.stringify(body),
  });
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw new Refusal({ detail: response.statusText, ...answer, status: response.status });
  return answer;
}
