import { lazy, type ReactNode, Suspense } from "react";
import { createHashRouter, Navigate } from "react-router";
import { Waiting } from "../common/states";
import { PageFault } from "./PageFault";
import { Shell } from "./Shell";

// Each page is loaded when it is first opened.
const pages = {
  overview: lazy(() => import("../pages/overview/OverviewPage")),
  try: lazy(() => import("../pages/try/TryPage")),
  libraries: lazy(() => import("../pages/libraries/LibrariesPage")),
  library: lazy(() => import("../pages/libraries/LibraryPage")),
  person: lazy(() => import("../pages/people/PersonPage")),
  recognitions: lazy(() => import("../pages/recognitions/RecognitionsPage")),
  friends: lazy(() => import("../pages/friends/FriendsPage")),
  statistics: lazy(() => import("../pages/statistics/StatisticsPage")),
  calls: lazy(() => import("../pages/statistics/CallsPage")),
  jobs: lazy(() => import("../pages/jobs/JobsPage")),
  job: lazy(() => import("../pages/jobs/JobPage")),
  engines: lazy(() => import("../pages/engines/EnginesPage")),
  apps: lazy(() => import("../pages/apps/AppsPage")),
  app: lazy(() => import("../pages/apps/AppPage")),
  webhooks: lazy(() => import("../pages/webhooks/WebhooksPage")),
  webhook: lazy(() => import("../pages/webhooks/WebhookPage")),
  operators: lazy(() => import("../pages/operators/OperatorsPage")),
  audit: lazy(() => import("../pages/audit/AuditPage")),
  settings: lazy(() => import("../pages/settings/SettingsPage")),
  models: lazy(() => import("../pages/about/ModelsPage")),
  api: lazy(() => import("../pages/about/ApiPage")),
  account: lazy(() => import("../pages/account/AccountPage")),
  setup: lazy(() => import("../pages/setup/SetupPage")),
  missing: lazy(() => import("../pages/about/MissingPage")),
};

function open(name: keyof typeof pages): ReactNode {
  const Opened = pages[name];
  return (
    <Suspense fallback={<Waiting />}>
      <Opened />
    </Suspense>
  );
}

/** The pages. Paths stand behind `#`, because paths of the server belong to the interfaces. */
export const router = createHashRouter([
  { path: "/setup", element: open("setup"), errorElement: <PageFault /> },
  {
    element: <Shell />,
    errorElement: <PageFault />,
    children: [
      { index: true, element: <Navigate to="/overview" replace /> },
      { path: "overview", element: open("overview") },
      { path: "try", element: open("try") },
      { path: "libraries", element: open("libraries") },
      { path: "libraries/:library", element: open("library") },
      { path: "libraries/:library/people/:person", element: open("person") },
      { path: "recognitions", element: open("recognitions") },
      { path: "friends", element: open("friends") },
      { path: "statistics", element: open("statistics") },
      { path: "calls", element: open("calls") },
      { path: "jobs", element: open("jobs") },
      { path: "jobs/:job", element: open("job") },
      { path: "engines", element: open("engines") },
      { path: "apps", element: open("apps") },
      { path: "apps/:app", element: open("app") },
      { path: "webhooks", element: open("webhooks") },
      { path: "webhooks/:webhook", element: open("webhook") },
      { path: "operators", element: open("operators") },
      { path: "audit", element: open("audit") },
      { path: "settings", element: open("settings") },
      { path: "models", element: open("models") },
      { path: "api", element: open("api") },
      { path: "account", element: open("account") },
      { path: "*", element: open("missing") },
    ],
  },
]);
