// The main flows, on real pictures: first start, sign-in, a library's life, recognition, a setting, the keyboard alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, go, openPage, settled, signIn, startBrowser } from "./browser.mjs";
import { PASSWORD, PICTURES, pictureForm } from "./seed.mjs";
import { ADMIN_TOKEN, startServer } from "./server.mjs";

/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
/** @type {Awaited<ReturnType<typeof startBrowser>>} */
let chromium;

before(async () => {
  [server, chromium] = await Promise.all([startServer(), startBrowser(PICTURES.obama2)]);
});
after(async () => {
  await Promise.all([chromium?.stop(), server?.stop()]);
});

/** @param {RegExp} [mayFail] */
const open = (mayFail) => openPage(chromium.browser, server.url, { language: "en", mayFail });

test("the first start leads from the admin token to the first recognition", async () => {
  const fresh = await startServer();
  const { page, close } = await openPage(chromium.browser, fresh.url, { language: "en" });
  await page.goto(fresh.url);
  await settled(page);
  await page.getByRole("textbox", { name: "Admin token" }).fill(ADMIN_TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Setup" }).waitFor();

  await page.getByLabel("Name").fill("ada");
  await page.getByRole("textbox", { name: "Password", exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Create and sign in" }).click();
  await page.getByLabel("Id of the app").fill("lobby");
  await page.getByRole("button", { name: "Create the app" }).click();
  await page.getByRole("button", { name: "I have kept it: next" }).click();
  await page.getByRole("button", { name: "Create the library" }).click();
  await page.getByLabel("Name (optional)").fill("Barack");
  await page.setInputFiles("input[type=file]", PICTURES.obama);
  await page.getByRole("button", { name: "Enrol", exact: true }).click();
  await page.getByRole("button", { name: "Next", exact: true }).click();
  await page.setInputFiles("input[type=file]", PICTURES.obama3);
  await page.getByText("Recognised! Everything works.").waitFor();
  assert.equal((await fresh.call("GET", "/overview")).people, 1);
  await close();
  await fresh.stop();
});

test("a wrong password is refused in words, the right one opens the console", async () => {
  await server.call("POST", "/operators", { name: "grace", role: "viewer", password: PASSWORD });
  const { page, close } = await open(/api\/v1\/session/);
  await page.goto(server.url);
  await page.getByLabel("Name").fill("grace");
  await page.getByRole("textbox", { name: "Password", exact: true }).fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").getByText("Name or password is wrong").waitFor();
  await page.getByRole("textbox", { name: "Password", exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();

  // A viewer sees no act.
  await go(page, server.url, "/libraries");
  assert.equal(await page.getByRole("button", { name: "Create a library" }).count(), 0);
  await page.getByRole("button", { name: /Signed in/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("button", { name: "Sign in" }).waitFor();
  await close();
});

test("a face before the camera opens the console to look, and is the second factor to act", async () => {
  const lin = await server.call("POST", "/operators", { name: "lin", role: "admin", password: PASSWORD });
  await server.call("PUT", `/operators/${lin.id}/face`, await pictureForm({}, PICTURES.obama));
  const { page, close } = await open(/api\/v1\/session/);
  await page.goto(server.url);
  await page.getByRole("tab", { name: "Face" }).click();
  await page.getByRole("button", { name: "Take a picture" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: "Signed in: lin · viewer" }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();

  await server.call("PATCH", `/operators/${lin.id}`, { signIn: "passwordAndFace" });
  await page.getByLabel("Name").fill("lin");
  await page.getByRole("textbox", { name: "Password", exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The password is right.").waitFor();
  await page.getByRole("button", { name: "Take a picture" }).click();
  await page.getByRole("button", { name: "Signed in: lin · admin" }).waitFor();
  await close();
});

test("a library is created, filled, searched by a face, and deleted unless that is taken back", async () => {
  const { page, close } = await open();
  await signIn(page, server.url);
  await go(page, server.url, "/libraries");
  await page.getByRole("button", { name: "Create a library" }).first().click();
  await page.getByRole("dialog").getByLabel("Name").fill("staff");
  await page.getByRole("dialog").getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("heading", { name: "staff", level: 1 }).waitFor();

  await page.getByRole("button", { name: "Add a person" }).first().click();
  const drawer = page.getByRole("dialog");
  await drawer.locator("input[type=file]").first().setInputFiles(PICTURES.obama);
  await drawer.getByLabel("Name", { exact: true }).fill("Barack Obama");
  await drawer.getByRole("button", { name: "Add", exact: true }).click();
  await drawer.getByText("Barack Obama was added").waitFor();
  await drawer.getByRole("button", { name: "Close", exact: true }).last().click();
  await page.getByRole("link", { name: "Barack Obama" }).first().waitFor();

  await page.getByRole("button", { name: "Search by face" }).click();
  await page.locator("input[type=file]").first().setInputFiles(PICTURES.obama3);
  await page.getByText(/Similarity 0\.9/).first().waitFor();

  const [library] = (await server.call("GET", "/libraries?groupId=staff")).items;
  await go(page, server.url, "/libraries");
  await page.getByRole("button", { name: "Actions on staff" }).click();
  await page.getByRole("menuitem", { name: "Delete" }).click();
  const question = page.getByRole("dialog");
  await question.getByText(/1 people, 1 faces/).waitFor();
  assert.ok(await question.getByRole("button", { name: "Delete the library" }).isDisabled());
  await question.getByRole("textbox").fill("staff");
  await question.getByRole("button", { name: "Delete the library" }).click();
  // The server waits, so that a page that is closed changes nothing, and somebody else can take it back.
  await page.getByText("This library is about to be deleted").waitFor();
  const [job] = (await server.call("GET", "/jobs?kind=libraryDeletion&state=queued")).items;
  assert.equal(job.libraryId, library.id);
  await page.getByRole("button", { name: "Undo the deletion of “staff”" }).click();
  await page.getByText("“staff” is kept").waitFor();
  await page.getByRole("link", { name: "staff" }).first().waitFor();
  assert.equal((await server.call("GET", `/libraries/${library.id}`)).name, "staff");
  await close();
});

test("a picture is looked at, and identified, with the code for every interface", async () => {
  const library = await server.call("POST", "/libraries", { name: "gate" });
  await server.call("POST", `/libraries/${library.id}/people`, await pictureForm({ name: "Barack" }, PICTURES.obama));
  const { page, close } = await open();
  await signIn(page, server.url);
  await go(page, server.url, "/try");
  await page.setInputFiles("input[type=file]", PICTURES.obama3);
  await page.getByText("Recognisability").first().waitFor();
  // The picture stays from one way of trying to the next.
  await page.getByRole("tab", { name: "Who is it (1:N)" }).click();
  await page.getByText("Barack").first().waitFor();
  await assertAccessible(page);
  await close();
});

test("a setting is changed with a reason, and undone", async () => {
  const { page, close } = await open();
  await signIn(page, server.url);
  await go(page, server.url, "/settings");
  await page.getByPlaceholder("Find by name or meaning").fill("recognition.threshold");
  await page.getByRole("button", { name: /^Change/ }).first().click();
  const drawer = page.getByRole("dialog");
  await drawer.getByRole("spinbutton").fill("0.75");
  await drawer.getByLabel("Reason").fill("bright doorway");
  await drawer.getByRole("button", { name: /^Change it|Save/ }).click();
  await page.getByText("The setting is in force").waitFor();
  assert.equal((await server.call("GET", "/settings/recognition.threshold")).value, 0.75);
  await server.call("DELETE", "/settings/recognition.threshold?reason=over");
  await close();
});

test("the keyboard alone reaches every page and act", async () => {
  const { page, close } = await open();
  await signIn(page, server.url);
  await go(page, server.url, "/overview");
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "content");
  // Backwards from the content: the menus of the head, then the entries of the navigation.
  await page.locator("nav").getByRole("menuitem", { name: "Jobs" }).press("Enter");
  await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
  await page.getByRole("button", { name: "Language" }).focus();
  await page.keyboard.press("Enter");
  // The menu takes the focus once it is there.
  await page.locator("[role=menuitem]:focus", { hasText: "简体中文" }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "任务", level: 1 }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-CN");
  await close();
});

/** @param {import("playwright-core").Page} page */
function focused(page) {
  return page.evaluate(() => document.activeElement?.textContent);
}
