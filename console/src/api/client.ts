import createClient, { type Middleware } from "openapi-fetch";
import createQueries from "openapi-react-query";
import { Failure } from "./failure";
import type { components, paths } from "./schema";

/** Types of the bodies, by their names in the OpenAPI document. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** Path of the API, also for addresses of pictures and files. */
export const BASE = "/api/v1";

let csrfToken: string | null = null;
let onSignedOut: () => void = () => {};

/** Sets what calls that change something repeat, so that no other site can make them. */
export function setCsrfToken(token: string | null) {
  csrfToken = token;
}

/** Sets what is called when the server knows the session no more. */
export function setOnSignedOut(action: () => void) {
  onSignedOut = action;
}

const rules: Middleware = {
  onRequest({ request }) {
    if (csrfToken !== null && request.method !== "GET") request.headers.set("X-CSRF-Token", csrfToken);
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok) return;
    const failure = await Failure.of(response);
    if (failure.status === 401 && !schemaPath.startsWith("/session")) onSignedOut();
    throw failure;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return;
    return new Failure(0, "unreachable", error instanceof Error ? error.message : String(error));
  },
};

/** The API. A call that fails throws a {@link Failure}. */
export const api = createClient<paths>({ baseUrl: BASE });
api.use(rules);

/** Hooks of TanStack Query for the API: `queries.useQuery("get", "/libraries")`. */
export const queries = createQueries(api);

/** Returns the data of an answer. Failures were thrown before. */
export async function dataOf<Data>(answer: Promise<{ data?: Data }>): Promise<Data> {
  return (await answer).data as Data;
}

/** Fields of a form (`multipart/form-data`), for calls that take files. Empty ones are left out. */
export function form(fields: Record<string, string | number | Blob | null | undefined>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === undefined || value === "") continue;
    data.append(name, value instanceof Blob ? value : String(value));
  }
  return data;
}

/** Options of a call that sends a form in place of JSON. */
export function asForm(fields: Parameters<typeof form>[0]) {
  return { body: form(fields) as never, bodySerializer: (body: unknown) => body as FormData };
}
