// How other systems connect: apps with tokens, keys and quotas, webhooks, and the friends of an app's users.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { callerOf, startServer } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;

before(async () => {
  [server, chromium] = await Promise.all([
    startServer({ settings: { AICP_WEBHOOKS__ALLOW_PRIVATE: "true" } }),
    startBrowser(),
  ]);
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
});

async function open() {
  const opened = await openPage(chromium.browser, server.url, { language: "en" });
  await signIn(opened.page, server.url);
  return opened;
}

/**
 * Reads a secret that is shown once, and says that it is kept.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>} the values in the order of the page
 */
async function takeSecrets(page) {
  const dialog = page.getByRole("dialog");
  await dialog.getByText("It is shown only now, and never again").waitFor();
  const close = dialog.getByRole("button", { name: "Close", exact: true });
  assert.ok(await close.isDisabled(), "it closes before the secret is kept");
  const values = await dialog.locator(".ant-modal-body > div > div > div > code").allInnerTexts();
  await dialog.getByRole("checkbox", { name: "I have stored it safely" }).check();
  await close.click();
  await dialog.waitFor({ state: "detached" });
  return values;
}

test("an app is created, and its token is shown once and never again", async () => {
  const { page, close } = await open();
  await go(page, server.url, "/apps");
  await page.getByRole("button", { name: "New app" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("App id").fill("shop");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByText("Choose at least one capability").waitFor();
  await dialog.getByRole("button", { name: "All", exact: true }).click();
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const [token = ""] = await takeSecrets(page);
  await page.getByRole("heading", { name: "shop", level: 1 }).waitFor();
  assert.equal((await callerOf(server.url, token)("GET", "/libraries")).items.length, 0);

  await page.reload();
  await settled(page);
  assert.ok(!(await page.content()).includes(token), "the token is shown again");
  await close();
});

test("an app gets a key, a quota whose use is shown, and another due date; its key is revoked", async () => {
  const capabilities = (await server.call("GET", "/capabilities")).items.map((/** @type {any} */ { id }) => id);
  const { token } = await server.call("POST", "/apps", { appId: "kiosk", capabilities, dueAt: "2036-01-01T00:00:00Z" });
  const app = callerOf(server.url, token);
  const { page, close } = await open();
  await go(page, server.url, "/apps/kiosk?part=keys");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("dialog").getByRole("radio", { name: /^JD Cloud/ }).check();
  await page.getByRole("dialog").getByRole("button", { name: "Create", exact: true }).click();
  const [accessKey = "", secret = ""] = await takeSecrets(page);
  const keys = async () => (await server.call("GET", "/apps/kiosk/keys")).keys;
  assert.deepEqual((await keys()).map((/** @type {any} */ { id, kind }) => [id, kind]), [[accessKey, "jdcloud"]]);
  assert.ok(secret.length >= 16);
  await page.getByText("Valid", { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(secret));

  await page.getByRole("tab", { name: "Quota" }).click();
  await page.getByRole("spinbutton", { name: "Libraries", exact: true }).fill("2");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("0 / 2").waitFor();
  await app("POST", "/libraries", { name: "first" });
  await app("POST", "/libraries", { name: "second" });
  await page.getByText("2 / 2").waitFor();
  await page.getByText("The limit is reached").waitFor();
  await assert.rejects(app("POST", "/libraries", { name: "third" }), /quotaExceeded|429|403|409/);

  await page.getByRole("tab", { name: "Grant" }).click();
  await page.getByRole("textbox", { name: "Ends" }).click();
  await page.getByText("1 month", { exact: true }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved").first().waitFor();
  const { dueAt } = await server.call("GET", "/apps/kiosk");
  const days = (Date.parse(dueAt) - Date.now()) / 86_400_000;
  assert.ok(days > 27 && days < 33, dueAt);

  await page.getByRole("tab", { name: "Keys" }).click();
  await page.getByRole("button", { name: `Revoke the key ${accessKey}?` }).click();
  const question = page.getByRole("dialog");
  assert.ok(await question.getByRole("button", { name: "Revoke", exact: true }).isDisabled());
  await question.getByRole("textbox").fill(accessKey);
  await question.getByRole("button", { name: "Revoke", exact: true }).click();
  await page.getByText("There is no key.").waitFor();
  await page.getByRole("checkbox", { name: "Show revoked keys" }).check();
  await page.getByText("Revoked", { exact: true }).waitFor();
  assert.ok((await keys())[0].revokedAt);
  await close();
});

test("a webhook gets a signed test event, is paused, and is deleted after a question that names it", async () => {
  /** @type {{ body: string, signature: string }[]} */
  const received = [];
  const receiver = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    received.push({ body: Buffer.concat(chunks).toString(), signature: String(request.headers["x-aicp-signature"]) });
    response.end();
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (receiver.address());
  const url = `http://127.0.0.1:${port}/events`;

  const { page, close } = await open();
  await go(page, server.url, "/webhooks");
  await page.getByRole("button", { name: "New webhook" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Target").fill(url);
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  const [secret = ""] = await takeSecrets(page);
  await page.getByRole("heading", { name: url, level: 1 }).waitFor();
  await page.getByRole("button", { name: "Send a test event" }).click();
  const delivery = page.getByRole("row").filter({ hasText: "Test" });
  await delivery.getByText("Delivered").waitFor();
  const [event] = received;
  assert.ok(event, "nothing was received");
  const [, time, sent] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(event.signature) ?? [];
  assert.equal(sent, createHmac("sha256", secret).update(`${time}.${event.body}`).digest("hex"));

  await page.getByRole("button", { name: "Switch off" }).click();
  await page.getByText("It is switched off: no events are sent").waitFor();
  const [webhook] = (await server.call("GET", "/webhooks")).items;
  assert.equal(webhook.enabled, false);
  await page.getByRole("button", { name: "Switch on" }).click();
  await page.getByText("It is on, and goes on where it stopped").waitFor();
  assert.equal((await server.call("GET", `/webhooks/${webhook.id}`)).enabled, true);

  await page.getByRole("button", { name: "Delete", exact: true }).click();
  const question = page.getByRole("dialog");
  await question.getByText(`Delete the webhook “${url}”?`).last().waitFor();
  await question.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("There is no webhook yet.").waitFor();
  assert.deepEqual((await server.call("GET", "/webhooks")).items, []);
  await close();
  receiver.close();
});

test("an account is created, gets a friend with a remark and a group, and a member is taken out", async () => {
  await server.call("POST", "/apps", { appId: "chat", capabilities: ["C10000000001"], dueAt: "2036-01-01T00:00:00Z" });
  await server.call("PUT", "/apps/chat/accounts/li", { nick: "Li" });
  const { page, close } = await open();
  await go(page, server.url, "/friends?app=chat");
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "New account" }).click();
  await dialog.getByLabel("Account", { exact: true }).fill("zhang");
  await dialog.getByLabel("Nickname").fill("Zhang");
  await dialog.getByRole("button", { name: /Save|Create/ }).click();
  await page.getByText("There are no friends yet.").waitFor();

  await page.getByRole("button", { name: "Add friend" }).first().click();
  await dialog.getByLabel("Friend's account").fill("li");
  await dialog.getByLabel("Remark").fill("colleague");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row").filter({ hasText: "colleague" }).waitFor();

  await page.getByRole("button", { name: "New group" }).click();
  await dialog.getByLabel("Name of the group").fill("work");
  await dialog.getByLabel("Members").click();
  await page.locator(".ant-select-item-option", { hasText: "li (colleague)" }).click();
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("Members: 1").waitFor();
  const groups = async () => (await server.call("GET", "/apps/chat/accounts/zhang/friend-groups")).items;
  assert.deepEqual((await groups()).map((/** @type {any} */ { name, members }) => [name, members]), [["work", ["li"]]]);

  await page.getByRole("button", { name: "Take “li” out of the group “work”?" }).click();
  await dialog.getByText("They stay friends.").waitFor();
  await dialog.getByRole("button", { name: "Take out" }).click();
  await page.getByText("No members").waitFor();
  assert.deepEqual((await groups())[0].members, []);
  const friends = (await server.call("GET", "/apps/chat/accounts/zhang/friends")).items;
  assert.deepEqual(friends.map((/** @type {any} */ { id, remark }) => [id, remark]), [["li", "colleague"]]);
  await close();
});
