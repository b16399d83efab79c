// Alice follows a conversation that is shared with her role, and says something there in another tab; an admin ends it.

import { answerTo, asked, editorText, typed, until } from "./page.mjs";

const DEMO_PASSWORD = "parley-demo-password";
const PANE = ".graphiql-response";

/** Bob's, where analysts may write, and the assistant answers them. */
export async function sharedWithAnalysts() {
  const bob = await tokenOf("bob");
  const { startConversation } = await done(bob, `mutation ($input: StartConversationInput!) {
    startConversation(input: $input) { conversation { id } } }`, { title: "Birds", answers: true });
  const conversationId = startConversation.conversation.id;
  await done(bob, `mutation ($input: ShareConversationInput!) { shareConversation(input: $input) {
    conversation { id } } }`, { conversationId, role: "analyst", access: "WRITE" });
  const rename = () => done(bob, `mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) {
    conversation { id } } }`, { conversationId, title: `Birds at ${Date.now()}` });
  return { conversationId, rename };
}

/** Runs the example. Nothing tells when the server has subscribed: so something happens until that is shown. */
export async function followed(page, { conversationId, rename }) {
  await page.locator(".graphiql-tab-button").getByText("Live", { exact: true }).click();
  await until(async () => !(await editorText(page, ".graphiql-editor-tool")).includes('""')); // the page writes one there
  await typed(page, ".graphiql-editor-tool", JSON.stringify({ conversationId }));
  await page.evaluate((place) => {
    window.shown = [];
    const pane = document.querySelector(`${place} .CodeMirror`).CodeMirror;
    pane.on("change", () => window.shown.push({ at: new Date().toISOString(), text: pane.getValue() }));
  }, PANE);
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until(async () => {
    await rename();
    return showed(page, "ConversationChanged");
  });
}

/** Were these words ever to be seen in the pane of results? */
export function showed(page, words) {
  return page.evaluate((sought) => window.shown.some(({ text }) => text.includes(sought)), words);
}

/** All that was to be seen there, and when. */
export async function allShown(page) {
  const shown = await page.evaluate(() => window.shown);
  return shown.filter(({ text }) => text).map(({ at, text }) => ({ at, ...JSON.parse(text) }));
}

export async function appended(page, conversationId) {
  await page.getByRole("button", { name: "Add tab" }).click();
  await until(async () => !(await editorText(page, PANE)));
  return answerTo(page, `mutation { appendMessage(input: {conversationId: "${conversationId}",
    content: "Which bird?"}) { message { id } } }`);
}

/** As an administrator; `again` gives it back. */
export async function roleEnded(page, token) {
  const { data } = await answerTo(page, `{ users(search: "alice") { edges { node { id
    roleAssignments { id role { name } } } } } }`);
  const { id: userId, roleAssignments } = data.users.edges[0].node;
  const { id } = roleAssignments.find(({ role }) => role.name === "analyst");
  const answer = await answerTo(page, `mutation { endRoleAssignment(input: {assignmentId: "${id}"}) {
    assignment { role { name } endedAt } } }`);
  const again = () => done(token, `mutation ($input: AssignRoleInput!) { assignRole(input: $input) {
    assignment { id } } }`, { userId, role: "analyst" });
  return { answer, again };
}

async function tokenOf(name) {
  const input = { email: `${name}@demo.example`, password: DEMO_PASSWORD };
  const { login } = await done(null, "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }", input);
  return login.accessToken;
}

async function done(token, query, input) {
  const { data, errors } = await asked(token, query, { input });
  if (errors) throw new Error(errors[0].message);
  return data;
}
