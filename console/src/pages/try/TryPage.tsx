import { Alert } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { usePermissions } from "../../app/session";
import { Page } from "../../common/Page";
import { IdentifyTab } from "./IdentifyTab";
import { LiveTab } from "./LiveTab";
import { LookTab } from "./LookTab";
import { SameTab } from "./SameTab";
import { TabsOrSelect } from "../../common/TabsOrSelect";

const MODES = ["look", "who", "same", "group", "live"] as const;
type Mode = (typeof MODES)[number];

/** Tries detection, recognition and comparison, with pictures that stay in the memory of the browser. */
export default function TryPage() {
  const { t } = useTranslation("try");
  const { canWork } = usePermissions();
  const [query, setQuery] = useSearchParams();
  const mode: Mode = MODES.find((name) => name === query.get("mode")) ?? "look";
  /** The picture that the tabs of one picture share. */
  const [picture, setPicture] = useState<Blob | null>(null);
  /** Ids of the libraries to search, which the tabs share; `library` of the address names the first. */
  const [libraryIds, setLibraryIds] = useState<string[]>(query.getAll("library"));

  if (!canWork) {
    return (
      <Page title={t("title")}>
        <Alert type="info" showIcon title={t("viewer.title")} description={t("viewer.advice")} />
      </Page>
    );
  }
  const one = { picture, onPicture: setPicture };
  const chosen = { libraryIds, onLibraryIds: setLibraryIds };
  const contents = {
    look: <LookTab {...one} />,
    who: <IdentifyTab key="who" faces="largest" {...one} {...chosen} />,
    same: <SameTab />,
    group: <IdentifyTab key="group" faces="all" {...one} {...chosen} />,
    live: <LiveTab {...chosen} />,
  };
  return (
    <Page title={t("title")} about={t("about")}>
      <TabsOrSelect
        label={t("mode")}
        value={mode}
        onChange={(key) => setQuery({ mode: key }, { replace: true })}
        items={MODES.map((key) => ({ key, label: t(`modes.${key}`), children: contents[key] }))}
      />
    </Page>
  );
}
