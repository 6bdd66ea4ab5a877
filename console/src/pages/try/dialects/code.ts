import { type Json, jsonText, PictureField, WrittenNumber } from "./text";
import type { Code } from "./types";

/** A call that sends JSON and needs a token alone. */
export interface PlainCall {
  url: string;
  /** Header with the token: the name, and what stands before the token. */
  tokenHeader: { name: string; prefix: string };
  body: Json;
}

/** Writes programs that make a call without an SDK. */
export function plainCode(call: PlainCall): Code[] {
  return [
    { language: "curl", text: curl(call) },
    { language: "python", text: python(call) },
    { language: "node", text: node(call) },
    { language: "java", text: java(call) },
  ];
}

/** Pictures in a body, in their order. */
export function picturesIn(value: Json): PictureField[] {
  if (value instanceof PictureField) return [value];
  if (value instanceof WrittenNumber || value === null || typeof value !== "object") return [];
  return (Array.isArray(value) ? value : Object.values(value)).flatMap(picturesIn);
}

/** Quotes a text for a shell. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// The base64 goes through a pipe, because arguments of programs have a limit.
function curl({ url, tokenHeader, body }: PlainCall): string {
  const format = writtenWith(body, () => '"%s"', (text) => text.replaceAll("\\", "\\\\").replaceAll("%", "%%"));
  const contents = picturesIn(body).map(({ file }) => ` \\\n  "$(base64 < ${file} | tr -d '\\n')"`);
  return [
    `printf ${shellQuoted(format)}${contents.join("")} |`,
    `curl -sS ${shellQuoted(url)} \\`,
    `  -H "${tokenHeader.name}: ${tokenHeader.prefix}$TOKEN" \\`,
    "  -H 'Content-Type: application/json' \\",
    "  --data-binary @-",
  ].join("\n");
}

function python({ url, tokenHeader, body }: PlainCall): string {
  const token = tokenHeader.prefix ? `f"${tokenHeader.prefix}{os.environ['TOKEN']}"` : `os.environ["TOKEN"]`;
  return [
    "# pip install requests",
    "import base64",
    "import os",
    "",
    "import requests",
    "",
    ...pythonPictures(body),
    `answer = requests.post(`,
    `    ${JSON.stringify(url)},`,
    `    headers={"${tokenHeader.name}": ${token}},`,
    `    json=${pythonLiteral(body)},`,
    "    timeout=30,",
    ")",
    "print(answer.status_code, answer.json())",
  ].join("\n");
}

/** Lines of Python that read the pictures of a body. */
export function pythonPictures(body: Json): string[] {
  return picturesIn(body).map(
    ({ variable, file }) => `${variable} = base64.b64encode(open("${file}", "rb").read()).decode()`,
  );
}

/** Writes a value in Python. */
export function pythonLiteral(value: Json): string {
  if (value instanceof PictureField) return value.variable;
  if (value instanceof WrittenNumber) return value.text;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([name, own]) => `${JSON.stringify(name)}: ${pythonLiteral(own)}`)
    .join(", ")}}`;
}

function node({ url, tokenHeader, body }: PlainCall): string {
  const token = tokenHeader.prefix ? `\`${tokenHeader.prefix}\${process.env.TOKEN}\`` : "process.env.TOKEN";
  const name = /^[A-Za-z]+$/.test(tokenHeader.name) ? tokenHeader.name : JSON.stringify(tokenHeader.name);
  return [
    "// Node.js 20",
    'import { readFileSync } from "node:fs";',
    "",
    ...nodePictures(body),
    `const answer = await fetch(${JSON.stringify(url)}, {`,
    '  method: "POST",',
    `  headers: { ${name}: ${token}, "Content-Type": "application/json" },`,
    `  body: JSON.stringify(${nodeLiteral(body)}),`,
    "});",
    "console.log(answer.status, JSON.stringify(await answer.json(), null, 2));",
  ].join("\n");
}

/** Lines of JavaScript that read the pictures of a body. */
export function nodePictures(body: Json): string[] {
  return picturesIn(body).map(({ variable, file }) => `const ${variable} = readFileSync("${file}").toString("base64");`);
}

/** Writes a value in JavaScript. */
export function nodeLiteral(value: Json): string {
  if (value instanceof PictureField) return value.variable;
  if (value instanceof WrittenNumber) return value.text;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(nodeLiteral).join(", ")}]`;
  return `{ ${Object.entries(value)
    .map(([name, own]) => {
      const written = nodeLiteral(own);
      if (written === name) return name;
      return `${/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name)}: ${written}`;
    })
    .join(", ")} }`;
}

function java({ url, tokenHeader, body }: PlainCall): string {
  const written = writtenWith(body, ({ variable }) => `"${CUT}${variable}${CUT}"`, (text) => text);
  const parts = written.split(CUT).map((part, index) => (index % 2 === 1 ? part : JSON.stringify(part)));
  const token = tokenHeader.prefix ? `"${tokenHeader.prefix}" + System.getenv("TOKEN")` : 'System.getenv("TOKEN")';
  const pictures = picturesIn(body).map(
    ({ variable, file }) =>
      `        String ${variable} = Base64.getEncoder().encodeToString(Files.readAllBytes(Path.of("${file}")));`,
  );
  return [
    "// Java 11",
    "import java.net.URI;",
    "import java.net.http.HttpClient;",
    "import java.net.http.HttpRequest;",
    "import java.net.http.HttpResponse;",
    "import java.nio.file.Files;",
    "import java.nio.file.Path;",
    "import java.util.Base64;",
    "",
    "public class Call {",
    "    public static void main(String[] args) throws Exception {",
    ...pictures,
    `        String body = ${parts.join(" + ")};`,
    `        HttpRequest request = HttpRequest.newBuilder(URI.create(${JSON.stringify(url)}))`,
    `            .header("${tokenHeader.name}", ${token})`,
    '            .header("Content-Type", "application/json")',
    "            .POST(HttpRequest.BodyPublishers.ofString(body))",
    "            .build();",
    "        HttpResponse<String> answer =",
    "            HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());",
    "        System.out.println(answer.statusCode() + \" \" + answer.body());",
    "    }",
    "}",
  ].join("\n");
}

const CUT = "\u0002";

/** Writes JSON in one line, in which `ofPicture` writes the pictures and `ofRest` changes what stands between them. */
function writtenWith(body: Json, ofPicture: (picture: PictureField) => string, ofRest: (text: string) => string): string {
  const pictures = picturesIn(body);
  const cut = jsonText(withoutPictures(body), true).split(`"\\u0002"`);
  return cut.map((text, index) => ofRest(text) + (index < pictures.length ? ofPicture(pictures[index]!) : "")).join("");
}

function withoutPictures(value: Json): Json {
  if (value instanceof PictureField) return CUT;
  if (value instanceof WrittenNumber || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(withoutPictures);
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [name, withoutPictures(own)]));
}
