// Uses GraphiQL as a person would, and prints what happened as JSON for test_graphiql_in_chromium.py to judge.
// node graphiql.mjs ORIGIN CHROMIUM PROFILE PLAYWRIGHT

import { createRequire } from "node:module";

const [origin, executablePath, profile, playwright] = process.argv.slice(2);
const { chromium } = createRequire(`${playwright}/`)("playwright-core");
const deadline = Date.now() + 90_000;
const report = { requests: [], sockets: [], frames: [], problems: [], answers: {} };

const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1366, height: 768 },
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
context.setDefaultTimeout(15_000);
try {
  await visit(await watched());
} catch (error) {
  report.problems.push(`the script failed: ${error.stack}`);
} finally {
  await context.close();
}
console.log(JSON.stringify(report));

async function watched() {
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("request", (request) => report.requests.push(request.url()));
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && report.problems.push(message.text()));
  page.on("pageerror", (error) => report.problems.push(error.stack));
  page.on("websocket", (socket) => {
    report.sockets.push(socket.url());
    socket.on("framesent", ({ payload }) => report.frames.push(JSON.parse(payload)));
  });
  return page;
}

async function visit(page) {
  await page.goto(`${origin}/graphql`);
  report.accounts = await page.locator("#demo button").allTextContents();
  await loggedInWithOneClick(page, "alice");
  await answerOf(page, "Branches");
  await loggedOut(page);
  report.tokens = await loggedInWithOneClick(page, "admin");
  report.who = await page.locator("#who").innerText();
  for (const tab of ["Me", "Conversations", "Branches", "Start", "Append"]) {
    report.answers[tab] = await answerOf(page, tab);
  }
  report.docs = await readDocs(page);
  report.live = await liveMessage(page);
  report.stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  await loggedOut(page);
}

async function loggedInWithOneClick(page, name) {
  const answered = page.waitForResponse((response) => response.request().postData()?.includes("mutation Login"));
  await page.locator("#demo").getByRole("button", { name }).click();
  const { accessToken, refreshToken } = (await (await answered).json()).data.login;
  await page.locator("#who").waitFor();
  return [accessToken, refreshToken];
}

async function loggedOut(page) {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.locator("#login").waitFor();
}

async function answerOf(page, tab) {
  await page.locator(".graphiql-tab-button").getByText(tab, { exact: true }).click();
  await filled(page);
  await page.getByRole("button", { name: /Execute query/ }).click();
  return JSON.parse(await until(() => editorText(page, ".graphiql-response")));
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
async function liveMessage(page) {
  await page.locator(".graphiql-tab-button").getByText("Live", { exact: true }).click();
  await filled(page);
  const { conversationId } = JSON.parse(await editorText(page, ".graphiql-editor-tool"));
  await page.getByRole("button", { name: /Execute query/ }).click();
  await until(() => report.frames.some(({ type }) => type === "subscribe"));
  const shown = await until(async () => {
    await append(conversationId, "said elsewhere");
    const text = await editorText(page, ".graphiql-response");
    return text.includes("said elsewhere") && text;
  });
  await page.getByRole("button", { name: /Stop query/ }).click();
  await until(() => report.frames.some(({ type }) => type === "complete"));
  return JSON.parse(shown);
}

async function append(conversationId, content) {
  const query = "mutation ($input: AppendMessageInput!) { appendMessage(input: $input) { message { id } } }";
  const response = await fetch(`${origin}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${report.tokens[0]}` },
    body: JSON.stringify({ query, variables: { input: { conversationId, content } } }),
  });
  const { errors } = await response.json();
  if (errors) throw new Error(`append: ${errors[0].message}`);
}

function editorText(page, place) {
  return page.evaluate((selector) => document.querySelector(`${selector} .CodeMirror`).CodeMirror.getValue(), place);
}

async function until(condition) {
  while (Date.now() < deadline) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing came of ${condition}`);
}
