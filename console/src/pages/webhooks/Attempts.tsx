import { CheckCircleOutlined, CloseCircleOutlined } from "@ant-design/icons";
import { Table, type TableColumnsType, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { useTableScroll } from "../../common/tableScroll";
import { durationText, Moment } from "../../common/time";

type Attempt = Schema<"ShownAttempt">;

/** The attempts at a delivery, the first one first. */
export function Attempts({ attempts }: { attempts: Attempt[] }) {
  const { t } = useTranslation("webhooks");
  const scroll = useTableScroll();
  if (attempts.length === 0) return <Typography.Text type="secondary">{t("attempt.none")}</Typography.Text>;
  const columns: TableColumnsType<Attempt> = [
    { key: "time", title: t("attempt.time"), render: (_, { time }) => <Moment at={time} /> },
    {
      key: "result",
      title: t("attempt.result"),
      render: (_, { error, status }) => (
        <div style={{ overflowWrap: "anywhere", maxWidth: 480 }}>
          {error ? (
            <Typography.Text type="danger">
              <CloseCircleOutlined aria-hidden /> {error}
            </Typography.Text>
          ) : (
            <Typography.Text type="success">
              <CheckCircleOutlined aria-hidden /> {t("attempt.taken")}
            </Typography.Text>
          )}
          {typeof status === "number" && (
            <Typography.Text type="secondary" className="number">
              {" "}
              HTTP {status}
            </Typography.Text>
          )}
        </div>
      ),
    },
    {
      key: "took",
      title: t("attempt.took"),
      align: "end",
      render: (_, { durationMs }) => <span className="number" style={{ whiteSpace: "nowrap" }}>{durationText(durationMs)}</span>,
    },
  ];
  return <Table size="small" rowKey="time" columns={columns} dataSource={attempts} pagination={false} scroll={scroll} />;
}
