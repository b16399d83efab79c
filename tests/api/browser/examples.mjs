// The example queries, the documentation and a live message, for test_examples.py to judge.

import { asked, editorText, executed, loggedInWithOneClick, loggedOut, until, walk } from "./page.mjs";

await walk(async (page, report) => {
  report.accounts = await page.locator("#demo button").allTextContents();
  await loggedInWithOneClick(page, "alice");
  await answerOf(page, "Branches");
  await loggedOut(page);
  report.tokens = await loggedInWithOneClick(page, "admin");
  report.who = await page.locator("#who").innerText();
  report.answers = {};
  for (const tab of ["Me", "Conversations", "Branches", "Start", "Append"]) {
    report.answers[tab] = await answerOf(page, tab);
  }
  report.docs = await readDocs(page);
  report.live = await liveMessage(page, report);
  report.stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  await loggedOut(page);
});

async function answerOf(page, tab) {
  await page.locator(".graphiql-tab-button").getByText(tab, { exact: true }).click();
  await filled(page);
  return executed(page);
}

/** The page looks for a conversation after the login, and puts its id into the variables. */
async function filled(page) {
  await until(async () => !(await editorText(page, ".graphiql-editor-tool")).includes('""'));
}

async function readDocs(page) {
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const docs = page.locator(".graphiql-doc-explorer");
  await docs.getByRole("link", { name: "Query", exact: true }).click();
  await docs.getByText("conversations", { exact: true }).waitFor();
  return docs.innerText();
}

/** Appends over HTTP until the first of it arrives in the tab: nothing tells when the server has subscribed. */
async function liveMessage(page, { tokens, frames }) {
  await page.locator(".graphiql-tab-button").getByText("Live", { exact: true }).click();
  await filled(page);
  const { conversationId } = JSON.parse(await editorText(page, ".graphiql-editor-tool"));
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until(() => frames.some(({ type }) => type === "subscribe"));
  const shown = await until(async () => {
    await append(tokens[0], conversationId, "said elsewhere");
    const text = await editorText(page, ".graphiql-response");
    return text.includes("said elsewhere") && text;
  });
  await page.getByRole("button", { name: /Stop query/ }).click();
  await until(() => frames.some(({ type }) => type === "complete"));
  return JSON.parse(shown);
}

async function append(token, conversationId, content) {
  const query = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }";
  const { errors } = await asked(token, query, { input: { conversationId, content } });
  if (errors) throw new Error(`append: ${errors[0].message}`);
}
