import { MoreOutlined } from "@ant-design/icons";
import { Alert, Button, Dropdown, Flex } from "antd";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link, useNavigate, useParams, useSearchParams } from "react-router";
import { queries, type Schema } from "../../api/client";
import { Failure } from "../../api/failure";
import { usePermissions } from "../../app/session";
import { Page } from "../../common/Page";
import { TabsOrSelect } from "../../common/TabsOrSelect";
import { FailurePanel, Loaded, Waiting } from "../../common/states";
import { DuplicatesTab } from "../people/DuplicatesTab";
import { ImportTab } from "../people/ImportTab";
import { PeopleTab } from "../people/PeopleTab";
import { ExportTab } from "./ExportTab";
import { CopyLibrary, EditLibrary } from "./LibraryForm";
import { LibraryNumbers } from "./LibraryNumbers";
import { DeletionNotice, useLibraryRemoval } from "./removal";
import { SettingsTab } from "./SettingsTab";
import { TagsTab } from "./TagsTab";

const TABS = ["people", "import", "duplicates", "tags", "export", "settings"] as const;
type TabName = (typeof TABS)[number];

/** One library: its people, and what concerns them all. */
export default function LibraryPage() {
  const { t } = useTranslation("libraries");
  const { library = "" } = useParams();
  const query = queries.useQuery("get", "/libraries/{library}", { params: { path: { library } } });
  if (query.error && (!query.data || isGone(query.error))) {
    return (
      <Page title={t("title")}>
        <FailurePanel failure={query.error} onRetry={() => void query.refetch()} />
        <Link to="/libraries">
          <Button>{t("page.back")}</Button>
        </Link>
      </Page>
    );
  }
  if (query.isPending) return <Waiting />;
  return <Loaded query={query}>{(found) => <Shown key={library} library={found} />}</Loaded>;
}

function isGone(error: unknown): boolean {
  return error instanceof Failure && error.status === 404;
}

function Shown({ library }: { library: Schema<"ShownLibrary"> }) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { seesAllApps } = usePermissions();
  const [parameters, setParameters] = useSearchParams();
  const numbers = queries.useQuery("get", "/libraries/{library}/statistics", { params: { path: { library: library.id } } });
  const tab = TABS.find((name) => name === parameters.get("tab")) ?? "people";
  const open = (name: TabName) => setParameters(name === "people" ? {} : { tab: name }, { preventScrollReset: true });

  const facts = [
    library.groupId === library.name ? null : `${t("fields.groupId")} ${library.groupId}`,
    seesAllApps ? `${common("app")} ${library.appId}` : null,
    `${t("fields.engine")} ${library.engine}`,
  ].filter(Boolean);
  const contents: Record<TabName, () => ReactNode> = {
    people: () => <PeopleTab library={library} numbers={numbers.data} onImport={() => open("import")} />,
    import: () => <ImportTab library={library} />,
    duplicates: () => (
      <Loaded query={numbers}>{({ threshold }) => <DuplicatesTab library={library} threshold={threshold} />}</Loaded>
    ),
    tags: () => <TagsTab library={library} />,
    export: () => <ExportTab library={library} />,
    settings: () => <SettingsTab library={library} numbers={numbers} />,
  };
  return (
    <Page
      title={library.name}
      about={
        <Flex vertical component="span">
          <span style={{ overflowWrap: "anywhere" }}>{facts.join(" · ")}</span>
          {library.description && <span style={{ overflowWrap: "anywhere", whiteSpace: "pre-line" }}>{library.description}</span>}
        </Flex>
      }
      actions={<LibraryActs library={library} numbers={numbers.data} />}
    >
      <DeletionNotice library={library} />
      {numbers.error ? (
        <FailurePanel failure={numbers.error} onRetry={() => void numbers.refetch()} />
      ) : (
        <LibraryNumbers numbers={numbers.data} />
      )}
      <TooLow numbers={numbers.data} onOpen={() => open("settings")} isOpen={tab === "settings"} />
      <TabsOrSelect
        label={t("parts")}
        value={tab}
        onChange={open}
        items={TABS.map((name) => ({ key: name, label: t(`tabs.${name}`), children: name === tab ? contents[name]() : null }))}
      />
    </Page>
  );
}

interface Acts {
  library: Schema<"ShownLibrary">;
  numbers: Schema<"LibraryStatistics"> | undefined;
}

function LibraryActs({ library, numbers }: Acts) {
  const { t } = useTranslation("libraries");
  const { t: common } = useTranslation();
  const { canWork } = usePermissions();
  const navigate = useNavigate();
  const { remove } = useLibraryRemoval();
  const [dialog, setDialog] = useState<"edit" | "copy" | null>(null);
  if (!canWork) return null;
  const act = (key: string) => {
    if (key === "delete") remove(library, numbers, () => void navigate("/libraries"));
    else setDialog(key as "edit" | "copy");
  };
  return (
    <>
      <Dropdown
        trigger={["click"]}
        autoFocus
        menu={{
          onClick: ({ key }) => act(key),
          items: [
            { key: "edit", label: common("edit") },
            { key: "copy", label: t("copy.menu") },
            { type: "divider" },
            { key: "delete", label: t("delete.menu"), danger: true },
          ],
        }}
      >
        <Button icon={<MoreOutlined />}>{t("page.acts")}</Button>
      </Dropdown>
      {dialog === "edit" && <EditLibrary library={library} onClose={() => setDialog(null)} />}
      {dialog === "copy" && <CopyLibrary library={library} onClose={() => setDialog(null)} />}
    </>
  );
}

/** Warns if searches name strangers more often than the platform wants. */
function TooLow({ numbers, isOpen, onOpen }: Pick<Acts, "numbers"> & { isOpen: boolean; onOpen: () => void }) {
  const { t } = useTranslation("libraries");
  const isTooLow = numbers?.recommendedThreshold != null && numbers.threshold < numbers.recommendedThreshold - 1e-6;
  if (!isTooLow || isOpen) return null;
  return (
    <Alert
      type="warning"
      showIcon
      title={t("threshold.tooLow", { recommended: numbers.recommendedThreshold?.toFixed(4) })}
      action={
        <Button size="small" onClick={onOpen}>
          {t("threshold.look")}
        </Button>
      }
    />
  );
}
