import { api, dataOf, queries, type Schema } from "../../api/client";
import { useCursor } from "../../common/cursor";

export type Friend = Schema<"Page_ShownFriend">["items"][number];
export type FriendGroup = Schema<"Page_ShownFriendGroup">["items"][number];

/** Whose friends: an account of an app. */
export interface Whose {
  app: string;
  account: string;
}

/** Reads the friends of an account, page by page, in the order of adding. */
export function useFriends({ app, account }: Whose) {
  return useCursor<Friend>(["friends", app, account], (cursor) =>
    dataOf(api.GET("/apps/{app}/accounts/{account}/friends", { params: { path: { app, account }, query: { cursor } } })),
  );
}

/** Reads the friend groups of an account with their members. */
export function useGroups({ app, account }: Whose) {
  return queries.useQuery("get", "/apps/{app}/accounts/{account}/friend-groups", { params: { path: { app, account } } });
}
