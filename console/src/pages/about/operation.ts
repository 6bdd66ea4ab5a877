/** The parts of an OpenAPI document that are used here. */
export interface Document {
  tags?: { name: string; description?: string }[];
  paths: Record<string, Record<string, DescribedOperation>>;
  components?: { schemas?: Record<string, JsonSchema> };
}

interface DescribedOperation {
  tags?: string[];
  operationId?: string;
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema?: JsonSchema }> };
  responses: Record<string, { description?: string }>;
  security?: Record<string, string[]>[];
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: JsonSchema;
}

interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  example?: unknown;
  default?: unknown;
  enum?: unknown[];
  items?: JsonSchema;
  oneOf?: JsonSchema[];
  required?: string[];
  properties?: Record<string, JsonSchema>;
}

/** A call of the API. */
export interface Operation {
  id: string;
  method: string;
  /** Path below the base, with the names of its parameters in braces. */
  path: string;
  tag: string;
  summary: string;
  description: string | null;
  parameters: Parameter[];
  /** Who may call it: `public`, `token`, `administrator`, or the area that an app needs. */
  access: string;
  /** Status of success, and what it means. */
  answer: { status: string; description: string } | null;
  body: Body | null;
}

/** What a call sends, as an example. */
export type Body = { json: unknown } | { fields: Record<string, string> } | { file: string; type: string };

const METHODS = ["get", "post", "put", "patch", "delete"];
const MAX_DEPTH = 3;

/** Returns the calls of a document, in its order. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    METHODS.flatMap((method) => {
      const described = methods[method];
      return described ? [operationOf(document, path, method, described)] : [];
    }),
  );
}

function operationOf(document: Document, path: string, method: string, described: DescribedOperation): Operation {
  const success = Object.entries(described.responses).find(([status]) => status.startsWith("2"));
  const scopes = described.security?.map((requirement) => requirement.token).find((scopes) => scopes !== undefined);
  return {
    id: described.operationId ?? `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    tag: described.tags?.[0] ?? "",
    summary: described.summary ?? path,
    description: described.description ?? null,
    parameters: described.parameters ?? [],
    access: described.security ? (scopes?.[0] ?? "token") : "public",
    answer: success ? { status: success[0], description: success[1].description ?? "" } : null,
    body: bodyOf(document, described.requestBody?.content ?? {}),
  };
}

function bodyOf(document: Document, content: Record<string, { schema?: JsonSchema }>): Body | null {
  const form = content["multipart/form-data"]?.schema;
  if (form) return { fields: fieldsOf(document, form) };
  const json = content["application/json"]?.schema;
  if (json) return { json: exampleOf(document, json, 0) };
  const [type] = Object.keys(content);
  return type ? { file: "pictures.zip", type } : null;
}

function resolve(document: Document, schema: JsonSchema): JsonSchema {
  const name = schema.$ref?.split("/").at(-1);
  return name ? (document.components?.schemas?.[name] ?? {}) : schema;
}

/** Fields of a form: those that are required, else the files. */
function fieldsOf(document: Document, form: JsonSchema): Record<string, string> {
  const { properties = {}, required = [] } = resolve(document, form);
  const wanted = Object.entries(properties).filter(([name, { format }]) => required.includes(name) || format === "binary");
  return Object.fromEntries(wanted.map(([name, schema]) => [name, schema.format === "binary" ? `@${name}.jpg` : String(schema.example ?? "…")]));
}

/** An example of a value: that of the document, or one of the required parts, or of all if none is required. */
function exampleOf(document: Document, of: JsonSchema, depth: number): unknown {
  const schema = resolve(document, of);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined && schema.default !== null) return schema.default;
  if (schema.enum?.length) return schema.enum[0];
  const choice = schema.oneOf?.find(({ type }) => type !== "null");
  if (choice) return exampleOf(document, choice, depth);
  const type = Array.isArray(schema.type) ? schema.type.find((name) => name !== "null") : schema.type;
  switch (type) {
    case "object": {
      if (depth >= MAX_DEPTH) return {};
      const all = Object.entries(schema.properties ?? {});
      const required = all.filter(([name]) => schema.required?.includes(name));
      const shown = required.length > 0 ? required : all;
      return Object.fromEntries(shown.map(([name, part]) => [name, exampleOf(document, part, depth + 1)]));
    }
    case "array":
      return schema.items && depth < MAX_DEPTH ? [exampleOf(document, schema.items, depth + 1)] : [];
    case "boolean":
      return true;
    case "integer":
    case "number":
      return 1;
    default:
      return "…";
  }
}

/** Returns a command line of curl for a call. `isPublic`: without a token. */
export function shellLine(method: string, url: string, body: Body | null, isPublic = false): string {
  const parts = [method === "GET" || (method === "POST" && body) ? `curl ${quoted(url)}` : `curl -X ${method} ${quoted(url)}`];
  if (!isPublic) parts.push('-H "Authorization: Bearer $TOKEN"');
  if (body && "json" in body) {
    parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body.json))}`);
  }
  if (body && "fields" in body) {
    for (const [name, value] of Object.entries(body.fields)) parts.push(`-F ${quoted(`${name}=${value}`)}`);
  }
  if (body && "file" in body) parts.push(`-H ${quoted(`Content-Type: ${body.type}`)}`, `--data-binary @${body.file}`);
  return parts.join(" \\\n  ");
}

/** Returns the address of a call, with the query that it needs. */
export function addressOf(base: string, { path, parameters }: Operation): string {
  const query = parameters.filter((parameter) => parameter.in === "query" && parameter.required).map(({ name }) => `${name}=…`);
  return base + path + (query.length > 0 ? `?${query.join("&")}` : "");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
