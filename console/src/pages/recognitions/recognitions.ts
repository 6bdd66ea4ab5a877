import { api, asForm, BASE, dataOf, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";

export type Entry = Schema<"ShownRecognition">;

/** Faults of a picture: another picture of the same person may do. */
const PICTURE_FAULTS = ["noFace", "notRecognisable", "qualityTooLow", "faceTooTight", "entryNotFound", "pictureNotFound"];
/** Pictures of a group that are tried until one makes the person. */
const MAX_TRIED = 5;
/** Pictures of a group that the person gets besides the first. */
export const MAX_MORE_FACES = 4;
/** Entries that are deleted at the same time. */
const AT_ONCE = 4;

/** What an unknown face is given. */
export interface Naming {
  name: string;
  externalId?: string;
  tags?: string[];
}

/** What is done with the other faces of a group that gets a name. */
export interface GroupOptions {
  /** Whether the person gets some of them as faces. */
  addsFaces: boolean;
  /** Whether their entries are deleted from the log. */
  deletesOthers: boolean;
}

/** What became of a group that got a name. */
export interface NamedGroup {
  faces: number;
  /** Why pictures could not be added. */
  faults: unknown[];
  deleted: number;
}

/** Makes a person of the unknown face of an entry. */
export async function nameEntry(library: string, entry: string, { name, externalId, tags }: Naming) {
  const body = { name, ...(externalId ? { externalId } : {}), ...(tags ? { tags } : {}) };
  return dataOf(api.POST("/libraries/{library}/recognitions/{entry}/person", { params: { path: { library, entry } }, body }));
}

/** Makes a person of the faces of a group, given as entries, the best first. */
export async function nameGroup(library: string, entries: string[], naming: Naming, options: GroupOptions): Promise<NamedGroup> {
  let person: string | null = null;
  let named: string | null = null;
  let fault: unknown = null;
  for (const entry of entries.slice(0, MAX_TRIED)) {
    try {
      person = (await nameEntry(library, entry, naming)).id;
      named = entry;
      break;
    } catch (error) {
      if (!(error instanceof Failure) || !PICTURE_FAULTS.includes(error.code)) throw error;
      fault = error;
    }
  }
  if (person === null) throw fault;
  const others = entries.filter((entry) => entry !== named);
  const result: NamedGroup = { faces: 1, faults: [], deleted: 0 };
  if (options.addsFaces) {
    for (const entry of others.slice(0, MAX_MORE_FACES)) {
      try {
        await addFace(library, person, entry);
        result.faces += 1;
      } catch (error) {
        result.faults.push(error);
      }
    }
  }
  if (options.deletesOthers) result.deleted = await deleteEntries(library, others);
  return result;
}

async function addFace(library: string, person: string, entry: string) {
  const picture = await dataOf(
    api.GET("/libraries/{library}/recognitions/{entry}/picture", { params: { path: { library, entry } }, parseAs: "blob" }),
  );
  const params = { path: { library, person } };
  await api.POST("/libraries/{library}/people/{person}/faces", { params, ...asForm({ file: picture }) });
}

/** Deletes entries of a log. Returns how many there were. */
async function deleteEntries(library: string, entries: string[]): Promise<number> {
  const left = [...entries];
  let deleted = 0;
  const work = async () => {
    for (let entry = left.pop(); entry !== undefined; entry = left.pop()) {
      try {
        await api.DELETE("/libraries/{library}/recognitions/{entry}", { params: { path: { library, entry } } });
        deleted += 1;
      } catch (error) {
        if (!(error instanceof Failure) || error.status !== 404) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return deleted;
}

/** Reads an entry; `null` if it was deleted. */
export async function readEntry(library: string, entry: string): Promise<Entry | null> {
  try {
    return await dataOf(api.GET("/libraries/{library}/recognitions/{entry}", { params: { path: { library, entry } } }));
  } catch (error) {
    if (error instanceof Failure && error.status === 404) return null;
    throw error;
  }
}

/** Path of the picture of an entry. */
export function pictureOf(library: string, entry: string): string {
  return `${BASE}/libraries/${library}/recognitions/${entry}/picture`;
}
