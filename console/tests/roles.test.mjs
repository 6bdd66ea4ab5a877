// Who may do what: operators are created, each role sees every page and no act that is not for it, sessions end, passwords change.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { addressesOf, PAGES } from "./pages.mjs";
import { ended, PASSWORD, seed } from "./seed.mjs";
import { startServer } from "./server.mjs";

/** Pages that are for administrators alone. */
const OF_ADMINS = new Set(["engines", "apps", "app", "operators", "audit", "settings"]);
/** Parts of the page of a library. */
const PARTS = ["import", "duplicates", "tags", "export", "settings"];
/** Names of the buttons that only look, read again or fetch; and of what everybody may do with the own account. */
const LOOKING = [
  /^(Refresh|Refresh the people|Look up|Load more|Back|To the overview|Recognition log)$/,
  /^(Show|Copy|Report|Download)/,
  /(Save as CSV|Show as table)$/,
  /^How a receiver checks/,
  /^(Change the password|Enrol a face|New token)$/,
];

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;
/** @type {Record<string, string>} */
let addresses;

before(async () => {
  [server, chromium] = await Promise.all([startServer(), startBrowser()]);
  const seeded = await seed(server);
  for (const job of seeded.jobs) await ended(server.call, job.id);
  const [webhook] = (await server.call("GET", "/webhooks")).items;
  addresses = {
    ...addressesOf(seeded),
    ...Object.fromEntries(PARTS.map((part) => [`library: ${part}`, `/libraries/${seeded.staff.id}?tab=${part}`])),
    webhook: `/webhooks/${webhook.id}`,
    account: "/account",
    friendsOfOne: "/friends?app=lobby&account=zhang",
    unknownFaces: `/recognitions?library=${seeded.staff.id}&tab=groups`,
  };
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
});

/**
 * A page of somebody, with the calls that the server refused.
 * @param {Record<string, string>} [credentials]
 */
async function openAs(credentials) {
  const opened = await openPage(chromium.browser, server.url, { language: "en" });
  await signIn(opened.page, server.url, credentials);
  /** @type {string[]} */
  const refused = [];
  opened.page.on("response", (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
  });
  return { ...opened, refused };
}

/**
 * Names of the buttons of the page proper that can be seen.
 * @param {import("playwright-core").Page} page
 */
function buttons(page) {
  return page.evaluate(() => {
    const proper = document.querySelector("[role=main]") ?? document.body;
    const all = [...proper.querySelectorAll("button, [role=switch], input[type=file]")];
    const seen = all.filter((one) => one.matches("input[type=file]") || one.checkVisibility());
    return seen.map((one) => (one.getAttribute("aria-label") ?? one.textContent ?? "").trim()).filter(Boolean);
  });
}

describe("every page asks only for what the role may have", () => {
  for (const [role, name] of [["admin", "林主任"], ["operator", "chen"], ["viewer", "viewer"]]) {
    test(`${role}`, async () => {
      const { page, close, refused } = await openAs({ name: String(name), password: PASSWORD });
      for (const [at, address] of Object.entries(addresses)) {
        await go(page, server.url, address);
        const isClosed = await page.getByText("This page is for administrators").count();
        if (OF_ADMINS.has(at)) assert.equal(isClosed, role === "admin" ? 0 : 1, at);
        if (role === "viewer") {
          const acts = (await buttons(page)).filter((text) => !LOOKING.some((pattern) => pattern.test(text)));
          assert.deepEqual(acts, [], `${at} offers a viewer what is not for one`);
        }
        // What is offered to be saved can be had.
        const links = await page.locator("a[download]").evaluateAll((all) => all.map((one) => /** @type {HTMLAnchorElement} */ (one).href));
        for (const link of links.filter((one) => one.startsWith(server.url))) {
          const answer = await page.request.get(link);
          assert.equal(answer.status(), 200, `${at}: ${link}`);
        }
      }
      assert.deepEqual(refused, []);
      await close();
    });
  }

  test("there is no page of the list that is not visited", () => {
    assert.deepEqual(PAGES.filter((name) => !(name in addresses)), []);
  });
});

