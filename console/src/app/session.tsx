import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { api, type Schema, setCsrfToken, setOnSignedOut } from "../api/client";
import { Failure } from "../api/failure";

export type Session = Schema<"ShownSession">;

/** Marks a browser that has signed in: scripts can't see the cookie, and others need not ask whether they are known. */
const MARK = "aicp.signedIn";

interface Sessions {
  /** Who is signed in; `null`: nobody; `undefined`: not known yet. */
  session: Session | null | undefined;
  /** Why it could not be found out who is signed in. */
  failure: Failure | null;
  /** Whether a session ended by itself. */
  hasEnded: boolean;
  /** Asks again who is signed in. */
  refresh: () => Promise<void>;
  /** Takes over the session that a sign-in made. */
  begin: (session: Session) => void;
  signOut: () => Promise<void>;
}

const Context = createContext<Sessions | null>(null);

/** Knows who is signed in. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const cache = useQueryClient();
  const [session, setSession] = useState<Session | null | undefined>(undefined);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [hasEnded, setHasEnded] = useState(false);

  const begin = useCallback((next: Session | null) => {
    if (next) localStorage.setItem(MARK, "yes");
    else localStorage.removeItem(MARK);
    setCsrfToken(next?.csrfToken ?? null);
    setSession(next);
    setFailure(null);
    if (next) setHasEnded(false);
  }, []);

  const refresh = useCallback(async () => {
    if (!localStorage.getItem(MARK)) return begin(null);
    try {
      begin((await api.GET("/session")).data ?? null);
    } catch (error) {
      if (error instanceof Failure && error.status === 401) begin(null);
      else setFailure(error instanceof Failure ? error : new Failure(0, "unreachable", String(error)));
    }
  }, [begin]);

  const signOut = useCallback(async () => {
    await api.DELETE("/session");
    begin(null);
    cache.clear();
  }, [begin, cache]);

  useEffect(() => {
    setOnSignedOut(() => {
      begin(null);
      setHasEnded(true);
      cache.clear();
    });
    void refresh();
  }, [begin, refresh, cache]);

  const sessions = useMemo(
    () => ({ session, failure, hasEnded, refresh, begin, signOut }),
    [session, failure, hasEnded, refresh, begin, signOut],
  );
  return <Context value={sessions}>{children}</Context>;
}

export function useSessions(): Sessions {
  const sessions = useContext(Context);
  if (!sessions) throw new Error("no SessionProvider");
  return sessions;
}

/** What the caller may do, by role: `viewer` reads, `operator` works with libraries and people, `admin` runs the platform. */
export function usePermissions() {
  const { session } = useSessions();
  const role = session?.role ?? "viewer";
  return {
    role,
    canWork: role !== "viewer",
    isAdmin: role === "admin",
    /** Whether the caller sees all apps; else only `appId`. */
    seesAllApps: session?.seesAllApps ?? false,
    appId: session?.appId ?? "",
  };
}
