import { type InfiniteData, keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useSearchParams } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import type { Person } from "./person";

type PageOfPeople = Schema<"Page_ShownPerson">;

export const SORTS = ["newest", "oldest", "name"] as const;
export const FIELDS = ["text", "customerNumber"] as const;

/** Which people are listed, and in which order. */
export interface PeopleFilter {
  /** What `text` is: part of the name, the external id or a tag, or the customer number as a whole. */
  field: (typeof FIELDS)[number];
  text: string;
  /** Tags that people must have, all of them. */
  tags: string[];
  sort: (typeof SORTS)[number];
}

const PAGE_SIZE = 500;
const MAX_PAGE_SIZE = 1000;
/** Pages up to which a list is read again when something changed. A longer one is brought up to date in place. */
const REREAD_PAGES = 4;
const FRESH_MS = 5_000;

/** The filter as the address of the page tells it, so that a way back leads to the same list. */
export function useFilter() {
  const [parameters, setParameters] = useSearchParams();
  const filter: PeopleFilter = {
    field: FIELDS.find((field) => field === parameters.get("field")) ?? "text",
    text: parameters.get("text") ?? "",
    tags: parameters.getAll("tag"),
    sort: SORTS.find((sort) => sort === parameters.get("sort")) ?? "newest",
  };
  const change = (changes: Partial<PeopleFilter>) =>
    setParameters(
      (before) => {
        const { field, text, tags, sort } = { ...filter, ...changes };
        const after = new URLSearchParams(before);
        after.set("field", field);
        after.set("sort", sort);
        after.delete("text");
        if (text) after.set("text", text);
        after.delete("tag");
        for (const tag of tags) after.append("tag", tag);
        return after;
      },
      { replace: true },
    );
  return { filter, change, isFiltered: isFiltered(filter) };
}

function isFiltered({ text, tags }: PeopleFilter): boolean {
  return text !== "" || tags.length > 0;
}

function conditionsOf({ field, text, tags }: PeopleFilter) {
  return { [field]: text || undefined, tag: tags.length > 0 ? tags : undefined };
}

const keyOf = (library: string) => ["people", library] as const;
const countKeyOf = (library: string) => ["peopleCount", library] as const;

/** The people of a library, of which more are read as they are wanted. */
export function usePeople(library: string, filter: PeopleFilter) {
  const query = useInfiniteQuery({
    queryKey: [...keyOf(library), filter],
    queryFn: ({ pageParam, signal }) => {
      const page = { sort: filter.sort, limit: PAGE_SIZE, cursor: pageParam };
      const init = { params: { path: { library }, query: { ...conditionsOf(filter), ...page } }, signal };
      return dataOf(api.GET("/libraries/{library}/people", init));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
    staleTime: ({ state }) => ((state.data?.pages.length ?? 0) > REREAD_PAGES ? "static" : FRESH_MS),
  });
  const { data } = query;
  const people = useMemo(() => data?.pages.flatMap(({ items }) => items) ?? [], [data]);
  return { ...query, people };
}

/** The number of people whom a filter lets through, as far as the server counts; `undefined` while it is not known. */
export function usePeopleCount(library: string, filter: PeopleFilter, isWanted: boolean) {
  const { data } = useQuery({
    queryKey: [...countKeyOf(library), conditionsOf(filter)],
    queryFn: ({ signal }) =>
      dataOf(api.GET("/libraries/{library}/people/count", { params: { path: { library }, query: conditionsOf(filter) }, signal })),
    enabled: isWanted,
  });
  return data;
}

/** Brings lists that were read up to date, without reading them again. */
export function useListedPeople(library: string) {
  const cache = useQueryClient();
  return useMemo(() => {
    const edit = (change: (people: Person[]) => Person[]) =>
      cache.setQueriesData<InfiniteData<PageOfPeople>>({ queryKey: keyOf(library) }, (data) =>
        data ? { ...data, pages: data.pages.map((page) => ({ ...page, items: change(page.items) })) } : data,
      );
    return {
      /** Leaves people out who are gone. */
      forget: (ids: ReadonlySet<string>) => edit((people) => people.filter(({ id }) => !ids.has(id))),
      /** Shows somebody as changed. */
      replace: (changed: Person) => edit((people) => people.map((person) => (person.id === changed.id ? changed : person))),
      /** Changes the tags of people as the server did. */
      retag: (ids: ReadonlySet<string>, added: string[], removed: string[]) =>
        edit((people) =>
          people.map((person) => {
            if (!ids.has(person.id)) return person;
            const kept = person.tags.filter((tag) => !removed.includes(tag));
            return { ...person, tags: [...new Set([...kept, ...added])] };
          }),
        ),
      /** Reads from the beginning. */
      reset: () => cache.resetQueries({ queryKey: keyOf(library) }),
    };
  }, [cache, library]);
}

/** Reads the ids of all people whom a filter lets through. `onProgress` is told how many there are so far. */
export async function allIds(
  library: string,
  filter: PeopleFilter,
  onProgress: (count: number) => void,
  signal: AbortSignal,
): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { ...conditionsOf(filter), sort: "oldest" as const, limit: MAX_PAGE_SIZE, cursor };
    const page = await dataOf(api.GET("/libraries/{library}/people", { params: { path: { library }, query }, signal }));
    for (const { id } of page.items) ids.push(id);
    cursor = page.next ?? undefined;
    onProgress(ids.length);
  } while (cursor);
  return ids;
}