test("an administrator creates an operator and a viewer, who can sign in as that", async () => {
  const { page, close } = await openAs();
  const visitor = await openPage(chromium.browser, server.url, { language: "en" });
  for (const [name, role] of [["mei", "Operator"], ["bo", "Viewer"]]) {
    await go(page, server.url, "/operators");
    await page.getByRole("button", { name: "New operator" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill(String(name));
    await dialog.getByRole("radio", { name: new RegExp(`^${role}`) }).check();
    await dialog.getByLabel("First password (optional)").fill(PASSWORD);
    await dialog.getByRole("button", { name: "Create", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await page.getByRole("row").filter({ hasText: String(name) }).getByText(String(role)).waitFor();

    await visitor.page.goto(server.url);
    await visitor.page.getByLabel("Name").fill(String(name));
    await visitor.page.getByRole("textbox", { name: "Password", exact: true }).fill(PASSWORD);
    await visitor.page.getByRole("button", { name: "Sign in" }).click();
    await visitor.page.getByRole("button", { name: `Signed in: ${name} · ${role?.toLowerCase()}` }).click();
    await visitor.page.getByRole("menuitem", { name: "Sign out" }).click();
    await visitor.page.getByRole("button", { name: "Sign in" }).waitFor();
  }
  await visitor.close();
  await close();
});

test("an administrator sees the sessions of others, and ends one", async () => {
  await server.call("POST", "/operators", { name: "leaving", role: "operator", password: PASSWORD });
  const { page, close } = await openAs();
  // The browser that is signed out meanwhile asks once more, and is refused.
  const other = await openPage(chromium.browser, server.url, { language: "en", mayFail: /\/api\/v1\// });
  await signIn(other.page, server.url, { name: "leaving", password: PASSWORD });
  await go(other.page, server.url, "/libraries");

  await go(page, server.url, "/operators");
  await page.getByRole("tab", { name: "Sessions and tokens" }).click();
  const row = page.getByRole("row").filter({ hasText: "leaving" });
  await row.getByRole("button", { name: /^End/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End", exact: true }).click();
  await row.waitFor({ state: "detached" });

  await other.page.getByRole("menuitem", { name: "Jobs" }).click();
  await other.page.getByRole("button", { name: "Sign in" }).waitFor();
  await other.close();
  await close();
});

test("an operator changes the own password, which ends the other sessions", async () => {
  const changed = "another long pass phrase";
  await server.call("POST", "/operators", { name: "careful", role: "operator", password: PASSWORD });
  const old = await openPage(chromium.browser, server.url, { language: "en", mayFail: /\/api\/v1\// });
  await signIn(old.page, server.url, { name: "careful", password: PASSWORD });
  await go(old.page, server.url, "/account");
  const { page, close, faults } = await openAs({ name: "careful", password: PASSWORD });
  await go(page, server.url, "/account");
  const fill = async (/** @type {string} */ label, /** @type {string} */ value) => page.getByLabel(label, { exact: true }).fill(value);
  await fill("Current password", PASSWORD);
  await fill("New password", changed);
  await fill("New password again", "something else");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The new passwords differ").waitFor();
  await fill("New password again", changed);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The password is changed").waitFor();
  assert.deepEqual(faults, []);

  await old.page.reload();
  await settled(old.page);
  await old.page.getByRole("button", { name: "Sign in" }).waitFor();
  const answers = await Promise.all(
    [PASSWORD, changed].map((password) => page.request.post(`${server.url}/api/v1/session`, { data: { name: "careful", password } })),
  );
  assert.deepEqual(answers.map((answer) => answer.status()), [401, 200]);
  await old.close();
  await close();
});
