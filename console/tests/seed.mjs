// What an operator would find on a server that has been used for a while: people of the samples, calls, jobs, writes that wait.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { callerOf, ROOT } from "./server.mjs";

const SAMPLES = join(ROOT, "samples");
const CAPABILITIES = ["C10000000001", "C10000000002", "C10000000003", "C10000000006"];
const NAMES = ["陈思远", "林雨桐", "Grace Hopper", "王建国", "李静怡", "Ada Lovelace", "赵明", "欧阳若兰", "周杰", "孙丽", "吴昊", "郑爽然"];
export const PASSWORD = "a long pass phrase";

/** Paths of pictures of the samples. */
export const PICTURES = {
  obama: join(SAMPLES, "people/obama/obama.jpg"),
  obama2: join(SAMPLES, "people/obama/obama2.jpg"),
  obama3: join(SAMPLES, "people/obama/obama3.jpg"),
  biden: join(SAMPLES, "people/biden/biden.jpg"),
};

/** Returns the paths of a stranger's pictures, one of each. */
export async function strangers() {
  const found = await readdir(join(SAMPLES, "strangers"), { recursive: true });
  return found.filter((name) => name.endsWith(".jpg")).sort().map((name) => join(SAMPLES, "strangers", name));
}

/** Returns the paths of the group photos. */
export async function groups() {
  const found = await readdir(join(SAMPLES, "groups"));
  return found.filter((name) => name.endsWith(".jpg")).sort().map((name) => join(SAMPLES, "groups", name));
}

/** A picture of an even grey, on which there is no face (BMP). */
export function faceless() {
  const side = 96;
  const header = Buffer.alloc(54);
  header.write("BM");
  header.writeUInt32LE(54 + side * side * 3, 2);
  header.writeUInt32LE(54, 10);
  header.writeUInt32LE(40, 14);
  header.writeInt32LE(side, 18);
  header.writeInt32LE(side, 22);
  header.writeUInt16LE(1, 26);
  header.writeUInt16LE(24, 28);
  return Buffer.concat([header, Buffer.alloc(side * side * 3, 128)]);
}

/**
 * A form with pictures.
 * @param {Record<string, string>} fields
 * @param {string[]} paths
 */
export async function pictureForm(fields, ...paths) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const path of paths) form.append("file", new File([await readFile(path)], basename(path), { type: "image/jpeg" }));
  return form;
}

/**
 * Fills a server. With the address of an engine, some writes wait for it once it is stopped.
 * @param {Awaited<ReturnType<typeof import("./server.mjs").startServer>>} server
 */
export async function seed({ call, url }) {
  const { token } = await call("POST", "/apps", { appId: "lobby", capabilities: CAPABILITIES, dueAt: "2036-01-01T00:00:00Z" });
  await call("POST", "/apps", { appId: "kiosk", capabilities: CAPABILITIES.slice(0, 1), dueAt: "2036-01-01T00:00:00Z" });
  const app = callerOf(url, token);
  await call("POST", "/apps/lobby/keys", { kind: "jdcloud" });
  await call("PUT", "/apps/lobby/quota", { callsPerSecond: 50, callsPerDay: 100000, maxLibraries: 20, maxPeople: 5000 });

  const staff = await app("POST", "/libraries", { name: "员工底库", groupId: "staff", description: "总部大楼一层门禁" });
  const visitors = await app("POST", "/libraries", { name: "visitors", groupId: "visitors" });
  await app("PATCH", `/libraries/${staff.id}/recognition-log`, { enabled: true, keepDays: 7 });
  const others = await strangers();
  const people = [];
  for (const [index, name] of NAMES.entries()) {
    const fields = { name, externalId: `E-${1001 + index}`, tags: index % 3 ? "研发" : "行政" };
    const picture = others[index];
    if (picture) people.push(await app("POST", `/libraries/${staff.id}/people`, await pictureForm(fields, picture)));
  }
  const president = { name: "Barack Obama", externalId: "E-2001", tags: "VIP" };
  const known = await app("POST", `/libraries/${staff.id}/people`, await pictureForm(president, PICTURES.obama, PICTURES.obama2));
  people.push(known);
  // Somebody who was enrolled twice.
  const twice = { name: "B. Obama", externalId: "E-2002" };
  await app("POST", `/libraries/${staff.id}/people`, await pictureForm(twice, PICTURES.obama3));

  for (const picture of [PICTURES.obama3, PICTURES.biden, ...others.slice(0, 3)]) {
    await app("POST", `/libraries/${staff.id}/identify`, await pictureForm({}, picture));
  }
  await app("POST", "/detect", await pictureForm({}, PICTURES.biden));
  const scan = await app("POST", `/libraries/${staff.id}/duplicate-scans`, { threshold: 0.5 });
  const made = await app("POST", `/libraries/${staff.id}/exports`, { pictures: true, templates: false });

  const operators = [];
  for (const [name, role] of [["林主任", "admin"], ["chen", "operator"], ["viewer", "viewer"]]) {
    operators.push(await call("POST", "/operators", { name, role, password: PASSWORD }));
  }
  await app("POST", "/webhooks", { url: "https://example.com/aicp", kinds: ["recognition"], description: "大屏" });
  for (const account of ["zhang", "li", "wang"]) await call("PUT", `/apps/lobby/accounts/${account}`, { nick: `昵称 ${account}` });
  await call("PUT", "/apps/lobby/accounts/zhang/friends/li", { remark: "同事", groups: ["同事", "球友"] });
  await call("PUT", "/apps/lobby/accounts/zhang/friends/wang", { remark: "", groups: ["同事"] });
  await call("PUT", "/settings/recognition.threshold", { value: 0.72, reason: "门口光线较暗" });
  return { token, app, staff, visitors, people, known, operators, jobs: [scan, made] };
}

/**
 * Waits until a job has ended.
 * @param {(method: string, path: string) => Promise<any>} call
 * @param {string} id
 */
export async function ended(call, id) {
  for (;;) {
    const job = await call("GET", `/jobs/${id}`);
    if (["done", "failed", "cancelled"].includes(job.state)) return job;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
