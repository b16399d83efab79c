// Who is logged in. Tokens live in this module's memory only: a reload forgets them.

const RENEW_BEFORE = 60_000; // milliseconds before expiry
const RETRY_AFTER = 10_000; // milliseconds, when the server can't be reached
const AUTH = "accessToken refreshToken expiresIn user { id displayName }";

export async function post(params, token, headers) {
  const response = await fetch("/graphql", {
    method: "POST",
    credentials: "same-origin",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...(token && { authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: JSON.stringify(params),
  });
  return response.json().catch(() => {
    throw new Error(`the server answered ${response.status} ${response.statusText}, and no JSON`);
  });
}

export function createSession(onChange) {
  let grant = null; // the last AuthPayload, and when it expires
  let renewal = null; // one at a time: a refresh token is good for one use
  let timer = 0;

  function keep(payload) {
    const lifetime = payload.expiresIn * 1000;
    grant = { ...payload, expiresAt: Date.now() + lifetime };
    clearTimeout(timer);
    timer = setTimeout(() => renew().catch(() => {}), Math.max(lifetime - RENEW_BEFORE, lifetime / 2));
  }

  function forget(reason) {
    clearTimeout(timer);
    grant = null;
    onChange(null, reason);
  }

  async function login(email, password) {
    const query = `mutation Login($input: LoginInput!) { login(input: $input) { ${AUTH} } }`;
    const answer = await post({ query, variables: { input: { email, password, device: "GraphiQL" } } });
    if (!answer.data?.login) throw new Error(answer.errors?.[0]?.message ?? "the login failed");
    keep(answer.data.login);
    onChange(grant.user, "");
  }

  async function logout() {
    const token = grant?.accessToken;
    forget("");
    if (token) await post({ query: "mutation Logout { logout { ended } }" }, token).catch(() => {});
  }

  function renew() {
    renewal ??= exchange().finally(() => (renewal = null));
    return renewal;
  }

  async function exchange() {
    const old = grant;
    const query = `mutation Renew($input: RefreshSessionInput!) { refreshSession(input: $input) { ${AUTH} } }`;
    const variables = { input: { refreshToken: old.refreshToken } };
    const answer = await post({ query, variables }).catch((error) => {
      timer = setTimeout(() => renew().catch(() => {}), RETRY_AFTER);
      throw error;
    });
    if (grant !== old) return; // logged out, or in as somebody else, meanwhile
    if (answer.data?.refreshSession) keep(answer.data.refreshSession);
    else forget(`Session ended: ${answer.errors?.[0]?.message ?? "it could not be renewed"}`);
  }

  /** An access token that is good now, or undefined for an anonymous caller. */
  async function token({ fresh = false } = {}) {
    if (grant && (fresh || Date.now() > grant.expiresAt - 5_000)) await renew();
    return grant?.accessToken;
  }

  return { login, logout, token };
}
