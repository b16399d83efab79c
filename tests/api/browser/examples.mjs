// The example queries, the documentation and a live conversation, for test_examples.py to judge.

import { anotherTab, editorText, executed, loggedInWithOneClick, loggedOut, until, walk } from "./page.mjs";
import { allShown, appended, followed, roleEnded, sharedWithAnalysts, showed } from "./live.mjs";

await walk(async (page, report) => {
  report.accounts = await page.locator("#demo button").allTextContents();
  await loggedInWithOneClick(page, "alice");
  const conversation = await sharedWithAnalysts();
  await followed(page, conversation);

  const other = await anotherTab(page);
  await loggedInWithOneClick(other, "alice");
  await answerOf(other, "Branches");
  report.appended = await appended(other, conversation.conversationId);
  await until(() => showed(page, '"DONE"'));
  await loggedOut(other);
  report.tokens = await loggedInWithOneClick(other, "admin");
  report.before = (await allShown(page)).length;
  const { answer, again } = await roleEnded(other, report.tokens[0]);
  report.ended = answer;
  await conversation.rename(); // he must not hear of it: he is told before, or nothing
  await until(() => showed(page, "AccessRevoked"));
  await page.getByRole("button", { name: /Execute query/ }).waitFor(); // in place of "Stop query"
  report.live = await allShown(page);
  await again();

  report.who = await other.locator("#who").innerText();
  report.answers = {};
  for (const tab of ["Me", "Conversations", "Branches", "Start", "Append"]) {
    report.answers[tab] = await answerOf(other, tab);
  }
  report.docs = await readDocs(other);
  await stopped(other, report);
  report.stored = await other.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  await loggedOut(other);
});

async function answerOf(page, tab) {
  await opened(page, tab);
  return executed(page);
}

/** The page looks for a conversation after the login, and puts its id into the variables. */
async function opened(page, tab) {
  await page.locator(".graphiql-tab-button").getByText(tab, { exact: true }).click();
  await until(async () => !(await editorText(page, ".graphiql-editor-tool")).includes('""'));
}

async function readDocs(page) {
  await page.getByRole("button", { name: "Show Documentation Explorer" }).click();
  const docs = page.locator(".graphiql-doc-explorer");
  await docs.getByRole("link", { name: "Query", exact: true }).click();
  await docs.getByText("conversations", { exact: true }).waitFor();
  return docs.innerText();
}

/** A subscription ends for the server, too, though nothing happens any more that it could tell. */
async function stopped(page, { frames }) {
  const sent = (sought) => frames.filter(({ type }) => type === sought).length;
  const before = { subscribe: sent("subscribe"), complete: sent("complete") };
  await opened(page, "Live");
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until(() => sent("subscribe") > before.subscribe);
  await page.getByRole("button", { name: /Stop query/ }).click();
  await until(() => sent("complete") > before.complete);
}
