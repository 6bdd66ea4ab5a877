// The pages of the console, for tests that visit all of them.

/** Names of the pages. */
export const PAGES = /** @type {const} */ ([
  "overview",
  "try",
  "libraries",
  "library",
  "person",
  "recognitions",
  "friends",
  "statistics",
  "calls",
  "jobs",
  "job",
  "engines",
  "apps",
  "app",
  "webhooks",
  "operators",
  "audit",
  "settings",
  "models",
  "api",
  "account",
  "setup",
  "missing",
]);

/**
 * Returns the addresses of the pages behind `#`, on a server that was filled.
 * @param {Awaited<ReturnType<typeof import("./seed.mjs").seed>>} seeded
 * @returns {Record<(typeof PAGES)[number], string>}
 */
export function addressesOf(seeded) {
  const plain = Object.fromEntries(PAGES.map((name) => [name, `/${name}`]));
  const ofOne = {
    library: `/libraries/${seeded.staff.id}`,
    person: `/libraries/${seeded.staff.id}/people/${seeded.known.id}`,
    recognitions: `/recognitions?library=${seeded.staff.id}`,
    job: `/jobs/${seeded.jobs[0].id}`,
    app: "/apps/lobby",
    missing: "/no-such-page",
  };
  return /** @type {Record<(typeof PAGES)[number], string>} */ ({ ...plain, ...ofOne });
}
