import { Flex, Tabs } from "antd";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { Link, useSearchParams } from "react-router";
import { queries } from "../../api/client";
import { Failure } from "../../api/failure";
import { LibraryChoice } from "../../common/LibraryChoice";
import { Page } from "../../common/Page";
import { Loaded, Nothing } from "../../common/states";
import { Entries } from "./Entries";
import { Grouping } from "./Grouping";
import { LogState } from "./LogState";

const STORED = "aicp.recognitions.library";

/** The recognition log of a library: who was recognised, and which faces nobody knows. */
export default function RecognitionsPage() {
  const { t } = useTranslation("recognitions");
  const { t: common } = useTranslation();
  const [parameters, setParameters] = useSearchParams();
  const wanted = parameters.get("library") ?? localStorage.getItem(STORED);
  const first = queries.useQuery("get", "/libraries", { params: { query: { limit: 1 } } });
  const params = { path: { library: wanted ?? "" } };
  const { error } = queries.useQuery("get", "/libraries/{library}", { params }, { enabled: wanted !== null, retry: false });
  // The library of the last time may be deleted.
  const isGone = (error as unknown) instanceof Failure && (error as unknown as Failure).status === 404;
  const library = (isGone ? null : wanted) ?? first.data?.items[0]?.id ?? null;
  useEffect(() => {
    if (library !== null) localStorage.setItem(STORED, library);
  }, [library]);
  const choose = (next: string | undefined) => setParameters(next ? { library: next } : {}, { replace: true });
  const tab = parameters.get("tab") ?? "entries";
  const open = (next: string) => {
    const changed = new URLSearchParams(parameters);
    changed.set("tab", next);
    setParameters(changed, { replace: true });
  };
  return (
    <Page
      title={t("title")}
      about={t("about")}
      actions={
        library !== null && (
          <LibraryChoice
            value={library}
            onChange={choose}
            aria-label={common("library")}
            style={{ width: 240, maxWidth: "100%" }}
          />
        )
      }
    >
      {library === null ? (
        <Loaded query={first}>
          {() => (
            <Nothing text={t("noLibraries")}>
              <Link to="/libraries">{t("toLibraries")}</Link>
            </Nothing>
          )}
        </Loaded>
      ) : (
        <Flex vertical gap={12} key={library}>
          <LogState library={library} />
          <Tabs
            activeKey={tab}
            onChange={open}
            destroyOnHidden
            items={[
              { key: "entries", label: t("tab.entries"), children: <Entries library={library} /> },
              { key: "groups", label: t("tab.groups"), children: <Grouping library={library} /> },
            ]}
          />
        </Flex>
      )}
    </Page>
  );
}
