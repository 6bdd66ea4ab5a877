import { MutationCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { App as AntApp, ConfigProvider } from "antd";
import { useTranslation } from "react-i18next";
import { RouterProvider } from "react-router/dom";
import { Failure } from "../api/failure";
import { FailurePanel, Waiting } from "../common/states";
import { currentLanguage, localeOf } from "./language";
import { SignIn } from "./SignIn";
import { router } from "./routes";
import { SessionProvider, useSessions } from "./session";
import { ThemeChoiceProvider, themeOf, useThemeChoice } from "./theme";

const RETRIES = 2;

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => count < RETRIES && error instanceof Failure && error.isTransient,
      staleTime: 5_000,
    },
    mutations: { networkMode: "always" },
  },
  mutationCache: new MutationCache({
    // What was read before may be different now. After the mutation's own `onSuccess`: a page that is left because what it shows is
    // gone must not ask for it again.
    onSettled: (_, error) => {
      if (!error) void cache.invalidateQueries();
    },
  }),
});

/** The console: theme, language, session, pages. */
export function App() {
  return (
    <ThemeChoiceProvider>
      <QueryClientProvider client={cache}>
        <Themed />
      </QueryClientProvider>
    </ThemeChoiceProvider>
  );
}

function Themed() {
  const { isDark } = useThemeChoice();
  // Renders again when the language changes.
  useTranslation();
  return (
    <ConfigProvider theme={themeOf(isDark)} locale={localeOf(currentLanguage())} button={{ autoInsertSpace: false }}>
      <AntApp className="app" message={{ maxCount: 3 }} notification={{ placement: "bottomRight" }}>
        <SessionProvider>
          <Gate />
        </SessionProvider>
      </AntApp>
    </ConfigProvider>
  );
}

/** Shows the pages to whoever is signed in, else the sign-in. */
function Gate() {
  const { session, failure, refresh } = useSessions();
  if (failure) return <FailurePanel failure={failure} onRetry={() => void refresh()} />;
  if (session === undefined) return <Waiting />;
  return session ? <RouterProvider router={router} /> : <SignIn />;
}
