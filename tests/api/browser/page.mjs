// GraphiQL in a browser, as a person uses it: `walk` opens it, and prints what a test's own steps have seen, as JSON.
// node EXAMPLE.mjs ORIGIN CHROMIUM PROFILE PACKAGES

import { createRequire } from "node:module";

const [origin, executablePath, profile, packages] = process.argv.slice(2);
const { chromium } = createRequire(`${packages}/`)("playwright-core");
const deadline = Date.now() + 120_000;
const report = { requests: [], sockets: [], frames: [], problems: [] };

/** Runs `steps(page, report)`; what goes wrong on the way is among the report's problems. */
export async function walk(steps) {
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
    await steps(await opened(context), report);
  } catch (error) {
    report.problems.push(`the script failed: ${error.stack}`);
  } finally {
    await context.close();
  }
  console.log(JSON.stringify(report));
}

/** Another tab of the browser, in which nobody is logged in yet. */
export function anotherTab(page) {
  return opened(page.context());
}

async function opened(context) {
  const page = await context.newPage();
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  page.on("request", (request) => report.requests.push(request.url()));
  page.on("console", (message) => message.type() === "error" && report.problems.push(message.text()));
  page.on("pageerror", (error) => report.problems.push(error.stack));
  page.on("websocket", (socket) => {
    report.sockets.push(socket.url());
    socket.on("framesent", ({ payload }) => report.frames.push(JSON.parse(payload)));
  });
  await page.goto(`${origin}/graphql`);
  return page;
}

/** The two tokens that the click gives. */
export async function loggedInWithOneClick(page, name) {
  const answered = page.waitForResponse((response) => response.request().postData()?.includes("mutation Login"));
  await page.locator("#demo").getByRole("button", { name }).click();
  const { accessToken, refreshToken } = (await (await answered).json()).data.login;
  await page.locator("#who").waitFor();
  return [accessToken, refreshToken];
}

export async function loggedOut(page) {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.locator("#login").waitFor();
}

/** Clicks on "Execute query", and waits for what is shown then. */
export async function executed(page) {
  await page.getByRole("button", { name: /Execute query/ }).click();
  return JSON.parse(await until(() => editorText(page, ".graphiql-response")));
}

/** Puts a document of one's own in place of the one that is there, and executes it. */
export async function answerTo(page, document) {
  const answered = page.waitForResponse((response) => response.request().postDataJSON()?.query === document);
  await typed(page, ".graphiql-query-editor", document);
  await page.getByRole("button", { name: /Execute query/ }).click();
  const answer = await (await answered).json();
  await until(async () => sameJson(await editorText(page, ".graphiql-response"), answer));
  return answer;
}

/** Puts a text in place of what is in an editor. */
export async function typed(page, place, text) {
  await page.locator(`${place} .CodeMirror`).first().click();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.insertText(text);
}

function sameJson(text, answer) {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(answer);
  } catch {
    return false;
  }
}

/** Asks as whoever holds `token`, past the page. */
export async function asked(token, query, variables) {
  const response = await fetch(`${origin}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

export function editorText(page, place) {
  return page.evaluate((selector) => document.querySelector(`${selector} .CodeMirror`).CodeMirror.getValue(), place);
}

export async function until(condition) {
  while (Date.now() < deadline) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing came of ${condition}`);
}
