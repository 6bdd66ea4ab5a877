import { Flex, Grid, type TableProps, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { api, dataOf, type Schema } from "../../api/client";
import { useAddress } from "../../common/address";
import { CursorTable, useCursor } from "../../common/cursor";
import { useTableScroll } from "../../common/tableScroll";
import { Moment } from "../../common/time";
import { ActDetails } from "./ActDetails";
import { ActFilters, FILTERS, type Filters } from "./ActFilters";
import { actorText, actText, targetText } from "./names";

type Act = Schema<"ShownAct">;

const PAGE = 50;

/** The acts that the filters of the address admit, the latest first. */
export function ActList() {
  const { t } = useTranslation("audit");
  const isWide = Grid.useBreakpoint().sm ?? true;
  const scroll = useTableScroll();
  const [get, change] = useAddress();
  const filters = Object.fromEntries(FILTERS.map((name) => [name, get(name)])) as Filters;
  const isFiltered = FILTERS.some((name) => filters[name] !== "");
  const list = useCursor<Act>(["audit", filters], (cursor) => {
    const wanted = Object.fromEntries(FILTERS.map((name) => [name, filters[name] || undefined]));
    return dataOf(api.GET("/audit", { params: { query: { ...wanted, limit: PAGE, cursor } } }));
  });

  const columns: TableProps<Act>["columns"] = [
    { title: t("columns.time"), className: "number", width: isWide ? 168 : 104, render: (_, { at }) => <Moment at={at} /> },
    {
      title: t("columns.act"),
      render: (_, { action, actor, target }) => (
        <Flex vertical style={{ whiteSpace: "normal", overflowWrap: "anywhere" }}>
          <span title={action}>{actText(action)}</span>
          {!isWide && <span title={target}>{targetText(target)}</span>}
          <Typography.Text type="secondary" title={actor}>
            {actorText(actor)}
          </Typography.Text>
        </Flex>
      ),
    },
    {
      title: t("columns.target"),
      responsive: ["sm"],
      render: (_, { target }) => (
        <span title={target} style={{ display: "inline-block", maxWidth: 360, overflowWrap: "anywhere", whiteSpace: "normal" }}>
          {targetText(target)}
        </span>
      ),
    },
    { title: t("columns.app"), responsive: ["lg"], render: (_, { appId }) => appId ?? "—" },
    { title: t("columns.address"), responsive: ["lg"], className: "number", render: (_, { address }) => address ?? "—" },
  ];
  return (
    <Flex vertical gap={12}>
      <ActFilters filters={filters} onChange={change} />
      <CursorTable<Act>
        rowKey="id"
        scroll={scroll}
        list={list}
        nothing={t(isFiltered ? "nothingFound" : "nothing")}
        columns={columns}
        expandable={{
          // Keeps the details as wide as the box that the table scrolls in.
          fixed: true,
          columnWidth: 56,
          columnTitle: t("columns.details"),
          expandedRowRender: (act) => <ActDetails act={act} onFilter={change} />,
        }}
      />
    </Flex>
  );
}
