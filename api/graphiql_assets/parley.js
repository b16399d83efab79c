// Puts GraphiQL on the page, and connects it with the login bar and the server.

import { createGrowth } from "./growing.js";
import { createSession, post } from "./session.js";

const { accounts, password, examples } = JSON.parse(document.body.dataset.config);
const { createElement: h, useEffect } = React;
const byId = (id) => document.getElementById(id);
const root = ReactDOM.createRoot(byId("graphiql"));
const explorer = GraphiQLPluginExplorer.explorerPlugin();
const tabs = examples.map((query) => ({ query, variables: variablesOf(query) }));

const session = createSession(showUser);
let live = connect();
let fetcher = createFetcher();
let conversationId = ""; // what examples about one conversation start with

// --- GraphiQL ---------------------------------------------------------------------------------------------------

function render() {
  const toolbar = { additionalContent: h(FillConversation, { conversationId }) };
  root.render(
    h(GraphiQL, {
      fetcher,
      toolbar,
      plugins: [explorer],
      defaultTabs: tabs,
      defaultEditorToolsVisibility: "variables",
      shouldPersistHeaders: false, // a token typed there must not reach the disk
      storage: sessionStorage, // nor what was asked, once this browser tab is closed
    }),
  );
}

function variablesOf(query) {
  return query.includes("$conversationId") ? variablesWith("") : "";
}

function variablesWith(id) {
  return JSON.stringify({ conversationId: id }, null, 2);
}

/** Writes the conversation's id into the open example's variables, unless the user has put another there. */
function FillConversation({ conversationId }) {
  const { activeTabIndex, variableEditor, updateActiveTabValues } = GraphiQL.React.useEditorContext({ nonNull: true });
  useEffect(() => {
    const ours = ["", ...suggested()].map(variablesWith);
    if (!variableEditor || !conversationId || !ours.includes(variableEditor.getValue())) return;
    const variables = variablesWith(conversationId);
    variableEditor.setValue(variables);
    updateActiveTabValues({ variables }); // at once: a click on the tab puts back what the tab holds
  }, [conversationId, activeTabIndex, variableEditor]);
  return null;
}

/** The ids that we have written so far, which we may replace: they may be another user's. */
function suggested() {
  return JSON.parse(sessionStorage.getItem("parley:suggested") ?? "[]");
}

function suggest(id) {
  conversationId = id;
  sessionStorage.setItem("parley:suggested", JSON.stringify([...new Set([...suggested(), id])]));
  render();
}

// --- the server -------------------------------------------------------------------------------------------------

function createFetcher() {
  return (params, { headers } = {}) => {
    const operation = operationOf(params);
    const asked = { ...params, operationName: operation?.name?.value };
    return operation?.operation === "subscription" ? subscribe(asked) : request(asked, headers);
  };
}

/** The operation to run. GraphiQL's own idea of it lags behind for a moment after a change of tab. */
function operationOf({ query, operationName }) {
  const { parse, getOperationAST } = GraphiQL.GraphQL;
  try {
    const document = parse(query);
    return getOperationAST(document) ?? getOperationAST(document, operationName);
  } catch {
    return null; // the server says what is wrong with it
  }
}

async function request(params, headers) {
  let answer = await post(params, await session.token(), headers);
  if (codeOf(answer) === "TOKEN_EXPIRED") {
    answer = await post(params, await session.token({ fresh: true }), headers);
  }
  const started = answer.data?.startConversation?.conversation?.id;
  if (started) suggest(started);
  return answer;
}

/** No generator: its `return` would wait for the next event before it ended the subscription. */
function subscribe(params) {
  const events = live.iterate(params);
  const withGrowth = createGrowth();
  return {
    next: async () => {
      const { done, value } = await events.next().catch((error) => { throw readable(error); });
      return { done, value: done ? value : withGrowth(value) };
    },
    return: () => events.return(),
    [Symbol.asyncIterator]() { return this; },
  };
}

function readable(error) {
  if (error instanceof CloseEvent) {
    return new Error(`the socket was closed: ${error.code} ${error.reason || "without a reason"}`);
  }
  return Array.isArray(error) ? new Error(error.map(({ message }) => message).join("\n")) : error;
}

function connect() {
  return graphqlWs.createClient({
    url: new URL("/graphql", location.href.replace(/^http/, "ws")).href,
    connectionParams: async () => {
      const token = await session.token();
      return token && { authorization: `Bearer ${token}` };
    },
  });
}

function codeOf(answer) {
  return answer.errors?.[0]?.extensions?.code;
}

async function findConversation(user) {
  const query = `query Suggest($mine: ID!) {
    mine: conversations(first: 1, filter: { ownerId: $mine }) { edges { node { id } } }
    any: conversations(first: 1) { edges { node { id } } }
  }`;
  const { data } = await post({ query, variables: { mine: user.id } }, await session.token());
  const found = data?.mine?.edges[0] ?? data?.any?.edges[0];
  if (found) suggest(found.node.id);
}

// --- the bar ----------------------------------------------------------------------------------------------------

/** Tells who is logged in now; the new fetcher makes GraphiQL read the schema again, as that user. */
function showUser(user, notice) {
  byId("login").hidden = byId("demo").hidden = Boolean(user);
  byId("demo").hidden ||= !accounts.length;
  byId("who").hidden = !user;
  byId("name").textContent = user?.displayName ?? "";
  byId("notice").textContent = notice;
  conversationId = ""; // may be the last user's
  live.dispose();
  live = connect();
  fetcher = createFetcher();
  render();
  if (user) findConversation(user).catch(() => {}); // the examples then keep their empty id
}

async function login(email, secret) {
  byId("notice").textContent = "Logging in …";
  try {
    await session.login(email, secret);
  } catch (error) {
    byId("notice").textContent = error.message;
  }
}

function demoButton({ email, about }) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = email.split("@")[0];
  button.title = `${email}: ${about}`;
  button.addEventListener("click", () => login(email, password));
  return button;
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const { email, password: secret } = event.target.elements;
  login(email.value, secret.value);
  secret.value = "";
});
byId("logout").addEventListener("click", () => session.logout());
byId("demo").append(...accounts.map(demoButton));
showUser(null, "");
