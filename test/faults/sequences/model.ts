/**
 * What the test knows of an account because it did it: what was written, whose keys are the user's, where it was at
 * home.
 */
import type { ServerName } from "./actions.ts";
import type { World } from "./world.ts";

/** What a person has written and not deleted. */
export interface Post {
  /** `app.bsky.feed.post/RKEY` */
  path: string;
  /** where it was written */
  at: ServerName;
  /** CID of the picture in it */
  blob?: string | undefined;
}

export interface Model {
  /** by path */
  posts: Map<string, Post>;
  /** did:keys of the user's own */
  userKeys: Set<string>;
  /** where the whole account was last: where it began, or where a move or an undo that ended well has brought it */
  dataHome: ServerName;
  /** who made it dark, while it is dark */
  darkBy: "hand" | "decamp" | undefined;
  /** an undo has ended with 8, which says that it goes on when it is run again, and nothing has happened since */
  undoPending: boolean;
  /** the move that was asked for last */
  pair: { from: ServerName; to: ServerName };
}

/** Whether nobody can see the account: the server that the identity names does not have it active. */
export function isDark({ home, places }: World): boolean {
  return home === undefined || places[home].state !== "active";
}

/** The posts that a server has, of those that still count. */
export function postsAt({ posts }: Model, world: World, server: ServerName): Post[] {
  const { records } = world.places[server];
  return [...posts.values()].filter(({ path }) => records.has(path));
}
