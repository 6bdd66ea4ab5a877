import { PlusOutlined } from "@ant-design/icons";
import { Button, Flex, Grid, Input, Select, type TableColumnsType, Typography } from "antd";
import { useDeferredValue, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, type Schema } from "../../api/client";
import { usePermissions } from "../../app/session";
import { AdminsOnly } from "../../common/AdminsOnly";
import { CursorTable, useCursor } from "../../common/cursor";
import { Page } from "../../common/Page";
import { useTableScroll } from "../../common/tableScroll";
import { Moment } from "../../common/time";
import { areasOf, useAreaText, useCapabilities } from "./capabilities";
import { DueDate, GRANT_STATES, GrantState } from "./GrantState";
import { NewApp } from "./NewApp";

/** The apps, their grants, and the creation of one. */
export default function AppsPage() {
  const { t } = useTranslation("apps");
  const { isAdmin } = usePermissions();
  const [isCreating, setIsCreating] = useState(false);
  return (
    <Page
      title={t("title")}
      about={t("about")}
      actions={
        isAdmin && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => setIsCreating(true)}>
            {t("create.open")}
          </Button>
        )
      }
    >
      <AdminsOnly>
        <Apps />
        {isCreating && <NewApp onClose={() => setIsCreating(false)} />}
      </AdminsOnly>
    </Page>
  );
}

interface Filter {
  id: string;
  capability: string | undefined;
  state: Schema<"ShownGrantState"> | undefined;
}

function Apps() {
  const { t } = useTranslation("apps");
  const capabilities = useCapabilities();
  const areaText = useAreaText();
  const scroll = useTableScroll();
  const isWide = Grid.useBreakpoint().sm ?? true;
  const [filter, setFilter] = useState<Filter>({ id: "", capability: undefined, state: undefined });
  const { id, capability, state } = useDeferredValue(filter);
  const query = { id: id || undefined, capability, state };
  const list = useCursor(["apps", query], (cursor) => dataOf(api.GET("/apps", { params: { query: { ...query, cursor } } })));
  const known = capabilities.data?.items ?? [];
  const isFiltered = Boolean(id || capability || state);

  const columns: TableColumnsType<Schema<"Page_App">["items"][number]> = [
    {
      key: "app",
      title: t("app"),
      render: (_, { appId }) => (
        <Link to={`/apps/${encodeURIComponent(appId)}`} style={{ display: "block", maxWidth: 300, overflowWrap: "anywhere" }}>
          {appId}
        </Link>
      ),
    },
    {
      key: "state",
      title: t("grant.state"),
      render: (_, app) => (
        <>
          <GrantState state={app.state} />
          {!isWide && app.dueAt && (
            <div>
              <DueDate at={app.dueAt} />
            </div>
          )}
        </>
      ),
    },
    { key: "due", title: t("grant.due"), responsive: ["sm"], render: (_, app) => <DueDate at={app.dueAt} /> },
    {
      key: "capabilities",
      title: t("grant.capabilities"),
      responsive: ["md"],
      render: (_, app) => {
        const names = areasOf(app.capabilities, known).map((area) => areaText(area).name);
        return (
          <Typography.Text type={names.length === 0 ? "secondary" : undefined} style={{ display: "block", maxWidth: 360 }}>
            {names.length === 0 ? t(app.state === "none" ? "grant.unbound" : "grant.nothing") : names.join(t("and"))}
          </Typography.Text>
        );
      },
    },
    { key: "created", title: t("created"), responsive: ["xxl"], render: (_, app) => <Moment at={app.createdAt} /> },
  ];
  return (
    <>
      <Flex gap={8} wrap>
        <Input.Search
          allowClear
          style={{ width: 240 }}
          placeholder={t("filter.id")}
          aria-label={t("filter.id")}
          onChange={({ target }) => setFilter({ ...filter, id: target.value.trim() })}
        />
        <Select
          allowClear
          style={{ width: 190 }}
          placeholder={t("filter.state")}
          aria-label={t("filter.state")}
          value={filter.state}
          onChange={(next) => setFilter({ ...filter, state: next })}
          options={GRANT_STATES.map((value) => ({ value, label: t(`grant.states.${value}`) }))}
        />
        <Select
          allowClear
          style={{ width: 300, maxWidth: "100%" }}
          placeholder={t("filter.capability")}
          aria-label={t("filter.capability")}
          value={filter.capability}
          onChange={(next) => setFilter({ ...filter, capability: next })}
          options={known.map(({ id: value, areas }) => ({
            value,
            label: `${areas.map((area) => areaText(area).name).join(t("and"))} (${value})`,
          }))}
        />
      </Flex>
      <CursorTable list={list} rowKey="appId" columns={columns} scroll={scroll} nothing={t(isFiltered ? "nothingFound" : "nothing")} />
    </>
  );
}
