import { CheckCircleOutlined, WarningOutlined } from "@ant-design/icons";
import { useQueryClient } from "@tanstack/react-query";
import { Button, Flex, Table, type TableColumnsType, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { api, dataOf, queries, type Schema } from "../../api/client";
import { useConfirm } from "../../common/confirm";
import { Loaded, Nothing } from "../../common/states";
import { useTableScroll } from "../../common/tableScroll";

/** Thresholds are numbers of 32 bits, so that equal ones may differ by this. */
const TOLERANCE = 1e-6;

/** The thresholds of an app's libraries, beside those that suit their sizes. */
export function ThresholdsPanel({ app }: { app: string }) {
  const { t } = useTranslation("apps");
  const query = queries.useQuery("get", "/apps/{app}/libraries", { params: { path: { app } } });
  return (
    <Loaded query={query}>
      {({ fpir, libraries }) => (
        <Flex vertical gap={12}>
          <Typography.Text>{t("thresholds.about", { share: percentOf(fpir) })}</Typography.Text>
          <Thresholds app={app} libraries={libraries} />
        </Flex>
      )}
    </Loaded>
  );
}

function Thresholds({ app, libraries }: { app: string; libraries: Schema<"ShownThreshold">[] }) {
  const { t } = useTranslation(["apps", "common"]);
  const cache = useQueryClient();
  const confirm = useConfirm();
  const scroll = useTableScroll();
  // Links and changes need our ids; thresholds have those of the other interfaces.
  const own = queries.useQuery("get", "/libraries", { params: { query: { appId: app, limit: 1000 } } });
  const idOf = (groupId: string) => own.data?.items.find((library) => library.groupId === groupId)?.id;
  const adopt = (library: string, name: string, threshold: number) =>
    confirm({
      title: t("thresholds.adopt.title", { name, threshold: threshold.toFixed(4) }),
      content: t("thresholds.adopt.means"),
      action: t("thresholds.adopt.action"),
      isDanger: false,
      onConfirm: async () => {
        await dataOf(api.PATCH("/libraries/{library}", { params: { path: { library } }, body: { threshold } }));
        void cache.invalidateQueries();
      },
    });
  const columns: TableColumnsType<Schema<"ShownThreshold">> = [
    {
      key: "library",
      title: t("common:library"),
      render: (_, { id, name }) => {
        const library = idOf(id);
        return library ? <Link to={`/libraries/${library}`}>{name}</Link> : name;
      },
    },
    { key: "engine", title: t("thresholds.engine"), responsive: ["md"], dataIndex: "engine" },
    {
      key: "faces",
      title: t("thresholds.faces"),
      align: "end",
      responsive: ["md"],
      render: (_, { faces }) => <span className="number">{faces?.toLocaleString() ?? "—"}</span>,
    },
    {
      key: "threshold",
      title: t("thresholds.threshold"),
      align: "end",
      render: (_, { threshold }) => <span className="number">{threshold.toFixed(4)}</span>,
    },
    {
      key: "recommended",
      title: t("thresholds.recommended"),
      align: "end",
      render: (_, { recommendedThreshold }) => <span className="number">{recommendedThreshold?.toFixed(4) ?? "—"}</span>,
    },
    {
      key: "verdict",
      title: t("thresholds.verdict.title"),
      render: (_, row) => {
        const { recommendedThreshold: recommended, threshold, id, name } = row;
        if (typeof recommended !== "number") return <Typography.Text type="secondary">{t("thresholds.verdict.own")}</Typography.Text>;
        if (threshold >= recommended - TOLERANCE) {
          return (
            <Typography.Text type="success">
              <CheckCircleOutlined aria-hidden /> {t("thresholds.verdict.good")}
            </Typography.Text>
          );
        }
        const library = idOf(id);
        return (
          <Flex vertical gap={4} align="start">
            <Typography.Text type="warning">
              <WarningOutlined aria-hidden /> {t("thresholds.verdict.low")}
            </Typography.Text>
            {library && (
              <Button size="small" onClick={() => adopt(library, name, recommended)}>
                {t("thresholds.adopt.action")}
              </Button>
            )}
          </Flex>
        );
      },
    },
  ];
  return (
    <Table
      size="middle"
      rowKey="id"
      columns={columns}
      dataSource={libraries}
      pagination={libraries.length > 50 ? { pageSize: 50 } : false}
      scroll={scroll}
      locale={{
        emptyText: (
          <Nothing text={t("thresholds.nothing")}>
            <Link to="/libraries">{t("thresholds.create")}</Link>
          </Nothing>
        ),
      }}
    />
  );
}

function percentOf(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}
