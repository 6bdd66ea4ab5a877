import { CheckCircleOutlined, CloseCircleOutlined, MinusCircleOutlined } from "@ant-design/icons";
import { Table, Tag, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { usePermissions } from "../../app/session";
import { countText } from "../../common/numbers";
import { ScrollBox } from "../../common/ScrollBox";
import { Section } from "../../common/Section";
import { StateTag } from "../../common/StateTag";
import { Moment } from "../../common/time";
import type { Engine } from "./overview";

/** The engines: whether they answer, and what waits for them. */
export function Engines({ engines }: { engines: Engine[] }) {
  const { t } = useTranslation("overview");
  const { isAdmin } = usePermissions();
  return (
    <Section title={t("engine.title")} extra={isAdmin && <Link to="/engines">{t("engine.more")}</Link>}>
      <ScrollBox label={t("engine.title")}>
        <Table
          rowKey="name"
          size="small"
          pagination={false}
          style={{ minWidth: "max-content" }}
          dataSource={engines}
          columns={[
            {
              title: t("engine.name"),
              render: (_, { name, isDefault }) => (
                <>
                  {name} {isDefault && <Tag>{t("engine.default")}</Tag>}
                </>
              ),
            },
            { title: t("engine.health"), render: (_, { isUp }) => <Health isUp={isUp ?? null} /> },
            { title: t("engine.waiting"), align: "right", className: "number", render: (_, { writes }) => countText(writes?.waiting ?? 0) },
            {
              title: t("engine.refused"),
              align: "right",
              className: "number",
              render: (_, { writes }) => (
                <Typography.Text type={writes?.refused ? "danger" : undefined} strong={Boolean(writes?.refused)}>
                  {countText(writes?.refused ?? 0)}
                </Typography.Text>
              ),
            },
            { title: t("engine.oldest"), render: (_, { writes }) => <Moment at={writes?.oldestAt} ago /> },
          ]}
        />
      </ScrollBox>
    </Section>
  );
}

function Health({ isUp }: { isUp: boolean | null }) {
  const { t } = useTranslation("overview");
  if (isUp === null) {
    return (
      <StateTag tone="neutral" icon={<MinusCircleOutlined />}>
        {t("engine.unchecked")}
      </StateTag>
    );
  }
  return (
    <StateTag tone={isUp ? "good" : "bad"} icon={isUp ? <CheckCircleOutlined /> : <CloseCircleOutlined />}>
      {t(isUp ? "engine.up" : "engine.down")}
    </StateTag>
  );
}
