/** An AppView: what people see of an account in their apps. Nothing of a move depends on it. */

import * as v from "valibot";
import { isDecampError } from "../../errors.ts";
import type { Http } from "../http/http.ts";
import { PinnedSession } from "./session.ts";
import { Xrpc } from "./xrpc.ts";

const profile = v.object({
  handle: v.string(),
  followersCount: v.exactOptional(v.number()),
  followsCount: v.exactOptional(v.number()),
  postsCount: v.exactOptional(v.number()),
});
const posts = v.object({ posts: v.array(v.object({ uri: v.string() })) });

/** How many of each an AppView shows of an account, as far as it does. */
export interface ProfileCounts {
  readonly followers?: number;
  readonly follows?: number;
  readonly posts?: number;
}

/** An account, as an AppView shows it. */
export interface Profile extends ProfileCounts {
  /** `handle.invalid` where it has found that the handle does not lead to the account. */
  readonly handle: string;
}

/** An AppView. */
export interface AppView {
  readonly host: string;
  /**
   * app.bsky.actor.getProfile; what it says instead where it does not show the account.
   *
   * @throws DecampError `bad-answer`, `server-refused` for its own faults, and what `Http.send` throws
   */
  profile(did: string, signal: AbortSignal): Promise<Profile | { readonly hidden: string }>;
  /** Whether app.bsky.feed.getPosts has the post. @param uri of the post, at:// @throws DecampError as `profile` */
  hasPost(uri: string, signal: AbortSignal): Promise<boolean>;
}

/** The AppView at `origin`. */
export function createAppView(http: Http, origin: string): AppView {
  const session = new PinnedSession(http, origin);
  const server = new Xrpc(session);
  return {
    host: session.host,
    async profile(did, signal) {
      try {
        const said = await server.query("app.bsky.actor.getProfile", { actor: did }, profile, { signal });
        const { handle, followersCount, followsCount, postsCount } = said;
        return {
          handle,
          ...(followersCount === undefined ? {} : { followers: followersCount }),
          ...(followsCount === undefined ? {} : { follows: followsCount }),
          ...(postsCount === undefined ? {} : { posts: postsCount }),
        };
      } catch (error) {
        if (isDecampError(error, "server-refused") && error.data["status"] === 400) {
          return { hidden: String(error.data["detail"] ?? error.data["error"] ?? "no reason") };
        }
        throw error;
      }
    },
    async hasPost(uri, signal) {
      const found = await server.query("app.bsky.feed.getPosts", { uris: [uri] }, posts, { signal });
      return found.posts.some((post) => post.uri === uri);
    },
  };
}
