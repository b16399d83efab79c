// Alice searches, deletes in the middle, restores, compares two branches, and asks what was used.
// node conversations.mjs ORIGIN CHROMIUM PROFILE PACKAGES

import { answerTo, editorText, executed, loggedInWithOneClick, until, walk } from "./page.mjs";

await walk(async (page, report) => {
  await loggedInWithOneClick(page, "alice");
  report.found = await exampleOf(page, "Search");
  const [id, branches] = await forked(page);
  const path = `{ conversation(id: "${id}") { messageCount messages(branch: "${branches[0]}", first: 10) {
    edges { node { id depth content deletedAt siblingCount } } } } }`;
  report.before = await answerTo(page, path);
  const middle = report.before.data.conversation.messages.edges[1].node.id;
  report.deleted = await withIds(page, "Delete", [middle]);
  report.meanwhile = await answerTo(page, path);
  report.restored = await withIds(page, "Restore", [middle]);
  report.after = await answerTo(page, path);
  report.compared = await withIds(page, "Compare", branches);
  report.usage = await exampleOf(page, "Usage");
  report.shared = await exampleOf(page, "Share");
});

async function opened(page, tab) {
  await page.locator(".graphiql-tab-button").getByText(tab, { exact: true }).click();
  await until(async () => (await editorText(page, ".graphiql-query-editor")).includes(tab));
  await until(async () => !(await editorText(page, ".graphiql-editor-tool")).includes('""'));
}

async function exampleOf(page, tab) {
  await opened(page, tab);
  return executed(page);
}

/** The example, with ids in the places of its empty ones. */
async function withIds(page, tab, ids) {
  await opened(page, tab);
  const document = await editorText(page, ".graphiql-query-editor");
  return answerTo(page, ids.reduce((text, id) => text.replace('""', `"${id}"`), document));
}

/** A conversation of one's own with two branches that part in its middle. */
async function forked(page) {
  const { data } = await exampleOf(page, "Start");
  const { id } = data.startConversation.conversation;
  const said = [];
  for (const [content, parent] of [["Which bird?", null], ["A swallow.", 0], ["Which?", 1], ["The African one.", 1]]) {
    const after = parent === null ? "" : `parentId: "${said[parent].id}"`;
    const { data } = await answerTo(page, `mutation { appendMessage(input: {conversationId: "${id}", ${after}
      content: "${content}"}) { message { id branch { id } } } }`);
    said.push(data.appendMessage.message);
  }
  return [id, [said[2].branch.id, said[3].branch.id]];
}
