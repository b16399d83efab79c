// An administrator asks about John and lends him a role, for test_permissions.py to judge.
// node permissions.mjs ORIGIN CHROMIUM PROFILE PACKAGES SECONDS: for so long he holds it.

import { answerTo, asked, loggedInWithOneClick, until, walk } from "./page.mjs";

const seconds = Number(process.argv[6]);
const STRATEGIES = ["DENY_OVERRIDES", "MOST_PERMISSIVE", "MOST_RESTRICTIVE", "PRIORITY"];
const DEMO_PASSWORD = "parley-demo-password";

await walk(async (page, report) => {
  await loggedInWithOneClick(page, "admin");
  report.docs = {};
  for (const field of ["whoHasAccess", "auditEvents", "explainDecision"]) report.docs[field] = await docsOf(page, field);
  const { data: found } = await answerTo(page, '{ users(search: "john") { edges { node { id displayName } } } }');
  const john = found.users.edges[0].node.id;
  report.effective = {};
  for (const strategy of STRATEGIES) {
    report.effective[strategy] = [];
    for (const type of ["sales_data", "report"]) {
      const { data } = await answerTo(page, effectivePermissions(john, strategy, type));
      report.effective[strategy].push(...data.effectivePermissions.permissions);
    }
  }
  report.explained = await answerTo(page, `{ explainDecision(input: {userId: "${john}", action: "sales_data:write",
    resource: {type: "sales_data"}}) { decision { allowed decidedBy } words trace { rule outcome decided paths { steps } }
    remedies { kind description steps { role } } } }`);
  report.holders = await answerTo(page, `{ whoHasAccess(action: "sales_data:write", resource: {type: "sales_data"}) {
    edges { node { user { displayName } via decidedBy } } } }`);
  report.lent = await lend(page, john);
});

function effectivePermissions(userId, strategy, type) {
  return `{ effectivePermissions(userId: "${userId}", strategy: ${strategy}, resourceType: "${type}") {
    permissions { action effect via rules { rule paths { steps } } } } }`;
}

/** What the documentation says of a field of the queries. */
async function docsOf(page, field) {
  const open = page.getByRole("button", { name: "Show Documentation Explorer" });
  if (await open.count()) await open.click();
  const docs = page.locator(".graphiql-doc-explorer");
  await until(async () => {
    const back = docs.locator(".graphiql-doc-explorer-back");
    if (!(await back.count())) return true;
    await back.click();
  });
  await docs.getByRole("link", { name: "Query", exact: true }).click();
  await docs.getByRole("link", { name: field, exact: true }).first().click();
  await docs.locator(".graphiql-doc-explorer-title").getByText(field, { exact: true }).waitFor();
  return docs.innerText();
}

/** Before, at once, and when it has ended by itself: what the administrator is told, and what John himself may. */
async function lend(page, userId) {
  const credentials = { email: "john@demo.example", password: DEMO_PASSWORD };
  const login = await asked(null, "mutation ($input: LoginInput!) { login(input: $input) { accessToken } }", { input: credentials });
  const token = login.data.login.accessToken;
  const mayList = async () => !(await asked(token, "{ users(first: 1) { edges { node { id } } } }")).errors;
  const check = `{ checkPermission(input: {userId: "${userId}", action: "user:list", resource: {type: "user"}}) {
    allowed reason at } }`;
  const checked = async () => (await answerTo(page, check)).data.checkPermission;

  const before = { told: await checked(), may: await mayList() };
  const validUntil = new Date(Date.now() + seconds * 1000).toISOString();
  const assigned = await answerTo(page, `mutation { assignRole(input: {userId: "${userId}", role: "admin",
    validUntil: "${validUntil}", reason: "stands in"}) { assignment { role { name } validUntil reason endedAt } } }`);
  const atOnce = { told: await checked(), may: await mayList() };
  const answers = [];
  await until(async () => !answers[answers.push(await checked()) - 1].allowed);
  return { validUntil, assigned, before, atOnce, answers, after: { told: answers.at(-1), may: await mayList() } };
}
